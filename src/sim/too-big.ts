import { Frame } from '../link/device.ts';
import { HEADROOM } from '../link/pool.ts';
import { IpAddress } from '../wire/address.ts';
import { buildIcmpError, fillIcmpChecksum, icmpErrorLength, icmpProtocol } from '../wire/icmp.ts';
import { buildIp, ipHeaderLength, parseIp } from '../wire/ip.ts';
import { IpHeader, TCP, TRUST_CHECKSUM, UDP } from '../wire/ip-header.ts';

/** Who says it: routers without an address of their own have this one, the dummy address; of IPv6, one of the networks that simulations use. */
const ROUTER = { 4: IpAddress.of('192.0.0.8'), 6: IpAddress.of('fd00::ffff') } as const;

/**
 * What a router says of a packet that is larger than the next link takes: ICMP "fragmentation needed" (RFC 1191 §4) or ICMPv6 "packet too big" (RFC 4443
 * §3.2), with the MTU. Null where it has to be silent: an ICMP message, or an IPv4 packet that may be fragmented.
 */
export function tooBig(frame: Frame, mtu: number): Frame | null {
  const ip = new IpHeader();
  const { bytes, offset, length } = frame;
  if (parseIp(bytes, offset, length, ip, TRUST_CHECKSUM) !== null) return null;
  const { version } = ip;
  if ((version === 4 && !ip.dontFragment) || (ip.protocol !== TCP && ip.protocol !== UDP)) return null;
  const size = ipHeaderLength(version);
  const answer = new Frame(new Uint8Array(HEADROOM + size + icmpErrorLength(version, length)));
  const start = HEADROOM + size;
  const written = buildIcmpError(version, 'packet too big', 0, mtu, bytes, offset, length, answer.bytes, start);
  const header = new IpHeader();
  header.setAddresses(ROUTER[version], ip.sourceAddress());
  header.protocol = icmpProtocol(version);
  header.hopLimit = 64;
  header.payloadLength = written;
  answer.offset = HEADROOM;
  answer.length = size + written;
  buildIp(header, answer.bytes, HEADROOM);
  fillIcmpChecksum(answer.bytes, start, written, version === 6 ? header.pseudoSum(header.protocol, written) : 0);
  return answer;
}
