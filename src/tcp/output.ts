import { ACK, FIN, PSH, SYN } from '../wire/segment.ts';
import { add, diff, ge, type Seq } from '../wire/seq.ts';
import { ACK_TURN, noteAnswer } from './ack-policy.ts';
import { noteUsage, resumeWindow } from './congestion/window.ts';
import { emitOwedAck, emitSegment } from './emit.ts';
import { flightSize, pipe, textOffset, unsent } from './loss/pipe.ts';
import { notePrr } from './loss/prr.ts';
import { nextRescue } from './loss/rescue.ts';
import type { Sent } from './loss/scoreboard.ts';
import { scheduleTailProbe, tailProbeSent } from './loss/tlp.ts';
import { optionLength } from './mss.ts';
import type { MtuProbe } from './mtu-probe.ts';
import { holdsSmall } from './nagle.ts';
import { WRITABLE } from './notices.ts';
import { burstSize, notePaced, pacingHolds } from './pacing.ts';
import { sackBlocksDue } from './sack.ts';
import { FRAME_HEADERS, isWritable } from './send-room.ts';
import { ESTABLISHED, SYN_RECEIVED, SYN_SENT, TIME_WAIT } from './state.ts';
import { NEVER, type Tcb } from './tcb.ts';
import { restartRetransmission } from './timers.ts';

export { flightSize, pipe, unsent };

/** The output pass: decides what may leave now, and is the only place that moves SND.NXT. */

/** How long `cork` holds a short segment, µs. */
const CORK_LIMIT = 200_000;

/**
 * Our SYN, in SYN-SENT, or else our SYN,ACK; the first time or again. SND.NXT = ISS + 1 (RFC 9293 §3.10.1, §3.10.7.2, §3.10.7.3). With Fast
 * Open the first SYN takes text along (RFC 7413 §4.2.1).
 */
export function sendSyn(tcb: Tcb, now: number): void {
  const { fastOpen, scoreboard } = tcb;
  const range = scoreboard.first;
  const flags = tcb.state === SYN_SENT ? SYN : SYN | ACK;
  if (range !== undefined) {
    scoreboard.retransmitted(range, now);
    emitSegment(tcb, flags, tcb.iss, 0, 0, now);
    return;
  }
  const start = add(tcb.iss, 1);
  const text = flags === SYN && fastOpen !== null ? fastOpen.textOfSyn(tcb.sendBuffer.length, tcb.pathMss) : 0;
  tcb.sndNxt = start;
  scoreboard.push(tcb.iss, start, now);
  emitSegment(tcb, flags, tcb.iss, 0, text, now);
  if (fastOpen === null || text === 0) return;
  fastOpen.synText = text;
  tcb.bytesSent += text;
  tcb.sndNxt = add(start, text);
  scoreboard.push(start, tcb.sndNxt, now);
}

/** Our SYN or SYN,ACK got lost, or so it seems: a lost one makes the initial window small (RFC 5681 §3.1). */
export function resendSyn(tcb: Tcb, now: number): void {
  tcb.synRetransmitted = true;
  repeatSyn(tcb, now);
}

/** The same, where it is known that no congestion was the reason. */
export function repeatSyn(tcb: Tcb, now: number): void {
  // It may be the option that is not let through (RFC 7413 §4.1.3.1).
  if (tcb.fastOpen !== null) tcb.fastOpen.cookie = null;
  tcb.totalRetrans++;
  tcb.env.counters.RetransSegs++;
  tcb.env.counters.TCPSynRetrans++;
  sendSyn(tcb, now);
}

/** ISS is chosen: the send sequence space starts there. */
export function startSending(tcb: Tcb, iss: Seq): void {
  tcb.iss = iss;
  tcb.sndUna = iss;
  tcb.sndNxt = iss;
  tcb.sndUp = iss;
  tcb.sndSml = iss;
}

