import { ACK, FIN, RST, type Segment, SYN, URG } from '../../wire/segment.ts';
import { add, diff, gt, le, lt } from '../../wire/seq.ts';
import { oweAck, oweAckForText } from '../ack-policy.ts';
import { hasMemoryFor } from '../autotune.ts';
import { answerUnacceptable, challengeAck } from '../challenge.ts';
import type { DropReason } from '../drop.ts';
import { noteMarks, retractEcn } from '../ecn.ts';
import { NO_ECN } from '../ecn-mode.ts';
import { emitAck, emitResetFor } from '../emit.ts';
import { enterTimeWait, fail, restartTimeWait } from '../ending.ts';
import { URGENT } from '../notices.ts';
import { resendSyn } from '../output.ts';
import { takeFin, takeText } from '../receive.ts';
import { noteDuplicate, noteRun } from '../sack.ts';
import {
  CLOSE_WAIT,
  CLOSED,
  CLOSING,
  ESTABLISHED,
  FIN_WAIT_1,
  FIN_WAIT_2,
  SYN_RECEIVED,
  setState,
  TIME_WAIT,
} from '../state.ts';
import type { Tcb } from '../tcb.ts';
import { restartKeepAlive } from '../timers.ts';
import { isOldDuplicate, updateRecent } from '../timestamps.ts';
import { takeUserTimeout } from '../user-timeout.ts';
import { isAcceptable, isInWindow, rcvWnd } from '../window.ts';
import { checkAck } from './ack.ts';

/**
 * RFC 9293 §3.10.7.4: SYN-RECEIVED and the synchronized states. Eight checks in order; each lets the segment go on (null) or ends
 * its processing with a reason.
 */
export function segmentArrivesSynchronized(tcb: Tcb, segment: Segment, now: number): DropReason | null {
  return (
    checkSequence(tcb, segment, now) ??
    checkReset(tcb, segment, now) ??
    checkSecurity() ??
    checkSyn(tcb, segment, now) ??
    checkAck(tcb, segment, now) ??
    // After the last ACK of LAST-ACK there is nobody for the rest.
    (tcb.state === CLOSED ? null : takeContent(tcb, segment, now))
  );
}

/**
 * Sixth to eighth: what an acceptable segment with an acceptable ACK brings. TS.Recent is taken only now: before the fifth check a forged segment
 * could set it, and PAWS would then drop the peer's own.
 */
function takeContent(tcb: Tcb, segment: Segment, now: number): DropReason | null {
  updateRecent(tcb, segment, now);
  if (segment.userTimeout > 0) takeUserTimeout(tcb, segment);
  // §3.10.7.4, fifth, TIME-WAIT: a segment that is not the next in order is acknowledged, as Linux and FreeBSD do.
  if (tcb.state === TIME_WAIT && segment.seq !== tcb.rcvNxt) oweAck(tcb);
  if (tcb.ecn !== NO_ECN) noteMarks(tcb, segment);
  return checkUrgent(tcb, segment) ?? processText(tcb, segment, now) ?? checkFin(tcb, segment, now);
}

/** §3.10.7.4, first: the sequence number; with it PAWS (RFC 7323 §5.3 R1) and missing timestamps (§3.2). */
function checkSequence(tcb: Tcb, segment: Segment, now: number): DropReason | null {
  if (tcb.state === TIME_WAIT && !tcb.config.answerTimeWaitWithoutAck && (segment.flags & (ACK | RST)) === 0)
    return 'no ACK';
  const numbered = segment.payloadLength > 0 || segment.has(FIN) || segment.has(SYN);
  // A SYN without is from a peer that has begun anew, and is to be challenged as any other.
  const needed = tcb.timestamps && tcb.config.requireTimestamps;
  if (needed && !segment.hasTimestamps && !segment.has(RST) && !segment.has(SYN)) return 'timestamp missing';
  if (isOldDuplicate(tcb, segment, now)) {
    tcb.env.counters.PAWSEstab++;
    answerUnacceptable(tcb, numbered, now);
    return 'PAWS';
  }
  // Of a RST only the number counts, whatever text it brings (SHLD-2) and however small the window is (MUST-66; RFC 5961 §3.2).
  if (segment.has(RST)) return isInWindow(tcb, segment.seq) ? null : 'RST outside window';
  const handshake = isHandshakeSynAck(tcb, segment);
  if (tcb.state === SYN_RECEIVED && segment.has(SYN) && segment.seq === tcb.irs && !handshake) {
    // The peer's SYN again: our SYN,ACK is lost or late. Sending it again says more than an ACK, which a peer in SYN-SENT ignores. Its text may
    // reach into the window.
    tcb.lastHeard = now;
    retractEcn(tcb, segment);
    resendSyn(tcb, now);
    return 'sequence number';
  }
  if (isAcceptable(tcb, segment) || handshake) {
    tcb.lastHeard = now;
    restartKeepAlive(tcb, now);
    return null;
  }
  tcb.lastHeard = now;
  if (behindClosedWindow(tcb, segment)) return null;
  if (tcb.state === TIME_WAIT && segment.has(FIN)) restartTimeWait(tcb, now);
  noteDuplicateText(tcb, segment);
  if (repeatsToEdge(tcb, segment)) {
    oweAck(tcb);
    return null;
  }
  answerUnacceptable(tcb, numbered, now);
  return 'sequence number';
}

