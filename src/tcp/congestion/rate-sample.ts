import type { Sent } from '../loss/scoreboard.ts';

/**
 * Delivery rate estimation (draft-cheng-iccrg-delivery-rate-estimation): each ACK gives a sample of the rate at which the path delivered, from
 * counts stamped on what was sent. The scoreboard tells what is sent and what arrives; `begin` and `finish` enclose an ACK.
 */
export class RateSampler {
  /** C.delivered, bytes, and when it last grew, µs. */
  delivered = 0;
  deliveredTime = 0;
  /** C.first_sent_time: when the sample's flight began, µs. */
  firstSentTime = 0;
  /** C.app_limited: the bubble has gone when `delivered` passes this; 0 without one. */
  appLimited = 0;
  /** Bytes marked lost so far. */
  lost = 0;

  // The sample of the last ACK, valid after `finish`.
  /** Bytes a second, or −1 where there is no valid sample. */
  rate = -1;
  /** Sent while the application was the limit. */
  isAppLimited = false;
  /** `delivered` when the latest of what this ACK delivers was sent: rounds are counted by it. −1: it delivers nothing. */
  priorDelivered = -1;
  /** Bytes that this ACK delivers, by number or by SACK, and that were marked lost since the ACK before it. */
  newlyDelivered = 0;
  newlyLost = 0;

  private now = 0;
  private priorTime = 0;
  private sendElapsed = 0;
  private deliveredBefore = 0;
  private lostBefore = 0;
  private newest = 0;

  /** `range` leaves at `now`. `alone`: nothing else is in flight (§3.2). */
  sent(range: Sent, now: number, alone: boolean): void {
    if (alone) {
      this.firstSentTime = now;
      this.deliveredTime = now;
    }
    range.firstSentTime = this.firstSentTime;
    range.deliveredTime = this.deliveredTime;
    range.delivered = this.delivered;
    range.appLimited = this.appLimited !== 0;
  }

  /** An ACK arrives. */
  begin(now: number): void {
    this.now = now;
    this.deliveredBefore = this.delivered;
    this.priorDelivered = -1;
    this.rate = -1;
    this.newest = -1;
  }

  /** `range` has arrived, says the ACK (§3.3, UpdateRateSample). Once for each range. */
  arrived(range: Sent): void {
    // What was sent before there was a sampler has no stamps, and what was SACKed before has been counted.
    if (range.deliveredTime < 0) return;
    this.delivered += range.length;
    this.deliveredTime = this.now;
    if (range.time > this.newest || (range.time === this.newest && range.delivered > this.priorDelivered)) {
      this.newest = range.time;
      this.priorDelivered = range.delivered;
      this.priorTime = range.deliveredTime;
      this.isAppLimited = range.appLimited;
      this.sendElapsed = range.time - range.firstSentTime;
      this.firstSentTime = range.time;
    }
    range.deliveredTime = -1;
  }

  /** The ACK is processed (§3.3, GenerateRateSample). `minRtt`: a flight cannot be shorter, µs. */
  finish(minRtt: number): void {
    if (this.appLimited !== 0 && this.delivered > this.appLimited) this.appLimited = 0;
    this.newlyDelivered = this.delivered - this.deliveredBefore;
    this.newlyLost = this.lost - this.lostBefore;
    this.lostBefore = this.lost;
    if (this.priorDelivered < 0) return;
    const interval = Math.max(this.sendElapsed, this.deliveredTime - this.priorTime);
    if (interval < minRtt || interval <= 0) return;
    this.rate = ((this.delivered - this.priorDelivered) * 1e6) / interval;
  }

  /** The application has nothing more to send, with `pipe` bytes in flight (§3.4). */
  noteAppLimited(pipe: number): void {
    this.appLimited = Math.max(1, this.delivered + pipe);
  }
}
