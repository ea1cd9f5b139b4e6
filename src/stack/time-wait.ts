import type { TimeWaitRecord } from '../tcp/time-wait.ts';
import type { FourTuple } from '../tcp/trace.ts';
import { IpAddress } from '../wire/address.ts';
import { seq } from '../wire/seq.ts';
import { portsWord } from './demux.ts';
import type { HalfSipHash } from './half-siphash.ts';

/** A record: these words, then for IPv6 the other three words of each address. 40 and 64 bytes. */
const PORTS = 0;
const LOCAL = 1;
const REMOTE = 2;
const RCV_NXT = 3;
const SND_NXT = 4;
const TS_RECENT = 5;
/** The window's field (16 bits), its shift (4), timestamps (1). */
const PACKED = 6;
const CLOSE_AT = 7;
/** Neighbours in the order of expiry, −1: none. Of a free record, NEXT is the next free one. */
const NEXT = 8;
const PREVIOUS = 9;
const NARROW = 10;
const WIDE = 16;

const SCALE_SHIFT = 16;
const TIMESTAMPS = 1 << 20;

const FIRST = 16;
/** A tick of the expiry clock, µs: 32 bits of them are 49 days. */
const TICK = 1000;

/**
 * The connections of one family in TIME-WAIT (RFC 9293 §3.6.1), as records in one array: no object each. An index by keyed hash finds
 * them, at most two of three slots in use. As all wait equally long, they expire in the order in which their waits began.
 */
class Family {
  count = 0;
  readonly #stride: number;
  readonly #family: 4 | 6;
  readonly #hash: HalfSipHash;
  #records: Int32Array;
  #slots: Int32Array;
  #mask = FIRST - 1;
  #free = -1;
  #used = 0;
  #head = -1;
  #tail = -1;
  /** Times are kept relative to the first one seen. */
  #epoch = 0;

  constructor(family: 4 | 6, hash: HalfSipHash) {
    this.#family = family;
    this.#hash = hash;
    this.#stride = family === 4 ? NARROW : WIDE;
    this.#records = new Int32Array(0);
    this.#slots = new Int32Array(FIRST);
  }

  get bytes(): number {
    return this.#records.byteLength + this.#slots.byteLength;
  }

