/**
 * Sequence numbers (RFC 9293 §3.4): unsigned 32-bit numbers that wrap, held as int32 (`| 0`), which engines keep as small
 * integers.
 *
 * `Seq` is a number at run time, but its type is branded as a symbol: TypeScript then refuses `<`, `+`, `-`, `Math.max` and
 * template strings on it, which are all wrong modulo 2^32. Equality (`===`) is right and stays allowed.
 */
declare const brand: unique symbol;
export type Seq = symbol & { readonly [brand]: 'sequence number' };

/** Any integer, reduced modulo 2^32. */
export function seq(n: number): Seq {
  return (n | 0) as unknown as Seq;
}

/** The number as it is on the wire: 0 … 2^32 − 1. */
export function toUint32(a: Seq): number {
  return (a as unknown as number) >>> 0;
}

/** `a + n`, modulo 2^32. */
export function add(a: Seq, n: number): Seq {
  return (((a as unknown as number) + n) | 0) as unknown as Seq;
}

/** `a − b` as a signed distance: positive when `a` is after `b`; exact while they are less than 2^31 apart. */
export function diff(a: Seq, b: Seq): number {
  return ((a as unknown as number) - (b as unknown as number)) | 0;
}

/** `a` before `b`. */
export function lt(a: Seq, b: Seq): boolean {
  return (((a as unknown as number) - (b as unknown as number)) | 0) < 0;
}

/** `a` before `b`, or the same. */
export function le(a: Seq, b: Seq): boolean {
  return (((a as unknown as number) - (b as unknown as number)) | 0) <= 0;
}

/** `a` after `b`. */
export function gt(a: Seq, b: Seq): boolean {
  return (((a as unknown as number) - (b as unknown as number)) | 0) > 0;
}

/** `a` after `b`, or the same. */
export function ge(a: Seq, b: Seq): boolean {
  return (((a as unknown as number) - (b as unknown as number)) | 0) >= 0;
}

/** The later of two. */
export function later(a: Seq, b: Seq): Seq {
  return gt(a, b) ? a : b;
}

/** The earlier of two. */
export function earlier(a: Seq, b: Seq): Seq {
  return lt(a, b) ? a : b;
}
