import type { Frame } from '../link/device.ts';
import { type Allocator, RECYCLED } from '../tcp/receive-buffer.ts';
import { LastView } from '../wire/bytes.ts';

const SLAB = 256 * 1024;
/** Larger pieces get memory of their own: a slab lives as long as its longest-lived piece. */
const LARGEST = 32 * 1024;
/** Most pieces of `RECYCLED` bytes kept for the next one who asks, 16 MiB: what fast connections hold at once between two turns. */
const MOST_KEPT = 256;
/** When so many were given back, half of those that nobody has needed meanwhile go. */
const ROUND = 1024;

/**
 * Memory for received text: small pieces cut from larger ones, as an array of its own costs more than most segments; and pieces of
 * `RECYCLED` bytes. What comes back is given out again: memory that the processor has at hand takes a copy five times faster than memory new to it. And
 * wherever 64 MiB of array buffers have come and gone, V8 marks the whole heap: where that holds a million connections it would never be done.
 */
export class Slabs implements Allocator {
  at = 0;
  /** The frame that arrived last. */
  arrived: Frame | null = null;
  /** Of frames: a device mostly reads into one, and texts lie alike in it. And of all else, as a reader who gives memory back gets the same again. */
  readonly #arrivedView = new LastView();
  readonly #view = new LastView();
  #slab = new Uint8Array(0);
  #used = 0;
  /** Pieces of the slab that did not come back. */
  #out = 0;
  readonly #kept: Uint8Array[] = [];
  /** How many came back in this round, and the least that were kept at any time in it. */
  #given = 0;
  #spare = 0;

  allocate(size: number): Uint8Array {
    this.at = 0;
    if (size > LARGEST) return (size === RECYCLED ? this.#again() : undefined) ?? new Uint8Array(size);
    if (this.#used + size > this.#slab.length) {
      this.#slab = new Uint8Array(SLAB);
      this.#used = 0;
      this.#out = 0;
    }
    this.at = this.#used;
    this.#used += size;
    this.#out++;
    return this.#slab;
  }

  /** A slab of which all came back is used again. */
  recycle(memory: Uint8Array): void {
    if (memory === this.#slab) {
      if (--this.#out === 0) this.#used = 0;
      return;
    }
    if (memory.length !== RECYCLED) return;
    const kept = this.#kept;
    if (kept.length < MOST_KEPT) kept.push(memory);
    if (++this.#given < ROUND) return;
    this.#given = 0;
    kept.length -= this.#spare >>> 1;
    this.#spare = kept.length;
  }

  keep(memory: Uint8Array): Frame | null {
    const { arrived } = this;
    return arrived?.bytes === memory && arrived.keep() ? arrived : null;
  }

  view(memory: Uint8Array, start: number, end: number): Uint8Array {
    return (this.arrived?.bytes === memory ? this.#arrivedView : this.#view).of(memory, start, end);
  }

  #again(): Uint8Array | undefined {
    const piece = this.#kept.pop();
    this.#spare = Math.min(this.#spare, this.#kept.length);
    return piece;
  }
}
