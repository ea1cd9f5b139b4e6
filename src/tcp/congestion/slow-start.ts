import type { Tcb } from '../tcb.ts';

/**
 * Slow start (RFC 9293 §3.8.2, MUST-19; RFC 5681 §3.1) up to ssthresh, counting bytes (RFC 3465 §2.2). Returns how many of the `acked` bytes are left for congestion
 * avoidance: 0 while cwnd is below ssthresh.
 */
export function slowStart(tcb: Tcb, acked: number, mss: number): number {
  const room = tcb.ssthresh - tcb.cwnd;
  if (room <= 0) return acked;
  const growth = Math.min(countable(tcb, acked, mss), room);
  tcb.cwnd += growth;
  return growth < room ? 0 : acked - growth;
}

/** RFC 3465 §2.3's L: an ACK counts for so many segments at most. 0: for all that it acknowledges, as Linux does. */
export function countable(tcb: Tcb, acked: number, mss: number): number {
  const limit = tcb.config.abcLimit;
  return limit === 0 ? acked : Math.min(acked, limit * mss);
}
