import type { Tcb } from '../tcb.ts';
import type { CongestionControl } from './controller.ts';
import { slowStart } from './slow-start.ts';

/** RFC 5681, counting bytes as RFC 3465 does. All its state is in the TCB: one object serves every connection. */
export const reno: CongestionControl = {
  name: 'reno',

  /** RFC 5681 §3.1: slow start below ssthresh, about one segment a round trip above it (RFC 3465 §2.1). */
  grow(tcb: Tcb, acked: number, mss: number): void {
    const left = slowStart(tcb, acked, mss);
    if (left === 0) return;
    tcb.bytesAcked += left;
    if (tcb.bytesAcked >= tcb.cwnd) {
      tcb.bytesAcked -= tcb.cwnd;
      tcb.cwnd += mss;
    }
  },

  /**
   * RFC 5681 §3.1 equation 4. With SACK the flight size grows beyond cwnd in recovery, and by limited transmit, which must not count (§3.2
   * step 2): cwnd bounds it.
   */
  thresholdAfterLoss(tcb: Tcb, flight: number, mss: number): number {
    return Math.max(Math.min(flight, tcb.cwnd) >>> 1, 2 * mss);
  },

  /** RFC 8511 §3.1: a mark comes from a short queue, and asks for less of a reduction: β_ecn is 0.8 for Reno. */
  thresholdAfterMark(tcb: Tcb, flight: number, mss: number): number {
    const used = Math.min(flight, tcb.cwnd);
    return Math.max(tcb.config.abe ? Math.floor(used * 0.8) : used >>> 1, 2 * mss);
  },
};
