import { sendSyn, startSending } from '../output.ts';
import { LISTEN, SYN_SENT, setState } from '../state.ts';
import type { Tcb } from '../tcb.ts';
import { restartRetransmission } from '../timers.ts';
import { send } from './send.ts';

/** RFC 9293 §3.10.1, OPEN, passive: CLOSED → LISTEN. */
export function openPassive(tcb: Tcb, now: number): void {
  setState(tcb, LISTEN, 'passive OPEN', now);
}

/** RFC 9293 §3.10.1, OPEN, active: chooses ISS and sends the SYN. `text` is queued first: with Fast Open it may leave on the SYN. */
export function openActive(tcb: Tcb, now: number, text?: Uint8Array): void {
  setState(tcb, SYN_SENT, 'active OPEN', now);
  tcb.passive = false;
  tcb.openedAt = now;
  tcb.env.counters.ActiveOpens++;
  if (text !== undefined) send(tcb, text, true);
  startSending(tcb, tcb.env.initialSequence(tcb, now));
  tcb.tsOffset = tcb.env.timestampOffset(tcb);
  sendSyn(tcb, now);
  restartRetransmission(tcb, now);
}
