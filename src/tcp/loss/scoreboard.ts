import { add, diff, ge, gt, le, lt, type Seq, seq } from '../../wire/seq.ts';
import type { RateSampler } from '../congestion/rate-sample.ts';
import type { Rack } from './rack.ts';
import { LOST, RETRANSMITTED, SACKED, SENT_TWICE, Sent } from './sent.ts';

export { LOST, RETRANSMITTED, SACKED, SENT_TWICE, Sent };

/** What an acknowledgment did, for its caller to act on. One reusable record. */
export interface AckResult {
  /** Sequence numbers newly acknowledged cumulatively. */
  acked: number;
  /** Of those: how many had not been SACKed before. */
  delivered: number;
  /** When the latest range acknowledged now was sent, of those never sent twice; −1 when there is none: no sample (RFC 6298 §3). */
  sampleTime: number;
  /** Something that had been retransmitted was acknowledged. */
  retransmitted: boolean;
}

/** A SYN; text, and FIN: short connections need no more. */
const LEAST_SLOTS = 2;
/** A queue that becomes empty gives its records back where it has more, and used less than a quarter of them since it was empty last. */
const KEPT_SLOTS = 256;
/**
 * Ranges at most. A peer that SACKs every other segment splits ranges (CVE-2019-11478): beyond this only whole ranges are SACKed, which is
 * never wrong, only less precise.
 */
export const MOST_RANGES = 16_384;

/**
 * The retransmission queue: the ranges between SND.UNA and SND.NXT, in order, with what is known of each (RFC 6675 §3's scoreboard;
 * RFC 8985's per-segment times). Ranges are split where a SACK edge falls inside one, at the end of a segment; SACKed neighbours become
 * one. So their number is bounded by that of the segments, and a SACK block costs a binary search and what is new in it.
 *
 * A ring of records that are used again: nothing is allocated once it is large enough. Byte counts are kept while marks change, so that
 * the pipe (RFC 6675 §4 SetPipe) is a sum of three fields.
 */
export class Scoreboard {
  sackedBytes = 0;
  /** The same in segments, about: RFC 8985's RACK.segs_sacked. */
  sackedSegments = 0;
  lostBytes = 0;
  retransmittedBytes = 0;
  /** How often a range was marked lost so far. */
  losses = 0;
  /** Told of what is sent, arrives and is lost, for an algorithm that wants the delivery rate. */
  sampler: RateSampler | null = null;
  /** Told of what arrives. */
  rack: Rack | null = null;
  /** Highest sequence number SACKed so far (RFC 6675's HighData counterpart); meaningful when `sackedBytes` > 0. */
  highestSacked: Seq = seq(0);
  /** Number of ranges. */
  count = 0;
  private slots: Sent[] = [];
  private head = 0;
  /** The most ranges since the queue was empty. */
  private peak = 0;
  /** Nothing before it is lost and still to be sent again. */
  private lostFrom: Seq = seq(0);
  private readonly result: AckResult = { acked: 0, delivered: 0, sampleTime: -1, retransmitted: false };

  get first(): Sent | undefined {
    return this.count === 0 ? undefined : this.slots[this.head];
  }

  get last(): Sent | undefined {
    return this.count === 0 ? undefined : this.at(this.count - 1);
  }

  /** Range `i`, counted from the earliest. */
  at(i: number): Sent {
    return this.slots[(this.head + i) & (this.slots.length - 1)]!;
  }

  /** A range sent for the first time, directly after the last one, in segments of `mss`; one segment unless told. */
  push(start: Seq, end: Seq, now: number, mss = diff(end, start)): void {
    if (this.count === this.slots.length) this.enlarge();
    if (this.count === 0) this.lostFrom = start;
    const sent = this.at(this.count);
    sent.start = start;
    sent.end = end;
    sent.time = now;
    sent.marks = 0;
    sent.deliveredTime = -1;
    sent.segment(mss);
    this.sampler?.sent(sent, now, this.count === 0);
    this.count++;
    if (this.count > this.peak) this.peak = this.count;
  }

  /** `range` has been sent again, in segments of `mss`. */
  retransmitted(range: Sent, now: number, mss = range.length): void {
    if ((range.marks & RETRANSMITTED) === 0) this.retransmittedBytes += range.length;
    range.marks |= RETRANSMITTED | SENT_TWICE;
    range.time = now;
    range.segment(mss);
    this.sampler?.sent(range, now, false);
  }

  /** Everything before `una` is acknowledged. */
  acknowledge(una: Seq): AckResult {
    const result = this.result;
    result.acked = 0;
    result.delivered = 0;
    result.sampleTime = -1;
    result.retransmitted = false;
    while (this.count > 0) {
      const range = this.slots[this.head]!;
      if (ge(range.start, una)) break;
      if (gt(range.end, una)) {
        this.cutHead(range, una);
        break;
      }
      this.take(range);
      this.unmark(range, SACKED | LOST | RETRANSMITTED);
      this.head = (this.head + 1) & (this.slots.length - 1);
      this.count--;
    }
    if (this.count === 0) this.rest();
    return result;
  }

