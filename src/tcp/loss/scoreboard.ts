import { add, diff, ge, gt, le, lt, type Seq, seq } from '../../wire/seq.ts';
import type { RateSampler } from '../congestion/rate-sample.ts';

/** Marks of a sent range. */
export const SACKED = 1;
export const LOST = 2;
export const RETRANSMITTED = 4;
/** Was sent more than once: no round-trip time from it (Karn). Never cleared. */
export const SENT_TWICE = 8;

/** A range of sequence numbers that was sent at one time and is not cumulatively acknowledged. SYN and FIN are one number in it. */
export class Sent {
  start: Seq = seq(0);
  end: Seq = seq(0);
  marks = 0;
  /** When it was last sent, µs. */
  time = 0;
  /** Stamps of the `RateSampler`, where there is one; `deliveredTime` −1: none, or counted. */
  delivered = 0;
  deliveredTime = -1;
  firstSentTime = 0;
  appLimited = false;

  get length(): number {
    return diff(this.end, this.start);
  }
}

/** What an acknowledgment did, for its caller to act on. One reusable record. */
export interface AckResult {
  /** Sequence numbers newly acknowledged cumulatively. */
  acked: number;
  /** Of those and of newly SACKed ones: how many had not been SACKed before. */
  delivered: number;
  /** When the latest range acknowledged now was sent, of those never sent twice; −1 when there is none: no sample (RFC 6298 §3). */
  sampleTime: number;
  /** Something that had been retransmitted was acknowledged. */
  retransmitted: boolean;
}

/**
 * The retransmission queue: the ranges between SND.UNA and SND.NXT, in order, with what is known of each (RFC 6675 §3's scoreboard;
 * RFC 8985's per-segment times). Ranges are split where a SACK edge or an acknowledgment falls inside one.
 *
 * Byte counts are kept while marks change, so that the pipe (RFC 6675 §4 SetPipe) is a sum of three fields.
 */
export class Scoreboard {
  sackedBytes = 0;
  lostBytes = 0;
  retransmittedBytes = 0;
  /** Told of what is sent, arrives and is lost, for an algorithm that wants the delivery rate. */
  sampler: RateSampler | null = null;
  /** Highest sequence number SACKed so far (RFC 6675's HighData counterpart); meaningful when `sackedBytes` > 0. */
  highestSacked: Seq = seq(0);
  private ranges: Sent[] = [];
  private head = 0;
  private readonly result: AckResult = { acked: 0, delivered: 0, sampleTime: -1, retransmitted: false };

  get count(): number {
    return this.ranges.length - this.head;
  }

  get first(): Sent | undefined {
    return this.ranges[this.head];
  }

  /** Range `i`, counted from the earliest. */
  at(i: number): Sent {
    return this.ranges[this.head + i]!;
  }

  /** A range sent for the first time, directly after the last one. */
  push(start: Seq, end: Seq, now: number): void {
    const sent = new Sent();
    sent.start = start;
    sent.end = end;
    sent.time = now;
    this.sampler?.sent(sent, now, this.count === 0);
    this.ranges.push(sent);
  }

  /** `range` has been sent again. */
  retransmitted(range: Sent, now: number): void {
    if ((range.marks & RETRANSMITTED) === 0) this.retransmittedBytes += range.length;
    range.marks |= RETRANSMITTED | SENT_TWICE;
    range.time = now;
    this.sampler?.sent(range, now, false);
  }

  /** Everything before `una` is acknowledged. */
  acknowledge(una: Seq): AckResult {
    const result = this.result;
    result.acked = 0;
    result.delivered = 0;
    result.sampleTime = -1;
    result.retransmitted = false;
    while (this.head < this.ranges.length) {
      const range = this.ranges[this.head]!;
      if (ge(range.start, una)) break;
      if (gt(range.end, una)) this.split(this.head, una);
      result.acked += range.length;
      this.sampler?.arrived(range);
      if ((range.marks & SACKED) === 0) result.delivered += range.length;
      if (range.marks & SENT_TWICE) result.retransmitted = true;
      else if ((range.marks & SACKED) === 0) result.sampleTime = range.time;
      this.unmark(range, SACKED | LOST | RETRANSMITTED);
      this.head++;
    }
    if (this.head === this.ranges.length) {
      if (this.head > 0) this.ranges = [];
      this.head = 0;
    } else if (this.head > 64 && this.head * 2 > this.ranges.length) {
      this.ranges.splice(0, this.head);
      this.head = 0;
    }
    return result;
  }

