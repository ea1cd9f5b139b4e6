import { ACK, PSH, type Segment } from '../../wire/segment.ts';
import { gt, le } from '../../wire/seq.ts';
import { oweAckForText } from '../ack-policy.ts';
import { hasMemoryFor } from '../autotune.ts';
import { NO_ECN } from '../ecn-mode.ts';
import { takeText } from '../receive.ts';
import { ESTABLISHED } from '../state.ts';
import type { Tcb } from '../tcb.ts';
import { restartKeepAlive } from '../timers.ts';
import { isOldDuplicate, updateRecent } from '../timestamps.ts';
import { rcvWnd, updateSendWindow } from '../window.ts';
import { acknowledge } from './ack.ts';

/**
 * Header prediction (Van Jacobson, 1990). Nearly all segments are one of three kinds: the next text, while nothing of ours is out;
 * an acknowledgment without text; and both at once, as the next request is the acknowledgment of the last answer. Of the eight checks of RFC 9293 §3.10.7.4 they pass all and need little of each. What is taken here
 * leaves the TCB as the eight checks would have: `test/tcp/events/predicted.test.ts` runs both. All else is theirs.
 */

/** Takes the segment, if it is of those. False: nothing was touched. */
export function takePredicted(tcb: Tcb, segment: Segment, now: number): boolean {
  if (!isPlain(tcb, segment, now)) return false;
  const acknowledges = gt(segment.ack, tcb.sndUna) && le(segment.ack, tcb.sndNxt);
  if (segment.payloadLength > 0) {
    return acknowledges ? takeRequest(tcb, segment, now) : takeNextText(tcb, segment, now);
  }
  if (!acknowledges) return false;
  hear(tcb, now);
  tcb.env.counters.TCPHPAcks++;
  acknowledge(tcb, segment, now);
  updateRecent(tcb, segment, now);
  return true;
}

/** Open both ways, no flag but ACK and PSH, at RCV.NXT, with timestamps as agreed on, and nothing waits out of order. */
function isPlain(tcb: Tcb, segment: Segment, now: number): boolean {
  return (
    tcb.state === ESTABLISHED &&
    (segment.flags & ~PSH) === ACK &&
    segment.seq === tcb.rcvNxt &&
    segment.hasTimestamps === tcb.timestamps &&
    segment.userTimeout <= 0 &&
    tcb.ecn === NO_ECN &&
    tcb.receiveBuffer.runs === 0 &&
    !tcb.finHeld &&
    !tcb.orphan &&
    tcb.config.headerPrediction &&
    !isOldDuplicate(tcb, segment, now)
  );
}

/**
 * Seventh, where the whole text is taken. Its ACK says nothing new, and nothing is out that it could be about: it matters to the window alone.
 */
function takeNextText(tcb: Tcb, segment: Segment, now: number): boolean {
  const length = segment.payloadLength;
  if (segment.ack !== tcb.sndNxt || tcb.sndUna !== tcb.sndNxt || segment.sackCount > 0) return false;
  if (length > rcvWnd(tcb) || tcb.tlpOut || tcb.inCwr || tcb.paced || tcb.recovery !== 'open') return false;
  if (tcb.congestion.model !== undefined || !hasMemoryFor(tcb, 0)) return false;
  hear(tcb, now);
  takeText(tcb, 0, segment.bytes, segment.payloadOffset, length);
  tcb.env.counters.TCPHPHits++;
  updateSendWindow(tcb, segment);
  updateRecent(tcb, segment, now);
  oweAckForText(tcb, segment, length, now);
  return true;
}

/** Fifth and seventh, where what is acknowledged is new and the whole text is taken. */
function takeRequest(tcb: Tcb, segment: Segment, now: number): boolean {
  const length = segment.payloadLength;
  if (length > rcvWnd(tcb) || !hasMemoryFor(tcb, 0)) return false;
  hear(tcb, now);
  acknowledge(tcb, segment, now);
  updateRecent(tcb, segment, now);
  takeText(tcb, 0, segment.bytes, segment.payloadOffset, length);
  tcb.env.counters.TCPHPHits++;
  oweAckForText(tcb, segment, length, now);
  return true;
}

function hear(tcb: Tcb, now: number): void {
  tcb.lastHeard = now;
  restartKeepAlive(tcb, now);
}
