import type { PayloadSource } from '../wire/segment.ts';

/** Room that a copied chunk is given, so that small writes after it share its memory. */
const BLOCK = 16 * 1024;

/** In the place of a chunk that is acknowledged. */
const NONE = new Uint8Array(0);
/** Lists of up to so many chunks are used again when all is acknowledged, as another list for each answer is garbage and takes time to grow. */
const FEW = 16;

/**
 * What the application sent and the peer has not acknowledged, in order. Offset 0 is the byte at SND.UNA, once the SYN is acknowledged.
 * A list of chunks: small copies share blocks; a chunk appended without copying is referred to until it is acknowledged.
 */
export class SendBuffer implements PayloadSource {
  /** Bytes held. */
  length = 0;
  private chunks: Uint8Array[] = [NONE];
  private count = 0;
  /** Index in `chunks` of the first one still needed, and how much of it is acknowledged. */
  private first = 0;
  private skip = 0;
  /** Free memory behind the last chunk, when it is our copy: `block[used …]`. */
  private block: Uint8Array | null = null;
  private used = 0;
  /** Where the last `copy` ended: most copies go on from there. */
  private hintIndex = 0;
  private hintOffset = 0;

  /** Appends `bytes`; with `copy` false keeps a reference, and `bytes` must not change until they are discarded. */
  append(bytes: Uint8Array, copy: boolean): void {
    if (bytes.length === 0) return;
    this.length += bytes.length;
    if (copy) this.appendCopy(bytes);
    else {
      this.chunks[this.count++] = bytes;
      this.block = null;
    }
  }

  private appendCopy(bytes: Uint8Array): void {
    let rest = bytes;
    if (this.block !== null && this.used < this.block.length) {
      const n = Math.min(rest.length, this.block.length - this.used);
      this.block.set(n === rest.length ? rest : rest.subarray(0, n), this.used);
      const last = this.count - 1;
      this.used += n;
      this.chunks[last] = this.block.subarray(this.used - n - this.chunks[last]!.length, this.used);
      rest = rest.subarray(n);
      if (rest.length === 0) return;
    }
    // The first write of an idle connection is often its only one: it gets just what it needs.
    const size = this.count === this.first ? rest.length : Math.max(BLOCK, rest.length);
    this.block = new Uint8Array(size);
    this.block.set(rest);
    this.used = rest.length;
    this.chunks[this.count++] = size === rest.length ? this.block : this.block.subarray(0, rest.length);
  }

  /** Forgets the first `n` bytes: they are acknowledged. */
  discard(n: number): void {
    if (n > this.length) throw new RangeError(`discard ${n} of ${this.length} bytes`);
    if (n === this.length) {
      this.clear();
      return;
    }
    this.length -= n;
    let left = n + this.skip;
    while (left >= this.chunks[this.first]!.length) left -= this.chunks[this.first++]!.length;
    this.skip = left;
    this.hintOffset -= n;
    if (this.first > 32 && this.first * 2 > this.count) {
      this.chunks.splice(0, this.first);
      this.count -= this.first;
      this.hintIndex -= this.first;
      this.first = 0;
    }
    if (this.hintOffset < 0 || this.hintIndex < this.first) this.resetHint();
  }

  copy(from: number, length: number, target: Uint8Array, at: number): void {
    if (from < 0 || from + length > this.length) throw new RangeError(`copy ${from}+${length} of ${this.length} bytes`);
    for (let done = 0; done < length; ) {
      const view = this.view(from + done, length - done);
      target.set(view, at + done);
      done += view.length;
    }
  }

  view(from: number, length: number): Uint8Array {
    if (from < this.hintOffset) this.resetHint();
    while (this.hintOffset + this.chunks[this.hintIndex]!.length <= from) {
      this.hintOffset += this.chunks[this.hintIndex++]!.length;
    }
    const chunk = this.chunks[this.hintIndex]!;
    const start = from - this.hintOffset;
    return start === 0 && length >= chunk.length ? chunk : chunk.subarray(start, start + length);
  }

  /** Drops everything: mostly one chunk, the whole of an answer. */
  clear(): void {
    if (this.length === 0) return;
    if (this.count <= FEW) for (let i = 0; i < this.count; i++) this.chunks[i] = NONE;
    else this.chunks = [NONE];
    this.length = 0;
    this.count = 0;
    this.first = 0;
    this.skip = 0;
    this.block = null;
    this.used = 0;
    this.resetHint();
  }

  private resetHint(): void {
    this.hintIndex = this.first;
    this.hintOffset = 0 - this.skip;
  }
}
