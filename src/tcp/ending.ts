import type { Failure } from './notices.ts';
import { OVER } from './notices.ts';
import { type Cause, CLOSED, LISTEN, SYN_RECEIVED, setState, TIME_WAIT } from './state.ts';
import type { Tcb } from './tcb.ts';
import { stopTimers } from './timers.ts';

/** How connections end. */

/** Enters TIME-WAIT (RFC 9293 §3.10.7.4, eighth; MUST-13): all other timers off, 2 MSL on. For the application the connection is over. */
export function enterTimeWait(tcb: Tcb, cause: Cause, now: number): void {
  setState(tcb, TIME_WAIT, cause, now);
  tcb.env.counters.TW++;
  stopTimers(tcb);
  restartTimeWait(tcb, now);
  tcb.notices |= OVER;
}

/** The 2 MSL wait starts, or starts again. */
export function restartTimeWait(tcb: Tcb, now: number): void {
  tcb.closeAt = now + tcb.config.timeWait;
}

/** Deletes the TCB after an orderly end. What was received and not read stays readable. */
export function finish(tcb: Tcb, cause: Cause, now: number): void {
  end(tcb, cause, now);
}

/**
 * Deletes the TCB after a failure: queues flushed, the application told. What was received and not read stays readable, as with a kernel's socket,
 * unless it is the application that gives up (§3.10.5: it asks for no more). A SYN-RECEIVED connection that a peer opened goes back to LISTEN
 * instead, and the application, which has never heard of it, hears nothing (MUST-11).
 */
export function fail(tcb: Tcb, failure: Failure, cause: Cause, now: number): void {
  const heardOf = !tcb.passive || tcb.fastOpen?.accepted === true;
  if (tcb.state === SYN_RECEIVED && !heardOf && (cause === 'rcv RST' || cause === 'rcv SYN in window')) {
    returnToListen(tcb, cause, now);
    return;
  }
  tcb.failure = failure;
  if (failure === 'aborted') tcb.receiveBuffer.clear();
  end(tcb, cause, now);
}

/** As after `openPassive`: nothing is left of the SYN that came, nor of ours (§3.10.7.4, second: the retransmission queue is flushed). */
function returnToListen(tcb: Tcb, cause: Cause, now: number): void {
  setState(tcb, LISTEN, cause, now);
  stopTimers(tcb);
  tcb.scoreboard.clear();
  tcb.ackOwed = 0;
  tcb.retries = 0;
  tcb.rto = tcb.config.rtoInitial;
  tcb.synRetransmitted = false;
}

function end(tcb: Tcb, cause: Cause, now: number): void {
  const told = tcb.state === TIME_WAIT;
  setState(tcb, CLOSED, cause, now);
  stopTimers(tcb);
  tcb.ackOwed = 0;
  tcb.sendBuffer.clear();
  tcb.scoreboard.clear();
  tcb.receiveBuffer.dropRuns();
  tcb.env.extensions.noteLimit?.(tcb, now);
  if (!told) tcb.notices |= OVER;
}
