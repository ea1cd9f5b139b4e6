import { TCP } from '../wire/ip-header.ts';
import { IPV6_HEADER } from '../wire/ipv6.ts';

/** IPv6 extension headers by number (RFC 8200 §4): each starts with the next one's number, and most with their own length. */
const HOP_BY_HOP = 0;
const ROUTING = 43;
const FRAGMENT = 44;
const DESTINATION_OPTIONS = 60;

function isExtension(kind: number): boolean {
  return kind === HOP_BY_HOP || kind === ROUTING || kind === FRAGMENT || kind === DESTINATION_OPTIONS;
}

function extensionLength(bytes: Uint8Array, at: number, kind: number): number {
  return kind === FRAGMENT ? 8 : (bytes[at + 1]! + 1) << 3;
}

/**
 * Where in an IPv6 packet, from its start, the number of the header stands that begins at `headerLength`: in the fixed header, or in the
 * extension header before. `bytes[offset …]`: a packet that `parseIpv6` walked.
 */
export function nextHeaderField(bytes: Uint8Array, offset: number, headerLength: number): number {
  let field = 6;
  let at = IPV6_HEADER;
  while (at < headerLength && isExtension(bytes[offset + field]!)) {
    const length = extensionLength(bytes, offset + at, bytes[offset + field]!);
    field = at;
    at += length;
  }
  return field;
}

/**
 * Whether a first fragment carries all headers up to and with the upper layer's (RFC 8200 §4.5, RFC 7112): a filter that looked only at it could
 * be deceived otherwise. `kind`: the header at `bytes[at]`. `end`: of the fragment.
 */
export function hasUpperLayer(bytes: Uint8Array, at: number, end: number, kind: number): boolean {
  let next = kind;
  let from = at;
  while (isExtension(next)) {
    if (from + 8 > end) return false;
    const after = from + extensionLength(bytes, from, next);
    next = bytes[from]!;
    from = after;
  }
  if (next === TCP) return from + 20 <= end && from + ((bytes[from + 12]! >>> 4) << 2) <= end;
  return from + 8 <= end;
}
