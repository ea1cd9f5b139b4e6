import type { IpAddress } from './address.ts';

/**
 * The Internet checksum (RFC 1071): the ones' complement of the ones' complement sum of big-endian 16-bit words.
 *
 * A *sum* is a partial result, folded to 0 … 65535 and not yet inverted; sums of parts of even length chain through `initial`. A
 * block whose checksum field is right sums to 0xffff with its pseudo-header, and `finish` of that is 0.
 */

/** Below this many bytes setting up the wide loop costs more than it saves. */
const WIDE = 64;
/** Lanes summed before folding: 2^15 · 0xffff < 2^31, so the accumulators stay int32. */
const BLOCK = 1 << 15;

const LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/** The sum of the little-endian 16-bit words in [at, at + length) of a buffer: `length` a multiple of 16, at most `MOST`; wraps at 2^32. */
export type SumWords = (at: number, length: number) => number;

/** 2^15 words of 0xffff stay below 2^32. */
export const MOST = 1 << 16;

let fastBuffer: ArrayBuffer | null = null;
let fastSum: SumWords = () => 0;

/** What lies in this buffer is summed by this function from now on: for `frame-memory.ts`. */
export function sumBy(sumWords: SumWords, buffer: ArrayBuffer): void {
  fastSum = sumWords;
  fastBuffer = buffer;
}

/** The view of the buffer last summed: a stack sums frames of one arena over and over, and making a view takes longer than a header. */
let lanes: Int32Array = new Int32Array(0);

/** The sum of `bytes[offset … offset + length)`, an odd last byte padded with zero, added to `initial` (any sum below 2^31 − 2^16). */
export function sum(bytes: Uint8Array, offset: number, length: number, initial = 0): number {
  const total = fold(initial);
  if (length < WIDE) return fold(total + sumBytes(bytes, offset, length));
  if (bytes.buffer === fastBuffer && length <= MOST) {
    const most = length & -16;
    // WebAssembly's words are little-endian on every machine.
    const words = swap(fold(fastSum(bytes.byteOffset + offset, most)));
    return fold(total + words + sumBytes(bytes, offset + most, length - most));
  }

  // Up to three bytes to the next lane, then whole lanes in the machine's byte order, then the tail.
  const start = bytes.byteOffset + offset;
  const head = -start & 3;
  const count = (length - head) >>> 2;
  const tail = head + (count << 2);
  let middle = sumLanes(bytes.buffer, (start + head) >>> 2, count);
  // A sum of byte-swapped words is the byte-swapped sum (RFC 1071 §2(B)): swapped once by a little-endian machine, and once more
  // where the lanes start in the middle of a word.
  const odd = (head & 1) === 1;
  if (odd !== LITTLE_ENDIAN) middle = swap(middle);
  let rest = sumBytes(bytes, offset + tail, length - tail);
  if (odd) rest = swap(rest);
  return fold(total + sumBytes(bytes, offset, head) + middle + rest);
}

/** The value for a checksum field: the sum, inverted. */
export function finish(total: number): number {
  return ~fold(total) & 0xffff;
}

/**
 * The sum of TCP's, or ICMPv6's, pseudo-header (RFC 9293 §3.1, RFC 8200 §8.1). `length`: of the transport header and text, in bytes.
 *
 * IPv4 and IPv6 share it: the mapped form of an IPv4 address only adds 0xffff, which is zero in ones' complement.
 */
export function pseudoSum(source: IpAddress, destination: IpAddress, protocol: number, length: number): number {
  return fold(
    halves(source.w0) +
      halves(source.w1) +
      halves(source.w2) +
      halves(source.w3) +
      halves(destination.w0) +
      halves(destination.w1) +
      halves(destination.w2) +
      halves(destination.w3) +
      halves(length) +
      protocol,
  );
}

/** The two 16-bit halves of a 32-bit word, added: 0 … 131070. */
export function halves(word: number): number {
  return (word >>> 16) + (word & 0xffff);
}

/** Carries brought around until the sum fits 16 bits. `total`: 0 … 2^31 − 1. */
export function fold(total: number): number {
  const once = halves(total);
  return (once & 0xffff) + (once >>> 16);
}

function swap(word: number): number {
  return ((word & 0xff) << 8) | (word >>> 8);
}

/** Folded, big-endian. For short blocks, so that the accumulator cannot overflow. */
function sumBytes(bytes: Uint8Array, offset: number, length: number): number {
  let total = 0;
  const end = offset + length;
  let at = offset;
  for (; at + 1 < end; at += 2) total += (bytes[at]! << 8) | bytes[at + 1]!;
  if (at < end) total += bytes[at]! << 8;
  return fold(total);
}

/** Folded, in the machine's byte order: `count` 32-bit lanes of `buffer` from lane `first` on. */
function sumLanes(buffer: ArrayBufferLike, first: number, count: number): number {
  if (lanes.buffer !== buffer) lanes = new Int32Array(buffer, 0, buffer.byteLength >>> 2);
  const view = lanes;
  let total = 0;
  let at = first;
  const end = first + count;
  while (at < end) {
    const stop = Math.min(end, at + BLOCK);
    let low = 0;
    let high = 0;
    for (; at + 3 < stop; at += 4) {
      const a = view[at]!;
      const b = view[at + 1]!;
      const c = view[at + 2]!;
      const d = view[at + 3]!;
      low += (a & 0xffff) + (b & 0xffff) + (c & 0xffff) + (d & 0xffff);
      high += (a >>> 16) + (b >>> 16) + (c >>> 16) + (d >>> 16);
    }
    for (; at < stop; at++) {
      const a = view[at]!;
      low += a & 0xffff;
      high += a >>> 16;
    }
    total = fold(total + fold(low) + fold(high));
  }
  return total;
}
