import type { Segment } from '../../wire/segment.ts';
import { add, diff, ge, gt, le, lt, type Seq } from '../../wire/seq.ts';
import type { Tcb } from '../tcb.ts';
import { SACKED } from './sent.ts';

/** The sender's side of SACK (RFC 2018 §5, RFC 6675) and D-SACK (RFC 2883). */

/** Takes the SACK blocks of an acknowledgment (RFC 6675 §4, Update). SND.UNA is still that of before. */
export function takeSackBlocks(tcb: Tcb, segment: Segment): void {
  for (let i = 0; i < segment.sackCount; i++) {
    const start = segment.sack[2 * i]!;
    const end = segment.sack[2 * i + 1]!;
    if (!lt(start, end)) continue;
    if (i === 0 && isDuplicateReport(segment, start, end)) takeDuplicateReport(tcb, start, end);
    // Blocks at or below SND.UNA are old; blocks beyond SND.NXT are nonsense.
    else if (gt(start, tcb.sndUna) && gt(start, segment.ack) && le(end, tcb.sndNxt)) tcb.scoreboard.sack(start, end);
  }
}

/** RFC 2883 §5: the first block is about a duplicate when it is acknowledged already, or lies inside the second. */
function isDuplicateReport(segment: Segment, start: Seq, end: Seq): boolean {
  if (lt(start, segment.ack)) return true;
  return segment.sackCount > 1 && ge(start, segment.sack[2]!) && le(end, segment.sack[3]!);
}

function takeDuplicateReport(tcb: Tcb, start: Seq, end: Seq): void {
  const { rack } = tcb;
  // Never sent, or too long ago to mean anything.
  if (gt(end, tcb.sndNxt) || lt(start, add(tcb.sndUna, -Math.max(tcb.maxSndWnd, 1)))) return;
  tcb.env.counters.TCPDSACKRecv++;
  rack.dsack = true;
  rack.dsackEnd = end;
  // A duplicate of the probe says nothing of the reordering window, and one that was not sent again comes from the network.
  rack.needless = tcb.totalRetrans > 0 && !(tcb.tlpOut && tcb.tlpRetransmitted && end === tcb.tlpEnd);
  if (tcb.undoRetrans > 0 && gt(end, tcb.undoMarker)) {
    tcb.undoRetrans = Math.max(0, tcb.undoRetrans - Math.max(1, Math.ceil(diff(end, start) / tcb.sndMss)));
  }
}

/**
 * RFC 6675 §4, IsLost, for connections without RACK: a range is lost when DupThresh SACKed runs lie above it, or more than (DupThresh − 1)
 * segments' worth of SACKed bytes. Ranges that were sent again wait for their own acknowledgment or the time-out.
 */
export function markLostBySack(tcb: Tcb, mss: number): void {
  const { scoreboard } = tcb;
  const threshold = tcb.rack.reordering;
  let bytes = 0;
  let runs = 0;
  for (let i = scoreboard.count - 1; i >= 0; i--) {
    const range = scoreboard.at(i);
    if (range.marks & SACKED) {
      bytes += range.length;
      runs++;
    } else if (range.marks === 0 && (runs >= threshold || bytes > (threshold - 1) * mss)) scoreboard.markLost(range);
  }
}
