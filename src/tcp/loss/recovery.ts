import type { Segment } from '../../wire/segment.ts';
import { ge } from '../../wire/seq.ts';
import { collapseForTimeout, growWindow, reduceForLoss } from '../congestion/window.ts';
import { effectiveMss } from '../mss.ts';
import { NEVER, type Tcb } from '../tcb.ts';
import { countDuplicate, followRecover, markFirstLost, mayRecover, settleDuplicates } from './dupack.ts';
import { flightSize } from './pipe.ts';
import { beginPrr, endPrr, stepPrr } from './prr.ts';
import { RACK_ON } from './rack.ts';
import { markLostBySack } from './sack.ts';
import { SACKED } from './sent.ts';
import { stopTailProbe, tailProbeAnswered } from './tlp.ts';

/**
 * Loss recovery as a whole: what an acknowledgment, or a timer, says about loss, and what follows. How losses are found is in `rack.ts`,
 * `sack.ts` (RFC 6675) and `dupack.ts` (peers without SACK); how much may leave meanwhile in `prr.ts`.
 *
 * `open`: nothing is lost, as far as is known; `fast`: a loss was found by acknowledgments; `timeout`: by the retransmission timer.
 */

/** A timer of ours is not to be shorter, µs. */
const LEAST_WAIT = 1000;

/** RFC 8985 §3: RACK needs SACK. */
function usesRack(tcb: Tcb): boolean {
  return tcb.sackOk && (tcb.config.tcp_recovery & RACK_ON) !== 0;
}

/**
 * What an acceptable acknowledgment says about loss. `acked`: new bytes by SEG.ACK; `duplicate`: it is one by RFC 5681 §2's definition;
 * `repeated`: it acknowledges, by number, something that was sent more than once. What SACK says is in `tcb.rack`.
 */
export function afterAck(
  tcb: Tcb,
  segment: Segment,
  acked: number,
  duplicate: boolean,
  repeated: boolean,
  now: number,
): void {
  const { rack, scoreboard } = tcb;
  const losses = scoreboard.losses;
  if (rack.displacement > 0) rack.adaptThreshold(effectiveMss(tcb), tcb.config.tcp_max_reordering);
  rack.adaptWindow(tcb);
  if (tcb.tlpOut) tailProbeAnswered(tcb, segment, duplicate);
  const delivered = tcb.sackOk ? rack.delivered : renoDelivered(tcb, acked, duplicate);
  if (acked > 0) tcb.dupAcks = 0;
  else if (duplicate || rack.fresh > 0) tcb.dupAcks++;
  if (!tcb.env.extensions.undo?.undone(tcb, segment, acked, now)) advance(tcb, acked, delivered, duplicate, repeated);
  if (flightSize(tcb) === 0) tcb.reorderAt = NEVER;
  else findLosses(tcb, acked, delivered, now);
  if (tcb.recovery === 'fast') stepPrr(tcb, delivered, acked > 0 && scoreboard.losses === losses);
}

function renoDelivered(tcb: Tcb, acked: number, duplicate: boolean): number {
  if (acked > 0) return settleDuplicates(tcb, acked);
  return duplicate ? countDuplicate(tcb) : 0;
}

/** The acknowledgment moves recovery on, or ends it. */
function advance(tcb: Tcb, acked: number, delivered: number, duplicate: boolean, repeated: boolean): void {
  if (tcb.recovery === 'open') {
    if (acked === 0) {
      // Where reordering is long, what SACK delivers need not wait for the number to move (Linux's tcp_may_raise_cwnd).
      if (delivered > 0 && tcb.rack.reordering > tcb.config.tcp_reordering) growWindow(tcb, delivered);
      return;
    }
    followRecover(tcb);
    // What SACK or duplicates had told before has had its turn: as Linux, which grows by what is delivered.
    growWindow(tcb, Math.min(acked, delivered));
  } else if (acked > 0 && ge(tcb.sndUna, tcb.recover)) {
    // All that was out when the loss was found is acknowledged (RFC 6582 §3.2 step 3).
    if (tcb.recovery === 'fast') endPrr(tcb);
    else growWindow(tcb, acked);
    tcb.recovery = 'open';
    tcb.frto = 'off';
    tcb.dupAckBytes = 0;
    tcb.retransmitNow = false;
    tcb.rack.recovered();
  } else if (tcb.recovery === 'fast') {
    // A partial acknowledgment without SACK: the next segment is lost too.
    if (acked > 0 && !tcb.sackOk) markFirstLost(tcb);
  } else if (!tcb.env.extensions.undo?.stepFrto(tcb, acked, duplicate, repeated) && acked > 0) growWindow(tcb, acked);
}

