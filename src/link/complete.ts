import { put16 } from '../wire/bytes.ts';
import { finish, sum } from '../wire/checksum.ts';
import { parseIp } from '../wire/ip.ts';
import { IpHeader, TCP, TRUST_CHECKSUM, UDP } from '../wire/ip-header.ts';
import { TCP_CHECKSUM } from '../wire/tcp.ts';
import { UDP_CHECKSUM } from '../wire/udp.ts';

const ip = new IpHeader();

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
