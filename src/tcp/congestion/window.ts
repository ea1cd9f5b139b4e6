import { effectiveMss } from '../mss.ts';
import type { Tcb } from '../tcb.ts';

/** The moments at which cwnd and ssthresh change: nothing outside this folder writes them. */

/** When the handshake is done: RFC 6928's initial window; one segment when our SYN or SYN,ACK was lost (RFC 5681 §3.1). */
export function startWindow(tcb: Tcb): void {
  const mss = effectiveMss(tcb);
  tcb.cwnd = tcb.synRetransmitted ? mss : initialWindow(tcb, mss);
}

function initialWindow(tcb: Tcb, mss: number): number {
  return Math.min(tcb.config.initialWindow * mss, Math.max(2 * mss, tcb.config.initialWindow * 1460));
}

/** An ACK of `acked` new bytes outside recovery. Without having been limited by cwnd there is nothing to learn (RFC 7661 §4). */
export function growWindow(tcb: Tcb, acked: number): void {
  if (tcb.cwndLimited) tcb.congestion.grow(tcb, acked, effectiveMss(tcb));
}

/** Loss was detected by acknowledgments: one reduction for the whole recovery (RFC 5681 §3.2 step 2, RFC 6675 §5 step 4.2). */
export function reduceForLoss(tcb: Tcb, flight: number): void {
  tcb.ssthresh = tcb.congestion.thresholdAfterLoss(tcb, flight, effectiveMss(tcb));
  tcb.cwnd = tcb.ssthresh;
  tcb.bytesAcked = 0;
}

/** A retransmission time-out (RFC 5681 §3.1): ssthresh falls once for the segment, cwnd to the loss window of one segment. */
export function collapseForTimeout(tcb: Tcb, flight: number, first: boolean): void {
  const mss = effectiveMss(tcb);
  if (first) tcb.ssthresh = tcb.congestion.thresholdAfterLoss(tcb, flight, mss);
  tcb.cwnd = mss;
  tcb.bytesAcked = 0;
}

/** Recovery ended with all of it acknowledged: RFC 6582 §3.2 step 3 (1), so that what was held back does not leave as one burst. */
export function finishRecovery(tcb: Tcb, flight: number): void {
  const mss = effectiveMss(tcb);
  tcb.cwnd = Math.min(tcb.ssthresh, Math.max(flight, mss) + mss);
}

/** Sending starts again after a pause of more than an RTO (RFC 5681 §4.1). */
export function restartWindow(tcb: Tcb): void {
  tcb.cwnd = Math.min(tcb.cwnd, initialWindow(tcb, effectiveMss(tcb)));
}
