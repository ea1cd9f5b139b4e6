import type { Segment } from '../../wire/segment.ts';
import { ge, gt } from '../../wire/seq.ts';
import { reduceForLoss } from '../congestion/window.ts';
import { effectiveMss } from '../mss.ts';
import { NEVER, type Tcb } from '../tcb.ts';
import { flightSize } from './pipe.ts';

/**
 * The tail loss probe (RFC 8985 §7): where the last segments of a flight are lost no duplicate ACK tells of it. Instead of waiting for
 * the retransmission time-out, one more segment is sent after about two round trips, whose SACK shows what is missing.
 */

/** How long a receiver may delay the ACK of a single segment, µs (§7.2, TLP.max_ack_delay). */
const MAX_ACK_DELAY = 200_000;
/** PTO is never shorter: a timer of a program, and the ACK of a batch, may be late, µs. */
const SLACK = 2_000;
const LEAST_PTO = 10_000;
/** PTO while no round trip was measured. */
const INITIAL_PTO = 1_000_000;

/** §7.2: new text was sent, or some acknowledged: the probe timer starts again, or stops. The retransmission timer runs as well. */
export function scheduleTailProbe(tcb: Tcb, now: number): void {
  if (!mayProbe(tcb)) {
    tcb.tlpAt = NEVER;
    return;
  }
  const flight = flightSize(tcb);
  let wait = INITIAL_PTO;
  if (tcb.srtt > 0) {
    const delay = flight <= effectiveMss(tcb) ? MAX_ACK_DELAY : SLACK;
    wait = Math.max(LEAST_PTO, Math.ceil(2 * tcb.srtt) + delay);
  }
  // Where the time-out would be sooner the probe takes its place.
  tcb.tlpAt = Math.min(now + wait, tcb.retransmitAt);
}

/** With SACK, nothing SACKed, outside recovery, and one probe at a time. Linux: `tcp_early_retrans` 3 or 4. */
function mayProbe(tcb: Tcb): boolean {
  return (
    tcb.sackOk &&
    tcb.config.tcp_early_retrans >= 3 &&
    tcb.recovery === 'open' &&
    tcb.synAcked &&
    !tcb.tlpOut &&
    tcb.scoreboard.sackedBytes === 0 &&
    tcb.sndNxt !== tcb.sndUna
  );
}

/** The probe has left (§7.3): TLP.end_seq, TLP.is_retrans. */
export function tailProbeSent(tcb: Tcb, again: boolean): void {
  tcb.tlpOut = true;
  tcb.tlpRetransmitted = again;
  tcb.tlpEnd = tcb.sndNxt;
  tcb.env.counters.TCPLossProbes++;
}

/**
 * §7.4: an acknowledgment while a probe is out. A probe that repeated the last segment and was not reported as a duplicate has repaired a
 * loss that nothing else told of: congestion control hears of it here.
 */
export function tailProbeAnswered(tcb: Tcb, segment: Segment, duplicate: boolean): void {
  if (!tcb.tlpOut || !ge(segment.ack, tcb.tlpEnd)) return;
  if (!tcb.tlpRetransmitted || tcb.rack.answers(tcb.tlpEnd)) tcb.tlpOut = false;
  else if (gt(segment.ack, tcb.tlpEnd)) {
    tcb.tlpOut = false;
    if (tcb.recovery !== 'open') return;
    tcb.env.counters.TCPLossProbeRecovery++;
    reduceForLoss(tcb, flightSize(tcb));
    // The one lost is there: there is nothing to go back to.
    tcb.priorCwnd = 0;
  } else if (duplicate && segment.sackCount === 0) tcb.tlpOut = false;
}

/** Recovery or a time-out takes over. */
export function stopTailProbe(tcb: Tcb): void {
  tcb.tlpOut = false;
  tcb.tlpAt = NEVER;
}
