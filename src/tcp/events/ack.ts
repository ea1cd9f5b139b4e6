import { ACK, FIN, type Segment, SYN } from '../../wire/segment.ts';
import { add, diff, ge, gt, lt } from '../../wire/seq.ts';
import { delayAck, oweAck } from '../ack-policy.ts';
import { tuneSendBuffer } from '../autotune.ts';
import { challengeAck } from '../challenge.ts';
import { noteRoundTrip, settleWindow, startWindow } from '../congestion/window.ts';
import type { DropReason } from '../drop.ts';
import { takeEcho } from '../ecn.ts';
import { NO_ECN } from '../ecn-mode.ts';
import { emitResetFor } from '../emit.ts';
import { enterTimeWait, finish } from '../ending.ts';
import { pipe } from '../loss/pipe.ts';
import { afterAck } from '../loss/recovery.ts';
import { takeSackBlocks } from '../loss/sack.ts';
import type { AckResult } from '../loss/scoreboard.ts';
import { scheduleTailProbe } from '../loss/tlp.ts';
import { effectiveMss } from '../mss.ts';
import { CONNECTED, WRITABLE } from '../notices.ts';
import { takeText } from '../receive.ts';
import { measureRtt } from '../rtt.ts';
import { noteDuplicate } from '../sack.ts';
import { isWritable } from '../send-room.ts';
import { CLOSING, ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2, LAST_ACK, SYN_RECEIVED, setState } from '../state.ts';
import type { Tcb } from '../tcb.ts';
import { restartKeepAlive, restartRetransmission } from '../timers.ts';
import { echoedRtt } from '../timestamps.ts';
import { rcvWnd, segmentWindow, setSendWindow, updateSendWindow } from '../window.ts';

/** RFC 9293 §3.10.7.4, fifth: the ACK field. Returns a reason where processing ends here. */
export function checkAck(tcb: Tcb, segment: Segment, now: number): DropReason | null {
  if (!segment.has(ACK)) return 'no ACK';
  if (tcb.state === SYN_RECEIVED) {
    if (!gt(segment.ack, tcb.sndUna) || gt(segment.ack, tcb.sndNxt)) {
      emitResetFor(tcb, segment.ack, now);
      return 'unacceptable ACK in SYN-RECEIVED';
    }
    setState(tcb, ESTABLISHED, 'rcv ACK of SYN', now);
    setSendWindow(tcb, segment, segmentWindow(tcb, segment));
    acknowledge(tcb, segment, now);
    tcb.fastOpen?.settle(tcb);
    handshakeDone(tcb, now);
    if (segment.has(SYN)) {
      // The peer's SYN again (figure 8): it may be that our SYN,ACK, which has its ACK, is lost.
      noteDuplicate(tcb, tcb.irs, tcb.rcvNxt);
      oweAck(tcb);
    }
    takeSynText(tcb, now);
    // A CLOSE that had to wait for this (§3.10.4).
    if (tcb.finQueued) setState(tcb, FIN_WAIT_1, 'CLOSE', now);
    return null;
  }
  // RFC 5961 §5.2 (MAY-12): no further back than the largest window the peer ever had.
  if (lt(segment.ack, add(tcb.sndUna, -Math.max(tcb.maxSndWnd, 1)))) {
    challengeAck(tcb, now);
    return 'ACK too old';
  }
  if (gt(segment.ack, tcb.sndNxt)) {
    challengeAck(tcb, now);
    return 'ACK of something not yet sent';
  }
  acknowledge(tcb, segment, now);
  return afterFinAcked(tcb, now);
}

/** RFC 6298 §5.7: what a SYN that had to be sent again leaves as the time-out for text, µs, unless a round trip was measured. */
const RTO_AFTER_LOST_SYN = 3_000_000;

/** ESTABLISHED was entered: both SYNs are acknowledged. */
export function handshakeDone(tcb: Tcb, now: number): void {
  if (tcb.synRetransmitted && tcb.srtt === 0) tcb.rto = RTO_AFTER_LOST_SYN;
  if (tcb.config.tcp_mtu_probing === 2) tcb.env.extensions.mtuProbing?.start(tcb, now);
  startWindow(tcb);
  tcb.openedAt = 0;
  tcb.lastTextReceived = now;
  tcb.lastSendTime = Math.max(tcb.lastSendTime, now);
  restartKeepAlive(tcb, now);
  tcb.notices |= CONNECTED;
}

/** Text that came on the peer's SYN in a simultaneous open, as far as our window goes. */
function takeSynText(tcb: Tcb, now: number): void {
  const text = tcb.synText;
  tcb.synText = null;
  if (text === null) return;
  takeText(tcb, 0, text, 0, Math.min(text.length, rcvWnd(tcb)));
  delayAck(tcb, now);
}

