import type { Tcb } from '../tcb.ts';
import type { CongestionControl } from './controller.ts';

/** RFC 5681, counting bytes as RFC 3465 does. */
export const reno: CongestionControl = {
  name: 'reno',

  /** RFC 5681 §3.1: slow start below ssthresh, about one segment a round trip above it. */
  grow(tcb: Tcb, acked: number, mss: number): void {
    let left = acked;
    if (tcb.cwnd < tcb.ssthresh) {
      // RFC 3465 §2.2's L: an acknowledgment counts for so many segments at most. 0: for all that it acknowledges, as Linux does.
      const limit = tcb.config.abcLimit;
      const growth = Math.min(limit === 0 ? left : Math.min(left, limit * mss), tcb.ssthresh - tcb.cwnd);
      tcb.cwnd += growth;
      left -= growth;
      if (tcb.cwnd < tcb.ssthresh || left <= 0) return;
    }
    tcb.bytesAcked += left;
    if (tcb.bytesAcked >= tcb.cwnd) {
      tcb.bytesAcked -= tcb.cwnd;
      tcb.cwnd += mss;
    }
  },

  /** RFC 5681 §3.1 equation 4. */
  thresholdAfterLoss(_tcb: Tcb, flight: number, mss: number): number {
    return Math.max(flight >>> 1, 2 * mss);
  },
};
