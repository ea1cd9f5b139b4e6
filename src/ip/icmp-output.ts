import type { IpAddress } from '../wire/address.ts';
import { buildEcho, buildIcmpError, fillIcmpChecksum, type IcmpErrorType, icmpProtocol } from '../wire/icmp.ts';
import { buildIp, ipHeaderLength, parseIp } from '../wire/ip.ts';
import { ICMP, ICMPV6, type IpHeader, QUOTED, UDP } from '../wire/ip-header.ts';
import type { Addresses } from './addresses.ts';
import { nextHeaderField } from './extension.ts';
import { outgoingHeader, resetOutgoing } from './header.ts';
import type { EchoRequest } from './icmp-input.ts';
import type { IcmpLimit } from './icmp-limit.ts';
import { isMulticastWords } from './prefix.ts';

/** Bytes of the largest packet that `IcmpOutput.error` writes: allocate as many. */
export const MAX_ICMP_ERROR = 1280;

/** An ICMP error to send. `value`: the pointer of 'parameter problem', the MTU of 'packet too big', else 0. */
export interface IcmpProblem {
  readonly type: IcmpErrorType;
  readonly code: number;
  readonly value: number;
}

/** RFC 1122 §3.2.1.3 asks for them by these names; codes by family. */
export const PORT_UNREACHABLE = { 4: problem(3), 6: problem(4) } as const;
export const PROTOCOL_UNREACHABLE_V4 = problem(2);
export const HOST_UNREACHABLE = { 4: problem(1), 6: problem(3) } as const;
export const PROHIBITED = { 4: problem(13), 6: problem(1) } as const;
/** RFC 792, RFC 4443 §3.3: fragment reassembly time exceeded. */
export const REASSEMBLY_TIME_EXCEEDED: IcmpProblem = { type: 'time exceeded', code: 1, value: 0 };

function problem(code: number): IcmpProblem {
  return { type: 'destination unreachable', code, value: 0 };
}

/** RFC 4443 §3.4: unrecognized next header. */
const UNRECOGNIZED_NEXT_HEADER = 1;
const UNRECOGNIZED_OPTION = 2;

/**
 * What to answer a packet for us whose protocol nobody here speaks (RFC 1122 §3.2.2.1): to UDP, that the port is closed; to others, that the protocol is
 * unknown, which ICMPv6 calls a parameter problem (RFC 4443 §3.4). `bytes[offset …]`: the packet.
 */
export function unknownProtocol(header: IpHeader, bytes: Uint8Array, offset: number): IcmpProblem {
  if (header.protocol === UDP) return PORT_UNREACHABLE[header.version];
  if (header.version === 4) return PROTOCOL_UNREACHABLE_V4;
  return {
    type: 'parameter problem',
    code: UNRECOGNIZED_NEXT_HEADER,
    value: nextHeaderField(bytes, offset, header.headerLength),
  };
}

/**
 * Whether a packet may be answered with an ICMP error at all: RFC 1122 §3.2.2, RFC 1812 §4.3.2.7, RFC 4443 §2.4 (e). Not an ICMP error, not a
 * fragment other than the first, not from or to more than one host.
 */
export function mayReport(
  header: IpHeader,
  bytes: Uint8Array,
  what: IcmpProblem,
  addresses: Addresses<unknown>,
): boolean {
  const { version, destination0, destination3 } = header;
  // RFC 4443 lets a host report any IPv6 fragment, but only the first tells whether it is of an ICMP error.
  if (header.fragmentOffset > 0 && (version === 4 || header.protocol === ICMPV6)) return false;
  if (!addresses.isUnicastSource(header) || addresses.isBroadcast(version, destination3)) return false;
  if (isMulticastWords(version, destination0, destination3)) {
    // RFC 4443 §2.4 (e.3): IPv6 discovers the path MTU of groups too, and an unknown option may insist on an answer.
    const exempt =
      what.type === 'packet too big' || (what.type === 'parameter problem' && what.code === UNRECOGNIZED_OPTION);
    if (version === 4 || !exempt) return false;
  }
  if (header.protocol !== ICMP && header.protocol !== ICMPV6) return true;
  return header.payloadLength > 0 && isQuery(version, header.protocol, bytes[header.payloadOffset]!);
}

/** Types that are surely no error: echo, timestamp, information and mask (RFC 1122 §3.2.2); informational ones but Redirect (RFC 4443 §2.1). */
function isQuery(version: 4 | 6, protocol: number, type: number): boolean {
  if (protocol !== icmpProtocol(version)) return true;
  if (version === 6) return type >= 128 && type !== 137;
  return type === 0 || type === 8 || (type >= 13 && type <= 18);
}

/** Writes ICMP packets: answers to echo, and errors. */
export class IcmpOutput {
  readonly #addresses: Addresses<unknown>;
  readonly #limit: IcmpLimit;
  readonly #header = outgoingHeader();

