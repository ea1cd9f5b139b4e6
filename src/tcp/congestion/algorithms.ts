import { Bbr } from './bbr.ts';
import type { CongestionControl, CongestionName } from './controller.ts';
import { Cubic } from './cubic.ts';
import { reno } from './reno.ts';

/** What there is to choose from, by the names that Linux has for them. */
export const CONGESTION_NAMES: readonly CongestionName[] = ['reno', 'cubic', 'bbr'];

/** Algorithms that an environment has beyond Reno and CUBIC: what is named nowhere is in no bundle. */
export type MoreCongestion = Readonly<Partial<Record<CongestionName, () => CongestionControl>>>;

export const ALL_CONGESTION: MoreCongestion = { bbr: () => new Bbr() };

/** The names of those that there are. */
export function congestionNames(more: MoreCongestion = {}): CongestionName[] {
  return CONGESTION_NAMES.filter((name) => name === 'reno' || name === 'cubic' || more[name] !== undefined);
}

/** The algorithm of that name for one connection. Throws an Error for a name that is none. */
export function createCongestion(name: CongestionName, more: MoreCongestion = {}): CongestionControl {
  if (name === 'reno') return reno;
  if (name === 'cubic') return new Cubic();
  const make = more[name];
  if (make === undefined) {
    throw new Error(`no congestion control "${String(name)}": choose one of ${congestionNames(more).join(', ')}`);
  }
  return make();
}
