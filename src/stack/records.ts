import { REAL_ZERO } from '../tcp/real.ts';
import type { FourTuple } from '../tcp/trace.ts';
import { IpAddress } from '../wire/address.ts';
import { portsWord } from './demux.ts';
import type { HalfSipHash } from './half-siphash.ts';
import { Origins } from './origins.ts';

/** A record: these words, then its user's. REMOTE is the last word of the address; IPv6 has the other three behind the user's words. */
const PORTS = 0;
/** The number of its origin, in as many low bits as it has; the others are the user's. */
const ORIGIN = 1;
/** The next record of its bucket, + 1; 0: none. */
const CHAIN = 2;
const REMOTE = 3;
const OWN = 4;
const REST = 3;

/** PORTS of a record that is none any more: no tuple has port 0 twice. */
const DEAD = 0;

const PAGE_BITS = 9;
const PAGE = 1 << PAGE_BITS;
const SEGMENT_BITS = 10;
const SEGMENT = 1 << SEGMENT_BITS;
const FIRST_BITS = 4;

const NONE = new Int32Array(0);

/** A new page begins with room for so many records: most stacks never need more. */
const FIRST = 16;

/** Records in the order in which they came. */
class Page {
  readonly number: number;
  words = NONE;
  /** How many were put in, how many of them still are, and how many its queue has passed. */
  filled = 0;
  live = 0;
  passed = 0;
  /** What its user counts from in its records (`RecordQueue.from`). Not an integer to begin with: see `REAL_ZERO`. */
  base = REAL_ZERO;
  /** No more come in. */
  sealed = false;

  constructor(number: number) {
    this.number = number;
  }
}

/**
 * Connections of one family too small for an object each: records, by number, found by their four-tuple. What a record says besides is its
 * user's.
 *
 * Records live in pages, which queues fill one after the other and whose memory goes with their last record. The index
 * is a linear hash table (Litwin, 1980) of chains: with each record that comes or goes at most one bucket is split or joined, so that there is neither a
 * pause nor half of the table empty. Its hash is keyed: nobody outside can aim for one chain.
 */
export class TupleRecords {
  count = 0;
  readonly family: 4 | 6;
  readonly #own: number;
  readonly #stride: number;
  readonly #hash: HalfSipHash;
  readonly #origins: Origins;
  readonly #originMask: number;
  readonly #pages: (Page | null)[] = [];
  readonly #freePages: number[] = [];
  /** Memory of the pages there are, bytes. */
  #pageBytes = 0;

  /** First record of each bucket, + 1. There are 2^bits + `#split` buckets: those before `#split` have been split once more than the others. */
  #heads: Int32Array[] = [new Int32Array(1 << FIRST_BITS)];
  #bits = FIRST_BITS;
  #split = 0;

  /** `own`: words that the user keeps in each record. `originBits`: of the word that names the origin; the user has the others. */
  constructor(family: 4 | 6, hash: HalfSipHash, own: number, originBits = 32) {
    this.family = family;
    this.#hash = hash;
    this.#own = own;
    this.#stride = OWN + own + (family === 4 ? 0 : REST);
    this.#origins = new Origins(2 ** originBits);
    this.#originMask = originBits === 32 ? -1 : (1 << originBits) - 1;
  }

