import { setRecoveryWindow } from '../congestion/window.ts';
import { effectiveMss } from '../mss.ts';
import type { Tcb } from '../tcb.ts';
import { flightSize, pipe } from './pipe.ts';

/**
 * Proportional rate reduction (RFC 9937): during a recovery by acknowledgments what may leave follows what arrives, so that the pipe
 * is at its target when recovery ends: ssthresh, or cwnd where that was not to be reduced. All in bytes.
 */

/** Recovery begins with an acknowledgment of `acked` bytes by number that delivers `delivered` in all (§6.1). cwnd is reduced. */
export function beginPrr(tcb: Tcb, acked: number, delivered: number): void {
  tcb.prrTarget = Math.min(tcb.cwnd, tcb.ssthresh);
  tcb.prrDelivered = 0;
  tcb.prrOut = 0;
  // What was SACKed earlier will not be delivered in this recovery; what this ACK delivers will.
  const before = tcb.scoreboard.sackedBytes + tcb.dupAckBytes - (delivered - acked);
  tcb.recoverFlight = Math.max(flightSize(tcb) - Math.max(0, before) + acked, effectiveMss(tcb));
}

/** §6.2: each acknowledgment of a recovery. `safe`: SND.UNA advances, and nothing more is lost by it. */
export function stepPrr(tcb: Tcb, delivered: number, safe: boolean): void {
  const mss = effectiveMss(tcb);
  const inFlight = pipe(tcb);
  const { prrTarget } = tcb;
  tcb.prrDelivered += delivered;
  let room: number;
  if (inFlight > prrTarget) {
    // Proportional rate reduction.
    room = Math.ceil((tcb.prrDelivered * prrTarget) / tcb.recoverFlight) - tcb.prrOut;
  } else {
    // The conservative reduction bound; slow start's where recovery goes well.
    room = Math.max(tcb.prrDelivered - tcb.prrOut, delivered);
    if (safe) room += mss;
    room = Math.min(prrTarget - inFlight, room);
  }
  // A fast retransmit in any case.
  if (tcb.prrOut === 0 && room <= 0) room = mss;
  setRecoveryWindow(tcb, inFlight + Math.max(0, room));
}

/** All is acknowledged (§6.2). */
export function endPrr(tcb: Tcb): void {
  setRecoveryWindow(tcb, tcb.prrTarget);
}

/** `bytes` leave, new ones or again. */
export function notePrr(tcb: Tcb, bytes: number): void {
  if (tcb.recovery === 'fast') tcb.prrOut += bytes;
}