/** Sends what may be sent: lost ranges, then new text and FIN as far as windows allow, then the ACK if it is still owed. */
export function output(tcb: Tcb, now: number): void {
  if (tcb.outputHeld) return;
  if (tcb.state >= ESTABLISHED ? tcb.state !== TIME_WAIT : tcb.state === SYN_RECEIVED && tcb.fastOpen?.accepted) {
    if (tcb.frto === 'send new') {
      // RFC 5682 §2.1 step 2b; where there is nothing new the conventional recovery goes on.
      const before = tcb.sndNxt;
      sendNew(tcb, now);
      tcb.frto = tcb.sndNxt === before ? 'off' : 'second';
    }
    if (tcb.scoreboard.lostBytes > 0 && tcb.frto !== 'second') sendLost(tcb, now);
    if (!tcb.finSent && (tcb.finQueued || tcb.sendBuffer.length > 0)) sendNew(tcb, now);
    if (tcb.recovery === 'fast') sendRescue(tcb, now);
    watchWindow(tcb, now);
    // What has left may be what the application waited for.
    if (tcb.wantsWritable && tcb.notsentLowat < NEVER && isWritable(tcb)) tcb.notices |= WRITABLE;
  }
  tcb.env.extensions.noteLimit?.(tcb, now);
  if (tcb.ackOwed >= ACK_TURN && tcb.state >= SYN_RECEIVED) emitOwedAck(tcb, now);
}

/** Retransmissions: earliest first, as far as cwnd allows (RFC 6675 §5 step C; RFC 6582 §3.2). */
function sendLost(tcb: Tcb, now: number): void {
  for (;;) {
    const range = tcb.scoreboard.nextLost();
    if (range === undefined) return;
    const mss = segmentRoom(tcb);
    let room = tcb.cwnd - pipe(tcb);
    if (tcb.retransmitNow) room = Math.max(room, mss);
    else if (room < Math.min(mss, range.length)) return;
    // Beyond a window that shrank only the earliest goes out: as a probe (SHLD-16, MUST-35).
    if (range.start !== tcb.sndUna && ge(range.start, add(tcb.sndUna, tcb.sndWnd))) return;
    if (pacingHolds(tcb, now)) return;
    if (!resend(tcb, range, Math.max(mss, room - (room % mss)), now)) return;
    tcb.retransmitNow = false;
  }
}

/** What RFC 6675 §4 sends again when there is nothing else to send, as far as cwnd allows: NextSeg's rules 3 and 4. */
function sendRescue(tcb: Tcb, now: number): void {
  for (;;) {
    const found = nextRescue(tcb);
    const mss = segmentRoom(tcb);
    if (found === undefined || tcb.cwnd - pipe(tcb) < Math.min(mss, found.range.length) || pacingHolds(tcb, now))
      return;
    if (found.rescue) tcb.rescued = true;
    // It has to have the highest number that is out.
    const range = found.rescue ? tcb.scoreboard.tail(mss) : found.range;
    if (!resend(tcb, range, mss, now)) return;
  }
}

/** Sends `range` again, or as much of its start as `most` and the device allow. False: the device refused it. */
function resend(tcb: Tcb, range: Sent, most: number, now: number): boolean {
  if (!tcb.synAcked && range.start === tcb.iss) {
    resendSyn(tcb, now);
    return true;
  }
  const { scoreboard } = tcb;
  const mss = segmentRoom(tcb);
  scoreboard.trim(range, Math.min(most, burst(tcb, mss)));
  const fin = tcb.finSent && range.end === tcb.sndNxt ? FIN : 0;
  const text = range.length - (fin ? 1 : 0);
  const offset = textOffset(tcb, range.start);
  const last = offset + text === tcb.sendBuffer.length || (tcb.config.pushBursts && text > mss);
  const pushed = last || tcb.fastOpen?.endsAt(diff(range.end, tcb.iss) - 1);
  const flags = ACK | fin | (text > 0 && pushed ? PSH : 0);
  if (!emitSegment(tcb, flags, range.start, offset, text, now)) return false;
  scoreboard.retransmitted(range, now, mss);
  const { segments } = range;
  tcb.totalRetrans += segments;
  tcb.env.counters.RetransSegs += segments;
  tcb.env.extensions.undo?.noteRetransmission(tcb, segments, now);
  notePrr(tcb, range.length);
  notePaced(tcb, text, now);
  tcb.lastSendTime = now;
  // The one that SND.UNA waits for has its whole time-out (RFC 6582 §3.2 step 3, RFC 6675 §5 step 4.3).
  if (tcb.retransmitAt === NEVER || range.start === tcb.sndUna) restartRetransmission(tcb, now);
  return true;
}

