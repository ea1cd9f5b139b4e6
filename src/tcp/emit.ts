import { ACK, FIN, RST, Segment, SYN, URG } from '../wire/segment.ts';
import { add, diff, type Seq } from '../wire/seq.ts';
import { settleAck } from './ack-policy.ts';
import { stampEcn } from './ecn.ts';
import { NO_ECN } from './ecn-mode.ts';
import { optionLength } from './mss.ts';
import { putSyn } from './options.ts';
import { putSackBlocks } from './sack.ts';
import type { Tcb } from './tcb.ts';
import { timestampNow } from './timestamps.ts';
import { putUserTimeout } from './user-timeout.ts';
import { announceWindow } from './window.ts';

/** Every segment of a connection leaves here. One reusable segment serves all: it holds only during `env.emit`. */
const out = new Segment();

/**
 * Sends one segment: header, options by what was agreed on, and `length` bytes of the send buffer from `offset` on.
 * RFC 9293 §3.1: ACK is set on everything but the first SYN and a RST that answers no ACK. False: the device refused it.
 */
export function emitSegment(tcb: Tcb, flags: number, seq: Seq, offset: number, length: number, now: number): boolean {
  begin(tcb, flags, seq);
  if (flags & SYN) putSyn(tcb, out, now);
  else putOptions(tcb, now);
  // A RST tells no window that anybody could use: it does not move the announced edge.
  out.wnd = flags & RST ? 0 : announceWindow(tcb, (flags & SYN) === 0);
  if (length > 0) {
    out.source = tcb.sendBuffer;
    out.payloadOffset = offset;
    out.payloadLength = length;
    const mss = tcb.sndMss - optionLength(out.hasTimestamps, out.sackCount);
    if (length > mss && (flags & SYN) === 0) out.gsoSize = mss;
  }
  if (tcb.userTimeoutDue && (flags & RST) === 0) putUserTimeout(tcb, out);
  if (tcb.ecn !== NO_ECN) stampEcn(tcb, out);
  if (tcb.urgentPending && (flags & (SYN | RST)) === 0) putUrgent(tcb);
  return finish(tcb, now);
}

/**
 * RFC 9293 §3.8.5: URG on every segment while SND.UP is ahead of it; the pointer counts from the segment's own number (MUST-62), as far as it
 * can tell (MUST-31). */
function putUrgent(tcb: Tcb): void {
  const ahead = diff(tcb.sndUp, out.seq);
  if (ahead > 0) {
    out.flags |= URG;
    out.up = Math.min(ahead, 0xffff);
  }
  if (diff(tcb.sndUp, tcb.sndUna) <= 0) tcb.urgentPending = false;
}

/** An ACK with nothing else: <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>. */
export function emitAck(tcb: Tcb, now: number): void {
  emitSegment(tcb, ACK, tcb.sndNxt, 0, 0, now);
}

/** The ACK that is owed for what was received; with `repeatFinInAcks` our unacknowledged FIN goes along. */
export function emitOwedAck(tcb: Tcb, now: number): void {
  const again = tcb.config.repeatFinInAcks && tcb.finSent && !tcb.finAcked;
  if (again) emitSegment(tcb, ACK | FIN, add(tcb.sndNxt, -1), 0, 0, now);
  else emitAck(tcb, now);
}

/** An empty segment with a sequence number already acknowledged: the peer must answer (probes: RFC 9293 §3.8.4, §3.8.6.1). */
export function emitProbe(tcb: Tcb, now: number): void {
  emitSegment(tcb, ACK, add(tcb.sndUna, -1), 0, 0, now);
}

/** RFC 9293 §3.10.5 and wherever a connection of ours is reset: at SND.NXT, which the peer takes for certain (RFC 5961 §3.2). */
export function emitReset(tcb: Tcb, now: number): void {
  tcb.env.counters.OutRsts++;
  emitSegment(tcb, RST | ACK, tcb.sndNxt, 0, 0, now);
}

/** <SEQ=SEG.ACK><CTL=RST>: in answer to an ACK that fits no connection of ours (§3.5.2 rule 2). */
export function emitResetFor(tcb: Tcb, ack: Seq, now: number): void {
  tcb.env.counters.OutRsts++;
  begin(tcb, RST, ack);
  finish(tcb, now);
}

function begin(tcb: Tcb, flags: number, seq: Seq): void {
  out.clear();
  out.sourcePort = tcb.localPort;
  out.destinationPort = tcb.remotePort;
  out.flags = flags;
  out.seq = seq;
  if (flags & ACK) out.ack = tcb.rcvNxt;
}

/** RFC 7323 §3.2: on every segment once agreed, RST too; SACK where there is something to tell. */
function putOptions(tcb: Tcb, now: number): void {
  if (tcb.timestamps) {
    out.hasTimestamps = true;
    out.tsVal = timestampNow(tcb, now);
    out.tsEcr = tcb.tsRecent;
  }
  if ((out.flags & (RST | ACK)) === ACK) putSackBlocks(tcb, out);
}

function finish(tcb: Tcb, now: number): boolean {
  if (out.flags & ACK) {
    tcb.lastAckSent = out.ack;
    if ((out.flags & RST) === 0) settleAck(tcb);
  }
  const segments = out.gsoSize === 0 ? 1 : out.wireSegments;
  tcb.segsOut += segments;
  tcb.env.counters.OutSegs += segments;
  return tcb.env.emit(tcb, out, now) !== false;
}
