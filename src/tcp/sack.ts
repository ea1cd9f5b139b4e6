import type { Segment } from '../wire/segment.ts';
import { add, diff, lt, type Seq, seq } from '../wire/seq.ts';
import type { Tcb } from './tcb.ts';

/** The receiver's side of SACK: RFC 2018 §4, and RFC 2883 for duplicates. */

/** How many blocks fit, without timestamps and with: 40 bytes of options, 2 of padding and 2 of kind and length, 12 for timestamps. */
const MOST_BLOCKS = 4;

function room(tcb: Tcb): number {
  return tcb.timestamps ? MOST_BLOCKS - 1 : MOST_BLOCKS;
}

/** Number of blocks that the next segment will carry. */
export function sackBlocksDue(tcb: Tcb): number {
  if (!tcb.sackOk) return 0;
  const duplicate = tcb.dsackStart === tcb.dsackEnd ? 0 : 1;
  return Math.min(room(tcb), tcb.receiveBuffer.runs + duplicate);
}

/**
 * Puts the blocks: first a duplicate that was just received (RFC 2883 §4), then the run that grew last, then those told before it, the latest first,
 * so that each is told several times (RFC 2018 §4); then the others, nearest to RCV.NXT first.
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
  if (buffer.runs > 0) {
    const told: number[] = [];
    for (const start of tcb.recentRuns) {
      const run = runAt(tcb, start);
      if (run >= 0 && !told.includes(run)) told.push(run);
    }
    for (let i = 0; i < buffer.runs && told.length < most; i++) if (!told.includes(i)) told.push(i);
    for (let i = 0; i < told.length && n < most; i++) put(tcb, segment, n++, told[i]!);
  } else if (tcb.recentRuns.length > 0) tcb.recentRuns = [];
  segment.sackCount = n;
}

/** Text that starts at `start` came out of order: its run is the first to be told. */
export function noteRun(tcb: Tcb, start: Seq): void {
  if (!tcb.sackOk) return;
  const run = runAt(tcb, start);
  const others = tcb.recentRuns.filter((other) => runAt(tcb, other) !== run);
  tcb.recentRuns = [start, ...others.slice(0, MOST_BLOCKS - 1)];
}

/** Index of the run that holds `number`, −1 where none does: it has become part of the text in order. */
function runAt(tcb: Tcb, number: Seq): number {
  const buffer = tcb.receiveBuffer;
  const at = diff(number, tcb.rcvNxt);
  let low = 0;
  let high = buffer.runs;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (buffer.runEnd(middle) <= at) low = middle + 1;
    else high = middle;
  }
  return low < buffer.runs && buffer.runStart(low) <= at ? low : -1;
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
