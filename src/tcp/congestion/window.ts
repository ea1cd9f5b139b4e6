import { diff, ge } from '../../wire/seq.ts';
import { RFC_3168 } from '../ecn-mode.ts';
import { effectiveMss } from '../mss.ts';
import { updatePacingRate } from '../pacing.ts';
import type { Tcb } from '../tcb.ts';
import { createCongestion } from './algorithms.ts';
import type { CongestionName } from './controller.ts';
import { INITIAL_SSTHRESH } from './window-limits.ts';

/** The moments at which cwnd and ssthresh change: nothing outside this folder writes them. */

/** When the handshake is done: RFC 6928's initial window; one segment when our SYN or SYN,ACK was lost (RFC 5681 §3.1). */
export function startWindow(tcb: Tcb): void {
  const mss = effectiveMss(tcb);
  tcb.cwnd = tcb.synRetransmitted ? mss : initialWindow(tcb, mss);
  tcb.cwndUsageSeq = tcb.sndNxt;
  tcb.cwndUsedAt = tcb.lastHeard;
  useCongestion(tcb);
}

/** RFC 6928 §2: min(10 · MSS, max(2 · MSS, 14600)); with another number of segments where the route says so. */
function initialWindow(tcb: Tcb, mss: number): number {
  const segments = tcb.env.pathMetrics?.(tcb).initcwnd ?? tcb.config.initialWindow;
  return Math.min(segments * mss, Math.max(2 * mss, segments * 1460));
}

/** Chooses the algorithm, at any time; cwnd and ssthresh stay as they are. Throws an Error for a name that is none. */
export function setCongestion(tcb: Tcb, name: CongestionName): void {
  // To find out now whether there is one; before the handshake is done it has nothing to do yet.
  createCongestion(name, tcb.env.congestion);
  tcb.congestionName = name;
  if (tcb.cwnd > 0) useCongestion(tcb);
}

function useCongestion(tcb: Tcb): void {
  const control = createCongestion(tcb.congestionName, tcb.env.congestion);
  tcb.congestion = control;
  tcb.scoreboard.sampler = null;
  tcb.paced = tcb.config.pacing || control.paces === true;
  control.start?.(tcb, tcb.lastHeard);
  if (control.model === undefined) updatePacingRate(tcb);
}

/** A round trip was measured on text sent once. SND.UNA has moved. */
export function noteRoundTrip(tcb: Tcb, rtt: number, now: number): void {
  tcb.congestion.roundTrip?.(tcb, rtt, now);
}

/** An ACK of `acked` new bytes outside recovery. Without having been limited by cwnd there is nothing to learn (RFC 7661 §4). */
export function growWindow(tcb: Tcb, acked: number): void {
  const { congestion, lastHeard } = tcb;
  // The window in which a mark was answered does not grow.
  if (congestion.model !== undefined || tcb.inCwr) return;
  if (isCwndLimited(tcb)) congestion.grow(tcb, acked, effectiveMss(tcb), lastHeard);
  else congestion.hold?.(tcb, lastHeard);
}

/** In slow start half of it in use is enough: the window doubles in a round trip. */
function isCwndLimited(tcb: Tcb): boolean {
  return tcb.cwndLimited || (tcb.cwnd < tcb.ssthresh && tcb.cwnd < 2 * tcb.cwndUsed);
}

/** Every ACK, when loss recovery has seen it: ends the answer to a mark, and brings the model or the pacing rate up to date. */
export function settleWindow(tcb: Tcb, acked: number, pipe: number, now: number): void {
  if (tcb.inCwr && ge(tcb.sndUna, tcb.cwrEnd)) tcb.inCwr = false;
  if (tcb.congestion.model !== undefined) tcb.congestion.model(tcb, acked, pipe, now);
  else if (tcb.paced) updatePacingRate(tcb);
}

/**
 * Loss was detected by acknowledgments: one reduction for the whole recovery (RFC 5681 §3.2 step 2, RFC 6675 §5 step 4.2). One answered
 * already in the same window because of a mark is the same congestion (RFC 3168 §6.1.2).
 */
export function reduceForLoss(tcb: Tcb, flight: number): void {
  if (tcb.inCwr && tcb.congestion.model === undefined) {
    tcb.inCwr = false;
    tcb.priorCwnd = 0;
    return;
  }
  remember(tcb);
  tcb.ssthresh = tcb.congestion.thresholdAfterLoss(tcb, flight, effectiveMss(tcb));
  reduced(tcb);
}

/** The peer tells of a congestion mark: the same as a loss, but nothing is to be sent again (RFC 3168 §6.1.2). Once a window. */
export function reduceForMark(tcb: Tcb): void {
  const { congestion } = tcb;
  if (congestion.model !== undefined || tcb.inCwr || tcb.recovery !== 'open') return;
  const mss = effectiveMss(tcb);
  const flight = diff(tcb.sndNxt, tcb.sndUna);
  tcb.ssthresh = congestion.thresholdAfterMark?.(tcb, flight, mss) ?? congestion.thresholdAfterLoss(tcb, flight, mss);
  reduced(tcb);
  tcb.inCwr = true;
  tcb.cwrEnd = tcb.sndNxt;
  tcb.env.counters.TCPEcnReductions++;
}

function reduced(tcb: Tcb): void {
  if (tcb.congestion.model === undefined) tcb.cwnd = Math.min(tcb.cwnd, tcb.ssthresh);
  tcb.bytesAcked = 0;
  tellReduction(tcb);
}

