import { put16, put32 } from '../wire/bytes.ts';
import { buildIcmpError, fillIcmpChecksum, icmpProtocol } from '../wire/icmp.ts';
import { buildIp, ipHeaderLength } from '../wire/ip.ts';
import { IpHeader, TCP } from '../wire/ip-header.ts';
import { ACK, SYN } from '../wire/segment.ts';
import { add, seq, toUint32 } from '../wire/seq.ts';
import { fillChecksum, TCP_HEADER } from '../wire/tcp.ts';
import type { Numbers } from './numbers.ts';
import type { IcmpPacket, IpFields, TcpOption, TcpPacket } from './script.ts';

const DEFAULT_HOPS = 255;

/** The segment of a script as a packet on the wire, from the remote end of the script to the stack. */
export function buildTcpPacket(packet: TcpPacket, numbers: Numbers): Uint8Array {
  const options = buildOptions(packet.options ?? [], numbers);
  const headerLength = TCP_HEADER + options.length;
  const segment = new Uint8Array(headerLength + packet.length);
  put16(segment, 0, numbers.remotePort);
  put16(segment, 2, numbers.localPort);
  const from = packet.seq ?? 0;
  const syn = (packet.flags & SYN) !== 0;
  put32(segment, 4, packet.absolute ? from : toUint32(numbers.remote(from, syn)));
  // Without ACK the field is as the script says, zero mostly.
  if (packet.flags & ACK) put32(segment, 8, toUint32(numbers.local(packet.ack ?? 0, syn)));
  segment[12] = (headerLength << 2) | ((packet.flags >>> 8) & 1);
  segment[13] = packet.flags;
  put16(segment, 14, packet.win ?? 0);
  put16(segment, 18, packet.urg ?? 0);
  segment.set(options, TCP_HEADER);
  return wrap(numbers, packet.ip, TCP, segment, (header) => {
    fillChecksum(segment, 0, segment.length, header.pseudoSum(TCP, segment.length));
  });
}

function wrap(
  numbers: Numbers,
  ip: IpFields,
  protocol: number,
  payload: Uint8Array,
  checksum: (header: IpHeader) => void,
): Uint8Array {
  const header = new IpHeader();
  header.setAddresses(numbers.remoteAddress, numbers.localAddress);
  header.protocol = protocol;
  header.hopLimit = ip.ttl ?? DEFAULT_HOPS;
  const ecn = { noecn: 0, ect1: 1, ect0: 2, ect01: 2, ce: 3 }[ip.ecn ?? 'noecn'];
  header.dscp = (ip.tos ?? 0) >>> 2;
  header.ecn = ip.tos === undefined ? ecn : ip.tos & 3;
  header.payloadLength = payload.length;
  checksum(header);
  const size = ipHeaderLength(header.version);
  const bytes = new Uint8Array(size + payload.length);
  buildIp(header, bytes, 0);
  bytes.set(payload, size);
  return bytes;
}

function buildOptions(options: readonly TcpOption[], numbers: Numbers): Uint8Array {
  const out: number[] = [];
  const word = (value: number): void => {
    out.push((value >>> 24) & 255, (value >>> 16) & 255, (value >>> 8) & 255, value & 255);
  };
  for (const option of options) {
    switch (option.kind) {
      case 'nop':
        out.push(1);
        break;
      case 'eol':
        out.push(0);
        break;
      case 'sackOK':
        out.push(4, 2);
        break;
      case 'mss':
        out.push(2, 4, option.value >>> 8, option.value & 255);
        break;
      case 'wscale':
        out.push(3, 3, option.value);
        break;
      case 'TS':
        out.push(8, 10);
        word(option.val ?? 0);
        word(numbers.timestamps.get(option.ecr ?? 0) ?? option.ecr ?? 0);
        break;
      case 'sack':
        out.push(5, 2 + 8 * option.blocks.length);
        for (const [a, b] of option.blocks) {
          word(toUint32(numbers.local(a, false)));
          word(toUint32(numbers.local(b, false)));
        }
        break;
      case 'FO':
      case 'FOEXP': {
        const cookie = (option.cookie ?? '').match(/../g)?.map((digits) => Number.parseInt(digits, 16)) ?? [];
        if (option.kind === 'FO') out.push(34, 2 + cookie.length, ...cookie);
        else out.push(254, 4 + cookie.length, 0xf9, 0x89, ...cookie);
        break;
      }
      default:
        throw new Error(`option ${option.text} cannot be sent`);
    }
  }
  while (out.length % 4 !== 0) out.push(0);
  return Uint8Array.from(out);
}

