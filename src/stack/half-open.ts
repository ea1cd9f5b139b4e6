import type { TcpConfig } from '../tcp/config.ts';
import type { EcnMode } from '../tcp/ecn-mode.ts';
import type { HalfOpenRecord } from '../tcp/half-open.ts';
import type { FourTuple } from '../tcp/trace.ts';
import { seq } from '../wire/seq.ts';
import type { HalfSipHash } from './half-siphash.ts';
import { packRecent, unpackRecent } from './recent-time.ts';
import { RecordQueue, TupleRecords } from './records.ts';

/** The words of a record: 40 bytes with its tuple, 52 for IPv6. Its listener and the device it came by are its tag. */
const IRS = 0;
const ISS = 1;
const TS_RECENT = 2;
/** The peer's window field (16 bits) and MSS (16). */
const SIZES = 3;
/** From bit 0: the peer's shift (4), then a bit or two each, then the retries (8) and the last answer to nonsense (11). */
const FLAGS = 4;
/** When the SYN,ACK is due again, µs modulo 2^32. */
const DUE = 5;
const WORDS = 6;

const SCALING = 1 << 4;
const SACK = 1 << 5;
const TIMESTAMPS = 1 << 6;
const ECN_SHIFT = 7;
const SYN_ECN_SHIFT = 9;
const RETRANSMITTED = 1 << 11;
const DEFERRED = 1 << 12;
const RETRIES_SHIFT = 13;
const INVALID_SHIFT = 21;

/** `retries` that fit. */
const MOST_RETRIES = 255;
const WRAP = 2 ** 32;

/** A half-open connection in the table: valid until the next change. */
export interface HalfOpenKey {
  readonly family: 4 | 6;
  readonly id: number;
}

/** One family's: the time-out depends on the number of retries, so those with equal ones are due in the order in which they came. */
class Family {
  readonly records: TupleRecords;
  readonly queues: RecordQueue[] = [];

  constructor(family: 4 | 6, hash: HalfSipHash) {
    this.records = new TupleRecords(family, hash, WORDS);
  }

  queue(retries: number): RecordQueue {
    while (this.queues.length <= retries) this.queues.push(new RecordQueue(this.records));
    return this.queues[retries]!;
  }
}

/**
 * All connections in SYN-RECEIVED that peers began (RFC 9293 §3.10.7.2), as records: a flood of SYNs finds no connections to fill memory
 * with. No timer each: one queue for each number of retries.
 */
export class HalfOpenTable {
  readonly #v4: Family;
  readonly #v6: Family;
  /** What times are kept relative to: near now. */
  #now = 0;

  constructor(hash: HalfSipHash) {
    this.#v4 = new Family(4, hash);
    this.#v6 = new Family(6, hash);
  }

  get count(): number {
    return this.#v4.records.count + this.#v6.records.count;
  }

  /** Memory held, bytes. */
  get bytes(): number {
    return this.#v4.records.bytes + this.#v6.records.bytes;
  }

  /** The record's number, or −1. Words and ports as in `Demux`. */
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

  /** The tuple must not be in the table. `listener` and `device`: 0 … 65535. */
  add(tuple: FourTuple, record: HalfOpenRecord, listener: number, device: number, now: number): void {
    this.#now = now;
    const table = this.#of(tuple.localAddress.family);
    const { records } = table;
    const id = records.add(tuple, table.queue(retriesOf(record)), (listener << 16) | device);
    this.#write(table, id, record);
  }

  tuple(family: 4 | 6, id: number): FourTuple {
    return this.#of(family).records.tuple(id);
  }

  /** Number of its listener. */
  listener(family: 4 | 6, id: number): number {
    return this.#of(family).records.tag(id) >>> 16;
  }

  device(family: 4 | 6, id: number): number {
    return this.#of(family).records.tag(id) & 0xffff;
  }

  retries(family: 4 | 6, id: number): number {
    return this.#retries(this.#of(family), id);
  }