/** RFC 3168 §6.1.2: whatever the reason, the next new text says CWR. */
function tellReduction(tcb: Tcb): void {
  if (tcb.ecn === RFC_3168) tcb.cwrDue = true;
}

/** A retransmission time-out (RFC 5681 §3.1): ssthresh falls once for the segment, cwnd to the loss window of one segment. */
export function collapseForTimeout(tcb: Tcb, flight: number, first: boolean): void {
  const mss = effectiveMss(tcb);
  if (first && tcb.recovery === 'open' && !tcb.inCwr) remember(tcb);
  if (first) tcb.ssthresh = tcb.congestion.thresholdAfterLoss(tcb, flight, mss);
  tcb.cwnd = mss;
  tcb.bytesAcked = 0;
  tcb.inCwr = false;
  tcb.congestion.timedOut?.(tcb);
  tellReduction(tcb);
}

/** What `undoReduction` goes back to. */
function remember(tcb: Tcb): void {
  tcb.priorCwnd = tcb.cwnd;
  tcb.priorSsthresh = tcb.ssthresh;
}

/** Nothing had been lost: cwnd and ssthresh are at least what they were (RFC 4015 §3.2; RFC 9438 §4.9). */
export function undoReduction(tcb: Tcb): void {
  if (tcb.priorCwnd === 0) return;
  tcb.cwnd = Math.max(tcb.cwnd, tcb.priorCwnd);
  tcb.ssthresh = Math.max(tcb.ssthresh, tcb.priorSsthresh);
  tcb.priorCwnd = 0;
  // What was lost was nothing: there is no reduction to tell of.
  tcb.cwrDue = false;
  tcb.congestion.undone?.(tcb);
}

/** In recovery: how much may be out, as proportional rate reduction has it (RFC 9937). A model decides for itself. */
export function setRecoveryWindow(tcb: Tcb, window: number): void {
  if (tcb.congestion.model === undefined) tcb.cwnd = Math.max(window, effectiveMss(tcb));
}

/** Before the first text after a pause in which nothing was in flight. Once for each pause, whatever else still holds the text back. */
export function resumeWindow(tcb: Tcb, now: number): void {
  const idle = now - tcb.lastSendTime;
  if (idle <= 0 || tcb.pauseAt === tcb.lastSendTime) return;
  tcb.pauseAt = tcb.lastSendTime;
  tcb.congestion.resumed?.(tcb, idle);
  if (tcb.config.tcp_slow_start_after_idle && tcb.congestion.model === undefined && idle > tcb.rto) {
    restartWindow(tcb, idle);
  }
}

/**
 * After a pause of more than an RTO what cwnd stands for is old. RFC 5681 §4.1: it restarts from the initial window. RFC 2861 §3.1, and Linux:
 * it is halved for each RTO, down to that, and ssthresh remembers.
 */
function restartWindow(tcb: Tcb, idle: number): void {
  const restart = Math.min(initialWindow(tcb, effectiveMss(tcb)), tcb.cwnd);
  if (!tcb.config.cwndDecay) {
    tcb.cwnd = restart;
    return;
  }
  tcb.ssthresh = rememberedThreshold(tcb);
  for (let left = idle - tcb.rto; left > 0 && tcb.cwnd > restart; left -= tcb.rto) tcb.cwnd >>>= 1;
  tcb.cwnd = Math.max(tcb.cwnd, restart);
  tcb.cwndUsedAt = tcb.lastSendTime + idle;
  tcb.cwndUsed = 0;
}

/** RFC 2861 §3.1: ssthresh keeps three quarters of what cwnd was. Where it was never set it stays. */
function rememberedThreshold(tcb: Tcb): number {
  return tcb.ssthresh >= INITIAL_SSTHRESH ? tcb.ssthresh : Math.max(tcb.ssthresh, (tcb.cwnd >>> 1) + (tcb.cwnd >>> 2));
}

/**
 * After each output pass: whether cwnd was what ended it, and how much was in flight. Remembered for as long as that flight lasts, as the
 * ACKs that ask come later. RFC 2861 §3.2: a window that is not filled for an RTO shrinks half-way to what is used of it.
 */
export function noteUsage(tcb: Tcb, blocked: boolean, flight: number, now: number): void {
  if (blocked || ge(tcb.sndUna, tcb.cwndUsageSeq) || (!tcb.cwndLimited && flight > tcb.cwndUsed)) {
    tcb.cwndLimited = blocked;
    tcb.cwndUsed = flight;
    tcb.cwndUsageSeq = tcb.sndNxt;
  }
  if (isCwndLimited(tcb)) {
    tcb.cwndPeak = 0;
    tcb.cwndUsedAt = now;
    return;
  }
  if (flight > tcb.cwndPeak) tcb.cwndPeak = flight;
  const { config, congestion } = tcb;
  if (!config.tcp_slow_start_after_idle || !config.cwndDecay || congestion.model !== undefined) return;
  if (now - tcb.cwndUsedAt < tcb.rto) return;
  // An application that waits for room in the send buffer is held back by us, not by itself.
  if (tcb.recovery === 'open' && !tcb.wantsWritable) {
    const used = Math.max(tcb.cwndPeak, initialWindow(tcb, effectiveMss(tcb)));
    if (used < tcb.cwnd) {
      tcb.ssthresh = rememberedThreshold(tcb);
      tcb.cwnd = (tcb.cwnd + used) >>> 1;
    }
    tcb.cwndPeak = 0;
  }
  tcb.cwndUsedAt = now;
}
