import { effectiveMss } from '../mss.ts';
import type { Tcb } from '../tcb.ts';
import type { CongestionControl } from './controller.ts';
import { MaxFilter } from './max-filter.ts';
import { RateSampler } from './rate-sample.ts';

/** 2/ln 2: the least gain that doubles the rate each round trip (draft-cardwell-iccrg-bbr-congestion-control-00 §4.1.3.1). */
const HIGH_GAIN = 2.885;
const CWND_GAIN = 2;
/** §4.3.4: a phase that probes, one that drains what it queued, and six that cruise. Each lasts about a round trip. */
const CYCLE = [1.25, 0.75, 1, 1, 1, 1, 1, 1] as const;
const DRAIN_PHASE = 1;
/** BtlBw is the best of so many rounds (§4.1.1.4), RTprop the least of so many µs (§4.1.2.3). */
const BANDWIDTH_ROUNDS = 10;
const MIN_RTT_WINDOW = 10e6;
/** PROBE_RTT lasts so long, µs, with so many segments in flight (§4.3.5). */
const PROBE_RTT_DURATION = 200_000;
const LEAST_WINDOW = 4;
/** The pipe is full when the rate has not grown by a quarter in three rounds (§4.3.2). */
const FULL_GROWTH = 1.25;
const FULL_ROUNDS = 3;
/** Paced slightly below the estimate, so that no queue builds up by rounding (Linux). */
const MARGIN = 0.99;

type Mode = 'STARTUP' | 'DRAIN' | 'PROBE_BW' | 'PROBE_RTT';

/**
 * BBR, version 1, as draft-cardwell-iccrg-bbr-congestion-control-00 and Linux's tcp_bbr: a model of the path, its bottleneck's bandwidth and its
 * round-trip time, sets the pacing rate and cwnd. Losses are no sign of congestion to it, and neither are marks: its text is sent as not
 * ECN-capable.
 */
export class Bbr implements CongestionControl {
  readonly name = 'bbr';
  readonly paces = true;
  /** It goes on at full rate in recovery, while what was SACKed stays in the buffer. */
  readonly bufferedWindows = 3;
  readonly sampler = new RateSampler();
  mode: Mode = 'STARTUP';
  /** Bottleneck bandwidth, bytes a second. */
  private readonly bandwidth = new MaxFilter(BANDWIDTH_ROUNDS);
  /** RTprop, µs, and when it was measured. */
  private minRtt = Number.POSITIVE_INFINITY;
  private minRttAt = 0;
  private pacingGain = HIGH_GAIN;
  private cwndGain = HIGH_GAIN;
  private round = 0;
  private roundStart = false;
  private nextRoundDelivered = 0;
  private filled = false;
  private fullBandwidth = 0;
  private fullRounds = 0;
  private phase = 0;
  private phaseAt = 0;
  private probeRttDone = 0;
  private probeRttRoundDone = false;
  /** cwnd before recovery or PROBE_RTT. */
  private priorCwnd = 0;
  private inRecovery = false;
  private conserving = false;

  get btlBw(): number {
    return this.bandwidth.best;
  }

  get rtProp(): number {
    return this.minRtt;
  }

  start(tcb: Tcb, now: number): void {
    this.sampler.deliveredTime = now;
    this.sampler.firstSentTime = now;
    tcb.scoreboard.sampler = this.sampler;
    this.minRttAt = now;
    if (tcb.srtt > 0) this.minRtt = tcb.srtt;
    // §4.2.1: before there is an estimate, the initial window a round trip.
    tcb.pacingRate = (HIGH_GAIN * tcb.cwnd * 1e6) / (tcb.srtt > 0 ? tcb.srtt : 1000);
  }

  roundTrip(_tcb: Tcb, rtt: number, now: number): void {
    // One that has become old is replaced by the first that PROBE_RTT measures. If it measures none, the old one is better than nothing.
    if (rtt <= this.minRtt || (now - this.minRttAt > MIN_RTT_WINDOW && this.mode === 'PROBE_RTT')) {
      this.minRtt = Math.max(1, rtt);
      this.minRttAt = now;
    }
  }

  /** `model` does it. */
  grow(): void {}

  /** A loss leaves ssthresh alone; cwnd comes back after recovery. */
  thresholdAfterLoss(tcb: Tcb): number {
    this.savePrior(tcb);
    return tcb.ssthresh;
  }