/** What an ACK of our FIN does, by state (§3.10.7.4, fifth, FIN-WAIT-1 and on). */
function afterFinAcked(tcb: Tcb, now: number): DropReason | null {
  if (!tcb.finAcked) return null;
  if (tcb.state === FIN_WAIT_1) {
    setState(tcb, FIN_WAIT_2, 'rcv ACK of FIN', now);
    if (tcb.orphan) tcb.closeAt = now + tcb.config.tcp_fin_timeout;
  } else if (tcb.state === CLOSING) enterTimeWait(tcb, 'rcv ACK of FIN', now);
  else if (tcb.state === LAST_ACK) finish(tcb, 'rcv ACK of FIN', now);
  return null;
}

/**
 * An acceptable ACK: moves SND.UNA, takes round-trip time, window and SACK blocks, and lets loss recovery see it. SEG.ACK is in
 * (…, SND.NXT]; one at or before SND.UNA moves nothing.
 */
export function acknowledge(tcb: Tcb, segment: Segment, now: number): void {
  const before = tcb.sndUna;
  const { rack, scoreboard } = tcb;
  scoreboard.sampler?.begin(now);
  rack.begin(now, answeredAt(tcb, segment, now));
  if (tcb.sackOk && segment.sackCount > 0) takeSackBlocks(tcb, segment);
  let text = 0;
  let repeated = false;
  if (gt(segment.ack, before)) {
    const result = scoreboard.acknowledge(segment.ack);
    repeated = result.retransmitted;
    text = moveLeftEdge(tcb, segment, result, now);
  } else if (rack.sackedSentAt >= 0) {
    measureRtt(tcb, now - rack.sackedSentAt);
    noteRoundTrip(tcb, now - rack.sackedSentAt, now);
  }
  const windowChanged = updateSendWindow(tcb, segment);
  // RFC 5681 §2: a duplicate has no text, no SYN or FIN, the same window, and something is outstanding.
  const duplicate =
    segment.ack === before &&
    before !== tcb.sndNxt &&
    segment.payloadLength === 0 &&
    !windowChanged &&
    (segment.flags & (SYN | FIN)) === 0;
  if (tcb.ecn !== NO_ECN && ge(segment.ack, before)) takeEcho(tcb, segment, text);
  afterAck(tcb, segment, text, duplicate, repeated, now);
  if (text > 0 || rack.delivered > 0) scheduleTailProbe(tcb, now);
  if (tcb.cwnd > 0) settleWindow(tcb, text, pipe(tcb), now);
}

/** When what this acknowledgment answers was sent, by its timestamp, µs and rounded down to its clock's tick; −1 without one. */
function answeredAt(tcb: Tcb, segment: Segment, now: number): number {
  const rtt = echoedRtt(tcb, segment, now);
  return rtt < 0 ? -1 : now - (now % 1000) - rtt;
}

/**
 * A round trip, by an acknowledgment that moves SND.UNA. Karn (RFC 6298 §3): of what was sent twice only the echoed timestamp tells which copy it
 * answers.
 */
function takeRtt(tcb: Tcb, segment: Segment, result: AckResult, now: number): void {
  const sentAt = Math.max(result.sampleTime, tcb.rack.sackedSentAt);
  const rtt = result.retransmitted || sentAt < 0 ? echoedRtt(tcb, segment, now) : now - sentAt;
  if (rtt < 0) return;
  measureRtt(tcb, rtt);
  if (!result.retransmitted) noteRoundTrip(tcb, rtt, now);
}

/** SND.UNA = SEG.ACK. Returns the number of text bytes newly acknowledged. */
function moveLeftEdge(tcb: Tcb, segment: Segment, result: AckResult, now: number): number {
  const { sendBuffer } = tcb;
  let numbers = diff(segment.ack, tcb.sndUna);
  tcb.sndUna = segment.ack;
  if (!tcb.synAcked) {
    tcb.synAcked = true;
    tcb.recover = tcb.iss;
    numbers--;
  }
  const text = Math.min(numbers, sendBuffer.length);
  sendBuffer.discard(text);
  if (numbers > text) tcb.finAcked = true;
  tcb.bytesAckedTotal += text;
  if (text > tcb.provenText) tcb.provenText = Math.min(text, effectiveMss(tcb));
  tcb.doubtedMtu = 0;
  if (tcb.mtuProbe !== null) tcb.mtuProbe.acked(tcb);
  takeRtt(tcb, segment, result, now);
  tcb.retries = 0;
  tcb.softError = null;
  tcb.persistBackoff = 0;
  restartRetransmission(tcb, now);
  if (tcb.wantsWritable || sendBuffer.length + text > tcb.sendBufferSize >>> 1) tuneSendBuffer(tcb);
  if (tcb.wantsWritable && isWritable(tcb)) tcb.notices |= WRITABLE;
  return text;
}
