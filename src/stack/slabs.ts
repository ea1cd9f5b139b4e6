import { RECYCLED } from '../tcp/receive-buffer.ts';

const SLAB = 256 * 1024;
/** Larger pieces get memory of their own: a slab lives as long as its longest-lived piece. */
const LARGEST = 32 * 1024;
/** Pieces of `RECYCLED` bytes kept for the next one who asks: what many fast connections hold at once between two turns. */
const KEPT = 64;

/**
 * Memory for received text: small pieces cut from larger ones, as an array of its own costs more than most segments; and pieces of
 * `RECYCLED` bytes again and again: memory that the processor has at hand takes a copy five times faster than memory new to it.
 */
export class Slabs {
  #slab = new Uint8Array(0);
  #used = 0;
  readonly #kept: Uint8Array[] = [];

  /** `size` bytes that nobody else refers to. */
  take(size: number): Uint8Array {
    if (size > LARGEST) return (size === RECYCLED ? this.#kept.pop() : undefined) ?? new Uint8Array(size);
    if (this.#used + size > this.#slab.length) {
      this.#slab = new Uint8Array(SLAB);
      this.#used = 0;
    }
    const piece = this.#slab.subarray(this.#used, this.#used + size);
    this.#used += size;
    return piece;
  }

  /** Takes a piece of `RECYCLED` bytes back. */
  give(piece: Uint8Array): void {
    if (this.#kept.length < KEPT) this.#kept.push(piece);
  }
}
