import { view } from '../wire/bytes.ts';

/** Where received text lives. */
export interface Allocator {
  /** Room for `size` bytes, which nobody else refers to, in this memory from `at` on. */
  allocate(size: number): Uint8Array;
  /** Where what was allocated last begins; 0 where not given. */
  readonly at?: number;
  /** Takes what was allocated in this memory back: nobody refers to it any more. */
  recycle?(memory: Uint8Array): void;
  /** A view for the moment, where such views are not made anew each time. */
  view?(memory: Uint8Array, start: number, end: number): Uint8Array;
  /** Has the memory that text just arrived in stay as it is, so that it need not be copied; null where that cannot be. */
  keep?(arrived: Uint8Array): Loan | null;
}

/** Memory of a device's, kept until it is given back. */
export interface Loan {
  readonly bytes: Uint8Array;
  giveBack(): void;
}

/** Memory of out-of-order text: one block for each 4 KiB of sequence space that holds any. */
const BLOCK_BITS = 12;
const BLOCK = 1 << BLOCK_BITS;
/** The least room given to a chunk that others may follow before it is read. */
const SHARED = 2048;
/** Size of the memory for much text where the reader is done with it when `consume` returns. */
export const RECYCLED = 1 << 16;
/** How text is given away that lies in [start, end) of this memory: as a view of the reader's choice. */
export type View<T extends Uint8Array> = (memory: Uint8Array, start: number, end: number) => T;

/** In the place of memory that is read. */
const NONE = new Uint8Array(0);
/** Lists of up to so many chunks are used again when all are read, as another list for each request is garbage and takes time to grow. */
const FEW = 32;
/** Text from this length on is worth keeping a frame of up to 64 KiB for. */
const WORTH_KEEPING = 16 * 1024;

/** Text in order: what is not read of it is [begin, filled) of this memory, in which other connections' may lie, too. */
class Chunk {
  memory: Uint8Array = NONE;
  begin = 0;
  filled = 0;
  /** Where its room ends. */
  end = 0;
  /** The frame that this memory is, where it is one. */
  loan: Loan | null = null;
  /** What was read of it is the reader's, and so its memory. */
  given = false;
}

/**
 * Received text, in two parts: in order and not yet read (a list of chunks for the application), and out of order (runs beyond
 * RCV.NXT, in blocks by position). Memory stays within `capacity` and a small overhead whatever the sizes of the segments: short
 * ones share chunks, and a one-byte run costs a block only once in 4 KiB. It keeps what it has taken (RFC 2018 §8): where there is no room, new
 * text is refused.
 *
 * For a reader who gives memory back (`consume`, `readInto`) long text in order is not copied where the device lets its frame be kept: the frame is a chunk.
 *
 * Positions are stream offsets, from the first byte after the peer's SYN, as plain numbers: they do not wrap.
 */
export class ReceiveBuffer {
  /** Bytes in order and not read. */
  readable = 0;
  /** Bytes out of order. */
  outOfOrder = 0;
  capacity: number;
  private readonly allocator: Allocator;
  private readonly maxRuns: number;
  /** Stream position of RCV.NXT. */
  private next = 0;

  /** Text in order, from `head` on. The last may have room left. */
  private chunks: Chunk[] = [new Chunk()];
  /** How many of these there are, those before `head` included; the others are to be used again. */
  private count = 0;
  private head = 0;
  /** Memory of the frames that are kept beyond what is unread of their text, bytes. */
  private around = 0;
  private recycling = false;

  /** Out-of-order runs, ascending, not touching: [start, end) positions. */
  private starts: number[] = [];
  private ends: number[] = [];
  private blocks: Map<number, Uint8Array> | null = null;

  constructor(allocator: Allocator, capacity: number, maxRuns: number) {
    this.allocator = allocator;
    this.capacity = capacity;
    this.maxRuns = maxRuns;
  }

  /** Bytes that may still come: what the window can offer beyond what is buffered in order. */
  get space(): number {
    return Math.max(0, this.capacity - this.readable);
  }

  /** Bytes of memory that are to be counted: the text, and all of the frames that are kept for it. */
  get memory(): number {
    return this.readable + this.outOfOrder + this.around;
  }

  /** Number of out-of-order runs. */
  get runs(): number {
    return this.starts.length;
  }

  /** Start and end of run `i`, as distances from RCV.NXT. */
  runStart(i: number): number {
    return this.starts[i]! - this.next;
  }
  runEnd(i: number): number {
    return this.ends[i]! - this.next;
  }

  /**
   * Takes the text `bytes[offset … offset + length)` that starts `at` bytes after RCV.NXT (0: next in order) and does not reach before it.
   * Returns by how much RCV.NXT advances, 0 for out-of-order text; −1 where a limit does not allow to keep it.
   */
  write(at: number, bytes: Uint8Array, offset: number, length: number): number {
    if (at === 0) {
      this.append(bytes, offset, length);
      this.next += length;
      return this.starts.length === 0 ? length : length + this.joinRuns();
    }
    const start = this.next + at;
    return this.addRun(start, start + length) ? this.store(start, bytes, offset, length) : -1;
  }

