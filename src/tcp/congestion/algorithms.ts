import { Bbr } from './bbr.ts';
import type { CongestionControl, CongestionName } from './controller.ts';
import { Cubic } from './cubic.ts';
import { reno } from './reno.ts';

/** What there is to choose from, by the names that Linux has for them. */
export const CONGESTION_NAMES: readonly CongestionName[] = ['reno', 'cubic', 'bbr'];

/** The algorithm of that name for one connection. */
export function createCongestion(name: CongestionName): CongestionControl {
  switch (name) {
    case 'reno':
      return reno;
    case 'cubic':
      return new Cubic();
    case 'bbr':
      return new Bbr();
  }
  throw new Error(`no congestion control "${String(name)}": choose one of ${CONGESTION_NAMES.join(', ')}`);
}