/**
 * New text, as large as may be and with PSH on the last of it (SHLD-27, SHLD-28, MUST-61), never beyond a window that shrank (MUST-34, SHLD-15),
 * and FIN after it. Sender's silly-window avoidance (RFC 9293 §3.8.6.2.1, MUST-38): full segments; short ones only when they
 * are all that is queued and Nagle lets them, or at least half of the largest window the peer ever had.
 */
function sendNew(tcb: Tcb, now: number): void {
  let queued = unsent(tcb);
  if (flightSize(tcb) === 0 && tcb.bytesSent > 0 && queued > 0 && tcb.sndWnd > 0) resumeWindow(tcb, now);
  let blocked = false;
  let sent = 0;
  if (tcb.mtuProbe !== null) queued -= sendProbe(tcb, tcb.mtuProbe, queued, now);
  while (!tcb.finSent) {
    if (queued === 0 && !tcb.finQueued) break;
    const usable = tcb.sndWnd - flightSize(tcb);
    if (usable <= 0) break;
    const mss = segmentRoom(tcb);
    if (queued === 0) {
      sendText(tcb, 0, FIN, mss, now);
      break;
    }
    const room = tcb.cwnd - pipe(tcb);
    const due = Math.min(queued, usable);
    const offered = due <= mss ? due : Math.min(due, burst(tcb, mss));
    if (room < Math.min(offered, mss)) {
      blocked = true;
      break;
    }
    if (pacingHolds(tcb, now)) break;
    const possible = Math.min(offered, room);
    let length = possible - (possible % mss);
    if (length !== possible) {
      const all = possible === queued && !holdsSmall(tcb);
      const half = length === 0 && possible === usable && usable >= tcb.maxSndWnd >>> 1;
      if (all || half) length = possible;
    }
    if (length === 0) break;
    const fin = tcb.finQueued && length === queued && usable > length ? FIN : 0;
    // MUST-61; and a burst ends with PSH, as Linux's segmentation offload does it: the receiver need not wait for more of it.
    const goesOn = room - length >= mss && due - length >= mss;
    const burstEnds = tcb.config.pushBursts && (tcb.gsoMax > 0 ? length > mss : sent > 0 && !goesOn);
    if (!sendText(tcb, length, ((length === queued && !tcb.more) || burstEnds ? PSH : 0) | fin, mss, now)) break;
    queued -= length;
    sent++;
  }
  const inFlight = pipe(tcb);
  noteUsage(tcb, blocked || inFlight >= tcb.cwnd, inFlight, now);
  const { sampler, lostBytes, retransmittedBytes } = tcb.scoreboard;
  // What waits to be sent again is something to send, and so is what the send buffer has no room for (draft-cheng-iccrg-delivery-rate-estimation §3.4).
  const idle = queued === 0 && lostBytes <= retransmittedBytes && !tcb.wantsWritable;
  if (sampler !== null && !blocked && idle && inFlight < tcb.cwnd) sampler.noteAppLimited(inFlight);
}

/** New text as a probe for a longer path MTU, where it is time for one: one wire segment. Returns how much has left. */
function sendProbe(tcb: Tcb, probe: MtuProbe, queued: number, now: number): number {
  if (sackBlocksDue(tcb) > 0) return 0;
  const text = probe.text(tcb, queued, pipe(tcb), now);
  if (text === 0) return 0;
  const { sndMss, sndNxt } = tcb;
  tcb.sndMss = text + optionLength(tcb.timestamps, 0);
  const sent = sendText(tcb, text, 0, text, now);
  tcb.sndMss = sndMss;
  if (!sent) return 0;
  probe.sent(tcb, sndNxt, text);
  return text;
}

/**
 * Sends `length` bytes at SND.NXT for the first time, in segments of `mss`, with FIN if `flags` has it. False: the device refused it, and it is as if it had not been tried:
 * what never left is not lost, and its own queue is no congestion of the path.
 */
