import type { TimeWaitRecord } from '../tcp/time-wait.ts';
import type { FourTuple } from '../tcp/trace.ts';
import { seq } from '../wire/seq.ts';
import { portsWord } from './demux.ts';
import type { HalfSipHash } from './half-siphash.ts';
import { packRecent, unpackRecent } from './recent-time.ts';
import { RecordQueue, TupleRecords } from './records.ts';

/** The words of a record: 32 bytes with its tuple, 44 for IPv6. */
const RCV_NXT = 0;
const SND_NXT = 1;
const TS_RECENT = 2;
/** The window's field (16 bits), its shift (4), timestamps (1), when nonsense was last answered (11). */
const PACKED = 3;
const WORDS = 4;

const SCALE_SHIFT = 16;
const TIMESTAMPS = 1 << 20;
const INVALID_SHIFT = 21;
/** The time it ends at shares a word with the number of the origin: ticks since the first one of its page, µs. */
const ORIGIN_BITS = 16;
const TICK = 1000;
const MOST_TICKS = 0xffff;

/** The connections of one family in TIME-WAIT (RFC 9293 §3.6.1). As all wait equally long, they expire in the order in which they came. */
class Family {
  readonly records: TupleRecords;
  readonly #queue: RecordQueue;

  constructor(family: 4 | 6, hash: HalfSipHash) {
    this.records = new TupleRecords(family, hash, WORDS, ORIGIN_BITS);
    this.#queue = new RecordQueue(this.records);
  }

  /** False where there are too many different local addresses. */
  add(tuple: FourTuple, record: TimeWaitRecord): boolean {
    this.#queue.from(record.closeAt, MOST_TICKS * TICK);
    const id = this.records.add(tuple, this.#queue);
    if (id < 0) return false;
    const at = this.records.at(id);
    const w = this.records.words(id);
    w[at + RCV_NXT] = seqWord(record.rcvNxt);
    w[at + SND_NXT] = seqWord(record.sndNxt);
    w[at + TS_RECENT] = record.tsRecent;
    const window = Math.min(0xffff, record.rcvWnd >>> record.rcvWindScale);
    w[at + PACKED] = window | (record.rcvWindScale << SCALE_SHIFT) | (record.timestamps ? TIMESTAMPS : 0);
    this.answered(id, record.lastInvalidAck);
    this.#setTime(id, record.closeAt);
    return true;
  }

  record(id: number, tsOffset: number, now: number): TimeWaitRecord {
    const at = this.records.at(id);
    const w = this.records.words(id);
    const packed = w[at + PACKED]!;
    const rcvWindScale = (packed >>> SCALE_SHIFT) & 15;
    return {
      sndNxt: seq(w[at + SND_NXT]!),
      rcvNxt: seq(w[at + RCV_NXT]!),
      rcvWnd: (packed & 0xffff) << rcvWindScale,
      rcvWindScale,
      timestamps: (packed & TIMESTAMPS) !== 0,
      tsRecent: w[at + TS_RECENT]!,
      tsOffset,
      closeAt: this.time(id),
      lastInvalidAck: unpackRecent(packed >>> INVALID_SHIFT, now),
    };
  }

  /** Nonsense was answered at `time`. */
  answered(id: number, time: number): void {
    const at = this.records.at(id) + PACKED;
    const w = this.records.words(id);
    w[at] = (w[at]! & (2 ** INVALID_SHIFT - 1)) | (packRecent(time) << INVALID_SHIFT);
  }

  /** The wait starts again, and TS.Recent follows: it goes to the end of the queue. */
  restart(id: number, closeAt: number, tsRecent: number): void {
    this.#queue.from(closeAt, MOST_TICKS * TICK);
    const to = this.records.move(id, this.#queue);
    this.records.words(to)[this.records.at(to) + TS_RECENT] = tsRecent;
    this.#setTime(to, closeAt);
  }

  remove(id: number): void {
    this.records.remove(id);
  }

  /** When the first one's time is over, µs; Infinity where there is none. */
  get nextExpiry(): number {
    const { head } = this.#queue;
    return head < 0 ? Number.POSITIVE_INFINITY : this.time(head);
  }

  /** Forgets what is due, and says so. */
  expire(now: number, expired: (tuple: FourTuple) => void): void {
    while (this.nextExpiry <= now) {
      const id = this.#queue.head;
      const tuple = this.records.tuple(id);
      this.remove(id);
      expired(tuple);
    }
  }

  ids(): Generator<number> {
    return this.#queue.ids();
  }

  /** When the wait is over, µs. */
  time(id: number): number {
    return this.records.base(id) + (this.records.spare(id) >>> ORIGIN_BITS) * TICK;
  }

  #setTime(id: number, time: number): void {
    const ticks = Math.ceil((time - this.records.base(id)) / TICK);
    this.records.setSpare(id, Math.max(0, ticks) << ORIGIN_BITS);
  }
}

function seqWord(value: TimeWaitRecord['sndNxt']): number {
  return value as unknown as number;
}

/** All connections in TIME-WAIT, of both families, up to a limit (`tcp_max_tw_buckets`). */
export class TimeWaitTable {
  readonly #v4: Family;
  readonly #v6: Family;
  readonly #limit: number;

