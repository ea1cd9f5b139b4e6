import { NEVER, type Tcb } from './tcb.ts';

/** The timers of a connection: a deadline each, NEVER when off. What happens when one is due is in `events/timeouts.ts`. */

/** The earliest deadline, NEVER where none is running. */
export function nextDeadline(tcb: Tcb): number {
  const sending = Math.min(tcb.retransmitAt, tcb.tlpAt, tcb.reorderAt, tcb.persistAt, tcb.pacingAt);
  return Math.min(sending, tcb.delayedAckAt, tcb.keepAliveAt, tcb.closeAt);
}

export function stopTimers(tcb: Tcb): void {
  tcb.retransmitAt = NEVER;
  tcb.tlpAt = NEVER;
  tcb.reorderAt = NEVER;
  tcb.persistAt = NEVER;
  tcb.delayedAckAt = NEVER;
  tcb.keepAliveAt = NEVER;
  tcb.closeAt = NEVER;
  tcb.pacingAt = NEVER;
}

/** RFC 6298 §5.1 to §5.3: running while something is unacknowledged. */
export function restartRetransmission(tcb: Tcb, now: number): void {
  tcb.retransmitAt = tcb.sndUna === tcb.sndNxt ? NEVER : now + tcb.rto + (tcb.srtt > 0 ? tcb.config.rtoSlop : 0);
  // No later than a user time-out that runs already.
  if (tcb.userTimeout > 0 && tcb.retries > 0) {
    tcb.retransmitAt = Math.min(tcb.retransmitAt, tcb.retriesSince + tcb.userTimeout);
  }
}

/** Something was heard, or sent: the idle time of keep-alive starts again (RFC 9293 §3.8.4, MUST-26). */
export function restartKeepAlive(tcb: Tcb, now: number): void {
  tcb.keepAliveSent = 0;
  if (tcb.keepAlive) tcb.keepAliveAt = now + tcb.keepAliveTime;
}
