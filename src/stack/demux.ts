import type { IpAddress } from '../wire/address.ts';
import { HalfSipHash } from './half-siphash.ts';

/** A slot: value + 1 (0: empty), ports, last word of the local and of the remote address. 16 bytes, four to a cache line. */
const STRIDE = 4;
/** The other words of IPv6 addresses, in a second array: local 0 … 2, remote 0 … 2. */
const WIDE = 6;
const FIRST_SIZE = 64;

/** The two ports of a tuple as one word. */
export function portsWord(localPort: number, remotePort: number): number {
  return (localPort << 16) | remotePort;
}

/**
 * A hash table from four-tuples of one family to small integers: open addressing with linear probing, the key in the slot (a look-up
 * touches one cache line), a keyed hash (nobody outside can aim for one chain), and deletion that moves the rest of the chain back
 * instead of leaving tombstones, so that a table that lived long is as fast as a new one.
 */
class TupleTable {
  count = 0;
  readonly #hash: HalfSipHash;
  readonly #wide: boolean;
  #mask = FIRST_SIZE - 1;
  #slots = new Int32Array(FIRST_SIZE * STRIDE);
  #rest: Int32Array;

  constructor(hash: HalfSipHash, wide: boolean) {
    this.#hash = hash;
    this.#wide = wide;
    this.#rest = new Int32Array(wide ? FIRST_SIZE * WIDE : 0);
  }

