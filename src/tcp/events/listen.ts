import { ACK, RST, type Segment, SYN } from '../../wire/segment.ts';
import { startWindow } from '../congestion/window.ts';
import type { DropReason } from '../drop.ts';
import { emitResetFor } from '../emit.ts';
import { takeSynOptions } from '../options.ts';
import { sendSyn, startSending } from '../output.ts';
import { startReceiving, takeText } from '../receive.ts';
import { SYN_RECEIVED, setState } from '../state.ts';
import type { Tcb } from '../tcb.ts';
import { restartRetransmission } from '../timers.ts';
import { setSendWindow } from '../window.ts';

/** RFC 9293 §3.10.7.2: what a listener does with a segment. Its four checks in order. */
export function listenVerdict(segment: Segment): 'ignore' | 'reset' | 'open' {
  if (segment.has(RST)) return 'ignore';
  if (segment.has(ACK)) return 'reset';
  if (segment.has(SYN)) return 'open';
  return 'ignore';
}

/** A segment for a TCB in LISTEN. A SYN that brings no text which counts needs none: see `request.ts`, which says the same. */
export function segmentArrivesInListen(tcb: Tcb, segment: Segment, now: number): DropReason | null {
  if (segment.has(RST)) return 'RST to LISTEN';
  if (segment.has(ACK)) {
    emitResetFor(tcb, segment.ack, now);
    return 'ACK to LISTEN';
  }
  if (!segment.has(SYN)) return 'no SYN to LISTEN';
  startReceiving(tcb, segment.seq);
  takeSynOptions(tcb, segment, now);
  startSending(tcb, tcb.env.initialSequence(tcb, now));
  tcb.tsOffset = tcb.env.timestampOffset(tcb);
  tcb.passive = true;
  tcb.env.counters.PassiveOpens++;
  setState(tcb, SYN_RECEIVED, 'rcv SYN', now);
  setSendWindow(tcb, segment, segment.wnd);
  tcb.lastHeard = now;
  // RFC 7413 §4.2.2: with a good cookie the text counts at once. Else it is not taken, nor is a FIN: the peer, which sees it unacknowledged, sends it
  // again (§3.10.7.2 lets it be queued).
  if (tcb.fastOpen?.accepted) {
    const text = Math.min(segment.payloadLength, tcb.receiveBuffer.space);
    if (text > 0) takeText(tcb, 0, segment.bytes, segment.payloadOffset, text);
    startWindow(tcb);
  }
  sendSyn(tcb, now);
  restartRetransmission(tcb, now);
  return null;
}
