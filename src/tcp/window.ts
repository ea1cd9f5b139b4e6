import { type Segment, SYN } from '../wire/segment.ts';
import { add, diff, ge, gt, le, lt, type Seq } from '../wire/seq.ts';
import { largestReceiveBuffer } from './autotune.ts';
import type { SynSide } from './options.ts';
import { SYN_RECEIVED } from './state.ts';
import type { Tcb } from './tcb.ts';

/** Windows: RFC 9293 §3.8.6, RFC 7323 §2. */

const LARGEST_FIELD = 0xffff;
/** RFC 7323 §2.3: a larger shift counts as this one. */
export const LARGEST_SHIFT = 14;

/** The shift we ask for: the least with which the window field can tell the whole receive buffer. */
export function chooseWindowScale(tcb: SynSide): number {
  if (tcb.config.windowScale >= 0) return Math.min(LARGEST_SHIFT, tcb.config.windowScale);
  let shift = 0;
  const largest = largestReceiveBuffer(tcb);
  while (shift < LARGEST_SHIFT && largest >>> shift > LARGEST_FIELD) shift++;
  return shift;
}

/** RCV.WND: what the peer may still send, by our last announcement. */
export function rcvWnd(tcb: Tcb): number {
  return Math.max(0, diff(tcb.rcvAdv, tcb.rcvNxt));
}

/** What is taken to be inside the window: RCV.WND, or (FreeBSD) as much as the buffer has room for. */
function acceptedWnd(tcb: Tcb): number {
  const more = tcb.config.receiveBufferInSegments && !(tcb.state === SYN_RECEIVED && tcb.passive);
  return more ? Math.max(rcvWnd(tcb), tcb.receiveBuffer.space) : rcvWnd(tcb);
}

/**
 * By how much the right edge could advance now. §3.8.6.2.2 (MUST-39): it moves by no less than a segment, or half the buffer, so that the
 * window does not become silly.
 */
function advance(tcb: Tcb): number {
  const tellable = Math.min(tcb.receiveBuffer.space, LARGEST_FIELD << tcb.rcvWindScale);
  const free = tellable - rcvWnd(tcb);
  // FreeBSD's edge moves with every octet, while the window is worth having.
  if (tcb.config.receiveBufferInSegments && tellable >= Math.min(tcb.receiveBuffer.capacity >>> 2, tcb.rcvMss))
    return Math.max(0, free);
  return free >= Math.min(tcb.receiveBuffer.capacity >>> 1, tcb.rcvMss) ? free : 0;
}

/**
 * The window field for a segment sent now; remembers the edge it announces. The right edge never moves left (SHLD-14): where it stays, the
 * scaled window is rounded up, as otherwise the shift would draw it back by up to 2^shift − 1.
 */
export function announceWindow(tcb: Tcb, scaled: boolean): number {
  const shift = scaled ? tcb.rcvWindScale : 0;
  const current = rcvWnd(tcb);
  const grown = ((current + advance(tcb)) >>> shift) << shift;
  const field = Math.min(LARGEST_FIELD, grown > current ? grown >>> shift : held(tcb, current, shift));
  const edge = add(tcb.rcvNxt, field << shift);
  if (gt(edge, tcb.rcvAdv)) tcb.rcvAdv = edge;
  return field;
}

/**
 * The field for a window whose right edge stays (RFC 7323 §2.4): rounded up, while that promises no more than a rounding over the buffer. Tiny segments
 * would otherwise push the edge ahead of them without end: then it is rounded down, and what it seems to take back is still accepted.
 */
function held(tcb: Tcb, current: number, shift: number): number {
  const up = Math.ceil(current / (1 << shift));
  return up << shift < tcb.receiveBuffer.space + (1 << shift) ? up : current >>> shift;
}

/**
 * After the application read: whether the peer is to be told at once. From zero always; else when at least half the buffer is free and
 * the window would double, as Linux does: smaller steps ride on the ACKs that come anyway.
 */
export function windowUpdateDue(tcb: Tcb): boolean {
  const more = advance(tcb);
  if (more === 0) return false;
  const current = rcvWnd(tcb);
  // FreeBSD: by two segments, if that is a quarter of the buffer.
  if (tcb.config.receiveBufferInSegments) {
    return current === 0 || more >= Math.max(2 * tcb.rcvMss, tcb.receiveBuffer.capacity >>> 2);
  }
  return current < tcb.rcvMss || (2 * current <= tcb.receiveBuffer.capacity && more >= current);
}

/** SEG.WND in bytes, in more than 32 bits (REC-1): never scaled on a SYN (RFC 7323 §2.2). */
export function segmentWindow(tcb: Tcb, segment: Segment): number {
  return segment.has(SYN) ? segment.wnd : segment.wnd << tcb.sndWindScale;
}

/**
 * RFC 9293 §3.10.7.4, fifth, ESTABLISHED: SND.WND follows the newest segment only (SND.WL1, SND.WL2). Returns true when the window was taken
 * and is another than before.
 */
export function updateSendWindow(tcb: Tcb, segment: Segment): boolean {
  const wanted = lt(tcb.sndWl1, segment.seq) || (tcb.sndWl1 === segment.seq && le(tcb.sndWl2, segment.ack));
  if (!wanted || !ge(segment.ack, tcb.sndUna) || !le(segment.ack, tcb.sndNxt)) return false;
  return setSendWindow(tcb, segment, segmentWindow(tcb, segment));
}

/** Takes a window as it is: from a SYN, or checked by the caller. */
export function setSendWindow(tcb: Tcb, segment: Segment, window: number): boolean {
  const changed = window !== tcb.sndWnd;
  tcb.sndWnd = window;
  if (window > tcb.maxSndWnd) tcb.maxSndWnd = window;
  tcb.sndWl1 = segment.seq;
  tcb.sndWl2 = segment.ack;
  return changed;
}

/** Whether `number` is RCV.NXT or another in the receive window. */
export function isInWindow(tcb: Tcb, number: Seq): boolean {
  const ahead = diff(number, tcb.rcvNxt);
  return ahead === 0 || (ahead > 0 && ahead < acceptedWnd(tcb));
}

/** RFC 9293 §3.10.7.4, first: the four cases of the acceptability test. */
export function isAcceptable(tcb: Tcb, segment: Segment): boolean {
  const length = segment.len;
  const wnd = acceptedWnd(tcb);
  const start = diff(segment.seq, tcb.rcvNxt);
  if (wnd === 0) return length === 0 && start === 0;
  const startsInside = start >= 0 && start < wnd;
  if (length === 0) return startsInside;
  const last = diff(add(segment.seq, length - 1), tcb.rcvNxt);
  return startsInside || (last >= 0 && last < wnd);
}