  /** The first stretch of [at, at + length) that is held out of order already, as distances from RCV.NXT; null where none is. */
  firstHeld(at: number, length: number): { from: number; to: number } | null {
    const from = this.next + at;
    const to = from + length;
    for (let i = this.findRun(from); i < this.starts.length && this.starts[i]! < to; i++) {
      const start = Math.max(from, this.starts[i]!);
      const end = Math.min(to, this.ends[i]!);
      if (end > start) return { from: start - this.next, to: end - this.next };
    }
    return null;
  }

  /** The next chunk for the application, at most `max` bytes; null when there is none. It is the caller's from now on. */
  read<T extends Uint8Array>(max: number, as: View<T> = view as View<T>): T | null {
    if (this.readable === 0 || max <= 0) return null;
    const chunk = this.chunks[this.head]!;
    const { memory, begin } = chunk;
    const n = Math.min(chunk.filled - begin, max);
    // What the caller keeps cannot stay in a frame.
    const bytes = chunk.loan === null ? as(memory, begin, begin + n) : as(memory.slice(begin, begin + n), 0, n);
    chunk.given = true;
    this.pass(chunk, n);
    return bytes;
  }

  /** Shows the next chunk to `take`, for the time of the call: its memory is used again. Returns its length, 0 where there is none. */
  consume(take: (bytes: Uint8Array) => void): number {
    if (this.readable === 0) return 0;
    this.recycling = true;
    const { memory, begin, filled, loan, given } = this.chunks[this.head]!;
    const n = filled - begin;
    this.readable -= n;
    this.shift();
    try {
      take(this.glance(memory, begin, filled));
    } finally {
      this.release(memory, loan, given, n);
    }
    return n;
  }

  /** Copies what there is, as far as `target` has room, and uses its memory again. Returns the number of bytes. */
  readInto(target: Uint8Array): number {
    this.recycling = true;
    let at = 0;
    while (at < target.length && this.readable > 0) {
      const chunk = this.chunks[this.head]!;
      const { begin } = chunk;
      const n = Math.min(chunk.filled - begin, target.length - at);
      target.set(this.glance(chunk.memory, begin, begin + n), at);
      at += n;
      this.pass(chunk, n);
    }
    return at;
  }

  /** The next `n` bytes of the first chunk are read. */
  private pass(chunk: Chunk, n: number): void {
    const { memory, loan, given } = chunk;
    this.readable -= n;
    if (chunk.begin + n < chunk.filled) {
      chunk.begin += n;
      if (loan !== null) this.around += n;
      return;
    }
    this.shift();
    this.release(memory, loan, given, n);
  }

  /** Memory goes back of which the last `n` bytes were read now, but where it is the reader's. */
  private release(memory: Uint8Array, loan: Loan | null, given: boolean, n: number): void {
    if (loan !== null) {
      this.around -= loan.bytes.length - n;
      loan.giveBack();
    } else if (!given) this.allocator.recycle?.(memory);
  }

  /** Gives frames that are kept back, as nobody may come to read the rest of a connection that is over: it is copied now. */
  leaveFrames(): void {
    for (let i = this.head; i < this.count; i++) {
      const chunk = this.chunks[i]!;
      const { memory, begin, filled, loan } = chunk;
      if (loan === null) continue;
      chunk.memory = memory.slice(begin, filled);
      chunk.begin = 0;
      chunk.filled = filled - begin;
      chunk.loan = null;
      chunk.given = true;
      this.release(memory, loan, true, chunk.filled);
    }
  }

  /** Drops everything that was not read. */
  clear(): void {
    for (let i = this.head; i < this.count; i++) {
      const { memory, begin, filled, loan } = this.chunks[i]!;
      this.release(memory, loan, true, filled - begin);
    }
    this.forget();
    this.readable = 0;
    this.dropRuns();
  }

  /** Drops the out-of-order runs. */
  dropRuns(): void {
    this.starts = [];
    this.ends = [];
    this.blocks = null;
    this.outOfOrder = 0;
  }

  private append(bytes: Uint8Array, offset: number, length: number): void {
    let from = offset;
    let left = length;
    this.readable += length;
    if (this.recycling && length >= WORTH_KEEPING && this.keep(bytes, offset, length)) return;
    if (this.count > this.head) {
      const tail = this.chunks[this.count - 1]!;
      const n = Math.min(left, tail.end - tail.filled);
      if (n > 0) {
        tail.memory.set(this.glance(bytes, from, from + n), tail.filled);
        tail.filled += n;
        from += n;
        left -= n;
        if (left === 0) return;
      }
    }
    const size = this.sizeFor(left);
    const memory = this.allocator.allocate(size);
    const { at = 0 } = this.allocator;
    memory.set(this.glance(bytes, from, from + left), at);
    this.add(memory, at, at + left, at + size, null);
  }

