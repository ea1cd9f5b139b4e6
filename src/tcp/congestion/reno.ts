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

  /** RFC 5681 §3.1 equation 4. */
  thresholdAfterLoss(_tcb: Tcb, flight: number, mss: number): number {
    return Math.max(flight >>> 1, 2 * mss);
  },

  /** RFC 8511 §3.1: a mark comes from a short queue, and asks for less of a reduction: β_ecn is 0.8 for Reno. */
  thresholdAfterMark(tcb: Tcb, flight: number, mss: number): number {
    return Math.max(tcb.config.abe ? Math.floor(flight * 0.8) : flight >>> 1, 2 * mss);
  },
};
