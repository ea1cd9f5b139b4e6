import { get16, put16 } from './bytes.ts';
import { finish, sum } from './checksum.ts';
import type { DropReason } from './drop.ts';
import type { IpHeader } from './ip-header.ts';
import { UDP } from './ip-header.ts';

/** RFC 768: two ports, a length, a checksum. */
export const UDP_HEADER = 8;
/** Where the checksum field stands in it. */
export const UDP_CHECKSUM = 6;

/** A datagram where it lies: its text stays in the packet. */
export class Datagram {
  sourcePort = 0;
  destinationPort = 0;
  payloadOffset = 0;
  payloadLength = 0;
}

/**
 * Parses the datagram that is the payload of the packet in `bytes` with this header (RFC 768). `verify`: look at the checksum, which may be left out
 * over IPv4 (zero), and over IPv6 may not (RFC 8200 §8.1). What follows the datagram in the packet is padding. Returns null, or why it is none.
 */
export function parseUdp(bytes: Uint8Array, header: IpHeader, verify: boolean, into: Datagram): DropReason | null {
  const { payloadOffset: at, payloadLength: room, version } = header;
  if (room < UDP_HEADER) return 'UDP header truncated';
  const length = get16(bytes, at + 4);
  if (length < UDP_HEADER || length > room) return 'UDP length';
  const checksum = get16(bytes, at + UDP_CHECKSUM);
  if (verify && !(checksum === 0 && version === 4)) {
    if (checksum === 0 || sum(bytes, at, length, header.pseudoSum(UDP, length)) !== 0xffff) return 'UDP checksum';
  }
  into.sourcePort = get16(bytes, at);
  into.destinationPort = get16(bytes, at + 2);
  into.payloadOffset = at + UDP_HEADER;
  into.payloadLength = length - UDP_HEADER;
  return null;
}

/** Writes a datagram at `target[at …]`, its checksum field zero. Returns the bytes written, 8 + `payload.length`. */
export function buildUdp(
  sourcePort: number,
  destinationPort: number,
  payload: Uint8Array,
  target: Uint8Array,
  at: number,
): number {
  const length = UDP_HEADER + payload.length;
  put16(target, at, sourcePort);
  put16(target, at + 2, destinationPort);
  put16(target, at + 4, length);
  put16(target, at + UDP_CHECKSUM, 0);
  target.set(payload, at + UDP_HEADER);
  return length;
}

/** Completes the checksum of the datagram in `bytes[offset … offset + length)`. One that comes out as zero is written as its other zero. */
export function fillUdpChecksum(bytes: Uint8Array, offset: number, length: number, pseudo: number): void {
  put16(bytes, offset + UDP_CHECKSUM, finish(sum(bytes, offset, length, pseudo)) || 0xffff);
}
