import type { DropReason } from './drop.ts';
import { type IpHeader, VERIFY } from './ip-header.ts';
import { buildIpv4, IPV4_HEADER, parseIpv4 } from './ipv4.ts';
import { buildIpv6, IPV6_HEADER, parseIpv6 } from './ipv6.ts';

/** Parses a packet of either version, and refuses any other (RFC 1122 §3.2.1.1): see `parseIpv4` and `parseIpv6`. */
export function parseIp(
  bytes: Uint8Array,
  offset: number,
  length: number,
  into: IpHeader,
  mode: number = VERIFY,
): DropReason | null {
  if (length > 0) {
    const version = bytes[offset]! >>> 4;
    if (version === 4) return parseIpv4(bytes, offset, length, into, mode);
    if (version === 6) return parseIpv6(bytes, offset, length, into, mode);
  }
  into.problemCode = -1;
  into.problemPointer = -1;
  return length > 0 ? 'IP version' : 'IP header truncated';
}

/** Writes the header of `header.version`: see `buildIpv4` and `buildIpv6`. */
export function buildIp(header: IpHeader, target: Uint8Array, at: number): number {
  return header.version === 4 ? buildIpv4(header, target, at) : buildIpv6(header, target, at);
}

/** Length in bytes of the header that `buildIp` writes. */
export function ipHeaderLength(version: 4 | 6): number {
  return version === 4 ? IPV4_HEADER : IPV6_HEADER;
}