/** Figure 8: in a simultaneous open the peer's SYN,ACK repeats the SYN we have. Without that SYN it is an acceptable ACK. */
function isHandshakeSynAck(tcb: Tcb, segment: Segment): boolean {
  const both = SYN | ACK;
  return tcb.state === SYN_RECEIVED && !tcb.passive && (segment.flags & both) === both && segment.seq === tcb.irs;
}

/**
 * With a closed window nothing but an empty segment at RCV.NXT is acceptable, and yet ACKs and URGs of others are to be processed (§3.10.7.4,
 * first; MUST-66), as otherwise two closed windows would stop each other. The text is not taken: the ACK says so.
 */
function behindClosedWindow(tcb: Tcb, segment: Segment): boolean {
  if (rcvWnd(tcb) !== 0 || segment.seq !== tcb.rcvNxt || segment.has(SYN) || !segment.has(ACK)) return false;
  oweAck(tcb);
  return true;
}

/**
 * A segment that repeats what came before, up to RCV.NXT exactly: its ACK may be newer than what it repeats, and is worth having (as with Linux and
 * FreeBSD; the RFC's segment is idealized to begin at RCV.NXT, and this one trimmed to it is acceptable).
 */
function repeatsToEdge(tcb: Tcb, segment: Segment): boolean {
  const repeats = segment.len > 0 && add(segment.seq, segment.len) === tcb.rcvNxt;
  if (!repeats || (segment.flags & (ACK | SYN)) !== ACK) return false;
  return gt(segment.ack, tcb.sndUna) && le(segment.ack, tcb.sndNxt);
}

/** RFC 2883 §4.1: a whole duplicate below RCV.NXT is reported by the ACK it gets. */
function noteDuplicateText(tcb: Tcb, segment: Segment): void {
  const end = add(segment.seq, segment.payloadLength);
  if (segment.payloadLength > 0 && le(end, tcb.rcvNxt)) noteDuplicate(tcb, segment.seq, end);
}

/** §3.10.7.4, second: the RST bit, by RFC 5961 §3.2. The segment is inside the window. In TIME-WAIT it may be ignored (RFC 1337 §3). */
function checkReset(tcb: Tcb, segment: Segment, now: number): DropReason | null {
  if (!segment.has(RST)) return null;
  if (segment.seq !== tcb.rcvNxt) {
    challengeAck(tcb, now);
    return 'RST not at RCV.NXT';
  }
  if (tcb.state === TIME_WAIT && tcb.config.tcp_rfc1337) return 'RST in TIME-WAIT';
  const { counters } = tcb.env;
  if (tcb.state === SYN_RECEIVED) counters.AttemptFails++;
  else if (tcb.state === ESTABLISHED || tcb.state === CLOSE_WAIT) counters.EstabResets++;
  const refused = tcb.state === SYN_RECEIVED && !tcb.passive;
  fail(tcb, refused ? 'refused' : 'reset', 'rcv RST', now);
  return 'RST';
}

/** Third: security and compartment (RFC 9293 §A.1). There are none here: every segment passes. */
function checkSecurity(): DropReason | null {
  return null;
}

/** §3.10.7.4, fourth: the SYN bit. In a synchronized state a challenge ACK whatever its number (RFC 5961 §4.2): a live peer has no SYN to send. */
function checkSyn(tcb: Tcb, segment: Segment, now: number): DropReason | null {
  if (!segment.has(SYN) || isHandshakeSynAck(tcb, segment)) return null;
  if (tcb.state === SYN_RECEIVED && tcb.passive) {
    fail(tcb, 'reset', 'rcv SYN in window', now);
    return 'SYN in a synchronized state';
  }
  challengeAck(tcb, now);
  return 'SYN in a synchronized state';
}

