import type { Tcb } from '../tcb.ts';

export type CongestionName = 'reno' | 'cubic' | 'bbr';

/**
 * A congestion control algorithm (RFC 9293 §3.8.2, MAY-18), one object for each connection that has state to keep. `window.ts` tells it of the moments that matter; it
 * writes `cwnd` and `ssthresh`. Windows in bytes, times in µs.
 */
export interface CongestionControl {
  readonly name: CongestionName;
  /** Its segments are spread over the round trip whatever `pacing` of the configuration says. */
  readonly paces?: true;
  /** The send buffer has room for so many windows (Linux's `sndbuf_expand`), 2 where not given: one in flight, one that waits, and what SACK holds. */
  readonly bufferedWindows?: number;
  /** The connection begins, or goes on with this algorithm. `cwnd` is set. */
  start?(tcb: Tcb, now: number): void;
  /** A round trip was measured; SND.UNA has moved already. */
  roundTrip?(tcb: Tcb, rtt: number, now: number): void;
  /** `acked` bytes of new text were acknowledged outside recovery, while cwnd was what limited sending. Grows cwnd. */
  grow(tcb: Tcb, acked: number, mss: number, now: number): void;
  /** The same, but something else limited sending: there is nothing to learn, and the time does not count. */
  hold?(tcb: Tcb, now: number): void;
  /** The slow-start threshold after a loss, from the flight size when it was detected. cwnd is still that of before. */
  thresholdAfterLoss(tcb: Tcb, flight: number, mss: number): number;
  /** The same after a congestion mark (RFC 3168 §6.1.2, RFC 8511); without it as after a loss. */
  thresholdAfterMark?(tcb: Tcb, flight: number, mss: number): number;
  /** A retransmission time-out; `thresholdAfterLoss` has been asked where it was the first of a segment. */
  timedOut?(tcb: Tcb): void;
  /** The last reduction was for nothing: cwnd and ssthresh are again what they were. */
  undone?(tcb: Tcb): void;
  /** Sending starts again after `idle` µs in which nothing was in flight. */
  resumed?(tcb: Tcb, idle: number): void;
  /**
   * An algorithm that models the path: called after every ACK, also in recovery, it sets cwnd and the pacing rate, and nobody else does: losses
   * and marks do not change its cwnd. `pipe`: bytes in flight now.
   */
  model?(tcb: Tcb, acked: number, pipe: number, now: number): void;
}
