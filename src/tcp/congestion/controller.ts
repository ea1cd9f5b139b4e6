import type { Tcb } from '../tcb.ts';

/** A congestion control algorithm: stateless itself, its state is in the TCB. Windows in bytes. */
export interface CongestionControl {
  readonly name: string;
  /** `acked` bytes of new text were acknowledged outside recovery, while cwnd was what limited sending. Grows cwnd. */
  grow(tcb: Tcb, acked: number, mss: number): void;
  /** The slow-start threshold after a loss, from the flight size when it was detected. */
  thresholdAfterLoss(tcb: Tcb, flight: number, mss: number): number;
}
