import type { Addresses } from '../ip/addresses.ts';
import { AccEcn } from '../tcp/accecn.ts';
import { noteLimit } from '../tcp/chrono.ts';
import type { TcpConfig } from '../tcp/config.ts';
import { ALL_CONGESTION, type MoreCongestion } from '../tcp/congestion/algorithms.ts';
import { DormantTcbs } from '../tcp/dormant.ts';
import type { Environment } from '../tcp/environment.ts';
import type { Extensions } from '../tcp/extensions.ts';
import { undo as wholeUndo } from '../tcp/loss/undo.ts';
import { mtuProbing } from '../tcp/mtu-probe.ts';
import { SynCookies } from '../tcp/syn-cookie.ts';
import { Dormancy } from './dormancy.ts';
import type { Engine } from './engine.ts';
import { FastOpenCache } from './fast-open-cache.ts';
import { FastOpenServer } from './fast-open-server.ts';
import { FloodGuard } from './flood-guard.ts';
import { Fragments } from './fragments.ts';
import { HalfSipHash } from './half-siphash.ts';
import type { Host } from './host.ts';
import { IcmpAnswers } from './icmp-answers.ts';
import { type Inspection, wholeInspection } from './inspection.ts';
import type { IpCounters } from './ip-counters.ts';
import { manyTables } from './many-tables.ts';
import type { Port } from './port.ts';
import type { MakeTables } from './tables.ts';
import { Udp, type UdpHome } from './udp.ts';
import { Warnings } from './warnings.ts';

/** What a stack can do without. `Stack` has all of it, `LeanStack` what it is given: a bundle for a page has no more than it names. */
export interface Parts extends Extensions {
  /** Congestion control beyond Reno and CUBIC. */
  readonly congestion?: MoreCongestion;
  /** Text on SYNs (RFC 7413), of ours and of our peers. Without, options that ask for it do nothing. */
  readonly fastOpen?: {
    client(config: TcpConfig): FastOpenCache;
    server(engine: Engine, key: Uint8Array): FastOpenServer;
  };
  /** What answers a flood of SYNs. Without, SYNs beyond `tcp_max_syn_backlog` are dropped. */
  readonly synCookies?: (key: Uint8Array) => SynCookies;
  /** `Stack.bind`. */
  readonly udp?: (home: UdpHome) => Udp;
  /** Echoes, and errors for what cannot be taken. Without, ICMP is only heard. */
  readonly icmp?: (addresses: Addresses<Port>, counters: IpCounters, host: Host) => IcmpAnswers;
  /** Packets that arrive in fragments. Without, they do not arrive: TCP sends none, but another's path may make them. */
  readonly fragments?: (counters: IpCounters, answers: IcmpAnswers | null) => Fragments;
  /** `TcpSocket.info` and `Stack.connections`. */
  readonly inspection?: Inspection;
  /** `Stack.onWarning`. */
  readonly warnings?: () => Warnings;
  /** What connections are kept in. Without: `few-tables.ts`. */
  readonly tables?: MakeTables;
  /** Idle connections as records; neither or both. */
  readonly dormant?: (env: Environment) => DormantTcbs;
  readonly dormancy?: (engine: Engine) => Dormancy;
  /** Whom to answer while SYNs come faster than they can be answered. */
  readonly floodGuard?: (engine: Engine) => FloodGuard;
}

/** BBR, for `tcp_congestion_control` and `congestionControl`. */
export const bbr: Parts = { congestion: ALL_CONGESTION };

/** TCP Fast Open. */
export const fastOpen: Parts = {
  fastOpen: {
    client: (config) => new FastOpenCache(config),
    server: (engine, key) => new FastOpenServer(engine, key),
  },
};

/** SYN cookies. */
export const synCookies: Parts = { synCookies: (key) => new SynCookies(key) };

/** Accurate ECN feedback (RFC 9768), for `tcp_ecn` from 3. */
export const accEcn: Parts = { accEcn: (ecn) => new AccEcn(ecn) };

/** Path MTU discovery by probes (RFC 4821), for `tcp_mtu_probing`. */
export const mtuProbes: Parts = { mtuProbing };

/** Answers to time-outs and losses that turn out to have been none (RFC 3522, RFC 4015, RFC 5682, RFC 3708). */
export const undo: Parts = { undo: wholeUndo };

/** UDP sockets. */
export const udp: Parts = { udp: (home) => new Udp(home) };

/** Idle connections take a few hundred bytes instead of a few thousand: for those who have very many. */
export const dormancy: Parts = {
  dormant: (env) => new DormantTcbs(env),
  dormancy: (engine) => new Dormancy(engine.config.restAfter, engine),
};

/** Under a flood of SYNs peers that are known get in: for servers on a device that says how far behind they are (`Device.behind`). */
export const floodGuard: Parts = {
  floodGuard: ({ config, listeners, host }) => {
    const key = new Uint8Array(8);
    host.random(key);
    return new FloodGuard(config, listeners, new HalfSipHash(key));
  },
};

/** Answers to ping, and ICMP errors. */
export const icmp: Parts = { icmp: (addresses, counters, host) => new IcmpAnswers(addresses, counters, host) };

/** Reassembly. */
export const fragments: Parts = { fragments: (counters, answers) => new Fragments(counters, answers) };

/** What `ss` and `getsockopt(TCP_INFO)` tell. */
export const inspection: Parts = { inspection: wholeInspection, noteLimit };

/** What an operator should know of. */
export const warnings: Parts = { warnings: () => new Warnings() };

/** Tables that are as fast with a million connections as with one. */
export const many: Parts = { tables: manyTables };
