const SLAB = 256 * 1024;
/** Larger pieces get memory of their own: a slab lives as long as its longest-lived piece. */
const LARGEST = 32 * 1024;

/** Memory for received text: small pieces cut from larger ones, as an array of its own costs more than most segments. */
export class Slabs {
  #slab = new Uint8Array(0);
  #used = 0;

  /** `size` bytes that nobody else refers to. */
  take(size: number): Uint8Array {
    if (size > LARGEST) return new Uint8Array(size);
    if (this.#used + size > this.#slab.length) {
      this.#slab = new Uint8Array(SLAB);
      this.#used = 0;
    }
    const piece = this.#slab.subarray(this.#used, this.#used + size);
    this.#used += size;
    return piece;
  }
}