  /** The value, or −1. Addresses as words, ports as `portsWord`. */
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
    const slot = this.#seek(l0, l1, l2, l3, r0, r1, r2, r3, ports);
    return this.#slots[slot * STRIDE]! - 1;
  }

  /** Sets the value, 0 … 2^31 − 2, of a key that is not there yet. False where it is. */
  insert(
    l0: number,
    l1: number,
    l2: number,
    l3: number,
    r0: number,
    r1: number,
    r2: number,
    r3: number,
    ports: number,
    value: number,
  ): boolean {
    // At most two of three slots in use: beyond that chains of linear probing grow fast.
    if ((this.count + 1) * 3 > (this.#mask + 1) * 2) this.#resize((this.#mask + 1) * 2);
    const slot = this.#seek(l0, l1, l2, l3, r0, r1, r2, r3, ports);
    const at = slot * STRIDE;
    if (this.#slots[at] !== 0) return false;
    this.#slots[at] = value + 1;
    this.#slots[at + 1] = ports;
    this.#slots[at + 2] = l3;
    this.#slots[at + 3] = r3;
    if (this.#wide) {
      const rest = slot * WIDE;
      this.#rest[rest] = l0;
      this.#rest[rest + 1] = l1;
      this.#rest[rest + 2] = l2;
      this.#rest[rest + 3] = r0;
      this.#rest[rest + 4] = r1;
      this.#rest[rest + 5] = r2;
    }
    this.count++;
    return true;
  }

  /** Removes a key and returns its value, or −1 where it is not there. */
  remove(
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
    let hole = this.#seek(l0, l1, l2, l3, r0, r1, r2, r3, ports);
    const value = this.#slots[hole * STRIDE]! - 1;
    if (value < 0) return -1;
    this.count--;
    // Each entry behind the hole moves into it, unless its home lies after the hole (Knuth, TAOCP 6.4, algorithm R).
    for (let slot = (hole + 1) & this.#mask; this.#slots[slot * STRIDE] !== 0; slot = (slot + 1) & this.#mask) {
      const distance = (slot - this.#home(slot)) & this.#mask;
      if (distance >= ((slot - hole) & this.#mask)) {
        this.#move(this.#slots, this.#rest, slot, hole);
        hole = slot;
      }
    }
    this.#slots[hole * STRIDE] = 0;
    if (this.#mask >= FIRST_SIZE && this.count * 8 < this.#mask) this.#resize((this.#mask + 1) >>> 1);
    return value;
  }

  /** The slot that holds the key, or the empty one where it would go. */
  #seek(
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
    const slots = this.#slots;
    const mask = this.#mask;
    const hash = this.#wide ? this.#hash.of9(l0, l1, l2, l3, r0, r1, r2, r3, ports) : this.#hash.of3(l3, r3, ports);
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const at = slot * STRIDE;
      if (slots[at] === 0) return slot;
      if (slots[at + 1] !== ports || slots[at + 3] !== r3 || slots[at + 2] !== l3) continue;
      if (!this.#wide) return slot;
      const rest = this.#rest;
      const w = slot * WIDE;
      if (
        rest[w] === l0 &&
        rest[w + 1] === l1 &&
        rest[w + 2] === l2 &&
        rest[w + 3] === r0 &&
        rest[w + 4] === r1 &&
        rest[w + 5] === r2
      ) {
        return slot;
      }
    }
  }

  /** Where the search for the key in `slot` starts. */
  #home(slot: number): number {
    const s = this.#slots;
    const r = this.#rest;
    const at = slot * STRIDE;
    const w = slot * WIDE;
    const hash = this.#wide
      ? this.#hash.of9(r[w]!, r[w + 1]!, r[w + 2]!, s[at + 2]!, r[w + 3]!, r[w + 4]!, r[w + 5]!, s[at + 3]!, s[at + 1]!)
      : this.#hash.of3(s[at + 2]!, s[at + 3]!, s[at + 1]!);
    return hash & this.#mask;
  }

  #move(fromSlots: Int32Array, fromRest: Int32Array, from: number, to: number): void {
    for (let i = 0; i < STRIDE; i++) this.#slots[to * STRIDE + i] = fromSlots[from * STRIDE + i]!;
    if (this.#wide) for (let i = 0; i < WIDE; i++) this.#rest[to * WIDE + i] = fromRest[from * WIDE + i]!;
  }

  #resize(size: number): void {
    const s = this.#slots;
    const r = this.#rest;
    const oldSize = this.#mask + 1;
    this.#mask = size - 1;
    this.#slots = new Int32Array(size * STRIDE);
    if (this.#wide) this.#rest = new Int32Array(size * WIDE);
    for (let slot = 0; slot < oldSize; slot++) {
      const at = slot * STRIDE;
      if (s[at] === 0) continue;
      const w = slot * WIDE;
      const to = this.#wide
        ? this.#seek(r[w]!, r[w + 1]!, r[w + 2]!, s[at + 2]!, r[w + 3]!, r[w + 4]!, r[w + 5]!, s[at + 3]!, s[at + 1]!)
        : this.#seek(0, 0, 0, s[at + 2]!, 0, 0, 0, s[at + 3]!, s[at + 1]!);
      this.#move(s, r, slot, to);
    }
  }
}

/** What a `Demux` finds things by: `Tcb` has it. */
export interface Tuple {
  readonly localAddress: IpAddress;
  readonly localPort: number;
  readonly remoteAddress: IpAddress;
  readonly remotePort: number;
}

/**
 * Finds the connection that a segment belongs to (RFC 9293 §3.10.7): a table for each family, whose values are places in a list.
 */
export class Demux<T extends Tuple> {
  readonly #v4: TupleTable;
  readonly #v6: TupleTable;
  readonly #items: (T | null)[] = [];
  readonly #free: number[] = [];

  /** `key`: 8 secret bytes. */
  constructor(key: Uint8Array) {
    const hash = new HalfSipHash(key);
    this.#v4 = new TupleTable(hash, false);
    this.#v6 = new TupleTable(hash, true);
  }

  get size(): number {
    return this.#v4.count + this.#v6.count;
  }

  /** By the words of an arriving packet's addresses, in mapped form where IPv4. */
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
  ): T | null {
    const table = family === 4 ? this.#v4 : this.#v6;
    const place = table.find(l0, l1, l2, l3, r0, r1, r2, r3, ports);
    return place < 0 ? null : this.#items[place]!;
  }

  find(localAddress: IpAddress, localPort: number, remoteAddress: IpAddress, remotePort: number): T | null {
    const { w0, w1, w2, w3, family } = localAddress;
    const r = remoteAddress;
    return this.findWords(family, w0, w1, w2, w3, r.w0, r.w1, r.w2, r.w3, portsWord(localPort, remotePort));
  }

  /** False where there is one with this tuple already. */
  insert(item: T): boolean {
    const l = item.localAddress;
    const r = item.remoteAddress;
    const table = l.family === 4 ? this.#v4 : this.#v6;
    const place = this.#free.pop() ?? this.#items.push(null) - 1;
    const ports = portsWord(item.localPort, item.remotePort);
    if (table.insert(l.w0, l.w1, l.w2, l.w3, r.w0, r.w1, r.w2, r.w3, ports, place)) {
      this.#items[place] = item;
      return true;
    }
    this.#free.push(place);
    return false;
  }

  /** False where it was not there. */
  remove(item: T): boolean {
    const l = item.localAddress;
    const r = item.remoteAddress;
    const table = l.family === 4 ? this.#v4 : this.#v6;
    const place = table.remove(
      l.w0,
      l.w1,
      l.w2,
      l.w3,
      r.w0,
      r.w1,
      r.w2,
      r.w3,
      portsWord(item.localPort, item.remotePort),
    );
    if (place < 0) return false;
    this.#items[place] = null;
    this.#free.push(place);
    return true;
  }

  *[Symbol.iterator](): Generator<T> {
    for (const item of this.#items) if (item !== null) yield item;
  }
}
