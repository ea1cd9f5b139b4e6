import type { Family, IpAddress } from './address.ts';
import { get16, get32, put16, put32 } from './bytes.ts';
import { finish, sum } from './checksum.ts';
import type { DropReason } from './drop.ts';
import { parseIp } from './ip.ts';
import { ICMP, ICMPV6, IpHeader, QUOTED, TCP, UDP } from './ip-header.ts';
import { type Seq, seq } from './seq.ts';

/**
 * ICMP (RFC 792, RFC 1191) and ICMPv6 (RFC 4443), as far as a host that speaks TCP meets them. One set of messages for both: `code`
 * keeps the numbers of its family.
 */
export type IcmpMessage = IcmpEcho | IcmpError | IcmpOther;

export interface IcmpEcho {
  readonly type: 'echo request' | 'echo reply';
  readonly id: number;
  readonly sequence: number;
  /** The data to send back, in the array that was parsed. */
  readonly dataOffset: number;
  readonly dataLength: number;
}

export interface IcmpError {
  readonly type: IcmpErrorType;
  readonly code: number;
  /** 'packet too big': the next hop's MTU in bytes, 0 from a router older than RFC 1191. Else 0. */
  readonly mtu: number;
  /** 'parameter problem': where in the quoted packet. Else 0. */
  readonly pointer: number;
  /** The packet it is about; null where too little of it is quoted to tell. */
  readonly quote: IcmpQuote | null;
}

/** 'packet too big' is, in ICMPv4, a destination unreachable with code 4. */
export type IcmpErrorType = 'destination unreachable' | 'packet too big' | 'time exceeded' | 'parameter problem';

/** A message we have no use for. */
export interface IcmpOther {
  readonly type: 'other';
  readonly number: number;
  readonly code: number;
}

/** The beginning of a packet that somebody dropped. We sent it, if the message is true. */
export interface IcmpQuote {
  readonly source: IpAddress;
  readonly destination: IpAddress;
  readonly protocol: number;
  /** Of TCP or UDP, −1 where not quoted. */
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** Of TCP: its sequence number tells an honest error from a blind one (RFC 5927 §4.1). Null where not quoted. */
  readonly seq: Seq | null;
}

/** Codes of 'destination unreachable', by number: RFC 792, RFC 1122 §3.2.2.1, RFC 1812 §5.2.7.1. */
export const UNREACHABLE_V4 = [
  'network unreachable',
  'host unreachable',
  'protocol unreachable',
  'port unreachable',
  'fragmentation needed and DF set',
  'source route failed',
  'destination network unknown',
  'destination host unknown',
  'source host isolated',
  'network administratively prohibited',
  'host administratively prohibited',
  'network unreachable for type of service',
  'host unreachable for type of service',
  'communication administratively prohibited',
  'host precedence violation',
  'precedence cutoff in effect',
] as const;

/** The same of ICMPv6: RFC 4443 §3.1, RFC 6550, RFC 8883. */
export const UNREACHABLE_V6 = [
  'no route to destination',
  'communication administratively prohibited',
  'beyond scope of source address',
  'address unreachable',
  'port unreachable',
  'source address failed policy',
  'reject route to destination',
  'error in source routing header',
  'headers too long',
] as const;

/** Most bytes of an ICMP error with its IP header: RFC 1812 §4.3.2.3, and the least MTU of IPv6 (RFC 4443 §2.4). */
const MAX_ERROR = { 4: 576, 6: 1280 } as const;
const IP_HEADER = { 4: 20, 6: 40 } as const;
const HEADER = 8;
const FRAGMENTATION_NEEDED = 4;

/** Type numbers, by family. */
const NUMBERS = {
  4: {
    'echo reply': 0,
    'destination unreachable': 3,
    'packet too big': 3,
    'echo request': 8,
    'time exceeded': 11,
    'parameter problem': 12,
  },
  6: {
    'destination unreachable': 1,
    'packet too big': 2,
    'time exceeded': 3,
    'parameter problem': 4,
    'echo request': 128,
    'echo reply': 129,
  },
} as const;

const TYPES = { 4: byNumber(NUMBERS[4]), 6: byNumber(NUMBERS[6]) };

type Named = keyof (typeof NUMBERS)[4];

function byNumber(numbers: Readonly<Record<Named, number>>): ReadonlyMap<number, Named> {
  const names: Named[] = [
    'packet too big',
    'destination unreachable',
    'time exceeded',
    'parameter problem',
    'echo request',
    'echo reply',
  ];
  // ICMPv4's 'destination unreachable' comes after, and so wins over, 'packet too big', which is a code of it.
  return new Map(names.map((name) => [numbers[name], name]));
}

/** The protocol number of ICMP in packets of a family. */
export function icmpProtocol(family: Family): number {
  return family === 4 ? ICMP : ICMPV6;
}