  /** A view for the moment. */
  private glance(memory: Uint8Array, start: number, end: number): Uint8Array {
    return this.allocator.view?.(memory, start, end) ?? view(memory, start, end);
  }

  /** Makes `bytes[from … from + length)` a chunk where it is. False where that cannot be. */
  private keep(bytes: Uint8Array, from: number, length: number): boolean {
    const loan = this.allocator.keep?.(bytes) ?? null;
    if (loan === null) return false;
    this.add(bytes, from, from + length, 0, loan);
    this.around += loan.bytes.length - length;
    return true;
  }

  private add(memory: Uint8Array, begin: number, filled: number, end: number, loan: Loan | null): void {
    if (this.count === this.chunks.length) this.chunks.push(new Chunk());
    const chunk = this.chunks[this.count++]!;
    chunk.memory = memory;
    chunk.begin = begin;
    chunk.filled = filled;
    chunk.end = end;
    chunk.loan = loan;
    chunk.given = false;
  }

  /** All chunks are read, or not wanted. */
  private forget(): void {
    if (this.count > FEW) this.chunks = [new Chunk()];
    else {
      for (let i = 0; i < this.count; i++) {
        this.chunks[i]!.memory = NONE;
        this.chunks[i]!.loan = null;
      }
    }
    this.count = 0;
    this.head = 0;
  }

  /** Alone, a chunk gets what it needs; while others wait to be read, room for more like it. */
  private sizeFor(length: number): number {
    if (this.recycling && Math.max(length, this.readable >>> 2) > SHARED) return RECYCLED;
    return this.count === 0 ? length : Math.max(length, SHARED);
  }

  /** The first chunk is read to its end. */
  private shift(): void {
    if (++this.head === this.count) this.forget();
    else if (this.head > 32 && this.head * 2 > this.count) {
      this.chunks.splice(0, this.head);
      this.count -= this.head;
      this.head = 0;
    }
  }

  /** Index of the first run that ends after `position`. */
  private findRun(position: number): number {
    let low = 0;
    let high = this.ends.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.ends[middle]! <= position) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Enters [start, end) into the runs, joining what it touches. False where there would be too many. */
  private addRun(start: number, end: number): boolean {
    const { starts, ends } = this;
    // The first run that ends at or after `start`: positions are integers, so "touches" is "ends after start − 1".
    const i = this.findRun(start - 1);
    if (i === starts.length || starts[i]! > end) {
      if (starts.length >= this.maxRuns) return false;
      starts.splice(i, 0, start);
      ends.splice(i, 0, end);
      this.outOfOrder += end - start;
      return true;
    }
    let j = i;
    let held = 0;
    let last = end;
    while (j < starts.length && starts[j]! <= end) {
      held += ends[j]! - starts[j]!;
      last = Math.max(last, ends[j]!);
      j++;
    }
    const first = Math.min(start, starts[i]!);
    starts[i] = first;
    ends[i] = last;
    if (j - i > 1) {
      starts.splice(i + 1, j - i - 1);
      ends.splice(i + 1, j - i - 1);
    }
    this.outOfOrder += last - first - held;
    return true;
  }

  private store(start: number, bytes: Uint8Array, offset: number, length: number): number {
    this.blocks ??= new Map();
    let position = start;
    let from = offset;
    const end = start + length;
    while (position < end) {
      const index = Math.floor(position / BLOCK);
      const at = position - index * BLOCK;
      const n = Math.min(BLOCK - at, end - position);
      let block = this.blocks.get(index);
      if (block === undefined) {
        const memory = this.allocator.allocate(BLOCK);
        const { at: first = 0 } = this.allocator;
        block = memory.subarray(first, first + BLOCK);
        this.blocks.set(index, block);
      }
      block.set(this.glance(bytes, from, from + n), at);
      position += n;
      from += n;
    }
    return 0;
  }

  /** Moves what has become in order from the runs to the chunks. Returns by how much RCV.NXT advances. */
  private joinRuns(): number {
    const before = this.next;
    let taken = 0;
    while (taken < this.starts.length && this.starts[taken]! <= this.next) {
      const end = this.ends[taken]!;
      this.outOfOrder -= end - this.starts[taken]!;
      while (this.next < end) {
        const index = Math.floor(this.next / BLOCK);
        const at = this.next - index * BLOCK;
        const n = Math.min(BLOCK - at, end - this.next);
        this.append(this.blocks!.get(index)!, at, n);
        this.next += n;
      }
      taken++;
    }
    if (taken > 0) {
      this.starts.splice(0, taken);
      this.ends.splice(0, taken);
      if (this.starts.length === 0) this.dropRuns();
      else {
        const keep = Math.floor(this.next / BLOCK);
        for (const index of this.blocks!.keys()) if (index < keep) this.blocks!.delete(index);
      }
    }
    return this.next - before;
  }
}
