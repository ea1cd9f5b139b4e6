import type { Segment } from '../../wire/segment.ts';
import { lt, seq } from '../../wire/seq.ts';
import { undoReduction } from '../congestion/window.ts';
import { effectiveMss } from '../mss.ts';
import { afterSpuriousTimeout } from '../rtt.ts';
import type { Tcb } from '../tcb.ts';
import { echoedRtt, timestampNow } from '../timestamps.ts';
import { beginFrto, stepFrto } from './frto.ts';
import { SENT_TWICE } from './sent.ts';

/**
 * What was sent again had not been lost, and cwnd was reduced for nothing: then it is again what it was (RFC 4015). Three witnesses:
 * a timestamp that is older than the retransmission (Eifel, RFC 3522), D-SACKs for all that was sent again (RFC 2883, RFC 3708), and
 * after a time-out F-RTO (`frto.ts`).
 */

/** What a recovery tells of itself, and asks: true where it is over. */
export interface Undo {
  begin(tcb: Tcb): void;
  beginFrto(tcb: Tcb, reneged: boolean): void;
  noteRetransmission(tcb: Tcb, segments: number, now: number): void;
  undone(tcb: Tcb, segment: Segment, acked: number, now: number): boolean;
  stepFrto(tcb: Tcb, acked: number, duplicate: boolean, repeated: boolean): boolean;
}

export const undo: Undo = {
  begin,
  beginFrto,
  noteRetransmission,
  undone,
  stepFrto(tcb, acked, duplicate, repeated) {
    const spurious = stepFrto(tcb, acked, duplicate, repeated);
    if (spurious) revert(tcb);
    return spurious;
  },
};

/** No count: nothing was sent again yet. */
const NONE = -1;

/**
 * A recovery begins, for which cwnd was reduced just now. What was sent again before and is still out counts with it: an answer to that must not pass
 * for one to an original.
 */
function begin(tcb: Tcb): void {
  const { first, retransmittedBytes } = tcb.scoreboard;
  tcb.undoMarker = tcb.sndUna;
  tcb.undoRetrans = retransmittedBytes > 0 ? Math.ceil(retransmittedBytes / effectiveMss(tcb)) : NONE;
  if (retransmittedBytes === 0 && first !== undefined && (first.marks & SENT_TWICE) === 0) tcb.retransStamped = false;
}

/** `segments` were sent again. */
function noteRetransmission(tcb: Tcb, segments: number, now: number): void {
  tcb.undoRetrans = Math.max(0, tcb.undoRetrans) + segments;
  if (tcb.retransStamped) return;
  tcb.retransStamped = true;
  tcb.retransStamp = seq(timestampNow(tcb, now));
}

/** The acknowledgment may show that the reduction was for nothing. Returns whether it did: recovery is over then. */
function undone(tcb: Tcb, segment: Segment, acked: number, now: number): boolean {
  // Nothing was reduced, or a mark has told of congestion since.
  if (tcb.priorCwnd === 0) return false;
  const { counters } = tcb.env;
  if (tcb.undoRetrans === 0 && tcb.rack.dsack) counters.TCPDSACKUndo++;
  else if (acked > 0 && tcb.recovery !== 'open' && answersOriginal(tcb, segment)) {
    if (tcb.recovery === 'timeout') {
      counters.TCPLossUndo++;
      const rtt = echoedRtt(tcb, segment, now);
      if (rtt > 0) afterSpuriousTimeout(tcb, rtt);
    } else {
      counters.TCPFullUndo++;
      // The holes filled by themselves.
      tcb.rack.reorderingSeen = true;
    }
  } else return false;
  revert(tcb);
  return true;
}

/** RFC 3522 §3.2 steps 4 and 5: the first acceptable ACK echoes a timestamp from before the first retransmission. */
function answersOriginal(tcb: Tcb, segment: Segment): boolean {
  return (
    tcb.timestamps &&
    tcb.retransStamped &&
    segment.hasTimestamps &&
    segment.tsEcr !== 0 &&
    lt(seq(segment.tsEcr), tcb.retransStamp)
  );
}

/** RFC 4015 §3.2: cwnd and ssthresh as before, nothing is taken as lost, and sending goes on with what is new. */
function revert(tcb: Tcb): void {
  undoReduction(tcb);
  // The answer to an original may have passed for one to the retransmission.
  if (tcb.recovery === 'timeout') tcb.rack.forget();
  tcb.scoreboard.unmarkLost();
  tcb.recovery = 'open';
  tcb.frto = 'off';
  tcb.dupAcks = 0;
  tcb.dupAckBytes = 0;
  tcb.retransmitNow = false;
  tcb.undoRetrans = NONE;
}
