import { ACK, FIN, RST, type Segment, SYN } from '../../wire/segment.ts';
import { gt, le } from '../../wire/seq.ts';
import { oweAck } from '../ack-policy.ts';
import type { DropReason } from '../drop.ts';
import { emitResetFor } from '../emit.ts';
import { fail } from '../ending.ts';
import { takeSynOptions } from '../options.ts';
import { sendSyn } from '../output.ts';
import { startReceiving } from '../receive.ts';
import { ESTABLISHED, SYN_RECEIVED, setState } from '../state.ts';
import type { Tcb } from '../tcb.ts';
import { restartRetransmission } from '../timers.ts';
import { echoesOther } from '../timestamps.ts';
import { setSendWindow } from '../window.ts';
import { acknowledge, handshakeDone } from './ack.ts';
import { checkFin, processText } from './synchronized.ts';

/** RFC 9293 §3.10.7.3: a segment for a TCB in SYN-SENT. Its five checks in order. */
export function segmentArrivesInSynSent(tcb: Tcb, segment: Segment, now: number): DropReason | null {
  // First, the ACK bit.
  const acked = segment.has(ACK);
  const acceptable = gt(segment.ack, tcb.iss) && le(segment.ack, tcb.sndNxt) && !echoesOther(tcb, segment, now);
  if (acked && !acceptable) {
    if (!segment.has(RST)) emitResetFor(tcb, segment.ack, now);
    return 'unacceptable ACK in SYN-SENT';
  }
  // Second, the RST bit.
  if (segment.has(RST)) {
    if (!acked) return 'RST without acceptable ACK';
    tcb.env.counters.AttemptFails++;
    fail(tcb, 'refused', 'rcv RST', now);
    return 'RST';
  }
  // Third, security: we have no compartments.
  // Fourth, the SYN bit.
  if (!segment.has(SYN)) return 'neither SYN nor RST in SYN-SENT';
  startReceiving(tcb, segment.seq);
  takeSynOptions(tcb, segment, now);
  tcb.lastHeard = now;
  if (tcb.fastOpen !== null) tcb.env.fastOpenAnswered?.(tcb, segment, now);
  if (acked) {
    setState(tcb, ESTABLISHED, 'rcv SYN,ACK', now);
    setSendWindow(tcb, segment, segment.wnd);
    acknowledge(tcb, segment, now);
    tcb.fastOpen?.settle(tcb);
    handshakeDone(tcb, now);
    oweAck(tcb);
    // Text that waited for this answers it; what the SYN carried in vain did not wait.
    const { fastOpen } = tcb;
    const again = fastOpen === null || fastOpen.taken ? 0 : fastOpen.synText;
    if (tcb.sendBuffer.length > again) tcb.lastTextAt = now;
    // What else it carries goes on at the sixth check (§3.10.7.3).
    const text = processText(tcb, segment, now);
    if (text !== null) return text;
    return segment.has(FIN) ? checkFin(tcb, segment, now) : null;
  }
  // A SYN alone: simultaneous open (§3.5, figure 8; MUST-10). Our SYN goes out again, now with an ACK.
  setState(tcb, SYN_RECEIVED, 'rcv SYN', now);
  setSendWindow(tcb, segment, segment.wnd);
  // Its text waits for ESTABLISHED (§3.10.7.3).
  if (segment.payloadLength > 0 && tcb.config.keepSynText) {
    tcb.synText = new Uint8Array(segment.payloadLength);
    segment.copyPayload(0, segment.payloadLength, tcb.synText, 0);
  }
  sendSyn(tcb, now);
  restartRetransmission(tcb, now);
  return null;
}