  /** §4.2.3.4: with a time-out the model of how full the pipe is starts anew. */
  timedOut(): void {
    this.fullBandwidth = 0;
    this.conserving = false;
    this.inRecovery = true;
  }

  /** Linux's `bbr_undo_cwnd`. */
  undone(): void {
    this.fullBandwidth = 0;
    this.fullRounds = 0;
    this.inRecovery = false;
    this.conserving = false;
  }

  /** §4.3.4.3: after an idle time the pace is the estimate, without probing: the pipe is empty. */
  resumed(tcb: Tcb): void {
    if (this.sampler.appLimited !== 0 && this.mode === 'PROBE_BW')
      tcb.pacingRate = Math.max(1, this.bandwidth.best * MARGIN);
  }

  model(tcb: Tcb, _acked: number, pipe: number, now: number): void {
    this.sampler.finish(this.minRtt === Number.POSITIVE_INFINITY ? 0 : this.minRtt);
    this.updateBandwidth();
    this.updatePhase(tcb, pipe, now);
    this.checkFull();
    this.checkDrain(tcb, pipe, now);
    this.checkProbeRtt(tcb, pipe, now);
    this.setPacingRate(tcb);
    this.setWindow(tcb, pipe);
  }

  /** Rounds are counted by what is delivered (§4.1.1.3); a rate limited by the application counts only where it is the best. */
  private updateBandwidth(): void {
    const { sampler } = this;
    this.roundStart = false;
    if (sampler.priorDelivered < 0) return;
    if (sampler.priorDelivered >= this.nextRoundDelivered) {
      this.nextRoundDelivered = sampler.delivered;
      this.round++;
      this.roundStart = true;
      this.conserving = false;
    }
    if (sampler.rate > 0 && (!sampler.isAppLimited || sampler.rate >= this.bandwidth.best)) {
      this.bandwidth.update(sampler.rate, this.round);
    }
  }

  /** PROBE_BW's gain cycle (§4.3.4.1). */
  private updatePhase(tcb: Tcb, pipe: number, now: number): void {
    if (this.mode !== 'PROBE_BW') return;
    const full = now - this.phaseAt > this.minRtt;
    let next = full;
    // The probe goes on until it has filled the pipe or lost something; draining ends as soon as the queue is gone.
    if (this.pacingGain > 1) next = full && (this.sampler.newlyLost > 0 || pipe >= this.inflight(tcb, this.pacingGain));
    else if (this.pacingGain < 1) next = full || pipe <= this.inflight(tcb, 1);
    if (next) this.setPhase((this.phase + 1) % CYCLE.length, now);
  }

  private setPhase(phase: number, now: number): void {
    this.phase = phase;
    this.phaseAt = now;
    this.pacingGain = CYCLE[phase]!;
  }

  private checkFull(): void {
    if (this.filled || !this.roundStart || this.sampler.isAppLimited) return;
    if (this.bandwidth.best >= this.fullBandwidth * FULL_GROWTH) {
      this.fullBandwidth = this.bandwidth.best;
      this.fullRounds = 0;
    } else if (++this.fullRounds >= FULL_ROUNDS) this.filled = true;
  }

  private checkDrain(tcb: Tcb, pipe: number, now: number): void {
    if (this.mode === 'STARTUP' && this.filled) {
      this.mode = 'DRAIN';
      this.pacingGain = 1 / HIGH_GAIN;
      this.cwndGain = HIGH_GAIN;
    }
    if (this.mode === 'DRAIN' && pipe <= this.inflight(tcb, 1)) this.enterProbeBandwidth(tcb, now);
  }

  /** §4.3.4.1: the cycle starts anywhere but in the phase that drains. The port stands in for a die: connections differ. */
  private enterProbeBandwidth(tcb: Tcb, now: number): void {
    this.mode = 'PROBE_BW';
    this.cwndGain = CWND_GAIN;
    const phase = (tcb.localPort ^ tcb.remotePort ^ this.round) % (CYCLE.length - 1);
    this.setPhase(phase < DRAIN_PHASE ? phase : phase + 1, now);
  }

