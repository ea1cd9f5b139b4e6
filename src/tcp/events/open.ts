import { sendSyn, startSending } from '../output.ts';
import { LISTEN, SYN_SENT, setState } from '../state.ts';
import type { Tcb } from '../tcb.ts';
import { restartRetransmission } from '../timers.ts';

/** RFC 9293 §3.10.1, OPEN, passive: CLOSED → LISTEN. */
export function openPassive(tcb: Tcb, now: number): void {
  setState(tcb, LISTEN, 'passive OPEN', now);
}

/** RFC 9293 §3.10.1, OPEN, active: chooses ISS and sends the SYN. */
export function openActive(tcb: Tcb, now: number): void {
  setState(tcb, SYN_SENT, 'active OPEN', now);
  tcb.passive = false;
  tcb.env.counters.ActiveOpens++;
  startSending(tcb, tcb.env.initialSequence(tcb, now));
  tcb.tsOffset = tcb.env.timestampOffset(tcb);
  sendSyn(tcb, now);
  restartRetransmission(tcb, now);
}