  add(tuple: FourTuple, record: TimeWaitRecord): void {
    if ((this.count + 1) * 3 > (this.#mask + 1) * 2) this.#rehash((this.#mask + 1) * 2);
    const l = tuple.localAddress;
    const r = tuple.remoteAddress;
    const id = this.#take();
    const at = id * this.#stride;
    const w = this.#records;
    w[at + PORTS] = portsWord(tuple.localPort, tuple.remotePort);
    w[at + LOCAL] = l.w3;
    w[at + REMOTE] = r.w3;
    if (this.#family === 6) {
      w[at + NARROW] = l.w0;
      w[at + NARROW + 1] = l.w1;
      w[at + NARROW + 2] = l.w2;
      w[at + NARROW + 3] = r.w0;
      w[at + NARROW + 4] = r.w1;
      w[at + NARROW + 5] = r.w2;
    }
    w[at + RCV_NXT] = seqWord(record.rcvNxt);
    w[at + SND_NXT] = seqWord(record.sndNxt);
    w[at + TS_RECENT] = record.tsRecent;
    const window = Math.min(0xffff, record.rcvWnd >>> record.rcvWindScale);
    w[at + PACKED] = window | (record.rcvWindScale << SCALE_SHIFT) | (record.timestamps ? TIMESTAMPS : 0);
    if (this.count === 0) this.#epoch = record.closeAt;
    w[at + CLOSE_AT] = this.#ticks(record.closeAt);
    this.#append(id);
    let slot = this.#home(id);
    while (this.#slots[slot] !== 0) slot = (slot + 1) & this.#mask;
    this.#slots[slot] = id + 1;
    this.count++;
  }

  /** The record's number, or −1. */
  find(
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
    if (this.count === 0) return -1;
    const wide = this.#family === 6;
    const hash = wide ? this.#hash.of9(l0, l1, l2, l3, r0, r1, r2, r3, ports) : this.#hash.of3(l3, r3, ports);
    const w = this.#records;
    for (let slot = hash & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const id = this.#slots[slot]! - 1;
      if (id < 0) return -1;
      const at = id * this.#stride;
      if (w[at + PORTS] !== ports || w[at + REMOTE] !== r3 || w[at + LOCAL] !== l3) continue;
      if (!wide) return id;
      const x = at + NARROW;
      if (w[x] === l0 && w[x + 1] === l1 && w[x + 2] === l2 && w[x + 3] === r0 && w[x + 4] === r1 && w[x + 5] === r2) {
        return id;
      }
    }
  }

  tuple(id: number): FourTuple {
    const at = id * this.#stride;
    const w = this.#records;
    const ports = w[at + PORTS]!;
    const x = at + NARROW;
    const address = (a: number, last: number): IpAddress =>
      this.#family === 4 ? new IpAddress(4, 0, 0, 0xffff, last) : new IpAddress(6, w[a]!, w[a + 1]!, w[a + 2]!, last);
    return {
      localAddress: address(x, w[at + LOCAL]!),
      localPort: ports >>> 16,
      remoteAddress: address(x + 3, w[at + REMOTE]!),
      remotePort: ports & 0xffff,
    };
  }

  record(id: number, tsOffset: number): TimeWaitRecord {
    const at = id * this.#stride;
    const w = this.#records;
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
      closeAt: this.#time(w[at + CLOSE_AT]!),
    };
  }

  /** The wait starts again, and TS.Recent follows: it goes to the end of the queue. */
  restart(id: number, closeAt: number, tsRecent: number): void {
    const at = id * this.#stride;
    this.#unlink(id);
    this.#records[at + CLOSE_AT] = this.#ticks(closeAt);
    this.#records[at + TS_RECENT] = tsRecent;
    this.#append(id);
  }

  remove(id: number): void {
    this.#unindex(id);
    this.#unlink(id);
    this.count--;
    this.#records[id * this.#stride + NEXT] = this.#free;
    this.#free = id;
    if (this.count === 0) this.#release();
  }

  /** When the first one's time is over, µs; Infinity where there is none. */
  get nextExpiry(): number {
    return this.#head < 0 ? Number.POSITIVE_INFINITY : this.#time(this.#records[this.#head * this.#stride + CLOSE_AT]!);
  }

  /** Forgets what is due, and says so. */
  expire(now: number, expired: (tuple: FourTuple) => void): void {
    while (this.nextExpiry <= now) {
      const id = this.#head;
      const tuple = this.tuple(id);
      this.remove(id);
      expired(tuple);
    }
  }

  *ids(): Generator<number> {
    for (let id = this.#head; id >= 0; id = this.#records[id * this.#stride + NEXT]!) yield id;
  }

  #ticks(time: number): number {
    return Math.ceil((time - this.#epoch) / TICK) | 0;
  }

  #time(ticks: number): number {
    return this.#epoch + ticks * TICK;
  }

  #take(): number {
    if (this.#free >= 0) {
      const id = this.#free;
      this.#free = this.#records[id * this.#stride + NEXT]!;
      return id;
    }
    const capacity = this.#records.length / this.#stride;
    if (this.#used === capacity) {
      // By half: doubling would leave as much empty as is in use.
      const grown = new Int32Array(Math.max(FIRST, capacity + (capacity >>> 1)) * this.#stride);
      grown.set(this.#records);
      this.#records = grown;
    }
    return this.#used++;
  }

  #append(id: number): void {
    const w = this.#records;
    const at = id * this.#stride;
    w[at + NEXT] = -1;
    w[at + PREVIOUS] = this.#tail;
    if (this.#tail >= 0) w[this.#tail * this.#stride + NEXT] = id;
    else this.#head = id;
    this.#tail = id;
  }

  #unlink(id: number): void {
    const w = this.#records;
    const next = w[id * this.#stride + NEXT]!;
    const previous = w[id * this.#stride + PREVIOUS]!;
    if (previous >= 0) w[previous * this.#stride + NEXT] = next;
    else this.#head = next;
    if (next >= 0) w[next * this.#stride + PREVIOUS] = previous;
    else this.#tail = previous;
  }

  /** Where nothing waits, nothing is held. */
  #release(): void {
    this.#records = new Int32Array(0);
    this.#slots = new Int32Array(FIRST);
    this.#mask = FIRST - 1;
    this.#free = -1;
    this.#used = 0;
  }

  #home(id: number): number {
    const w = this.#records;
    const at = id * this.#stride;
    const l3 = w[at + LOCAL]!;
    const r3 = w[at + REMOTE]!;
    const ports = w[at + PORTS]!;
    const x = at + NARROW;
    const hash =
      this.#family === 4
        ? this.#hash.of3(l3, r3, ports)
        : this.#hash.of9(w[x]!, w[x + 1]!, w[x + 2]!, l3, w[x + 3]!, w[x + 4]!, w[x + 5]!, r3, ports);
    return hash & this.#mask;
  }

  #unindex(id: number): void {
    const slots = this.#slots;
    const mask = this.#mask;
    let hole = this.#home(id);
    while (slots[hole] !== id + 1) hole = (hole + 1) & mask;
    // The rest of the chain moves back (Knuth, TAOCP 6.4, algorithm R).
    for (let slot = (hole + 1) & mask; slots[slot] !== 0; slot = (slot + 1) & mask) {
      const distance = (slot - this.#home(slots[slot]! - 1)) & mask;
      if (distance >= ((slot - hole) & mask)) {
        slots[hole] = slots[slot]!;
        hole = slot;
      }
    }
    slots[hole] = 0;
  }

  #rehash(size: number): void {
    const old = this.#slots;
    this.#slots = new Int32Array(size);
    this.#mask = size - 1;
    for (const entry of old) {
      if (entry === 0) continue;
      let slot = this.#home(entry - 1);
      while (this.#slots[slot] !== 0) slot = (slot + 1) & this.#mask;
      this.#slots[slot] = entry;
    }
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
    return this.#v4.count + this.#v6.count;
  }

  /** Memory held, bytes. */
  get bytes(): number {
    return this.#v4.bytes + this.#v6.bytes;
  }

  /** When `expire` has something to do, µs. */
  get nextExpiry(): number {
    return Math.min(this.#v4.nextExpiry, this.#v6.nextExpiry);
  }

  /** False where the table is full: the connection is gone at once, as with Linux. The tuple must not be in it. */
  add(tuple: FourTuple, record: TimeWaitRecord): boolean {
    if (this.count >= this.#limit) return false;
    this.#of(tuple.localAddress.family).add(tuple, record);
    return true;
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
    return this.#of(family).find(l0, l1, l2, l3, r0, r1, r2, r3, ports);
  }

  has({ localAddress: l, localPort, remoteAddress: r, remotePort }: FourTuple): boolean {
    const ports = portsWord(localPort, remotePort);
    return this.findWords(l.family, l.w0, l.w1, l.w2, l.w3, r.w0, r.w1, r.w2, r.w3, ports) >= 0;
  }

  tuple(family: 4 | 6, id: number): FourTuple {
    return this.#of(family).tuple(id);
  }

  record(family: 4 | 6, id: number, tsOffset: number): TimeWaitRecord {
    return this.#of(family).record(id, tsOffset);
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
      for (const id of table.ids()) yield { tuple: table.tuple(id), closeAt: table.record(id, 0).closeAt };
    }
  }

  #of(family: 4 | 6): Family {
    return family === 4 ? this.#v4 : this.#v6;
  }
}
