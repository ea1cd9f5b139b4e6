import { get16, get32, put16, put32 } from './bytes.ts';
import { finish, halves, sum } from './checksum.ts';
import type { DropReason } from './drop.ts';
import { type IpHeader, MAX_PACKET, QUOTED, VERIFY } from './ip-header.ts';

/** RFC 791 §3.1: without options. */
export const IPV4_HEADER = 20;

const DONT_FRAGMENT = 0x4000;
const MORE_FRAGMENTS = 0x2000;

/**
 * Parses the IPv4 packet (RFC 791 §3.1) in `bytes[offset … offset + length)`; bytes after its total length are link padding. Options
 * are skipped (RFC 9293 MUST-50). `mode`: VERIFY, TRUST_CHECKSUM or QUOTED. Returns null, or why the packet is none; `into` is then undefined.
 */
export function parseIpv4(
  bytes: Uint8Array,
  offset: number,
  length: number,
  into: IpHeader,
  mode: number = VERIFY,
): DropReason | null {
  into.problemCode = -1;
  into.problemPointer = -1;
  if (length < IPV4_HEADER) return 'IP header truncated';
  const first = bytes[offset]!;
  if (first >>> 4 !== 4) return 'IP version';
  const headerLength = (first & 15) << 2;
  if (headerLength < IPV4_HEADER) return 'IP header length';
  const totalLength = get16(bytes, offset + 2) || (length > MAX_PACKET ? length : 0);
  if (headerLength > length) return 'IP header truncated';
  if (totalLength < headerLength) return 'IP length';
  if (totalLength > length && mode !== QUOTED) return 'IP length';
  if (mode === VERIFY && sum(bytes, offset, headerLength) !== 0xffff) return 'IP header checksum';

  const fragment = get16(bytes, offset + 6);
  const payloadLength = totalLength - headerLength;
  const fragmentOffset = (fragment & 0x1fff) << 3;
  const moreFragments = (fragment & MORE_FRAGMENTS) !== 0;
  if (fragmentOffset + totalLength > MAX_PACKET && fragmentOffset > 0) return 'IP fragment';
  if (moreFragments && ((payloadLength & 7) !== 0 || payloadLength === 0)) return 'IP fragment';

  into.version = 4;
  into.headerLength = headerLength;
  into.payloadOffset = offset + headerLength;
  into.payloadLength = Math.min(payloadLength, length - headerLength);
  into.dscp = bytes[offset + 1]! >>> 2;
  into.ecn = bytes[offset + 1]! & 3;
  into.flowLabel = 0;
  into.id = get16(bytes, offset + 4);
  into.dontFragment = (fragment & DONT_FRAGMENT) !== 0;
  into.moreFragments = moreFragments;
  into.fragmentOffset = fragmentOffset;
  into.fragmentHeader = 0;
  into.hopLimit = bytes[offset + 8]!;
  into.protocol = bytes[offset + 9]!;
  into.source0 = 0;
  into.source1 = 0;
  into.source2 = 0xffff;
  into.source3 = get32(bytes, offset + 12);
  into.destination0 = 0;
  into.destination1 = 0;
  into.destination2 = 0xffff;
  into.destination3 = get32(bytes, offset + 16);
  return null;
}

/**
 * Writes a header without options, checksum included, at `target[at …]`, for `header.payloadLength` bytes that follow it. Returns the
 * header's length, 20. `header.payloadLength` up to 65515; the total length of what is longer, which devices segment, is 0.
 */
export function buildIpv4(header: IpHeader, target: Uint8Array, at: number): number {
  const { id, source3, destination3 } = header;
  const first = 0x4500 | (header.dscp << 2) | header.ecn;
  const whole = IPV4_HEADER + header.payloadLength;
  const length = whole > MAX_PACKET ? 0 : whole;
  const flags = (header.dontFragment ? DONT_FRAGMENT : 0) | (header.moreFragments ? MORE_FRAGMENTS : 0);
  const fragment = flags | (header.fragmentOffset >>> 3);
  const hops = (header.hopLimit << 8) | header.protocol;
  put16(target, at, first);
  put16(target, at + 2, length);
  put16(target, at + 4, id);
  put16(target, at + 6, fragment);
  put16(target, at + 8, hops);
  put16(target, at + 10, finish(first + length + id + fragment + hops + halves(source3) + halves(destination3)));
  put32(target, at + 12, source3);
  put32(target, at + 16, destination3);
  return IPV4_HEADER;
}
