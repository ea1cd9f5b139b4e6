import type { Family, IpAddress } from '../wire/address.ts';

/** How many leading bits two addresses of one family share: 0 … 32 or 0 … 128. */
export function sharedPrefix(a: IpAddress, b: IpAddress): number {
  if (a.family === 4) return Math.clz32(a.w3 ^ b.w3);
  if (a.w0 !== b.w0) return Math.clz32(a.w0 ^ b.w0);
  if (a.w1 !== b.w1) return 32 + Math.clz32(a.w1 ^ b.w1);
  if (a.w2 !== b.w2) return 64 + Math.clz32(a.w2 ^ b.w2);
  return 96 + Math.clz32(a.w3 ^ b.w3);
}

/** As `IpAddress.isMulticast`, by the first and last word. */
export function isMulticastWords(family: Family, w0: number, w3: number): boolean {
  return family === 4 ? w3 >>> 28 === 0xe : w0 >>> 24 === 0xff;
}

/** As `IpAddress.isLoopback`, by words. */
export function isLoopbackWords(family: Family, w0: number, w1: number, w2: number, w3: number): boolean {
  return family === 4 ? w3 >>> 24 === 127 : w0 === 0 && w1 === 0 && w2 === 0 && w3 === 1;
}