  /** §4.3.5: no round trip as short as RTprop for ten seconds: the pipe is emptied once to see whether it still is. */
  private checkProbeRtt(tcb: Tcb, pipe: number, now: number): void {
    if (this.mode !== 'PROBE_RTT') {
      if (now - this.minRttAt <= MIN_RTT_WINDOW || this.minRtt === Number.POSITIVE_INFINITY) return;
      this.mode = 'PROBE_RTT';
      this.pacingGain = 1;
      this.cwndGain = 1;
      this.probeRttDone = 0;
      this.savePrior(tcb);
      return;
    }
    this.sampler.noteAppLimited(pipe);
    if (this.probeRttDone === 0) {
      if (pipe > LEAST_WINDOW * effectiveMss(tcb)) return;
      this.probeRttDone = now + PROBE_RTT_DURATION;
      this.probeRttRoundDone = false;
      this.nextRoundDelivered = this.sampler.delivered;
      return;
    }
    if (this.roundStart) this.probeRttRoundDone = true;
    if (!this.probeRttRoundDone || now < this.probeRttDone) return;
    this.minRttAt = now;
    tcb.cwnd = Math.max(tcb.cwnd, this.priorCwnd);
    if (this.filled) this.enterProbeBandwidth(tcb, now);
    else {
      this.mode = 'STARTUP';
      this.pacingGain = HIGH_GAIN;
      this.cwndGain = HIGH_GAIN;
    }
  }

  /** §4.2.1. In STARTUP the rate never falls: the first samples are small. */
  private setPacingRate(tcb: Tcb): void {
    const rate = this.pacingGain * this.bandwidth.best * MARGIN;
    if (rate > 0 && (this.filled || rate > tcb.pacingRate)) tcb.pacingRate = rate;
  }

  /** The bandwidth-delay product times a gain, with room for three bursts on their way (§4.2.3.2). */
  private inflight(tcb: Tcb, gain: number): number {
    const mss = effectiveMss(tcb);
    if (this.minRtt === Number.POSITIVE_INFINITY || this.bandwidth.best === 0) return tcb.config.initialWindow * mss;
    const product = (this.bandwidth.best * this.minRtt) / 1e6;
    const quantum = Math.max(2 * mss, Math.min(65_536, Math.floor(tcb.pacingRate / 1000)));
    return Math.ceil((gain * product) / mss) * mss + 3 * quantum;
  }

  /** §4.2.3. */
  private setWindow(tcb: Tcb, pipe: number): void {
    const { sampler } = this;
    const mss = effectiveMss(tcb);
    const delivered = sampler.newlyDelivered;
    if (delivered > 0) {
      this.followRecovery(tcb, pipe, delivered, mss);
      if (this.conserving) tcb.cwnd = Math.max(tcb.cwnd, pipe + delivered);
      else {
        const target = this.inflight(tcb, this.cwndGain);
        if (this.filled) tcb.cwnd = Math.min(tcb.cwnd + delivered, target);
        else if (tcb.cwnd < target || sampler.delivered < tcb.config.initialWindow * mss) tcb.cwnd += delivered;
        tcb.cwnd = Math.max(tcb.cwnd, LEAST_WINDOW * mss);
      }
    }
    if (this.mode === 'PROBE_RTT') tcb.cwnd = Math.min(tcb.cwnd, LEAST_WINDOW * mss);
  }

  /** §4.2.3.4: in the first round of recovery only as much is sent as arrives; afterwards cwnd is what it was. */
  private followRecovery(tcb: Tcb, pipe: number, delivered: number, mss: number): void {
    if (this.sampler.newlyLost > 0) tcb.cwnd = Math.max(tcb.cwnd - this.sampler.newlyLost, mss);
    const recovering = tcb.recovery !== 'open';
    if (recovering && !this.inRecovery) {
      this.conserving = true;
      this.nextRoundDelivered = this.sampler.delivered;
      tcb.cwnd = pipe + delivered;
    } else if (!recovering && this.inRecovery) {
      this.conserving = false;
      tcb.cwnd = Math.max(tcb.cwnd, this.priorCwnd);
    }
    this.inRecovery = recovering;
  }

  private savePrior(tcb: Tcb): void {
    this.priorCwnd = this.inRecovery || this.mode === 'PROBE_RTT' ? Math.max(this.priorCwnd, tcb.cwnd) : tcb.cwnd;
  }
}
