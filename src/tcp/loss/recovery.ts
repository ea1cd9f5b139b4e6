import type { Segment } from '../../wire/segment.ts';
import { ge, gt, le, lt } from '../../wire/seq.ts';
import { collapseForTimeout, finishRecovery, growWindow, reduceForLoss } from '../congestion/window.ts';
import { effectiveMss } from '../mss.ts';
import { probeLost } from '../mtu-probe.ts';
import { flightSize, pipe } from '../output.ts';
import type { Tcb } from '../tcb.ts';
import { SACKED } from './scoreboard.ts';

/** Loss recovery by acknowledgments: RFC 5681 §3.2, RFC 6582 without SACK, RFC 6675 with it. */

/** RFC 5681 §3.2, RFC 6675 §4. */
const DUP_THRESH = 3;

/** Takes the SACK blocks of an acknowledgment (RFC 6675 §4, Update). Returns the number of bytes SACKed for the first time. */
export function takeSackBlocks(tcb: Tcb, segment: Segment): number {
  let fresh = 0;
  for (let i = 0; i < segment.sackCount; i++) {
    const start = segment.sack[2 * i]!;
    const end = segment.sack[2 * i + 1]!;
    // Blocks at or below SND.UNA report duplicates (RFC 2883); blocks beyond SND.NXT, or empty, are nonsense.
    if (!lt(start, end) || le(start, tcb.sndUna) || le(start, segment.ack) || gt(end, tcb.sndNxt)) continue;
    fresh += tcb.scoreboard.sack(start, end);
  }
  return fresh;
}

/**
 * What an acceptable acknowledgment says about loss. `acked`: new bytes by SEG.ACK; `fresh`: new bytes by SACK; `duplicate`: it is one by
 * RFC 5681 §2's definition.
 */
export function afterAck(tcb: Tcb, acked: number, fresh: number, duplicate: boolean): void {
  const mss = effectiveMss(tcb);
  if (duplicate || fresh > 0) {
    if (acked === 0) tcb.dupAcks++;
    // Without SACK each duplicate stands for a segment that has left the network; never for more than is out there.
    if (duplicate && !tcb.sackOk) tcb.dupAckBytes = Math.min(tcb.dupAckBytes + mss, Math.max(0, flightSize(tcb) - mss));
  }
  if (acked > 0) advanceRecovery(tcb, acked, mss);
  if (tcb.recovery === 'timeout' || flightSize(tcb) === 0) return;
  const marked = tcb.sackOk && fresh > 0 ? markLostBySack(tcb, mss) : false;
  if (tcb.recovery === 'open' && (marked || tcb.dupAcks >= DUP_THRESH)) enterRecovery(tcb);
}

function advanceRecovery(tcb: Tcb, acked: number, mss: number): void {
  if (tcb.recovery === 'open') {
    tcb.dupAcks = 0;
    tcb.dupAckBytes = 0;
    growWindow(tcb, acked);
  } else if (ge(tcb.sndUna, tcb.recover)) {
    // All that was out when the loss was found is acknowledged (RFC 6582 §3.2 step 3).
    if (tcb.recovery === 'fast') finishRecovery(tcb, pipe(tcb));
    else growWindow(tcb, acked);
    tcb.recovery = 'open';
    tcb.dupAcks = 0;
    tcb.dupAckBytes = 0;
    tcb.retransmitNow = false;
  } else if (tcb.recovery === 'fast') {
    // A partial acknowledgment: the next unacknowledged segment is lost too (RFC 6582 §3.2; RFC 6675 does by marks what SACK tells).
    const first = tcb.scoreboard.first;
    if (!tcb.sackOk && first !== undefined) {
      tcb.dupAckBytes = Math.max(0, tcb.dupAckBytes - Math.max(0, acked - mss));
      tcb.scoreboard.trim(first, mss);
      tcb.scoreboard.markLost(first);
      tcb.retransmitNow = true;
    }
  } else growWindow(tcb, acked);
}

/** RFC 5681 §3.2 steps 2 and 3, RFC 6675 §5 step 4: one reduction, and the first lost segment goes out at once. */
function enterRecovery(tcb: Tcb): void {
  if (tcb.mtuProbe !== null && probeLost(tcb, tcb.mtuProbe)) return;
  const first = tcb.scoreboard.first!;
  tcb.recovery = 'fast';
  tcb.recover = tcb.sndNxt;
  tcb.env.counters.TCPFastRetrans++;
  reduceForLoss(tcb, flightSize(tcb));
  if ((first.marks & SACKED) === 0) {
    tcb.scoreboard.trim(first, effectiveMss(tcb));
    tcb.scoreboard.markLost(first);
  }
  tcb.retransmitNow = true;
}

/**
 * RFC 6675 §4, IsLost: a range is lost when more than (DupThresh − 1) segments' worth of bytes above it are SACKed. Ranges that were sent
 * again wait for their own acknowledgment or the time-out. Returns whether any was marked.
 */
function markLostBySack(tcb: Tcb, mss: number): boolean {
  const { scoreboard } = tcb;
  let above = 0;
  let marked = false;
  for (let i = scoreboard.count - 1; i >= 0; i--) {
    const range = scoreboard.at(i);
    if (range.marks & SACKED) above += range.length;
    else if (above > (DUP_THRESH - 1) * mss && range.marks === 0) {
      scoreboard.markLost(range);
      marked = true;
    }
  }
  return marked;
}

/** The retransmission timer expired (RFC 6298 §5.4, RFC 5681 §3.1, RFC 6675 §5.1): all that is out counts as lost. */
export function afterTimeout(tcb: Tcb): void {
  const first = tcb.scoreboard.first;
  collapseForTimeout(tcb, flightSize(tcb), tcb.retries === 0);
  // A receiver that SACKed the range at SND.UNA and did not acknowledge it has thrown it away (RFC 2018 §8).
  tcb.scoreboard.markAllLost(first !== undefined && (first.marks & SACKED) !== 0);
  tcb.recovery = 'timeout';
  tcb.recover = tcb.sndNxt;
  tcb.dupAcks = 0;
  tcb.dupAckBytes = 0;
  tcb.cwndLimited = true;
  tcb.retransmitNow = true;
}
