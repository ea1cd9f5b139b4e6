import { gt, le } from '../wire/seq.ts';
import type { Tcb } from './tcb.ts';

/**
 * Nagle's algorithm (RFC 9293 §3.7.4, SHLD-7) in Minshall's variant: a segment that is not full-sized waits while an earlier one of that kind
 * is unacknowledged; full-sized ones in flight do not hold it back. `noDelay` turns it off (MUST-17). `cork` holds every short segment.
 * Text that waits is gathered (MAY-16).
 */
export function holdsSmall(tcb: Tcb): boolean {
  if (tcb.finQueued) return false;
  if (tcb.cork) return true;
  if (tcb.noDelay) return false;
  return gt(tcb.sndSml, tcb.sndUna) && le(tcb.sndSml, tcb.sndNxt);
}
