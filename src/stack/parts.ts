import { ALL_CONGESTION, type MoreCongestion } from '../tcp/congestion/algorithms.ts';
import { DormantTcbs } from '../tcp/dormant.ts';
import type { Environment } from '../tcp/environment.ts';
import { Dormancy } from './dormancy.ts';
import type { Engine } from './engine.ts';
import { manyTables } from './many-tables.ts';
import type { MakeTables } from './tables.ts';
import { Udp, type UdpHome } from './udp.ts';

/** What a stack can do without. `Stack` has all of it, `LeanStack` what it is given: a bundle for a page has no more than it names. */
export interface Parts {
  /** Congestion control beyond Reno and CUBIC. */
  readonly congestion?: MoreCongestion;
  /** `Stack.bind`. */
  readonly udp?: (home: UdpHome) => Udp;
  /** What connections are kept in. Without: `few-tables.ts`. */
  readonly tables?: MakeTables;
  /** Idle connections as records; neither or both. */
  readonly dormant?: (env: Environment) => DormantTcbs;
  readonly dormancy?: (engine: Engine) => Dormancy;
}

/** BBR, for `tcp_congestion_control` and `congestionControl`. */
export const bbr: Parts = { congestion: ALL_CONGESTION };

/** UDP sockets. */
export const udp: Parts = { udp: (home) => new Udp(home) };

/** Idle connections take a few hundred bytes instead of a few thousand: for those who have very many. */
export const dormancy: Parts = {
  dormant: (env) => new DormantTcbs(env),
  dormancy: (engine) => new Dormancy(engine.config.restAfter, engine),
};

/** Tables that are as fast with a million connections as with one. */
export const many: Parts = { tables: manyTables };

export const ALL_PARTS: Parts = { ...bbr, ...udp, ...dormancy, ...many };