/** Sixth: the URG bit. The urgent pointer names the octet after the urgent data (MUST-62; RFC 6093 §6.1). */
function checkUrgent(tcb: Tcb, segment: Segment): DropReason | null {
  if (!segment.has(URG) || tcb.finReceived) return null;
  const pointer = add(segment.seq, segment.up);
  if (gt(pointer, tcb.rcvUp) && gt(pointer, tcb.rcvNxt)) {
    tcb.rcvUp = pointer;
    tcb.notices |= URGENT;
  }
  return null;
}

/**
 * Seventh: the text. What is outside the window is cut off, what is in order goes to the application, the rest waits (SHLD-31). Exported for
 * SYN-SENT, whose SYN,ACK may carry text.
 */
export function processText(tcb: Tcb, segment: Segment, now: number): DropReason | null {
  if (segment.payloadLength === 0) return null;
  if (tcb.finReceived) return 'text after FIN';
  const first = segment.has(SYN) ? add(segment.seq, 1) : segment.seq;
  const skip = Math.max(0, diff(tcb.rcvNxt, first));
  const at = Math.max(0, diff(first, tcb.rcvNxt));
  const length = Math.min(segment.payloadLength - skip, rcvWnd(tcb) - at);
  if (tcb.orphan && lt(tcb.rcvNxt, add(first, segment.payloadLength))) {
    // §3.6.1, SHLD-3: nobody will ever read it, and the peer must not think that somebody did.
    tcb.env.counters.TCPAbortOnData++;
    // At the number that the peer expects: what of ours is on its way it may not have seen.
    emitResetFor(tcb, segment.ack, now);
    fail(tcb, 'aborted', 'ABORT', now);
    return 'text after CLOSE';
  }
  if (length <= 0) {
    oweAck(tcb);
    return segment.has(FIN) ? null : 'sequence number';
  }
  if (skip > 0) noteDuplicate(tcb, first, tcb.rcvNxt);
  const start = add(tcb.rcvNxt, at);
  const buffer = tcb.receiveBuffer;
  // RFC 2883 §4: also what repeats a part of what waits out of order.
  const repeated = skip === 0 && buffer.runs > 0 && tcb.sackOk ? buffer.firstHeld(at, length) : null;
  if (repeated !== null) noteDuplicate(tcb, add(tcb.rcvNxt, repeated.from), add(tcb.rcvNxt, repeated.to));
  const filling = buffer.runs > 0;
  const source = segment.payloadOffset + skip;
  const moved = hasMemoryFor(tcb, at) ? takeText(tcb, at, segment.bytes, source, length) : -1;
  if (moved < 0) {
    tcb.env.counters.TCPOFODrop++;
    emitAck(tcb, now);
    return 'out of buffer';
  }
  if (moved === 0) {
    // Out of order: an ACK for each, at once, as the peer counts them (RFC 5681 §4.2, §3.2; RFC 9293 MAY-13).
    tcb.env.counters.TCPOFOQueue += segment.wireSegments;
    noteRun(tcb, start);
    emitAck(tcb, now);
    return null;
  }
  if (filling || skip > 0) oweAck(tcb);
  else oweAckForText(tcb, segment, moved, now);
  return null;
}

/** §3.10.7.4, eighth: the FIN bit. A FIN behind a hole waits for it to be filled, as text does (SHLD-31). */
export function checkFin(tcb: Tcb, segment: Segment, now: number): DropReason | null {
  if (tcb.finReceived) {
    if (!segment.has(FIN)) return null;
    // Sent again: the ACK of it was lost.
    if (tcb.state === TIME_WAIT) restartTimeWait(tcb, now);
    oweAck(tcb);
    return null;
  }
  if (segment.has(FIN)) {
    tcb.finAt = add(segment.seq, segment.payloadLength + (segment.has(SYN) ? 1 : 0));
    tcb.finHeld = isInWindow(tcb, tcb.finAt);
  }
  if (tcb.finHeld && gt(tcb.finAt, tcb.rcvNxt) && segment.has(FIN) && segment.payloadLength === 0) oweAck(tcb);
  if (!tcb.finHeld || gt(tcb.finAt, tcb.rcvNxt)) return null;
  tcb.finHeld = false;
  // Text passed it: it was no FIN of this stream.
  if (tcb.finAt !== tcb.rcvNxt) return null;
  takeFin(tcb);
  oweAck(tcb);
  switch (tcb.state) {
    case SYN_RECEIVED:
    case ESTABLISHED:
      setState(tcb, CLOSE_WAIT, 'rcv FIN', now);
      break;
    case FIN_WAIT_1:
      // Our FIN acknowledged by the same segment would have made this FIN-WAIT-2 above.
      setState(tcb, CLOSING, 'rcv FIN', now);
      break;
    case FIN_WAIT_2:
      enterTimeWait(tcb, 'rcv FIN', now);
      break;
  }
  return null;
}
