import type { Segment } from '../wire/segment.ts';
import { add, diff, lt, type Seq, seq } from '../wire/seq.ts';
import type { Tcb } from './tcb.ts';

/** The receiver's side of SACK: RFC 2018 §4, and RFC 2883 for duplicates. */

/** How many blocks fit: 40 bytes of options, 2 of padding and 2 of kind and length, 12 for timestamps. */
function room(tcb: Tcb): number {
  return tcb.timestamps ? 3 : 4;
}

/** Number of blocks that the next segment will carry. */
export function sackBlocksDue(tcb: Tcb): number {
  if (!tcb.sackOk) return 0;
  const duplicate = tcb.dsackStart === tcb.dsackEnd ? 0 : 1;
  return Math.min(room(tcb), tcb.receiveBuffer.runs + duplicate);
}

/**
 * Puts the blocks: first a duplicate that was just received (RFC 2883 §4), then the run that grew last (RFC 2018 §4), then the others, nearest to
 * RCV.NXT first: that is where the sender must fill.
 */
export function putSackBlocks(tcb: Tcb, segment: Segment): void {
  if (!tcb.sackOk) return;
  const buffer = tcb.receiveBuffer;
  const most = room(tcb);
  let n = 0;
  if (tcb.dsackStart !== tcb.dsackEnd) {
    segment.sack[0] = tcb.dsackStart;
    segment.sack[1] = tcb.dsackEnd;
    tcb.dsackStart = tcb.dsackEnd = seq(0);
    tcb.env.counters.TCPDSACKOldSent++;
    n = 1;
  }
  const runs = buffer.runs;
  if (runs > 0 && n < most) {
    const last = diff(tcb.lastRun, tcb.rcvNxt);
    let newest = -1;
    // Runs ascend; the one that holds `lastRun`.
    let low = 0;
    let high = runs;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (buffer.runEnd(middle) <= last) low = middle + 1;
      else high = middle;
    }
    if (low < runs && buffer.runStart(low) <= last) {
      newest = low;
      put(tcb, segment, n++, low);
    }
    for (let i = 0; i < runs && n < most; i++) if (i !== newest) put(tcb, segment, n++, i);
  }
  segment.sackCount = n;
}

function put(tcb: Tcb, segment: Segment, block: number, run: number): void {
  segment.sack[2 * block] = add(tcb.rcvNxt, tcb.receiveBuffer.runStart(run));
  segment.sack[2 * block + 1] = add(tcb.rcvNxt, tcb.receiveBuffer.runEnd(run));
}

/** [start, end) arrived although it was held already: the next ACK says so. */
export function noteDuplicate(tcb: Tcb, start: Seq, end: Seq): void {
  if (!tcb.sackOk || !lt(start, end)) return;
  tcb.dsackStart = start;
  tcb.dsackEnd = end;
}
