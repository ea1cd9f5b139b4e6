import type { HalfSipHash } from './half-siphash.ts';

/** A slot: value + 1 (0: empty), ports, last word of the local and of the remote address. 16 bytes, four to a cache line. */
const STRIDE = 4;
/** The other words of IPv6 addresses, in a second array: local 0 … 2, remote 0 … 2. */
const WIDE = 6;
const FIRST_SIZE = 64;

/** Slots of a table that is being left that each insertion or removal clears: the next resizing finds it empty. */
const CLEARED = 16;

/** The slots of a table: a power of two. */
class Slots {
  count = 0;
  readonly mask: number;
  readonly words: Int32Array;
  readonly rest: Int32Array;

  constructor(size: number, wide: boolean) {
    this.mask = size - 1;
    this.words = new Int32Array(size * STRIDE);
    this.rest = new Int32Array(wide ? size * WIDE : 0);
  }

  isEmpty(slot: number): boolean {
    return this.words[slot * STRIDE] === 0;
  }
}

/**
 * A hash table from four-tuples of one family to small integers: open addressing with linear probing, the key in the slot (a look-up
 * touches one cache line), a keyed hash (nobody outside can aim for one chain), and deletion that moves the rest of the chain back
 * instead of leaving tombstones, so that a table that lived long is as fast as a new one.
 *
 * It is resized without a pause: a new table is begun, and each change moves a few entries over. Until the old one is empty a look-up may have to
 * try both.
 */
export class TupleTable {
  readonly #hash: HalfSipHash;
  readonly #wide: boolean;
  #slots: Slots;
  /** What is being left; the next of its slots to be looked at: all in the chains before it have moved. */
  #old: Slots | null = null;
  #next = 0;

  constructor(hash: HalfSipHash, wide: boolean) {
    this.#hash = hash;
    this.#wide = wide;
    this.#slots = new Slots(FIRST_SIZE, wide);
  }

  get count(): number {
    return this.#slots.count + (this.#old?.count ?? 0);
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
    const hash = this.#wide ? this.#hash.of9(l0, l1, l2, l3, r0, r1, r2, r3, ports) : this.#hash.of3(l3, r3, ports);
    const now = this.#slots;
    const value = now.words[this.#seek(now, hash, l0, l1, l2, l3, r0, r1, r2, r3, ports) * STRIDE]! - 1;
    const old = this.#old;
    if (value >= 0 || old === null) return value;
    return old.words[this.#seek(old, hash, l0, l1, l2, l3, r0, r1, r2, r3, ports) * STRIDE]! - 1;
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
    if (this.find(l0, l1, l2, l3, r0, r1, r2, r3, ports) >= 0) return false;
    this.#clear(CLEARED);
    // At most two of three slots in use: beyond that chains of linear probing grow fast.
    if ((this.count + 1) * 3 > (this.#slots.mask + 1) * 2) this.#resize((this.#slots.mask + 1) * 2);
    const now = this.#slots;
    const hash = this.#wide ? this.#hash.of9(l0, l1, l2, l3, r0, r1, r2, r3, ports) : this.#hash.of3(l3, r3, ports);
    const slot = this.#seek(now, hash, l0, l1, l2, l3, r0, r1, r2, r3, ports);
    const at = slot * STRIDE;
    now.words[at] = value + 1;
    now.words[at + 1] = ports;
    now.words[at + 2] = l3;
    now.words[at + 3] = r3;
    if (this.#wide) {
      const rest = slot * WIDE;
      now.rest[rest] = l0;
      now.rest[rest + 1] = l1;
      now.rest[rest + 2] = l2;
      now.rest[rest + 3] = r0;
      now.rest[rest + 4] = r1;
      now.rest[rest + 5] = r2;
    }
    now.count++;
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
    this.#clear(CLEARED);
    const hash = this.#wide ? this.#hash.of9(l0, l1, l2, l3, r0, r1, r2, r3, ports) : this.#hash.of3(l3, r3, ports);
    let from = this.#slots;
    let slot = this.#seek(from, hash, l0, l1, l2, l3, r0, r1, r2, r3, ports);
    if (from.isEmpty(slot) && this.#old !== null) {
      from = this.#old;
      slot = this.#seek(from, hash, l0, l1, l2, l3, r0, r1, r2, r3, ports);
    }
    const value = from.words[slot * STRIDE]! - 1;
    if (value < 0) return -1;
    this.#empty(from, slot);
    if (this.#slots.mask >= FIRST_SIZE && this.count * 8 < this.#slots.mask) this.#resize((this.#slots.mask + 1) >>> 1);
    return value;
  }

  /** The slot that holds the key, or the empty one where it would go. */
  #seek(
    table: Slots,
    hash: number,
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
    const { words, mask } = table;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const at = slot * STRIDE;
      if (words[at] === 0) return slot;
      if (words[at + 1] !== ports || words[at + 3] !== r3 || words[at + 2] !== l3) continue;
      if (!this.#wide) return slot;
      const { rest } = table;
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

  /** Takes the key out of a slot that has one. */
  #empty(table: Slots, slot: number): void {
    const { mask } = table;
    let hole = slot;
    table.count--;
    // Each entry behind the hole moves into it, unless its home lies after the hole (Knuth, TAOCP 6.4, algorithm R).
    for (let other = (hole + 1) & mask; !table.isEmpty(other); other = (other + 1) & mask) {
      const distance = (other - this.#hashAt(table, other)) & mask;
      if (distance >= ((other - hole) & mask)) {
        this.#move(table, other, table, hole);
        hole = other;
      }
    }
    table.words[hole * STRIDE] = 0;
  }

  /** The hash of the key in a slot. */
  #hashAt({ words: s, rest: r }: Slots, slot: number): number {
    const at = slot * STRIDE;
    const w = slot * WIDE;
    return this.#wide
      ? this.#hash.of9(r[w]!, r[w + 1]!, r[w + 2]!, s[at + 2]!, r[w + 3]!, r[w + 4]!, r[w + 5]!, s[at + 3]!, s[at + 1]!)
      : this.#hash.of3(s[at + 2]!, s[at + 3]!, s[at + 1]!);
  }

  #move(from: Slots, slot: number, to: Slots, target: number): void {
    for (let i = 0; i < STRIDE; i++) to.words[target * STRIDE + i] = from.words[slot * STRIDE + i]!;
    if (this.#wide) for (let i = 0; i < WIDE; i++) to.rest[target * WIDE + i] = from.rest[slot * WIDE + i]!;
  }

  #resize(size: number): void {
    this.#clear(Number.POSITIVE_INFINITY);
    const old = this.#slots;
    this.#slots = new Slots(size, this.#wide);
    if (old.count === 0) return;
    this.#old = old;
    // Where a chain begins, or none is.
    this.#next = 0;
    while (!old.isEmpty(this.#next)) this.#next++;
  }

  /** Clears so many slots of the table that is being left, and the rest of a chain, which could not be found without its beginning. */
  #clear(slots: number): void {
    const old = this.#old;
    if (old === null) return;
    for (let left = slots; old.count > 0 && (left > 0 || !old.isEmpty(this.#next)); left--) {
      const slot = this.#next;
      this.#next = (slot + 1) & old.mask;
      if (old.isEmpty(slot)) continue;
      const now = this.#slots;
      let target = this.#hashAt(old, slot) & now.mask;
      while (!now.isEmpty(target)) target = (target + 1) & now.mask;
      this.#move(old, slot, now, target);
      now.count++;
      old.words[slot * STRIDE] = 0;
      old.count--;
    }
    if (old.count === 0) this.#old = null;
  }
}
