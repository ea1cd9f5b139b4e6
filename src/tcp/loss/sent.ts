import { diff, type Seq, seq } from '../../wire/seq.ts';
import { REAL_ZERO } from '../real.ts';

/** Marks of a sent range. */
export const SACKED = 1;
export const LOST = 2;
export const RETRANSMITTED = 4;
/** Was sent more than once: no round-trip time from it (Karn). Never cleared. */
export const SENT_TWICE = 8;

/**
 * A range of sequence numbers that was sent at one time and is not cumulatively acknowledged. SYN and FIN are one number in it. It may
 * stand for many segments (GSO) and is cut only where one of them ends. Records are used again: see `Scoreboard`.
 */
export class Sent {
  start: Seq = seq(0);
  end: Seq = seq(0);
  marks = 0;
  /** When it was last sent, µs (RFC 8985 §5.2, Segment.xmit_ts). */
  time = REAL_ZERO;
  /** Text of its segments; the first may be shorter: what is left of it. */
  mss = 1;
  lead = 1;
  /** Of how many segments it is, about. */
  segments = 1;
  /** Stamps of the `RateSampler`, where there is one; `deliveredTime` −1: none, or counted. */
  delivered = 0;
  deliveredTime = -1;
  firstSentTime = 0;
  appLimited = false;

  get length(): number {
    return diff(this.end, this.start);
  }

  /** It is cut up into segments of `mss`, from its start on. */
  segment(mss: number): void {
    const { length } = this;
    this.mss = Math.max(1, mss);
    this.lead = Math.min(this.mss, length);
    this.segments = this.count(length);
  }

  /** How many segments begin in its first `length` bytes. */
  count(length: number): number {
    return length <= this.lead ? 1 : 1 + Math.ceil((length - this.lead) / this.mss);
  }

  /** The boundary at `offset` bytes from its start, or the next one before it, or after it. */
  floor(offset: number): number {
    return offset < this.lead ? 0 : offset - ((offset - this.lead) % this.mss);
  }
  ceil(offset: number): number {
    const below = this.floor(offset);
    if (below === offset) return offset;
    return Math.min(this.length, below === 0 ? this.lead : below + this.mss);
  }
}