  /** ICMP's own names (RFC 4293): what was sent, and errors that the limit kept back. */
  readonly counters = { OutEchoReps: 0, OutErrors: 0, RateLimited: 0 };

  constructor(addresses: Addresses<unknown>, limit: IcmpLimit) {
    this.#addresses = addresses;
    this.#limit = limit;
  }

  /** Bytes that `echoReply` needs for an answer to the packet in `header`; 0 where there is to be none. */
  echoReplyLength(header: IpHeader): number {
    // RFC 1122 §3.2.2.6 leaves it open whether to answer broadcast and multicast; with silence nobody can aim us at a third (RFC 2644).
    if (!this.#addresses.isUnicastToUs(header) || !this.#addresses.isUnicastSource(header)) return 0;
    return ipHeaderLength(header.version) + header.payloadLength;
  }

  /**
   * Writes the answer to an echo request (RFC 1122 §3.2.2.6, RFC 4443 §4.2), a whole packet, at `target[at …]`. `header` and `bytes`: the packet
   * it came in. Returns its length in bytes, `echoReplyLength`, 0 where nothing was written.
   */
  echoReply(header: IpHeader, bytes: Uint8Array, request: EchoRequest, target: Uint8Array, at: number): number {
    if (this.echoReplyLength(header) === 0) return 0;
    const { version } = header;
    const size = ipHeaderLength(version);
    const { id, sequence, dataOffset, dataLength } = request;
    const length = buildEcho(version, 'echo reply', id, sequence, bytes, dataOffset, dataLength, target, at + size);
    this.counters.OutEchoReps++;
    return this.#finish(header, length, header.dscp, target, at);
  }

  /**
   * Writes an ICMP error about the packet in `bytes[offset …]`, parsed as `header`, at `target[at …]`, which has room for MAX_ICMP_ERROR bytes.
   * It comes from the address that the packet was for; `from` is used instead where that is a group's. Returns the length of the packet
   * written, or 0: not to be answered, or over the limit. `now`: µs.
   */
  error(
    what: IcmpProblem,
    header: IpHeader,
    bytes: Uint8Array,
    offset: number,
    target: Uint8Array,
    at: number,
    now: number,
    from: IpAddress | null = null,
  ): number {
    if (!mayReport(header, bytes, what, this.#addresses)) return 0;
    // Only an address of ours may be the source of what we send.
    const ours = this.#addresses.isUnicastToUs(header);
    if (!ours && from === null) return 0;
    if (!this.#limit.take(header, now)) {
      this.counters.RateLimited++;
      return 0;
    }
    const { version } = header;
    const { type, code, value } = what;
    const quoted = header.headerLength + header.payloadLength;
    const size = ipHeaderLength(version);
    const length = buildIcmpError(version, type, code, value, bytes, offset, quoted, target, at + size);
    this.counters.OutErrors++;
    return this.#finish(header, length, 0, target, at, ours ? null : from);
  }

  /**
   * The same for a packet that `parseIp` dropped with a `problemCode` in `dropped`: a parameter problem (RFC 8200 §4.2 to §4.5). The packet is
   * `bytes[offset … offset + length)`; `dropped` is parsed anew, as far as it can be.
   */
  parameterProblem(
    dropped: IpHeader,
    bytes: Uint8Array,
    offset: number,
    length: number,
    target: Uint8Array,
    at: number,
    now: number,
    from: IpAddress | null = null,
  ): number {
    if (dropped.problemCode < 0) return 0;
    const what = { type: 'parameter problem', code: dropped.problemCode, value: dropped.problemPointer } as const;
    if (parseIp(bytes, offset, length, dropped, QUOTED) !== null) return 0;
    return this.error(what, dropped, bytes, offset, target, at, now, from);
  }

  /** The IP header, back to where `header` came from, and the checksums. */
  #finish(
    header: IpHeader,
    length: number,
    dscp: number,
    target: Uint8Array,
    at: number,
    from: IpAddress | null = null,
  ): number {
    const out = resetOutgoing(this.#header);
    const { version } = header;
    out.version = version;
    out.source0 = from?.w0 ?? header.destination0;
    out.source1 = from?.w1 ?? header.destination1;
    out.source2 = from?.w2 ?? header.destination2;
    out.source3 = from?.w3 ?? header.destination3;
    out.destination0 = header.source0;
    out.destination1 = header.source1;
    out.destination2 = header.source2;
    out.destination3 = header.source3;
    out.dscp = dscp;
    out.protocol = icmpProtocol(version);
    out.payloadLength = length;
    const size = buildIp(out, target, at);
    fillIcmpChecksum(target, at + size, length, version === 6 ? out.pseudoSum(ICMPV6, length) : 0);
    return size + length;
  }
}