  /** Its ACK came, and was left aside (`HalfOpenRecord.deferred`). */
  isDeferred(family: 4 | 6, id: number): boolean {
    return (this.#word(family, id, FLAGS) & DEFERRED) !== 0;
  }

  /** When its SYN,ACK is due again, µs. */
  dueAt(family: 4 | 6, id: number): number {
    return this.#time(this.#word(family, id, DUE));
  }

  read(family: 4 | 6, id: number, tsOffset: number): HalfOpenRecord {
    const { records } = this.#of(family);
    const at = records.at(id);
    const w = records.words(id);
    const flags = w[at + FLAGS]!;
    const sizes = w[at + SIZES]!;
    return {
      irs: seq(w[at + IRS]!),
      iss: seq(w[at + ISS]!),
      sndWnd: sizes >>> 16,
      sndMss: sizes & 0xffff,
      sndWindScale: flags & SCALING ? flags & 15 : -1,
      sackOk: (flags & SACK) !== 0,
      timestamps: (flags & TIMESTAMPS) !== 0,
      tsRecent: w[at + TS_RECENT]!,
      tsOffset,
      ecn: ((flags >>> ECN_SHIFT) & 3) as EcnMode,
      synEcn: (flags >>> SYN_ECN_SHIFT) & 3,
      retries: (flags >>> RETRIES_SHIFT) & MOST_RETRIES,
      retransmitted: (flags & RETRANSMITTED) !== 0,
      deferred: (flags & DEFERRED) !== 0,
      retransmitAt: this.#time(w[at + DUE]!),
      lastInvalidAck: unpackRecent(flags >>> INVALID_SHIFT, this.#now),
    };
  }

  /** What has changed: all but tuple, listener and device. */
  update(family: 4 | 6, id: number, record: HalfOpenRecord, now: number): void {
    this.#now = now;
    const table = this.#of(family);
    const after = retriesOf(record);
    const same = after === this.#retries(table, id);
    this.#write(table, same ? id : table.records.move(id, table.queue(after)), record);
  }

  remove(family: 4 | 6, id: number): void {
    this.#of(family).records.remove(id);
  }

  /** When `expire` has something to do, µs; Infinity where there is nothing. */
  get nextExpiry(): number {
    if (this.count === 0) return Number.POSITIVE_INFINITY;
    return Math.min(this.#nextOf(this.#v4), this.#nextOf(this.#v6));
  }

  /** Calls `due` for each that is due, `most` of them: it must update or remove it. */
  expire(now: number, due: (family: 4 | 6, id: number) => void, most = Number.POSITIVE_INFINITY): void {
    if (this.count === 0) return;
    this.#now = now;
    let left = most;
    for (const table of [this.#v4, this.#v6]) {
      const { records } = table;
      // From the most retries down: what moves on is not met again.
      for (let i = table.queues.length - 1; i >= 0; i--) {
        const queue = table.queues[i]!;
        for (let id = queue.head; id >= 0 && this.#due(records, id) <= now; id = queue.head) {
          if (left-- <= 0) return;
          due(records.family, id);
        }
      }
    }
  }

  *entries(): Generator<HalfOpenKey> {
    for (const { records, queues } of [this.#v4, this.#v6]) {
      for (const queue of queues) for (const id of queue.ids()) yield { family: records.family, id };
    }
  }

  #write(table: Family, id: number, record: HalfOpenRecord): void {
    const { records } = table;
    const at = records.at(id);
    const w = records.words(id);
    w[at + IRS] = record.irs as unknown as number;
    w[at + ISS] = record.iss as unknown as number;
    w[at + TS_RECENT] = record.tsRecent;
    w[at + SIZES] = (Math.min(0xffff, record.sndWnd) << 16) | Math.min(0xffff, record.sndMss);
    w[at + FLAGS] =
      (record.sndWindScale >= 0 ? SCALING | record.sndWindScale : 0) |
      (record.sackOk ? SACK : 0) |
      (record.timestamps ? TIMESTAMPS : 0) |
      (record.ecn << ECN_SHIFT) |
      (record.synEcn << SYN_ECN_SHIFT) |
      (record.retransmitted ? RETRANSMITTED : 0) |
      (record.deferred ? DEFERRED : 0) |
      (retriesOf(record) << RETRIES_SHIFT) |
      (packRecent(record.lastInvalidAck) << INVALID_SHIFT);
    w[at + DUE] = (record.retransmitAt % WRAP) | 0;
  }

  #nextOf({ records, queues }: Family): number {
    let next = Number.POSITIVE_INFINITY;
    for (const { head } of queues) {
      if (head >= 0) next = Math.min(next, this.#due(records, head));
    }
    return next;
  }

  #word(family: 4 | 6, id: number, word: number): number {
    const { records } = this.#of(family);
    return records.words(id)[records.at(id) + word]!;
  }

  #due(records: TupleRecords, id: number): number {
    return this.#time(records.words(id)[records.at(id) + DUE]!);
  }

  #retries({ records }: Family, id: number): number {
    return (records.words(id)[records.at(id) + FLAGS]! >>> RETRIES_SHIFT) & MOST_RETRIES;
  }

  /** Of all times with these low 32 bits, the one nearest to now. */
  #time(low: number): number {
    return this.#now + ((low - (this.#now % WRAP)) | 0);
  }

  #of(family: 4 | 6): Family {
    return family === 4 ? this.#v4 : this.#v6;
  }
}

/** As many as fit. */
function retriesOf(record: HalfOpenRecord): number {
  return Math.min(MOST_RETRIES, record.retries);
}

/** How many timers fire before `time` µs have passed since the SYN: what `tcp_defer_accept` counts in. 0 for 0. */
export function retransmissionsIn(time: number, config: TcpConfig): number {
  let count = 0;
  let timeout = config.rtoInitial;
  for (let passed = 0; passed < time && count < MOST_RETRIES; count++) {
    passed += timeout;
    timeout = Math.min(config.rtoMax, timeout * 2);
  }
  return count;
}