  /** Nothing is out. A stream that fills the same window again and again keeps what it needs for it. The first record is the one that caches have at hand. */
  private rest(): void {
    if (this.slots.length > KEPT_SLOTS && this.peak < this.slots.length >>> 2) this.slots = [];
    this.head = 0;
    this.peak = 0;
  }

  /** The first range is acknowledged up to `una`, inside it: it becomes shorter in place, as this is what most ACKs do. */
  private cutHead(range: Sent, una: Seq): void {
    const { end, marks, segments, deliveredTime } = range;
    const lead = this.leadBehind(range, una);
    // The part that has arrived, as a range of its own.
    range.end = una;
    range.segments = Math.min(segments - 1, range.count(range.length));
    const left = segments - range.segments;
    this.take(range);
    this.unmark(range, SACKED | LOST | RETRANSMITTED);
    range.start = una;
    range.end = end;
    range.marks = marks;
    range.lead = lead;
    range.segments = left;
    range.deliveredTime = deliveredTime;
  }

  /** What is left of the segment in which `at` lies. */
  private leadBehind(range: Sent, at: Seq): number {
    const offset = diff(at, range.start);
    const over = offset < range.lead ? range.lead - offset : range.mss - ((offset - range.lead) % range.mss);
    return Math.min(over, diff(range.end, at));
  }

  /** `range` is acknowledged cumulatively. */
  private take(range: Sent): void {
    const { result } = this;
    result.acked += range.length;
    if (range.marks & SENT_TWICE) result.retransmitted = true;
    if ((range.marks & SACKED) === 0) {
      result.delivered += range.length;
      if ((range.marks & SENT_TWICE) === 0) result.sampleTime = range.time;
      this.rack?.arrived(range, false);
    }
    this.sampler?.arrived(range);
  }

  /** A SACK block [start, end), inside SND.UNA … SND.NXT. Returns the number of bytes SACKed by it for the first time. */
  sack(start: Seq, end: Seq): number {
    let fresh = 0;
    for (let i = this.find(start); i < this.count; i++) {
      let range = this.at(i);
      if (ge(range.start, end)) break;
      if (range.marks & SACKED) continue;
      // Whole segments only: a receiver does not take parts, and a hostile one is not to split ours into bytes.
      const from = lt(range.start, start) ? range.ceil(diff(start, range.start)) : 0;
      const to = gt(range.end, end) ? range.floor(diff(end, range.start)) : range.length;
      if (to <= from) continue;
      if ((from > 0 || to < range.length) && this.count + 2 > MOST_RANGES) continue;
      if (to < range.length) this.split(i, add(range.start, to));
      if (from > 0) {
        this.split(i, add(range.start, from));
        range = this.at(++i);
      }
      this.unmark(range, LOST | RETRANSMITTED);
      range.marks |= SACKED;
      this.sackedBytes += range.length;
      this.sackedSegments += range.segments;
      this.rack?.arrived(range, true);
      this.sampler?.arrived(range);
      if (this.sackedBytes === range.length || gt(range.end, this.highestSacked)) this.highestSacked = range.end;
      fresh += range.length;
      if (this.joins(i + 1)) this.join(i);
      if (this.joins(i)) this.join(--i);
    }
    return fresh;
  }

  /** Marks a range lost; what was sent again of it is lost too. */
  markLost(range: Sent): void {
    if (range.marks & SACKED || (range.marks & (LOST | RETRANSMITTED)) === LOST) return;
    this.losses++;
    this.unmark(range, RETRANSMITTED);
    if (lt(range.start, this.lostFrom)) this.lostFrom = range.start;
    if ((range.marks & LOST) === 0) {
      range.marks |= LOST;
      this.lostBytes += range.length;
      if (this.sampler !== null) this.sampler.lost += range.length;
    }
  }

  /**
   * After a retransmission time-out: the first range is lost, and everything not SACKed that was sent at `before` or earlier (RFC 6675 §5.1;
   * RFC 8985 §6.3).
   */
  markAllLost(forgetSacks: boolean, before = Number.POSITIVE_INFINITY): void {
    for (let i = 0; i < this.count; i++) {
      const range = this.at(i);
      if (forgetSacks) this.unmark(range, SACKED);
      if (i === 0 || range.time <= before) this.markLost(range);
    }
  }

  /** Nothing was lost after all. */
  unmarkLost(): void {
    for (let i = 0; i < this.count && this.lostBytes > 0; i++) this.unmark(this.at(i), LOST);
  }

