import { diff, gt, later, le, lt, type Seq, seq } from '../../wire/seq.ts';
import type { Scoreboard } from './scoreboard.ts';
import { LOST, RETRANSMITTED, SACKED, SENT_TWICE, type Sent } from './sent.ts';

/** min_RTT is the least of so long, µs (RFC 8985 §6.2 step 1; Linux's `tcp_min_rtt_wlen`). */
const MIN_RTT_WINDOW = 300_000_000;
/** Recoveries without a D-SACK after which the reordering window is small again (§6.2 step 4). */
const PERSIST = 16;
/** The reordering window is never shorter, µs: on short paths segments that are handled as a batch have their times close together. */
const LEAST_WINDOW = 1000;
/** `tcp_recovery`, bit by bit. */
export const RACK_ON = 1;
const STATIC_WINDOW = 2;
const NO_DUP_THRESH = 4;

/** What `Rack` has to know of its connection. */
export interface RackView {
  readonly srtt: number;
  readonly sndUna: Seq;
  readonly sndNxt: Seq;
  readonly recovery: 'open' | 'fast' | 'timeout';
  readonly config: { readonly tcp_recovery: number };
}

/**
 * RACK (RFC 8985 §6): what was sent before something that has arrived, and long enough before, is lost. The times are those of the
 * scoreboard's ranges. Here is RACK's state, and what the acknowledgment being processed says.
 */
export class Rack {
  /** RACK.xmit_ts and RACK.end_seq: of what has arrived, the one sent last. −1: nothing yet. */
  xmitTime = -1;
  end: Seq = seq(0);
  /** RACK.rtt of it. */
  rtt = -1;
  minRtt = Number.POSITIVE_INFINITY;
  private minRttAt = 0;
  /** RACK.fack: the highest number that has arrived. */
  fack: Seq = seq(0);
  /** RACK.reordering_seen. */
  reorderingSeen = false;
  /** How often reordering was seen (Linux's tcpi_reord_seen). */
  reorderings = 0;
  /** DupThresh, in segments: what reordering has been seen to need (Linux's `tp->reordering`). */
  reordering: number;
  /** RACK.reo_wnd_mult, RACK.reo_wnd_persist and RACK.dsack_round. */
  multiplier = 1;
  private persist = PERSIST;
  private inDsackRound = false;
  private dsackRound: Seq = seq(0);

  // What this acknowledgment says.
  /** Bytes that it delivers: by number or by SACK, each once (RFC 9937's DeliveredData). */
  delivered = 0;
  /** Of them by SACK. */
  fresh = 0;
  /** It brought a D-SACK (RFC 2883), which ends at `dsackEnd`. */
  dsack = false;
  dsackEnd: Seq = seq(0);
  /** The D-SACK is about something that recovery sent again: its window was too small. */
  needless = false;
  /** It delivers something that was sent once only, and where the first such range ends. */
  original = false;
  originalEnd: Seq = seq(0);
  /** When the last one of those SACKed was sent; −1 without one. */
  sackedSentAt = -1;
  /** By how many bytes a range came later than the highest before it. */
  displacement = 0;
  private now = 0;
  private echoed = -1;
  private fackBefore: Seq = seq(0);
  private started = false;

  constructor(reordering: number) {
    this.reordering = reordering;
  }

  /** An acknowledgment arrives. `echoed`: when what it answers was sent, by its timestamp, in µs and rounded down; −1 without one. */
  begin(now: number, echoed: number): void {
    this.now = now;
    this.echoed = echoed;
    this.fackBefore = this.fack;
    this.delivered = 0;
    this.fresh = 0;
    this.dsack = false;
    this.needless = false;
    this.original = false;
    this.sackedSentAt = -1;
    this.displacement = 0;
  }

