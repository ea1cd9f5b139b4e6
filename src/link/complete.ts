import { put16 } from '../wire/bytes.ts';
import { finish, sum } from '../wire/checksum.ts';
import { parseIp } from '../wire/ip.ts';
import { IpHeader, TCP, TRUST_CHECKSUM, UDP } from '../wire/ip-header.ts';
import { TCP_CHECKSUM } from '../wire/tcp.ts';
import { UDP_CHECKSUM } from '../wire/udp.ts';
import { CHECKSUM_COMPLETE, CHECKSUM_PARTIAL, type Frame } from './device.ts';

const ip = new IpHeader();

/** Does what was left to the device: from now on the checksum stands in the frame, as it would on a real wire. False where that cannot be. */
export function completeFrame(frame: Frame): boolean {
  if (frame.checksum !== CHECKSUM_PARTIAL) return true;
  if (!completeChecksum(frame.bytes, frame.offset, frame.length)) return false;
  frame.checksum = CHECKSUM_COMPLETE;
  return true;
}

/**
 * Completes the checksum of the packet in `bytes[offset … offset + length)`, whose field holds the pseudo-header's sum (CHECKSUM_PARTIAL), as a network
 * card would. False where the packet is not one of TCP or UDP, in one piece.
 */
export function completeChecksum(bytes: Uint8Array, offset: number, length: number): boolean {
  if (parseIp(bytes, offset, length, ip, TRUST_CHECKSUM) !== null || ip.isFragment) return false;
  const field = ip.protocol === TCP ? TCP_CHECKSUM : ip.protocol === UDP ? UDP_CHECKSUM : -1;
  if (field < 0 || field + 2 > ip.payloadLength) return false;
  // The field holds the pseudo-header's sum, so summing over it adds that in.
  const value = finish(sum(bytes, ip.payloadOffset, ip.payloadLength));
  // A UDP checksum of zero says that there is none (RFC 768).
  put16(bytes, ip.payloadOffset + field, value === 0 && ip.protocol === UDP ? 0xffff : value);
  return true;
}