function sendText(tcb: Tcb, length: number, flags: number, mss: number, now: number): boolean {
  const start = tcb.sndNxt;
  const offset = textOffset(tcb, start);
  const end = add(start, length + (flags & FIN ? 1 : 0));
  // SND.NXT stays until the segment is built: it is that segment's own number.
  if (!emitSegment(tcb, ACK | flags, start, offset, length, now)) {
    if (flightSize(tcb) === 0) tcb.refusedSince = Math.min(tcb.refusedSince, now);
    return false;
  }
  tcb.refusedSince = NEVER;
  tcb.sndNxt = end;
  tcb.scoreboard.push(start, end, now, mss);
  tcb.bytesSent += length;
  notePaced(tcb, length, now);
  notePrr(tcb, length);
  if (length > 0) noteAnswer(tcb, now);
  tcb.lastSendTime = now;
  if (flags & FIN) tcb.finSent = true;
  if (length % mss !== 0) tcb.sndSml = end;
  if (tcb.retransmitAt === NEVER) restartRetransmission(tcb, now);
  if (tcb.sackOk) scheduleTailProbe(tcb, now);
  return true;
}

/**
 * Text that waits while nothing is in flight: no ACK will come that could start sending again, so a timer has to (RFC 9293 §3.8.6.1, MUST-36;
 * the override time-out of §3.8.6.2.1, MUST-60).
 */
function watchWindow(tcb: Tcb, now: number): void {
  const waiting = !tcb.finSent && flightSize(tcb) === 0 && (tcb.finQueued || tcb.sendBuffer.length > 0);
  if (!waiting) {
    tcb.persistAt = NEVER;
    tcb.persistBackoff = 0;
  } else if (tcb.persistAt === NEVER) {
    const wait =
      tcb.cork && tcb.sndWnd > 0 ? CORK_LIMIT : Math.min(tcb.rto * 2 ** tcb.persistBackoff, tcb.config.rtoMax);
    tcb.persistAt = now + wait;
  }
}

/**
 * The persist timer with an open window: sends what fits, full-sized or not. Returns false when nothing does: then a probe is due.
 */
export function sendOverride(tcb: Tcb, now: number): boolean {
  const mss = segmentRoom(tcb);
  const queued = unsent(tcb);
  const usable = tcb.sndWnd - flightSize(tcb);
  const length = Math.min(queued, usable, mss);
  if (length <= 0) return false;
  const all = length === queued;
  const fin = all && tcb.finQueued && usable > length ? FIN : 0;
  return sendText(tcb, length, (all ? PSH : 0) | fin, mss, now);
}

/** The tail loss probe (RFC 8985 §7.3): new text where there is some and the window lets it, whatever cwnd says; else the last segment again. */
export function sendTailProbe(tcb: Tcb, now: number): void {
  const { scoreboard } = tcb;
  if (scoreboard.last === undefined) return;
  const mss = segmentRoom(tcb);
  const queued = unsent(tcb);
  const length = Math.min(queued, mss);
  const fresh = queued > 0 && length <= tcb.sndWnd - flightSize(tcb);
  const sent = fresh
    ? sendText(tcb, length, length === queued ? PSH : 0, mss, now)
    : resend(tcb, scoreboard.tail(mss), mss, now);
  if (sent) tailProbeSent(tcb, !fresh);
}

/** Text that one wire segment has room for now, with its options. */
function segmentRoom(tcb: Tcb): number {
  return tcb.sndMss - optionLength(tcb.timestamps, sackBlocksDue(tcb));
}

/**
 * Text of one emitted segment at most: one wire segment's, or as many whole ones as the device segments for us. CWR is for one wire
 * segment only (RFC 3168 §6.1.2): no device is trusted to know.
 */
function burst(tcb: Tcb, mss: number): number {
  if (tcb.gsoMax === 0 || tcb.cwrDue) return mss;
  return burstSize(tcb, Math.max(1, Math.floor((tcb.gsoMax - FRAME_HEADERS) / mss)) * mss);
}