  /** A SACK block [start, end), inside SND.UNA … SND.NXT. Returns the number of bytes SACKed by it for the first time. */
  sack(start: Seq, end: Seq): number {
    let fresh = 0;
    for (let i = this.find(start); i < this.ranges.length; i++) {
      let range = this.ranges[i]!;
      if (ge(range.start, end)) break;
      if (range.marks & SACKED) continue;
      if (lt(range.start, start)) {
        this.split(i, start);
        range = this.ranges[++i]!;
      }
      if (gt(range.end, end)) this.split(i, end);
      this.unmark(range, LOST | RETRANSMITTED);
      range.marks |= SACKED;
      this.sackedBytes += range.length;
      this.sampler?.arrived(range);
      fresh += range.length;
    }
    if (fresh > 0 && (this.sackedBytes === fresh || gt(end, this.highestSacked))) this.highestSacked = end;
    return fresh;
  }

  /** Marks a range lost; what was sent again of it is lost too. */
  markLost(range: Sent): void {
    this.unmark(range, RETRANSMITTED);
    if ((range.marks & (LOST | SACKED)) === 0) {
      range.marks |= LOST;
      this.lostBytes += range.length;
      if (this.sampler !== null) this.sampler.lost += range.length;
    }
  }

  /** After a retransmission time-out: everything not SACKed is taken as lost (RFC 6675 §5.1; RFC 8985 §6.3). */
  markAllLost(forgetSacks: boolean): void {
    for (let i = this.head; i < this.ranges.length; i++) {
      const range = this.ranges[i]!;
      if (forgetSacks) this.unmark(range, SACKED);
      this.markLost(range);
    }
  }

  /** The earliest range that is lost and has not been sent again since. */
  nextLost(): Sent | undefined {
    if (this.lostBytes === 0) return undefined;
    for (let i = this.head; i < this.ranges.length; i++) {
      const range = this.ranges[i]!;
      if ((range.marks & (LOST | RETRANSMITTED | SACKED)) === LOST) return range;
    }
    return undefined;
  }

  /** Cuts `range` so that it is at most `length` long. */
  trim(range: Sent, length: number): void {
    if (range.length <= length) return;
    const i = this.ranges.indexOf(range, this.head);
    this.split(i, add(range.start, length));
  }

  clear(): void {
    this.ranges = [];
    this.head = 0;
    this.sackedBytes = 0;
    this.lostBytes = 0;
    this.retransmittedBytes = 0;
  }

  private unmark(range: Sent, marks: number): void {
    const gone = range.marks & marks;
    if (gone === 0) return;
    if (gone & SACKED) this.sackedBytes -= range.length;
    if (gone & LOST) this.lostBytes -= range.length;
    if (gone & RETRANSMITTED) this.retransmittedBytes -= range.length;
    range.marks &= ~gone;
  }

  /** Splits range `i` in two at `at`, strictly inside it. Both halves keep marks and time. */
  private split(i: number, at: Seq): void {
    const range = this.ranges[i]!;
    const rest = new Sent();
    rest.start = at;
    rest.end = range.end;
    rest.marks = range.marks;
    rest.time = range.time;
    rest.delivered = range.delivered;
    rest.deliveredTime = range.deliveredTime;
    rest.firstSentTime = range.firstSentTime;
    rest.appLimited = range.appLimited;
    range.end = at;
    this.ranges.splice(i + 1, 0, rest);
  }

  /** Index of the first range that ends after `position`. */
  private find(position: Seq): number {
    let low = this.head;
    let high = this.ranges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (le(this.ranges[middle]!.end, position)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