/** Marks what is lost by now; the first such find begins a recovery. */
function findLosses(tcb: Tcb, acked: number, delivered: number, now: number): void {
  const losses = tcb.scoreboard.losses;
  if (usesRack(tcb)) detectByTime(tcb, now);
  else if (tcb.sackOk) {
    if (tcb.rack.fresh > 0) markLostBySack(tcb, effectiveMss(tcb));
  }
  if (tcb.recovery !== 'open') return;
  const counted = !usesRack(tcb) && tcb.dupAcks >= tcb.rack.reordering && (tcb.sackOk || mayRecover(tcb));
  if (counted || tcb.scoreboard.losses !== losses) enterRecovery(tcb, acked, delivered);
}

/** RFC 8985 §6.2 step 5; what may still arrive is looked at again by the reordering timer (§6.3). */
function detectByTime(tcb: Tcb, now: number): void {
  const { rack, scoreboard } = tcb;
  const wait = rack.detect(scoreboard, rack.window(tcb, scoreboard.sackedSegments), now);
  tcb.reorderAt = wait > 0 ? now + Math.max(LEAST_WAIT, Math.ceil(wait)) : NEVER;
}

/** The reordering timer: what has not come is lost. */
export function reorderTimeout(tcb: Tcb, now: number): void {
  const before = tcb.recovery;
  const losses = tcb.scoreboard.losses;
  tcb.rack.begin(now, -1);
  findLosses(tcb, 0, 0, now);
  // Within a recovery what is lost gets its room from the ACKs that come.
  if (tcb.recovery === 'fast' && (before === 'open' || tcb.scoreboard.losses !== losses)) stepPrr(tcb, 0, false);
}

/** RFC 5681 §3.2 steps 2 and 3, RFC 6675 §5 step 4: one reduction, and the first lost segment goes out at once. */
function enterRecovery(tcb: Tcb, acked: number, delivered: number): void {
  if (tcb.mtuProbe?.lost(tcb)) return;
  const { scoreboard } = tcb;
  reduceForLoss(tcb, flightSize(tcb));
  tcb.recovery = 'fast';
  tcb.recover = tcb.sndNxt;
  tcb.rescued = false;
  tcb.env.counters.TCPFastRetrans++;
  stopTailProbe(tcb);
  tcb.env.extensions.undo?.begin(tcb);
  beginPrr(tcb, acked, delivered);
  if (scoreboard.lostBytes === 0 && (scoreboard.first!.marks & SACKED) === 0) markFirstLost(tcb);
  tcb.retransmitNow = true;
}

/** The retransmission timer expired (RFC 6298 §5.4, RFC 5681 §3.1, RFC 6675 §5.1): what is out counts as lost. */
export function afterTimeout(tcb: Tcb, now: number): void {
  const { rack, scoreboard } = tcb;
  const first = scoreboard.first;
  // A receiver that SACKed the range at SND.UNA and did not acknowledge it has thrown it away (RFC 2018 §8).
  const reneged = first !== undefined && (first.marks & SACKED) !== 0;
  if (tcb.recovery === 'open') {
    // Duplicates came, and yet no recovery: they were thought of as reordering too long.
    if (scoreboard.sackedSegments >= tcb.config.tcp_reordering) {
      rack.reordering = Math.min(rack.reordering, tcb.config.tcp_reordering);
    }
    tcb.env.extensions.undo?.begin(tcb);
  }
  collapseForTimeout(tcb, flightSize(tcb), tcb.retries === 0);
  tcb.env.extensions.undo?.beginFrto(tcb, reneged);
  // RFC 8985 §6.3: what was sent a moment ago may well arrive.
  const before =
    usesRack(tcb) && !reneged ? rack.lostBefore(rack.window(tcb, scoreboard.sackedSegments), now) : undefined;
  scoreboard.markAllLost(reneged, before);
  tcb.recovery = 'timeout';
  tcb.recover = tcb.sndNxt;
  tcb.dupAcks = 0;
  tcb.dupAckBytes = 0;
  tcb.cwndLimited = true;
  tcb.retransmitNow = true;
  tcb.reorderAt = NEVER;
  stopTailProbe(tcb);
}
