import { add, gt } from '../../wire/seq.ts';
import { effectiveMss } from '../mss.ts';
import type { Tcb } from '../tcb.ts';
import { flightSize } from './pipe.ts';

/** A peer without SACK: duplicate ACKs are all there is (RFC 5681 §3.2, RFC 3042, NewReno: RFC 6582). */

/**
 * A duplicate ACK: something has left the network, a segment by all that is known. It counts as delivered: cwnd is not inflated, the
 * pipe is smaller. Never for more than is out there. Returns the bytes.
 */
export function countDuplicate(tcb: Tcb): number {
  const before = tcb.dupAckBytes;
  tcb.dupAckBytes = Math.max(before, Math.min(before + effectiveMss(tcb), countable(tcb)));
  return tcb.dupAckBytes - before;
}

/**
 * What duplicates can tell of: neither the segment at SND.UNA nor what is lost has arrived. So after a time-out, which takes all for lost, the echoes
 * of a retransmission that the network repeated let nothing more out (Linux's tcp_limit_reno_sacked).
 */
function countable(tcb: Tcb): number {
  return flightSize(tcb) - Math.max(tcb.scoreboard.lostBytes, effectiveMss(tcb));
}

/**
 * An ACK of `acked` bytes: what duplicates told of it is no news. Returns what it delivers besides (RFC 9937 §6.2). In recovery the bytes of a
 * hole that was filled go (RFC 6582 §3.2 step 3: "deflate"), outside of it there are no more duplicates.
 */
export function settleDuplicates(tcb: Tcb, acked: number): number {
  const counted = tcb.dupAckBytes;
  // The segment at SND.UNA was not among them.
  const left = tcb.recovery === 'open' ? 0 : Math.max(0, counted - Math.max(0, acked - effectiveMss(tcb)));
  tcb.dupAckBytes = Math.min(left, Math.max(0, countable(tcb)));
  return Math.max(0, acked - (counted - left));
}

/**
 * RFC 6582 §3.2 step 1 and §4: duplicates of something sent before the last recovery was over are echoes of what was sent again, and begin
 * no other one. `recover` follows SND.UNA, so that it stays near.
 */
export function mayRecover(tcb: Tcb): boolean {
  return gt(tcb.sndUna, tcb.recover);
}
export function followRecover(tcb: Tcb): void {
  if (gt(tcb.sndUna, tcb.recover)) tcb.recover = add(tcb.sndUna, -1);
}

/** The first unacknowledged segment is lost: three duplicates, or a partial acknowledgment (RFC 6582 §3.2 steps 2 and 3). */
export function markFirstLost(tcb: Tcb): void {
  const first = tcb.scoreboard.first;
  if (first === undefined) return;
  tcb.scoreboard.trim(first, effectiveMss(tcb));
  tcb.scoreboard.markLost(first);
  tcb.retransmitNow = true;
}