  get bytes(): number {
    let sum = this.#pageBytes;
    for (const segment of this.#heads) sum += segment.byteLength;
    return sum;
  }

  /** Where the record is: the user's words of `id` begin at `at(id)` of `words(id)`. Holds until the next change. */
  words(id: number): Int32Array {
    return this.#pages[id >>> PAGE_BITS]!.words;
  }
  at(id: number): number {
    return (id & (PAGE - 1)) * this.#stride + OWN;
  }

  /** The user's part of the word that names the origin: its high bits. */
  spare(id: number): number {
    return this.words(id)[(id & (PAGE - 1)) * this.#stride + ORIGIN]! & ~this.#originMask;
  }
  setSpare(id: number, bits: number): void {
    const w = this.words(id);
    const at = (id & (PAGE - 1)) * this.#stride + ORIGIN;
    w[at] = (w[at]! & this.#originMask) | (bits & ~this.#originMask);
  }

  /**
   * A record for `tuple`, which must not be there, at the end of `queue`; the user's words are 0. `tag`: what many records have in common, by
   * which the user knows them. −1 where there are too many different local addresses and tags.
   */
  add({ localAddress, localPort, remoteAddress: r, remotePort }: FourTuple, queue: RecordQueue, tag = 0): number {
    const origin = this.#origins.take(localAddress, tag);
    if (origin < 0) return -1;
    this.#growIndex();
    const id = this.#place(queue);
    const w = this.words(id);
    const at = (id & (PAGE - 1)) * this.#stride;
    w[at + PORTS] = portsWord(localPort, remotePort);
    w[at + ORIGIN] = origin;
    w[at + REMOTE] = r.w3;
    if (this.family === 6) {
      const x = at + OWN + this.#own;
      w[x] = r.w0;
      w[x + 1] = r.w1;
      w[x + 2] = r.w2;
    }
    this.#link(id, this.#bucketOf(id));
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
    let id = this.#head(this.#bucket(hash)) - 1;
    while (id >= 0) {
      const w = this.words(id);
      const at = (id & (PAGE - 1)) * this.#stride;
      if (w[at + PORTS] === ports && w[at + REMOTE] === r3) {
        const x = at + OWN + this.#own;
        const l = this.#origins.address(w[at + ORIGIN]! & this.#originMask);
        const same = l.w3 === l3 && l.w2 === l2 && l.w1 === l1 && l.w0 === l0;
        if (same && (!wide || (w[x] === r0 && w[x + 1] === r1 && w[x + 2] === r2))) return id;
      }
      id = w[at + CHAIN]! - 1;
    }
    return -1;
  }

  tuple(id: number): FourTuple {
    const w = this.words(id);
    const at = (id & (PAGE - 1)) * this.#stride;
    const ports = w[at + PORTS]!;
    const x = at + OWN + this.#own;
    const last = w[at + REMOTE]!;
    return {
      localAddress: this.#origins.address(w[at + ORIGIN]! & this.#originMask),
      localPort: ports >>> 16,
      remoteAddress: this.family === 4 ? IpAddress.v4(last) : new IpAddress(6, w[x]!, w[x + 1]!, w[x + 2]!, last),
      remotePort: ports & 0xffff,
    };
  }

  /** The base of the record's page. */
  base(id: number): number {
    return this.#pages[id >>> PAGE_BITS]!.base;
  }

  tag(id: number): number {
    return this.#origins.tag(this.words(id)[(id & (PAGE - 1)) * this.#stride + ORIGIN]! & this.#originMask);
  }

  /** Forgets a record. */
  remove(id: number): void {
    this.#unlink(id, this.#bucketOf(id));
    this.#origins.give(this.words(id)[(id & (PAGE - 1)) * this.#stride + ORIGIN]! & this.#originMask);
    this.#kill(id);
    this.count--;
    // Twice, so that it is as small as it can be by the time that all are gone.
    this.#shrinkIndex();
    this.#shrinkIndex();
  }

  /** Puts a record at the end of a queue, as it is. Returns its new number. */
  move(id: number, queue: RecordQueue): number {
    const bucket = this.#bucketOf(id);
    this.#unlink(id, bucket);
    const to = this.#place(queue);
    const at = (id & (PAGE - 1)) * this.#stride;
    this.words(to).set(this.words(id).subarray(at, at + this.#stride), (to & (PAGE - 1)) * this.#stride);
    this.#kill(id);
    this.#link(to, bucket);
    return to;
  }

  // Pages: for `RecordQueue`.

  /** A page with nothing in it. */
  openPage(): Page {
    const number = this.#freePages.pop() ?? this.#pages.push(null) - 1;
    const page = new Page(number);
    this.#pages[number] = page;
    return page;
  }

  /** Nothing is in the page any more, and its queue has passed it. */
  closePage(page: Page): void {
    this.#pages[page.number] = null;
    this.#freePages.push(page.number);
  }

  isLive(page: Page, slot: number): boolean {
    return page.words[slot * this.#stride + PORTS] !== DEAD;
  }

  #place(queue: RecordQueue): number {
    const page = queue.room();
    const size = page.words.length;
    if (page.filled * this.#stride === size) {
      const wider = new Int32Array(Math.max(size * 2, FIRST * this.#stride));
      wider.set(page.words);
      page.words = wider;
      this.#pageBytes += 4 * (wider.length - size);
    }
    page.live++;
    const slot = page.filled++;
    if (page.filled === PAGE) page.sealed = true;
    return (page.number << PAGE_BITS) | slot;
  }

  #kill(id: number): void {
    const page = this.#pages[id >>> PAGE_BITS]!;
    page.words[(id & (PAGE - 1)) * this.#stride + PORTS] = DEAD;
    if (--page.live > 0) return;
    this.#pageBytes -= page.words.byteLength;
    page.words = NONE;
    // The last of its queue begins anew.
    if (!page.sealed) page.filled = page.passed = 0;
  }

  // The index.

  #bucket(hash: number): number {
    const bucket = hash & ((1 << this.#bits) - 1);
    return bucket >= this.#split ? bucket : hash & ((2 << this.#bits) - 1);
  }

  #bucketOf(id: number): number {
    return this.#bucket(this.#hashOf(id));
  }

  #hashOf(id: number): number {
    const w = this.words(id);
    const at = (id & (PAGE - 1)) * this.#stride;
    const l = this.#origins.address(w[at + ORIGIN]! & this.#originMask);
    const last = w[at + REMOTE]!;
    const ports = w[at + PORTS]!;
    const x = at + OWN + this.#own;
    return this.family === 4
      ? this.#hash.of3(l.w3, last, ports)
      : this.#hash.of9(l.w0, l.w1, l.w2, l.w3, w[x]!, w[x + 1]!, w[x + 2]!, last, ports);
  }

  #head(bucket: number): number {
    return this.#heads[bucket >>> SEGMENT_BITS]![bucket & (SEGMENT - 1)]!;
  }

  #setHead(bucket: number, value: number): void {
    this.#heads[bucket >>> SEGMENT_BITS]![bucket & (SEGMENT - 1)] = value;
  }

  #next(id: number): number {
    return this.words(id)[(id & (PAGE - 1)) * this.#stride + CHAIN]!;
  }

  #setNext(id: number, value: number): void {
    this.words(id)[(id & (PAGE - 1)) * this.#stride + CHAIN] = value;
  }

  #link(id: number, bucket: number): void {
    this.#setNext(id, this.#head(bucket));
    this.#setHead(bucket, id + 1);
  }

  #unlink(id: number, bucket: number): void {
    let before = -1;
    for (let other = this.#head(bucket) - 1; other !== id; other = this.#next(other) - 1) before = other;
    if (before < 0) this.#setHead(bucket, this.#next(id));
    else this.#setNext(before, this.#next(id));
  }

  /** One more record: three to two buckets at most. */
  #growIndex(): void {
    const buckets = (1 << this.#bits) + this.#split;
    if ((this.count + 1) * 2 <= buckets * 3) return;
    if (buckets < SEGMENT) {
      if ((buckets & (buckets - 1)) === 0) this.#resizeSegment(buckets * 2);
    } else if ((buckets & (SEGMENT - 1)) === 0) this.#heads.push(new Int32Array(SEGMENT));
    const from = this.#split;
    let id = this.#head(from) - 1;
    this.#setHead(from, 0);
    if (++this.#split === 1 << this.#bits) {
      this.#bits++;
      this.#split = 0;
    }
    while (id >= 0) {
      const next = this.#next(id) - 1;
      this.#link(id, this.#bucketOf(id));
      id = next;
    }
  }

  /** One less: half as full as at most, the last bucket joins the one it came from. */
  #shrinkIndex(): void {
    const buckets = (1 << this.#bits) + this.#split;
    if (this.count * 4 >= buckets * 3 || buckets === 1 << FIRST_BITS) return;
    const last = buckets - 1;
    let id = this.#head(last) - 1;
    this.#setHead(last, 0);
    if (--this.#split < 0) {
      this.#bits--;
      this.#split = (1 << this.#bits) - 1;
    }
    while (id >= 0) {
      const next = this.#next(id) - 1;
      this.#link(id, this.#split);
      id = next;
    }
    if (last < SEGMENT) {
      if ((last & (last - 1)) === 0) this.#resizeSegment(last);
    } else if ((last & (SEGMENT - 1)) === 0) this.#heads.pop();
  }

  /** The only segment, while it is short. */
  #resizeSegment(size: number): void {
    const segment = new Int32Array(size);
    segment.set(this.#heads[0]!.subarray(0, size));
    this.#heads[0] = segment;
  }
}

/** Records in the order in which they came: those that wait equally long expire in it, so that no timer is needed for each. */
export class RecordQueue {
  readonly #records: TupleRecords;
  /** From the page of the oldest record on; those before `#first` have been passed. */
  #pages: Page[] = [];
  #first = 0;

  constructor(records: TupleRecords) {
    this.#records = records;
  }

  /** The record that has waited longest, −1: none. */
  get head(): number {
    while (this.#first < this.#pages.length) {
      const page = this.#pages[this.#first]!;
      if (page.live > 0) {
        while (!this.#records.isLive(page, page.passed)) page.passed++;
        return (page.number << PAGE_BITS) | page.passed;
      }
      if (!page.sealed) return -1;
      this.#records.closePage(page);
      this.#first++;
    }
    this.#pages = [];
    this.#first = 0;
    return -1;
  }

  /** The page for the next record. */
  room(): Page {
    const last = this.#pages.at(-1);
    if (this.#first < this.#pages.length && !last!.sealed) return last!;
    // Pages that were passed are not kept for ever.
    if (this.#first > 16 && this.#first * 2 > this.#pages.length) {
      this.#pages.splice(0, this.#first);
      this.#first = 0;
    }
    const page = this.#records.openPage();
    this.#pages.push(page);
    return page;
  }

  /** The next record says `value`, as a distance from its page's base, `most` or less: where it would be more another page is begun. */
  from(value: number, most: number): void {
    let page = this.room();
    if (page.filled > 0 && value - page.base > most) {
      page.sealed = true;
      page = this.room();
    }
    if (page.filled === 0) page.base = value;
  }

  *ids(): Generator<number> {
    for (let i = this.#first; i < this.#pages.length; i++) {
      const page = this.#pages[i]!;
      for (let slot = 0; slot < page.filled && page.live > 0; slot++) {
        if (this.#records.isLive(page, slot)) yield (page.number << PAGE_BITS) | slot;
      }
    }
  }
}
