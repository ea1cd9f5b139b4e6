import { CHECKSUM_PARTIAL, type Device } from '../link/device.ts';
import type { IpAddress } from '../wire/address.ts';
import { buildIp, ipHeaderLength } from '../wire/ip.ts';
import { IpHeader, TCP } from '../wire/ip-header.ts';
import type { Segment } from '../wire/segment.ts';
import { buildTcpHeader, fillChecksum, fillPseudoChecksum, tcpHeaderLength } from '../wire/tcp.ts';

/** One header serves all packets: it holds only while a packet is built. */
const header = new IpHeader();

/**
 * Builds a segment in a frame of the device and sends it. TTL and DS field are the connection's (RFC 9293 MUST-49, SHLD-22). The checksum is left to the device where it offers that. Every segment says
 * "don't fragment" (RFC 1191 §3); such packets need no identification (RFC 6864 §4). Returns false where the device lost it.
 */
export function transmitSegment(
  device: Device,
  local: IpAddress,
  remote: IpAddress,
  segment: Segment,
  ttl: number,
  dscp: number,
): boolean {
  const headerLength = ipHeaderLength(local.family);
  const length = tcpHeaderLength(segment) + segment.payloadLength;
  const text = (segment.gsoSize > 0 && device.gather?.(segment)) || null;
  const frame = device.allocate(headerLength + length - (text === null ? 0 : segment.payloadLength));
  header.setAddresses(local, remote);
  header.protocol = TCP;
  header.hopLimit = ttl;
  header.dscp = dscp;
  header.ecn = segment.ecn;
  header.id = 0;
  header.flowLabel = 0;
  header.dontFragment = true;
  header.payloadLength = length;
  const start = frame.offset + buildIp(header, frame.bytes, frame.offset);
  const at = start + buildTcpHeader(segment, frame.bytes, start);
  if (text === null && segment.payloadLength > 0) segment.copyPayload(0, segment.payloadLength, frame.bytes, at);
  frame.text = text;
  const pseudo = header.pseudoSum(TCP, length);
  if (device.offload.checksum) {
    fillPseudoChecksum(frame.bytes, start, pseudo);
    frame.checksum = CHECKSUM_PARTIAL;
  } else fillChecksum(frame.bytes, start, length, pseudo);
  frame.length = headerLength + length;
  frame.gsoSize = segment.payloadLength > segment.gsoSize ? segment.gsoSize : 0;
  return device.transmit(frame);
}