  constructor(hash: HalfSipHash, limit: number) {
    this.#v4 = new Family(4, hash);
    this.#v6 = new Family(6, hash);
    this.#limit = limit;
  }

  get count(): number {
    return this.#v4.records.count + this.#v6.records.count;
  }

  /** Memory held, bytes. */
  get bytes(): number {
    return this.#v4.records.bytes + this.#v6.records.bytes;
  }

  /** When `expire` has something to do, µs. */
  get nextExpiry(): number {
    return Math.min(this.#v4.nextExpiry, this.#v6.nextExpiry);
  }

  /** False where the table is full: the connection is gone at once, as with Linux. The tuple must not be in it. */
  add(tuple: FourTuple, record: TimeWaitRecord): boolean {
    if (this.count >= this.#limit) return false;
    return this.#of(tuple.localAddress.family).add(tuple, record);
  }

  /** A number for the other calls, valid until the next change; −1 where it is not there. Words and ports as in `Demux`. */
  findWords(
    family: 4 | 6,
    l0: number,
    l1: number,
    l2: number,
    l3: number,
    r0: number,
    r1: number,
    r2: number,
    r3: number,
    ports: number,
  ): number {
    return this.#of(family).records.find(l0, l1, l2, l3, r0, r1, r2, r3, ports);
  }

  has(tuple: FourTuple): boolean {
    return this.#idOf(tuple) >= 0;
  }

  /** The record of a tuple, but for what it answered last; null where it is not there. */
  get(tuple: FourTuple, tsOffset: number): TimeWaitRecord | null {
    const id = this.#idOf(tuple);
    return id < 0 ? null : this.record(tuple.localAddress.family, id, tsOffset, 0);
  }

  /** Forgets a tuple, which must be there. */
  forget(tuple: FourTuple): void {
    this.remove(tuple.localAddress.family, this.#idOf(tuple));
  }

  #idOf({ localAddress: l, localPort, remoteAddress: r, remotePort }: FourTuple): number {
    const ports = portsWord(localPort, remotePort);
    return this.findWords(l.family, l.w0, l.w1, l.w2, l.w3, r.w0, r.w1, r.w2, r.w3, ports);
  }

  tuple(family: 4 | 6, id: number): FourTuple {
    return this.#of(family).records.tuple(id);
  }

  /** `now`: what was answered of nonsense in the minute before it is told. */
  record(family: 4 | 6, id: number, tsOffset: number, now: number): TimeWaitRecord {
    return this.#of(family).record(id, tsOffset, now);
  }

  answered(family: 4 | 6, id: number, time: number): void {
    this.#of(family).answered(id, time);
  }

  restart(family: 4 | 6, id: number, closeAt: number, tsRecent: number): void {
    this.#of(family).restart(id, closeAt, tsRecent);
  }

  remove(family: 4 | 6, id: number): void {
    this.#of(family).remove(id);
  }

  expire(now: number, expired: (tuple: FourTuple) => void): void {
    if (this.#v4.nextExpiry <= now) this.#v4.expire(now, expired);
    if (this.#v6.nextExpiry <= now) this.#v6.expire(now, expired);
  }

  /** Each with the time it has left until, µs. */
  *entries(): Generator<{ tuple: FourTuple; closeAt: number }> {
    for (const table of [this.#v4, this.#v6]) {
      for (const id of table.ids()) yield { tuple: table.records.tuple(id), closeAt: table.time(id) };
    }
  }

  #of(family: 4 | 6): Family {
    return family === 4 ? this.#v4 : this.#v6;
  }
}
