import { get16, get32, put16, put32 } from './bytes.ts';
import type { DropReason } from './drop.ts';
import { type IpHeader, MAX_PACKET, QUOTED, VERIFY } from './ip-header.ts';

/** RFC 8200 §3: without extension headers. */
export const IPV6_HEADER = 40;

/** Extension headers (RFC 8200 §4). What else follows is the payload's protocol, recognized or not. */
const HOP_BY_HOP = 0;
const ROUTING = 43;
const FRAGMENT = 44;
const DESTINATION_OPTIONS = 60;

/** No honest packet has more; a chain of a thousand would cost more than a segment is worth. */
const MAX_EXTENSION_HEADERS = 8;

/** Codes of an ICMPv6 Parameter Problem (RFC 4443 §3.4). */
const ERRONEOUS_FIELD = 0;
const UNRECOGNIZED_OPTION = 2;

/**
 * Parses the IPv6 packet (RFC 8200 §3) in `bytes[offset … offset + length)` and walks its extension headers. Bytes after its payload
 * length are link padding. A fragment's payload is what follows its fragment header. `mode`: QUOTED or not. Returns null, or why the
 * packet is none: all fields of `into` but `problemCode` and `problemPointer` are then undefined.
 */
export function parseIpv6(
  bytes: Uint8Array,
  offset: number,
  length: number,
  into: IpHeader,
  mode: number = VERIFY,
): DropReason | null {
  into.problemCode = -1;
  into.problemPointer = -1;
  if (length < IPV6_HEADER) return 'IP header truncated';
  const first = get32(bytes, offset);
  if (first >>> 28 !== 6) return 'IP version';
  const payloadLength = get16(bytes, offset + 4);
  if (IPV6_HEADER + payloadLength > length && mode !== QUOTED) return 'IP length';

  into.version = 6;
  into.dscp = (first >>> 22) & 63;
  into.ecn = (first >>> 20) & 3;
  into.flowLabel = first & 0xfffff;
  into.hopLimit = bytes[offset + 7]!;
  into.source0 = get32(bytes, offset + 8);
  into.source1 = get32(bytes, offset + 12);
  into.source2 = get32(bytes, offset + 16);
  into.source3 = get32(bytes, offset + 20);
  into.destination0 = get32(bytes, offset + 24);
  into.destination1 = get32(bytes, offset + 28);
  into.destination2 = get32(bytes, offset + 32);
  into.destination3 = get32(bytes, offset + 36);
  into.id = 0;
  into.dontFragment = true; // routers do not fragment IPv6 (§4.5)
  into.moreFragments = false;
  into.fragmentOffset = 0;
  into.fragmentHeader = 0;

  const protocol = bytes[offset + 6]!;
  const end = offset + Math.min(length, IPV6_HEADER + payloadLength);
  if (!isExtension(protocol)) return payload(into, offset, offset + IPV6_HEADER, end, protocol);
  return walk(bytes, offset, end, into, mode);
}

function isExtension(protocol: number): boolean {
  return protocol === HOP_BY_HOP || protocol === ROUTING || protocol === FRAGMENT || protocol === DESTINATION_OPTIONS;
}

function payload(into: IpHeader, start: number, at: number, end: number, protocol: number): null {
  into.headerLength = at - start;
  into.payloadOffset = at;
  into.payloadLength = end - at;
  into.protocol = protocol;
  return null;
}

