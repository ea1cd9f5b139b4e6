import type { Segment } from '../wire/segment.ts';
import type { Ffi } from './ffi.ts';

/** `struct iovec`: an address and a length, 64 bits each. */
const IOVEC = 16;
/** Text from this length on is worth it, in so many pieces at most. */
const LEAST = 32 * 1024;
const MOST = 16;
/** Buffers up to this long are the engine's own, which moves them. */
const MOVING = 64;

/** Writes of several pieces of memory at once (writev(2)). */
export class Gather {
  readonly #ffi: Ffi;
  readonly #vectors = new Uint32Array(((1 + MOST) * IOVEC) / 4);
  readonly #address: number;

  constructor(ffi: Ffi) {
    this.#ffi = ffi;
    this.#address = ffi.address(this.#vectors.buffer);
  }

  /** Writes `total` bytes: `text`, of ArrayBuffers, and before it what is at `address`. Nothing of it is kept. Returns what writev does. */
  write(fd: number, address: number, total: number, text: readonly Uint8Array[]): number {
    let headers = total;
    for (let i = 0; i < text.length; i++) {
      const { buffer, byteOffset, length } = text[i]!;
      headers -= length;
      this.#put(i + 1, this.#ffi.address(buffer as ArrayBuffer) + byteOffset, length);
    }
    this.#put(0, address, headers);
    return this.#ffi.writev(fd, this.#address, text.length + 1);
  }

  /** In the byte order of x64 and arm64. */
  #put(index: number, address: number, length: number): void {
    const at = (index * IOVEC) / 4;
    this.#vectors[at] = address;
    this.#vectors[at + 1] = address / 2 ** 32;
    this.#vectors[at + 2] = length;
  }
}

/** The text of a segment where it lies; null where it is too short, too scattered, or in memory that has no address to rely on. */
export function piecesOf({ source, payloadOffset, payloadLength }: Segment): Uint8Array[] | null {
  if (source === null || payloadLength < LEAST) return null;
  const pieces: Uint8Array[] = [];
  for (let done = 0; done < payloadLength; ) {
    const piece = source.view(payloadOffset + done, payloadLength - done);
    const { buffer } = piece;
    if (pieces.length === MOST || !(buffer instanceof ArrayBuffer) || buffer.byteLength <= MOVING) return null;
    pieces.push(piece);
    done += piece.length;
  }
  return pieces;
}

/** The `length` bytes from `from` on. */
export function cut(pieces: readonly Uint8Array[], from: number, length: number): Uint8Array[] {
  const out: Uint8Array[] = [];
  let start = from;
  let left = length;
  for (const piece of pieces) {
    const part = piece.subarray(start, start + left);
    if (part.length > 0) out.push(part);
    start = Math.max(0, start - piece.length);
    left -= part.length;
  }
  return out;
}
