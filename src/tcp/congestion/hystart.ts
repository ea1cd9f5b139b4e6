import { ge, type Seq, seq } from '../../wire/seq.ts';
import type { Tcb } from '../tcb.ts';
import { countable } from './slow-start.ts';

// RFC 9406 §4.3.
const MIN_RTT_THRESH = 4_000;
const MAX_RTT_THRESH = 16_000;
const MIN_RTT_DIVISOR = 8;
const N_RTT_SAMPLE = 8;
const CSS_GROWTH_DIVISOR = 4;
const CSS_ROUNDS = 5;
const INFINITE = Number.POSITIVE_INFINITY;

/**
 * HyStart++ (RFC 9406; RFC 9438 §4.10): leaves slow start when round trips get longer, before the queue overflows. A rise leads to Conservative Slow Start
 * first, which goes back when it turns out to have been jitter. For the initial slow start only (§4.2).
 */
export class HyStart {
  /** In Conservative Slow Start. */
  css = false;
  /** The round ends when this is acknowledged. */
  private windowEnd: Seq = seq(0);
  /** Nothing was in flight when it began: what is sent then is what ends it. */
  private endless = true;
  private lastRoundMinRtt = INFINITE;
  private currentRoundMinRtt = INFINITE;
  private rttSampleCount = 0;
  private cssBaselineMinRtt = INFINITE;
  private cssRounds = 0;

  /** The first round begins. */
  start(tcb: Tcb): void {
    this.css = false;
    this.lastRoundMinRtt = INFINITE;
    this.beginRound(tcb);
    this.lastRoundMinRtt = INFINITE;
  }

  private beginRound(tcb: Tcb): void {
    this.windowEnd = tcb.sndNxt;
    this.endless = tcb.sndUna === tcb.sndNxt;
    this.lastRoundMinRtt = this.currentRoundMinRtt;
    this.currentRoundMinRtt = INFINITE;
    this.rttSampleCount = 0;
  }

  /** §4.2: each round trip measured in slow start. May end it: ssthresh = cwnd. */
  roundTrip(tcb: Tcb, rtt: number): void {
    if (this.endless) {
      this.windowEnd = tcb.sndNxt;
      this.endless = false;
    }
    if (rtt < this.currentRoundMinRtt) this.currentRoundMinRtt = rtt;
    this.rttSampleCount++;
    if (this.rttSampleCount >= N_RTT_SAMPLE) {
      if (this.css) {
        // The rise has gone: slow start after all.
        if (this.currentRoundMinRtt < this.cssBaselineMinRtt) {
          this.cssBaselineMinRtt = INFINITE;
          this.css = false;
        }
      } else if (this.lastRoundMinRtt !== INFINITE) {
        const eighth = this.lastRoundMinRtt / MIN_RTT_DIVISOR;
        const threshold = Math.max(MIN_RTT_THRESH, Math.min(eighth, MAX_RTT_THRESH));
        const longer = this.currentRoundMinRtt >= this.lastRoundMinRtt + threshold;
        if (longer && tcb.config.hystartAtOnce) {
          if (this.rttSampleCount > N_RTT_SAMPLE) this.leave(tcb);
        } else if (longer) {
          this.cssBaselineMinRtt = this.currentRoundMinRtt;
          this.css = true;
          this.cssRounds = 0;
        }
      }
    }
    if (ge(tcb.sndUna, this.windowEnd)) {
      // The round in which it began counts, too.
      if (this.css && ++this.cssRounds >= CSS_ROUNDS) this.leave(tcb);
      this.beginRound(tcb);
    }
  }

  private leave(tcb: Tcb): void {
    tcb.ssthresh = tcb.cwnd;
    tcb.env.counters.TCPHystartDelayDetect++;
  }

  /** By how much cwnd grows for an ACK of `acked` bytes (§4.2). */
  growth(tcb: Tcb, acked: number, mss: number): number {
    // L is for segments that are not paced.
    const { hystartLimit } = tcb.config;
    const limited = tcb.paced || hystartLimit === 0 ? acked : Math.min(acked, hystartLimit * mss);
    const growth = countable(tcb, limited, mss);
    return this.css ? Math.ceil(growth / CSS_GROWTH_DIVISOR) : growth;
  }
}
