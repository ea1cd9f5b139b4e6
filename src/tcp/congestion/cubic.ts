import { REAL_ZERO } from '../real.ts';
import type { Tcb } from '../tcb.ts';
import type { CongestionControl } from './controller.ts';
import { HyStart } from './hystart.ts';
import { slowStart } from './slow-start.ts';
import { INITIAL_SSTHRESH } from './window-limits.ts';

/** RFC 9438 §4.6 and §5: the multiplicative decrease, and the scale of the curve in segments a second cubed. */
export const BETA_CUBIC = 0.7;
export const C = 0.4;
/** §4.3: the additive increase that is as fair as Reno's with a decrease of β. */
export const ALPHA_CUBIC = (3 * (1 - BETA_CUBIC)) / (1 + BETA_CUBIC);
/** RFC 8511 §3.1: the decrease after a mark. */
const BETA_ECN = 0.85;
/** No epoch: it begins with the next ACK. */
const NONE = -1;

/** W_cubic (RFC 9438 §4.2, figure 1): the window in segments, `t` seconds after the epoch began. */
export function cubicWindow(t: number, k: number, wMax: number): number {
  return C * (t - k) ** 3 + wMax;
}

/** K (§4.2, figure 2): how many seconds the curve takes from `cwnd` back to `wMax`, in segments. */
export function cubicK(cwnd: number, wMax: number): number {
  return cwnd < wMax ? Math.cbrt((wMax - cwnd) / C) : 0;
}

/** CUBIC (RFC 9438) with HyStart++ (RFC 9406). The curve is in segments, as the RFC's; cwnd in bytes. */
export class Cubic implements CongestionControl {
  readonly name = 'cubic';
  readonly hystart = new HyStart();
  /** When congestion avoidance began, µs, shifted by the time in which cwnd was not the limit (§5.8); or NONE. */
  private epochStart = NONE;
  /** When the last ACK came: what follows it without the limit being cwnd does not count. */
  private lastAck = REAL_ZERO;
  /** Window at the last reduction (§4.2), before fast convergence in `cwndPrior`; segments. */
  private wMax = 0;
  private cwndPrior = 0;
  private k = 0;
  /** What Reno's window would be (§4.3), segments. */
  private wEst = 0;
  /** The part of a byte that cwnd has still to grow by. */
  private fraction = 0;

  // Before the last reduction: for §4.9.
  private undoEpochStart = NONE;
  private undoWMax = 0;
  private undoCwndPrior = 0;
  private undoK = 0;
  private undoWEst = 0;

  /** Nothing was ever lost, and no epoch began: `hystart` is all there is to know. */
  get isFresh(): boolean {
    const { epochStart, undoEpochStart, wMax, cwndPrior, k, wEst, fraction, undoWMax, undoCwndPrior } = this;
    return (
      epochStart === NONE &&
      undoEpochStart === NONE &&
      (wMax || cwndPrior || k || wEst || fraction || undoWMax) === 0 &&
      undoCwndPrior === 0
    );
  }

  start(tcb: Tcb, now: number): void {
    this.lastAck = now;
    this.hystart.start(tcb);
  }

  roundTrip(tcb: Tcb, rtt: number): void {
    if (tcb.ssthresh >= INITIAL_SSTHRESH && tcb.config.hystart) this.hystart.roundTrip(tcb, rtt);
  }

  grow(tcb: Tcb, acked: number, mss: number, now: number): void {
    this.lastAck = now;
    let left = acked;
    if (tcb.ssthresh >= INITIAL_SSTHRESH && tcb.config.hystart) {
      tcb.cwnd += this.hystart.growth(tcb, acked, mss);
      return;
    }
    left = slowStart(tcb, acked, mss);
    if (left > 0) this.avoidCongestion(tcb, left, mss, now);
  }

  /** §4.2 to §4.5. */
  private avoidCongestion(tcb: Tcb, acked: number, mss: number, now: number): void {
    const cwnd = tcb.cwnd / mss;
    if (this.epochStart === NONE) this.beginEpoch(cwnd, now);
    const t = (now - this.epochStart) / 1e6;
    // §4.3: one segment a round trip once Reno would have reached the old window.
    const alpha = this.wEst >= this.cwndPrior ? 1 : ALPHA_CUBIC;
    this.wEst += (alpha * acked) / tcb.cwnd;
    if (cubicWindow(t, this.k, this.wMax) < this.wEst) {
      // The Reno-friendly region.
      if (this.wEst > cwnd) tcb.cwnd = Math.floor(this.wEst * mss);
      return;
    }
    // The concave and the convex region (§4.4, §4.5): on the way to where the curve is a round trip from now.
    const target = Math.min(Math.max(cubicWindow(t + tcb.srtt / 1e6, this.k, this.wMax), cwnd), 1.5 * cwnd);
    this.fraction += ((target - cwnd) / cwnd) * acked;
    const bytes = Math.floor(this.fraction);
    this.fraction -= bytes;
    tcb.cwnd += bytes;
  }

  /** §4.2: where the curve starts. Without a window to go back to it starts flat, at its plateau. */
  private beginEpoch(cwnd: number, now: number): void {
    this.epochStart = now;
    this.k = cubicK(cwnd, this.wMax);
    if (cwnd >= this.wMax) this.wMax = cwnd;
    this.wEst = cwnd;
    this.fraction = 0;
  }

  /** §5.8: the curve does not run on while the application is the limit. */
  hold(_tcb: Tcb, now: number): void {
    if (this.epochStart !== NONE) this.epochStart += now - this.lastAck;
    this.lastAck = now;
  }

  resumed(tcb: Tcb, idle: number): void {
    if (this.epochStart !== NONE) this.epochStart += idle;
    this.lastAck += idle;
    // That all was acknowledged for a moment is no pause: its round trips still say how long the path is.
    if (idle > tcb.srtt && tcb.ssthresh >= INITIAL_SSTHRESH) this.hystart.start(tcb);
  }

  /** §4.6, with cwnd for the flight size as it allows where cwnd grows only when used; §4.7. */
  thresholdAfterLoss(tcb: Tcb, _flight: number, mss: number): number {
    return this.reduce(tcb, BETA_CUBIC, mss);
  }

  thresholdAfterMark(tcb: Tcb, _flight: number, mss: number): number {
    return this.reduce(tcb, tcb.config.abe ? BETA_ECN : BETA_CUBIC, mss);
  }

  private reduce(tcb: Tcb, beta: number, mss: number): number {
    this.undoEpochStart = this.epochStart;
    this.undoWMax = this.wMax;
    this.undoCwndPrior = this.cwndPrior;
    this.undoK = this.k;
    this.undoWEst = this.wEst;
    const cwnd = tcb.cwnd / mss;
    this.epochStart = NONE;
    this.cwndPrior = cwnd;
    // §4.7, fast convergence: with less than the last time somebody else needs room.
    this.wMax = cwnd < this.wMax ? (cwnd * (1 + BETA_CUBIC)) / 2 : cwnd;
    return Math.max(Math.floor(tcb.cwnd * beta), 2 * mss);
  }

  /** §4.8: the first congestion avoidance after a time-out starts at the plateau. */
  timedOut(): void {
    this.epochStart = NONE;
    this.wMax = 0;
  }

  /** §4.9. */
  undone(): void {
    this.epochStart = this.undoEpochStart;
    this.wMax = this.undoWMax;
    this.cwndPrior = this.undoCwndPrior;
    this.k = this.undoK;
    this.wEst = this.undoWEst;
  }
}
