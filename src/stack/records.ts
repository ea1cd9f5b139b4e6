import type { FourTuple } from '../tcp/trace.ts';
import { IpAddress } from '../wire/address.ts';
import { portsWord } from './demux.ts';
import type { HalfSipHash } from './half-siphash.ts';

/** A record: these words, then its user's, then for IPv6 the other three words of each address. */
const PORTS = 0;
const LOCAL = 1;
const REMOTE = 2;
/** Neighbours in its queue, −1: none. Of a free record, NEXT is the next free one. */
const NEXT = 3;
const PREVIOUS = 4;
const OWN = 5;
const REST = 6;

const FIRST = 16;

/**
 * Connections of one family too small for an object each: records in one array, by number, found by their four-tuple. The index is keyed (nobody
 * outside can aim for one chain), at most two of three slots in use. What a record says besides is its user's.
 */
export class TupleRecords {
  count = 0;
  /** All records. The user's words of `id` begin at `at(id)`; both hold until the next `add` or `remove`. */
  words = new Int32Array(0);
  readonly family: 4 | 6;
  readonly #own: number;
  readonly #stride: number;
  readonly #hash: HalfSipHash;
  #slots = new Int32Array(FIRST);
  #mask = FIRST - 1;
  #free = -1;
  #used = 0;

  /** `own`: words that the user keeps in each record. */
  constructor(family: 4 | 6, hash: HalfSipHash, own: number) {
    this.family = family;
    this.#hash = hash;
    this.#own = own;
    this.#stride = OWN + own + (family === 4 ? 0 : REST);
  }

  get bytes(): number {
    return this.words.byteLength + this.#slots.byteLength;
  }

  at(id: number): number {
    return id * this.#stride + OWN;
  }

  /** A record for `tuple`, which must not be there; the user's words are as they happen to be. */
  add({ localAddress: l, localPort, remoteAddress: r, remotePort }: FourTuple): number {
    if ((this.count + 1) * 3 > (this.#mask + 1) * 2) this.#rehash((this.#mask + 1) * 2);
    const id = this.#take();
    const at = id * this.#stride;
    const w = this.words;
    w[at + PORTS] = portsWord(localPort, remotePort);
    w[at + LOCAL] = l.w3;
    w[at + REMOTE] = r.w3;
    if (this.family === 6) {
      const x = at + OWN + this.#own;
      w[x] = l.w0;
      w[x + 1] = l.w1;
      w[x + 2] = l.w2;
      w[x + 3] = r.w0;
      w[x + 4] = r.w1;
      w[x + 5] = r.w2;
    }
    let slot = this.#home(id);
    while (this.#slots[slot] !== 0) slot = (slot + 1) & this.#mask;
    this.#slots[slot] = id + 1;
    this.count++;
    return id;
  }

  /** The record's number, or −1. Words and ports as in `Demux`. */
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
    const wide = this.family === 6;
    const hash = wide ? this.#hash.of9(l0, l1, l2, l3, r0, r1, r2, r3, ports) : this.#hash.of3(l3, r3, ports);
    const w = this.words;
    for (let slot = hash & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const id = this.#slots[slot]! - 1;
      if (id < 0) return -1;
      const at = id * this.#stride;
      if (w[at + PORTS] !== ports || w[at + REMOTE] !== r3 || w[at + LOCAL] !== l3) continue;
      if (!wide) return id;
      const x = at + OWN + this.#own;
      if (w[x] === l0 && w[x + 1] === l1 && w[x + 2] === l2 && w[x + 3] === r0 && w[x + 4] === r1 && w[x + 5] === r2) {
        return id;
      }
    }
  }

  tuple(id: number): FourTuple {
    const at = id * this.#stride;
    const w = this.words;
    const ports = w[at + PORTS]!;
    const x = at + OWN + this.#own;
    const address = (rest: number, last: number): IpAddress =>
      this.family === 4
        ? new IpAddress(4, 0, 0, 0xffff, last)
        : new IpAddress(6, w[rest]!, w[rest + 1]!, w[rest + 2]!, last);
    return {
      localAddress: address(x, w[at + LOCAL]!),
      localPort: ports >>> 16,
      remoteAddress: address(x + 3, w[at + REMOTE]!),
      remotePort: ports & 0xffff,
    };
  }

  /** Forgets a record, which must be in no queue. Where none is left, nothing is held. */
  remove(id: number): void {
    this.#unindex(id);
    this.count--;
    this.words[id * this.#stride + NEXT] = this.#free;
    this.#free = id;
    if (this.count > 0) return;
    this.words = new Int32Array(0);
    this.#slots = new Int32Array(FIRST);
    this.#mask = FIRST - 1;
    this.#free = -1;
    this.#used = 0;
  }

  next(id: number): number {
    return this.words[id * this.#stride + NEXT]!;
  }

  previous(id: number): number {
    return this.words[id * this.#stride + PREVIOUS]!;
  }

  /** For `RecordQueue`. */
  link(id: number, previous: number, next: number): void {
    this.words[id * this.#stride + PREVIOUS] = previous;
    this.words[id * this.#stride + NEXT] = next;
  }

  #take(): number {
    if (this.#free >= 0) {
      const id = this.#free;
      this.#free = this.words[id * this.#stride + NEXT]!;
      return id;
    }
    const capacity = this.words.length / this.#stride;
    if (this.#used === capacity) {
      // By half: doubling would leave as much empty as is in use.
      const grown = new Int32Array(Math.max(FIRST, capacity + (capacity >>> 1)) * this.#stride);
      grown.set(this.words);
      this.words = grown;
    }
    return this.#used++;
  }

  #home(id: number): number {
    const w = this.words;
    const at = id * this.#stride;
    const l3 = w[at + LOCAL]!;
    const r3 = w[at + REMOTE]!;
    const ports = w[at + PORTS]!;
    const x = at + OWN + this.#own;
    const hash =
      this.family === 4
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

/** Records in the order in which they came: those that wait equally long expire in it, so that no timer is needed for each. */
export class RecordQueue {
  /** The record that has waited longest, −1: none. */
  head = -1;
  #tail = -1;
  readonly #records: TupleRecords;

  constructor(records: TupleRecords) {
    this.#records = records;
  }

  append(id: number): void {
    const records = this.#records;
    records.link(id, this.#tail, -1);
    if (this.#tail >= 0) records.link(this.#tail, records.previous(this.#tail), id);
    else this.head = id;
    this.#tail = id;
  }

  unlink(id: number): void {
    const records = this.#records;
    const next = records.next(id);
    const previous = records.previous(id);
    if (previous >= 0) records.link(previous, records.previous(previous), next);
    else this.head = next;
    if (next >= 0) records.link(next, previous, records.next(next));
    else this.#tail = previous;
  }

  *ids(): Generator<number> {
    for (let id = this.head; id >= 0; id = this.#records.next(id)) yield id;
  }
}
