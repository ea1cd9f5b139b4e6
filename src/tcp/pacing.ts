import { effectiveMss } from './mss.ts';
import type { Tcb } from './tcb.ts';

/**
 * Pacing: text leaves at `tcb.pacingRate` instead of in bursts. Each burst moves the time of the next (an "earliest departure time", as
 * Linux's fq has it); where that is ahead, the pacing timer makes the output pass then.
 */

/** A timer that is late by up to so much, or a pause, is made up for, µs: the rate holds with a clock that ticks once a millisecond. */
const SLACK = 1000;
/** A burst is what the rate gives in so long, µs: few large frames for a device that segments, and no long bursts. */
const QUANTUM = 1000;
/** Least burst in segments, so that a receiver that acknowledges every second one does so. */
const LEAST_BURST = 2;

/** Linux's `tcp_update_pacing_rate` for algorithms that set only cwnd: twice cwnd a round trip in slow start, 1.2 times it later. */
export function updatePacingRate(tcb: Tcb): void {
  if (tcb.srtt === 0) return;
  const { config, cwnd, ssthresh } = tcb;
  const percent = cwnd < ssthresh / 2 ? config.tcp_pacing_ss_ratio : config.tcp_pacing_ca_ratio;
  tcb.pacingRate = ((Math.max(cwnd, tcb.cwndUsed) * percent) / 100) * (1e6 / tcb.srtt);
}

/** Whether text has to wait now; sets the timer where it has. */
export function pacingHolds(tcb: Tcb, now: number): boolean {
  if (!tcb.paced || tcb.nextSendAt <= now) return false;
  tcb.pacingAt = Math.ceil(tcb.nextSendAt);
  return true;
}

/** `bytes` of text have left. */
export function notePaced(tcb: Tcb, bytes: number, now: number): void {
  if (!tcb.paced || tcb.pacingRate <= 0) return;
  tcb.nextSendAt = Math.max(tcb.nextSendAt, now - SLACK) + (bytes * 1e6) / tcb.pacingRate;
}

/** Text of one burst at most: `most` where there is no pacing. */
export function pacedBurst(tcb: Tcb, most: number): number {
  if (!tcb.paced || tcb.pacingRate <= 0) return most;
  const mss = effectiveMss(tcb);
  const segments = Math.max(LEAST_BURST, Math.floor((tcb.pacingRate * QUANTUM) / 1e6 / mss));
  return Math.min(most, segments * mss);
}
