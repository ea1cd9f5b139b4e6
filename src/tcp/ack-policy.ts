import type { Segment } from '../wire/segment.ts';
import { ENDED } from './notices.ts';
import { CLOSE_WAIT } from './state.ts';
import { NEVER, type Tcb } from './tcb.ts';

/**
 * When to acknowledge: RFC 9293 §3.8.6.3, RFC 5681 §4.2. `tcb.ackOwed` says how urgent it is; any segment that carries the ACK settles it.
 */
export const ACK_DELAYED = 1;
/** At the end of the turn, when the application has heard of the text: its answer carries the ACK. */
export const ACK_TURN = 2;
/** At the end of the batch being processed (MUST-58, MUST-59). */
export const ACK_SOON = 3;

/** An ACK is owed soon. */
export function oweAck(tcb: Tcb): void {
  tcb.ackOwed = ACK_SOON;
}

/**
 * Text was taken in order. At once for at least every second full-sized segment (SHLD-19), in this turn while the peer is in slow start
 * (quick-ack); else within the delay (SHLD-18, MUST-40).
 */
export function oweAckForText(tcb: Tcb, segment: Segment, taken: number, now: number): void {
  noteSegmentSize(tcb, segment);
  tcb.unackedBytes += taken;
  const quick = tcb.quickAcks > 0 && !tcb.conversing;
  if (quick) tcb.quickAcks--;
  tcb.lastTextAt = now;
  const second = tcb.config.ackEverySecondSegment && tcb.ackOwed === ACK_DELAYED;
  if (tcb.unackedBytes >= 2 * tcb.peerSegment || second) {
    tcb.ackOwed = ACK_SOON;
  } else if (quick) {
    tcb.ackOwed = Math.max(tcb.ackOwed, ACK_TURN);
  } else delayAck(tcb, now);
}

/** An ACK is owed, and may wait for something to go with (SHLD-18). */
export function delayAck(tcb: Tcb, now: number): void {
  if (tcb.ackOwed !== 0) return;
  tcb.ackOwed = ACK_DELAYED;
  tcb.delayedAckAt = now + tcb.config.delayedAck;
}

/**
 * Text was sent. Soon after text was received it is an answer to it: in a conversation answers carry the ACKs, and none is hurried (Linux's
 * ping-pong mode) until a delayed one finds no answer to go with.
 */
export function noteAnswer(tcb: Tcb, now: number): void {
  if (now - tcb.lastTextAt < tcb.config.delayedAck) tcb.conversing = true;
}

/**
 * At the end of a batch: the peer has ended, and we may be about to; or a request came, short and while ACKs are not delayed. The answer carries the ACK
 * where there is one in this turn.
 */
export function mayBeAnswered(tcb: Tcb): boolean {
  return tcb.ackOwed === ACK_TURN || (tcb.state === CLOSE_WAIT && (tcb.notices & ENDED) !== 0);
}

/** A segment with our ACK has left. */
export function settleAck(tcb: Tcb): void {
  tcb.ackOwed = 0;
  tcb.unackedBytes = 0;
  tcb.delayedAckAt = NEVER;
}

/** The peer's full segment may be smaller than what was agreed: what it really sends decides, as long as it is a plausible size. */
function noteSegmentSize(tcb: Tcb, segment: Segment): void {
  const size = segment.gsoSize > 0 ? segment.gsoSize : segment.payloadLength;
  if (size >= tcb.peerSegment) tcb.peerSegment = Math.min(size, tcb.rcvMss);
}