/**
 * Parses the message in `bytes[offset … offset + length)` and verifies its checksum. `pseudo`: the pseudo-header's sum with ICMPv6 (RFC
 * 4443 §2.3), 0 with ICMPv4. Returns the message, or why it is none.
 */
export function parseIcmp(
  family: Family,
  bytes: Uint8Array,
  offset: number,
  length: number,
  pseudo: number,
): IcmpMessage | DropReason {
  if (length < HEADER) return 'ICMP truncated';
  if (sum(bytes, offset, length, pseudo) !== 0xffff) return 'ICMP checksum';
  const number = bytes[offset]!;
  const code = bytes[offset + 1]!;
  const type = TYPES[family].get(number);
  if (type === undefined) return { type: 'other', number, code };
  if (type === 'echo request' || type === 'echo reply') {
    const id = get16(bytes, offset + 4);
    const sequence = get16(bytes, offset + 6);
    return { type, id, sequence, dataOffset: offset + HEADER, dataLength: length - HEADER };
  }
  const quote = parseQuote(family, bytes, offset + HEADER, length - HEADER);
  if (type === 'packet too big' || (family === 4 && number === 3 && code === FRAGMENTATION_NEEDED)) {
    const mtu = family === 4 ? get16(bytes, offset + 6) : get32(bytes, offset + 4) >>> 0;
    return { type: 'packet too big', code, mtu, pointer: 0, quote };
  }
  const pointer = type !== 'parameter problem' ? 0 : family === 4 ? bytes[offset + 4]! : get32(bytes, offset + 4) >>> 0;
  return { type, code, mtu: 0, pointer, quote };
}

function parseQuote(family: Family, bytes: Uint8Array, offset: number, length: number): IcmpQuote | null {
  const header = new IpHeader();
  if (parseIp(bytes, offset, length, header, QUOTED) !== null || header.version !== family) return null;
  const { protocol, payloadOffset: at, payloadLength: left } = header;
  const hasPorts = (protocol === TCP || protocol === UDP) && header.fragmentOffset === 0 && left >= 4;
  return {
    source: header.sourceAddress(),
    destination: header.destinationAddress(),
    protocol,
    sourcePort: hasPorts ? get16(bytes, at) : -1,
    destinationPort: hasPorts ? get16(bytes, at + 2) : -1,
    seq: hasPorts && protocol === TCP && left >= 8 ? seq(get32(bytes, at + 4)) : null,
  };
}

/**
 * Writes an echo message at `target[at …]`, its checksum field zero (`fillIcmpChecksum`). The data is `length` bytes of `data` from
 * `offset` on. Returns the bytes written, 8 + `length`.
 */
export function buildEcho(
  family: Family,
  type: IcmpEcho['type'],
  id: number,
  sequence: number,
  data: Uint8Array,
  offset: number,
  length: number,
  target: Uint8Array,
  at: number,
): number {
  writeHeader(target, at, NUMBERS[family][type], 0);
  put16(target, at + 4, id);
  put16(target, at + 6, sequence);
  target.set(data.subarray(offset, offset + length), at + HEADER);
  return HEADER + length;
}

/** Bytes that `buildIcmpError` writes about a packet of `length` bytes. */
export function icmpErrorLength(family: Family, length: number): number {
  return HEADER + Math.min(length, MAX_ERROR[family] - IP_HEADER[family] - HEADER);
}

/**
 * Writes an error about the IP packet in `packet[offset … offset + length)` at `target[at …]`, its checksum field zero
 * (`fillIcmpChecksum`): as much of the packet is quoted as the family allows. `value`: the MTU of 'packet too big', the pointer of 'parameter
 * problem', else 0. Returns the bytes written, `icmpErrorLength`.
 */
export function buildIcmpError(
  family: Family,
  type: IcmpErrorType,
  code: number,
  value: number,
  packet: Uint8Array,
  offset: number,
  length: number,
  target: Uint8Array,
  at: number,
): number {
  const written = icmpErrorLength(family, length);
  const tooBigV4 = family === 4 && type === 'packet too big';
  writeHeader(target, at, NUMBERS[family][type], tooBigV4 ? FRAGMENTATION_NEEDED : code);
  if (family === 6) put32(target, at + 4, value);
  else if (tooBigV4) put16(target, at + 6, value);
  else if (type === 'parameter problem') target[at + 4] = value;
  target.set(packet.subarray(offset, offset + written - HEADER), at + HEADER);
  return written;
}

/** Completes the checksum of the message in `bytes[offset … offset + length)`. `pseudo`: as with `parseIcmp`. */
export function fillIcmpChecksum(bytes: Uint8Array, offset: number, length: number, pseudo: number): void {
  put16(bytes, offset + 2, finish(sum(bytes, offset, length, pseudo)));
}

function writeHeader(target: Uint8Array, at: number, number: number, code: number): void {
  target[at] = number;
  target[at + 1] = code;
  put16(target, at + 2, 0);
  put32(target, at + 4, 0);
}