const CODES_V4: Readonly<Record<string, number>> = {
  net_unreachable: 0,
  host_unreachable: 1,
  protocol_unreachable: 2,
  port_unreachable: 3,
  frag_needed: 4,
  source_route_failed: 5,
  net_unknown: 6,
  host_unknown: 7,
  source_host_isolated: 8,
  net_prohibited: 9,
  host_prohibited: 10,
  net_unreachable_for_tos: 11,
  host_unreachable_for_tos: 12,
  packet_filtered: 13,
  precedence_violation: 14,
  precedence_cutoff: 15,
  ttl_exceeded_in_transit: 0,
  frag_reass_exceeded: 1,
};
const CODES_V6: Readonly<Record<string, number>> = {
  net_unreachable: 0,
  no_route: 0,
  admin_prohibited: 1,
  not_neighbour: 2,
  host_unreachable: 3,
  address_unreachable: 3,
  port_unreachable: 4,
  exceeded_hop_limit: 0,
  exceeded_frag_time: 1,
  header_field: 0,
  unknown_next_header: 1,
  unknown_option: 2,
};

/** An ICMP error about a segment of the stack, or null where the stack has no use for such a message. */
export function buildIcmpPacket(packet: IcmpPacket, numbers: Numbers, lastSeq: number): Uint8Array | null {
  const { version } = headerOf(numbers);
  const from = packet.quote === null ? seq(lastSeq) : numbers.local(packet.quote.seq, false);
  const quoted = quote(numbers, toUint32(add(from, 0)), packet.quote?.length ?? 0);
  const tooBig = packet.message === 'packet_too_big' || packet.code === 'frag_needed';
  const codes = version === 4 ? CODES_V4 : CODES_V6;
  const type = tooBig
    ? 'packet too big'
    : packet.message === 'unreachable'
      ? 'destination unreachable'
      : packet.message === 'time_exceeded'
        ? 'time exceeded'
        : packet.message === 'parameter_problem'
          ? 'parameter problem'
          : null;
  if (type === null) return null;
  const numbered = /(\d+)$/.exec(packet.code);
  const code = codes[packet.code] ?? (numbered === null ? 0 : Number(numbered[1]));
  const message = new Uint8Array(8 + quoted.length);
  const length = buildIcmpError(
    version,
    type,
    tooBig && version === 4 ? 4 : code,
    packet.mtu,
    quoted,
    0,
    quoted.length,
    message,
    0,
  );
  const protocol = icmpProtocol(version);
  return wrap(numbers, {}, protocol, message.subarray(0, length), (header) => {
    fillIcmpChecksum(message, 0, length, version === 6 ? header.pseudoSum(protocol, length) : 0);
  });
}

function headerOf(numbers: Numbers): IpHeader {
  const header = new IpHeader();
  header.setAddresses(numbers.localAddress, numbers.remoteAddress);
  return header;
}

/** The start of a packet as the stack sent it. */
function quote(numbers: Numbers, from: number, length: number): Uint8Array {
  const header = headerOf(numbers);
  header.protocol = TCP;
  header.hopLimit = 64;
  header.payloadLength = TCP_HEADER + length;
  const size = ipHeaderLength(header.version);
  const bytes = new Uint8Array(size + TCP_HEADER);
  buildIp(header, bytes, 0);
  put16(bytes, size, numbers.localPort);
  put16(bytes, size + 2, numbers.remotePort);
  put32(bytes, size + 4, from);
  bytes[size + 12] = 5 << 4;
  return bytes;
}