  /** `range` has arrived, it says (§6.2 steps 1 to 3). Once for each range. */
  arrived(range: Sent, bySack: boolean): void {
    this.delivered += range.length;
    if (bySack) this.fresh += range.length;
    const rtt = this.now - range.time;
    if (range.marks & SENT_TWICE) {
      // Step 2: it may be the first copy that is answered, and not the last.
      if ((this.echoed >= 0 && range.time >= this.echoed + 1000) || rtt < this.minRtt) {
        this.extend(range);
        return;
      }
    } else {
      if (rtt <= this.minRtt || this.now - this.minRttAt > MIN_RTT_WINDOW) {
        this.minRtt = rtt;
        this.minRttAt = this.now;
      }
      if (bySack) this.sackedSentAt = Math.max(this.sackedSentAt, range.time);
      if (!this.original || lt(range.end, this.originalEnd)) this.originalEnd = range.end;
      this.original = true;
      // Step 3: it filled a hole without help.
      if (this.started && lt(range.end, this.fackBefore)) {
        this.reorderingSeen = true;
        this.displacement = Math.max(this.displacement, diff(this.fackBefore, range.start));
      }
    }
    if (range.time > this.xmitTime || (range.time === this.xmitTime && gt(range.end, this.end))) {
      this.xmitTime = range.time;
      this.end = range.end;
      this.rtt = rtt;
    }
    this.extend(range);
  }

  private extend(range: Sent): void {
    this.fack = this.started ? later(this.fack, range.end) : range.end;
    this.started = true;
  }

  /** Reordering by `displacement` bytes was seen: no fewer duplicate ACKs mean a loss (Linux's `tcp_check_sack_reordering`). */
  adaptThreshold(mss: number, most: number): void {
    this.reorderings++;
    if (this.displacement > this.reordering * mss) {
      this.reordering = Math.min(Math.ceil(this.displacement / mss), most);
    }
  }

  /** §6.2 step 4: a D-SACK means that the window was too small. Once a round trip. */
  adaptWindow(tcb: RackView): void {
    if (tcb.config.tcp_recovery & STATIC_WINDOW) return;
    if (this.inDsackRound && !lt(tcb.sndUna, this.dsackRound)) this.inDsackRound = false;
    if (!this.needless || this.inDsackRound) return;
    this.inDsackRound = true;
    this.dsackRound = tcb.sndNxt;
    this.multiplier = Math.min(this.multiplier + 1, 255);
    this.persist = PERSIST;
  }

  /** A recovery is over. */
  recovered(): void {
    if (this.persist > 0 && --this.persist === 0) this.multiplier = 1;
  }

  /** RACK.reo_wnd, µs (§6.2 step 4): how much later than others a range may come. */
  window(tcb: RackView, sackedSegments: number): number {
    if (!this.reorderingSeen) {
      if (tcb.recovery !== 'open') return 0;
      if (sackedSegments >= this.reordering && (tcb.config.tcp_recovery & NO_DUP_THRESH) === 0) return 0;
    }
    if (this.minRtt === Number.POSITIVE_INFINITY) return LEAST_WINDOW;
    return Math.max(LEAST_WINDOW, Math.min((this.multiplier * this.minRtt) / 4, tcb.srtt));
  }

  /**
   * §6.2 step 5: marks what is lost now. Returns in how many µs more would be, unless it arrives; 0 where nothing waits. In a connection that
   * loses nothing it looks at one range.
   */
  detect(board: Scoreboard, window: number, now: number): number {
    if (this.xmitTime < 0) return 0;
    let wait = 0;
    for (let i = 0; i < board.count; i++) {
      const range = board.at(i);
      const { marks } = range;
      if (marks & SACKED || (marks & (LOST | RETRANSMITTED)) === LOST) continue;
      if (range.time > this.xmitTime || (range.time === this.xmitTime && !lt(range.end, this.end))) {
        // All after one that was sent once were sent after it.
        if ((marks & SENT_TWICE) === 0) break;
        continue;
      }
      const left = range.time + this.rtt + window - now;
      if (left <= 0) board.markLost(range);
      else wait = Math.max(wait, left);
    }
    return wait;
  }

  /** §6.3: at a retransmission time-out what was sent at this time or earlier is lost as well as the first range. */
  lostBefore(window: number, now: number): number {
    return this.rtt < 0 ? Number.POSITIVE_INFINITY : now - this.rtt - window;
  }

  /** A time-out was spurious: what seemed to have been sent last was not. */
  forget(): void {
    this.xmitTime = -1;
  }

  /** Whether a D-SACK that ends at `end` is the one for a probe that ended there, and nothing beyond is acknowledged. */
  answers(end: Seq): boolean {
    return this.dsack && this.dsackEnd === end;
  }

  /** Whether something sent once, and not after `high`, has arrived. */
  originalUpTo(high: Seq): boolean {
    return this.original && le(this.originalEnd, high);
  }
}