/** The chain of extension headers, in the order they stand in (RFC 8200 §4). */
function walk(bytes: Uint8Array, start: number, end: number, into: IpHeader, mode: number): DropReason | null {
  let at = start + IPV6_HEADER;
  let nextHeader = start + 6;
  for (let count = 0; ; count++) {
    const kind = bytes[nextHeader]!;
    if (!isExtension(kind)) return payload(into, start, at, end, kind);
    if (count === MAX_EXTENSION_HEADERS) return 'IPv6 extension headers';
    if (kind === HOP_BY_HOP && count > 0) return 'IPv6 extension header';
    if (at + 8 > end) return 'IPv6 extension header';
    if (kind === FRAGMENT) {
      const fragment = get16(bytes, at + 2);
      into.fragmentHeader = at - start;
      into.id = get32(bytes, at + 4) >>> 0;
      into.fragmentOffset = fragment & 0xfff8;
      into.moreFragments = (fragment & 1) === 1;
      if (into.isFragment) return piece(bytes, start, at, end, into, mode);
      // An atomic fragment is a whole packet (RFC 6946).
      nextHeader = at;
      at += 8;
      continue;
    }
    const next = at + ((bytes[at + 1]! + 1) << 3);
    if (next > end) return 'IPv6 extension header';
    if (kind === ROUTING) {
      // With no segments left the header has done its work; a host forwards nothing, of whatever type (§4.4).
      if (bytes[at + 3] !== 0 && mode !== QUOTED) {
        return problem(into, ERRONEOUS_FIELD, at + 2 - start, 'IPv6 routing header');
      }
    } else if (mode !== QUOTED) {
      const reason = checkOptions(bytes, start, at + 2, next, into);
      if (reason !== null) return reason;
    }
    nextHeader = at;
    at = next;
  }
}

/** A fragment: what follows its header cannot be walked before reassembly (§4.5). */
function piece(
  bytes: Uint8Array,
  start: number,
  at: number,
  end: number,
  into: IpHeader,
  mode: number,
): DropReason | null {
  const length = end - at - 8;
  if (mode !== QUOTED) {
    if (into.moreFragments && (length & 7) !== 0) return problem(into, ERRONEOUS_FIELD, 4, 'IP fragment');
    if (into.fragmentOffset + length > MAX_PACKET) return problem(into, ERRONEOUS_FIELD, at + 2 - start, 'IP fragment');
    if (length === 0) return 'IP fragment';
  }
  return payload(into, start, at + 8, end, bytes[at]!);
}

/** Hop-by-hop and destination options: we recognize Pad1 and PadN; the type's two high bits say what becomes of others (§4.2). */
function checkOptions(bytes: Uint8Array, start: number, from: number, end: number, into: IpHeader): DropReason | null {
  let at = from;
  while (at < end) {
    const type = bytes[at]!;
    if (type === 0) {
      at++;
      continue;
    }
    if (at + 2 > end || at + 2 + bytes[at + 1]! > end) return 'IPv6 extension header';
    const action = type >>> 6;
    if (action === 1) return 'IPv6 option';
    if (action === 2 || (action === 3 && into.destination0 >>> 24 !== 0xff)) {
      return problem(into, UNRECOGNIZED_OPTION, at - start, 'IPv6 option');
    }
    if (action === 3) return 'IPv6 option';
    at += 2 + bytes[at + 1]!;
  }
  return null;
}

function problem(into: IpHeader, code: number, pointer: number, reason: DropReason): DropReason {
  into.problemCode = code;
  into.problemPointer = pointer;
  return reason;
}

/**
 * Writes a header without extension headers at `target[at …]`, for `header.payloadLength` bytes (up to 65535) that follow it.
 * Returns its length, 40.
 */
export function buildIpv6(header: IpHeader, target: Uint8Array, at: number): number {
  put32(target, at, (6 << 28) | (header.dscp << 22) | (header.ecn << 20) | header.flowLabel);
  put16(target, at + 4, header.payloadLength);
  target[at + 6] = header.protocol;
  target[at + 7] = header.hopLimit;
  put32(target, at + 8, header.source0);
  put32(target, at + 12, header.source1);
  put32(target, at + 16, header.source2);
  put32(target, at + 20, header.source3);
  put32(target, at + 24, header.destination0);
  put32(target, at + 28, header.destination1);
  put32(target, at + 32, header.destination2);
  put32(target, at + 36, header.destination3);
  return IPV6_HEADER;
}