  /** The earliest range that is lost and has not been sent again since. */
  nextLost(): Sent | undefined {
    if (this.lostBytes === 0) return undefined;
    let i = this.find(this.lostFrom);
    // Where a range reaches across, it is the one.
    for (; i < this.count; i++) {
      const range = this.at(i);
      if ((range.marks & (LOST | RETRANSMITTED | SACKED)) === LOST) {
        this.lostFrom = range.start;
        return range;
      }
    }
    this.lostFrom = this.last!.end;
    return undefined;
  }

  /** Cuts `range` so that it is at most `length` long. */
  trim(range: Sent, length: number): void {
    if (range.length > length) this.split(this.find(range.start), add(range.start, length));
  }

  /** The last range, cut so that it is at most `length` long, and starts with a segment. There must be one. */
  tail(length: number): Sent {
    const last = this.last!;
    const from = last.ceil(Math.max(0, last.length - length));
    if (from > 0 && from < last.length) this.split(this.count - 1, add(last.start, from));
    return this.last!;
  }

  clear(): void {
    this.slots = [];
    this.count = 0;
    this.head = 0;
    this.sackedBytes = 0;
    this.sackedSegments = 0;
    this.lostBytes = 0;
    this.retransmittedBytes = 0;
  }

  private unmark(range: Sent, marks: number): void {
    const gone = range.marks & marks;
    if (gone === 0) return;
    if (gone & SACKED) {
      this.sackedBytes -= range.length;
      this.sackedSegments -= range.segments;
    }
    if (gone & LOST) this.lostBytes -= range.length;
    if (gone & RETRANSMITTED) this.retransmittedBytes -= range.length;
    range.marks &= ~gone;
  }

  /** Splits range `i` in two at `at`, strictly inside it. Both halves keep marks and time. */
  private split(i: number, at: Seq): void {
    const rest = this.insert(i + 1);
    const range = this.at(i);
    rest.start = at;
    rest.end = range.end;
    rest.marks = range.marks;
    rest.time = range.time;
    rest.mss = range.mss;
    rest.lead = this.leadBehind(range, at);
    rest.delivered = range.delivered;
    rest.deliveredTime = range.deliveredTime;
    rest.firstSentTime = range.firstSentTime;
    rest.appLimited = range.appLimited;
    range.end = at;
    range.lead = Math.min(range.lead, range.length);
    range.segments = range.count(range.length);
    rest.segments = rest.count(rest.length);
  }

  /** Whether range `i` and the one before it are both SACKed. */
  private joins(i: number): boolean {
    return i > 0 && i < this.count && (this.at(i - 1).marks & this.at(i).marks & SACKED) !== 0;
  }

  /** Range `i` takes in the next one: both are SACKED and counted, and only what they cover still matters. */
  private join(i: number): void {
    const range = this.at(i);
    const next = this.at(i + 1);
    range.end = next.end;
    range.marks |= next.marks;
    range.time = Math.max(range.time, next.time);
    range.segments += next.segments;
    this.remove(i + 1);
  }

  /** Takes out range `i`; the shorter side of the ring closes the gap: mostly few ranges lie below, where what is SACKED has become one. */
  private remove(i: number): void {
    const { slots } = this;
    const mask = slots.length - 1;
    const gone = this.at(i);
    if (i < this.count >>> 1) {
      for (let j = i; j > 0; j--) slots[(this.head + j) & mask] = this.at(j - 1);
      slots[this.head] = gone;
      this.head = (this.head + 1) & mask;
      this.count--;
      return;
    }
    this.count--;
    for (let j = i; j < this.count; j++) slots[(this.head + j) & mask] = this.at(j + 1);
    slots[(this.head + this.count) & mask] = gone;
  }

  /** A record at index `i`, between those before it and those from there on; the shorter side makes room. */
  private insert(i: number): Sent {
    if (this.count === this.slots.length) this.enlarge();
    const { slots } = this;
    const mask = slots.length - 1;
    this.count++;
    if (i < this.count >>> 1) {
      this.head = (this.head - 1) & mask;
      const spare = slots[this.head]!;
      for (let j = 0; j < i; j++) slots[(this.head + j) & mask] = this.at(j + 1);
      slots[(this.head + i) & mask] = spare;
      return spare;
    }
    const spare = this.at(this.count - 1);
    for (let j = this.count - 1; j > i; j--) slots[(this.head + j) & mask] = this.at(j - 1);
    slots[(this.head + i) & mask] = spare;
    return spare;
  }

  /** Twice the slots: a power of two, each with its record. */
  private enlarge(): void {
    const size = Math.max(LEAST_SLOTS, this.slots.length * 2);
    const slots: Sent[] = [];
    for (let i = 0; i < this.slots.length; i++) slots.push(this.at(i));
    while (slots.length < size) slots.push(new Sent());
    this.slots = slots;
    this.head = 0;
  }

  /** Index of the first range that ends after `position`. */
  private find(position: Seq): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (le(this.at(middle).end, position)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
