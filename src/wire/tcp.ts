import { get16, get32, put16, put32 } from './bytes.ts';
import { finish, sum } from './checksum.ts';
import type { DropReason } from './drop.ts';
import { NOT_ECT, type Segment } from './segment.ts';
import { seq, toUint32 } from './seq.ts';
import { optionsLength, parseOptions, writeOptions } from './tcp-options.ts';

/** RFC 9293 §3.1: without options. */
export const TCP_HEADER = 20;
/** Where the checksum field stands in it. */
export const TCP_CHECKSUM = 16;

/**
 * Parses the segment (RFC 9293 §3.1) in `bytes[offset … offset + length)`. Its text is not copied: it stays in `bytes`. The checksum is
 * not looked at (`verifyChecksum`). The window has no sign (MUST-1); reserved bits are read, and mean nothing. Returns null, or why it is none; `into` is then undefined. `into.ecn` and `into.gsoSize` are not
 * TCP's: they come back as zero, for the caller to set.
 */
export function parseTcp(bytes: Uint8Array, offset: number, length: number, into: Segment): DropReason | null {
  if (length < TCP_HEADER) return 'TCP header truncated';
  const first = bytes[offset + 12]!;
  const headerLength = (first >>> 4) << 2;
  if (headerLength < TCP_HEADER || headerLength > length) return 'TCP header length';
  into.sourcePort = get16(bytes, offset);
  into.destinationPort = get16(bytes, offset + 2);
  into.seq = seq(get32(bytes, offset + 4));
  into.ack = seq(get32(bytes, offset + 8));
  into.reserved = (first >>> 1) & 7;
  into.flags = ((first & 1) << 8) | bytes[offset + 13]!;
  into.wnd = get16(bytes, offset + 14);
  into.up = get16(bytes, offset + 18);
  parseOptions(bytes, offset + TCP_HEADER, offset + headerLength, into);
  into.bytes = bytes;
  into.payloadOffset = offset + headerLength;
  into.payloadLength = length - headerLength;
  into.source = null;
  into.ecn = NOT_ECT;
  into.gsoSize = 0;
  return null;
}

/** Length in bytes of the header that `buildTcp` writes: 20 … 60. */
export function tcpHeaderLength(segment: Segment): number {
  return TCP_HEADER + optionsLength(segment);
}

/**
 * Writes header, options and text at `target[at …]`: room for `tcpHeaderLength(segment) + segment.payloadLength` bytes must be there. The
 * checksum field is left zero (`fillChecksum`, `fillPseudoChecksum`), and so are the reserved bits (§3.1). Returns the number of bytes written.
 */
export function buildTcp(segment: Segment, target: Uint8Array, at: number): number {
  const headerLength = buildTcpHeader(segment, target, at);
  const length = segment.payloadLength;
  if (length > 0) segment.copyPayload(0, length, target, at + headerLength);
  return headerLength + length;
}

/** The same without the text. */
export function buildTcpHeader(segment: Segment, target: Uint8Array, at: number): number {
  const headerLength = TCP_HEADER + writeOptions(segment, target, at + TCP_HEADER);
  put16(target, at, segment.sourcePort);
  put16(target, at + 2, segment.destinationPort);
  put32(target, at + 4, toUint32(segment.seq));
  put32(target, at + 8, toUint32(segment.ack));
  target[at + 12] = (headerLength << 2) | ((segment.flags >>> 8) & 1);
  target[at + 13] = segment.flags;
  put16(target, at + 14, segment.wnd);
  put16(target, at + TCP_CHECKSUM, 0);
  put16(target, at + 18, segment.up);
  return headerLength;
}

/** Completes the checksum of the segment in `bytes[offset … offset + length)` (MUST-2), whose field is zero. `pseudo`: `pseudoSum`. */
export function fillChecksum(bytes: Uint8Array, offset: number, length: number, pseudo: number): void {
  put16(bytes, offset + TCP_CHECKSUM, finish(sum(bytes, offset, length, pseudo)));
}

/** Leaves the rest to the device (CHECKSUM_PARTIAL): the field holds the pseudo-header's sum, not inverted. */
export function fillPseudoChecksum(bytes: Uint8Array, offset: number, pseudo: number): void {
  put16(bytes, offset + TCP_CHECKSUM, pseudo);
}

/** Whether the checksum of the segment in `bytes[offset … offset + length)` is right (MUST-3). */
export function verifyChecksum(bytes: Uint8Array, offset: number, length: number, pseudo: number): boolean {
  return sum(bytes, offset, length, pseudo) === 0xffff;
}
