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
/** With each so much of round trip a burst may be half as long, µs: Linux's `tcp_tso_rtt_log` 9. */
const SHORT_PATH = 512;

/** Linux's `tcp_update_pacing_rate` for algorithms that set only cwnd: twice cwnd a round trip in slow start, 1.2 times it later. */
export function updatePacingRate(tcb: Tcb): void {
  if (tcb.srtt > 0) tcb.pacingRate = unpacedRate(tcb);
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

/**
 * Text of one burst at most, `most` for the device: what the rate gives in a millisecond (Linux's `tcp_tso_autosize`), more on paths so short that
 * a burst does no harm, and no more than half of cwnd, so that ACKs keep coming. At least `tcp_min_tso_segs`, so that a receiver that acknowledges
 * every second segment does so.
 */
export function burstSize(tcb: Tcb, most: number): number {
  const mss = effectiveMss(tcb);
  const half = Math.max(1, Math.floor(tcb.cwnd / 2 / mss)) * mss;
  const rate = tcb.paced ? tcb.pacingRate : unpacedRate(tcb);
  if (rate <= 0) return Math.min(most, half);
  const short = tcb.paced ? 0 : most / 2 ** Math.floor(tcb.rack.minRtt / SHORT_PATH);
  const segments = Math.max(tcb.config.tcp_min_tso_segs, Math.floor(((rate * QUANTUM) / 1e6 + short) / mss));
  return Math.min(most, half, segments * mss);
}

/** What the rate would be with pacing. */
function unpacedRate(tcb: Tcb): number {
  if (tcb.srtt === 0) return 0;
  const { config, cwnd, ssthresh } = tcb;
  const percent = cwnd < ssthresh / 2 ? config.tcp_pacing_ss_ratio : config.tcp_pacing_ca_ratio;
  return ((Math.max(cwnd, tcb.cwndUsed) * percent) / 100) * (1e6 / tcb.srtt);
}
