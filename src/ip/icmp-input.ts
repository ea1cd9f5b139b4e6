import type { IpAddress } from '../wire/address.ts';
import type { DropReason } from '../wire/drop.ts';
import { type IcmpEcho, type IcmpError, icmpProtocol, parseIcmp } from '../wire/icmp.ts';
import type { IpHeader } from '../wire/ip-header.ts';
import type { Seq } from '../wire/seq.ts';

/** What went wrong, in the words that connections use for it. */
export type IcmpFailure =
  | 'host unreachable'
  | 'network unreachable'
  | 'port unreachable'
  | 'protocol unreachable'
  | 'message too long';

/** An ICMP error about a packet that we are said to have sent: for the connection of these ends, if there is one. */
export interface IcmpAdvice {
  readonly type: 'advice';
  readonly failure: IcmpFailure;
  /** RFC 1122 §4.2.3.9, RFC 5461 §2: a condition that will not pass by itself. */
  readonly hard: boolean;
  /** A refusal, by the peer or on the way, or a way that does not end: what ends an attempt to connect with FreeBSD. */
  readonly refusal: boolean;
  /** With 'message too long': the MTU of the next hop in bytes, 0 where the router did not tell (RFC 1191 §3). Else 0. */
  readonly mtu: number;
  readonly protocol: number;
  readonly localAddress: IpAddress;
  readonly localPort: number;
  readonly remoteAddress: IpAddress;
  readonly remotePort: number;
  /** TCP: the sequence number quoted. It must be in flight, or the error is a guess (RFC 5927 §4.1): the connection knows. */
  readonly seq: Seq | null;
}

/** An echo to answer (`IcmpOutput.echoReply`). */
export interface EchoRequest extends IcmpEcho {
  readonly type: 'echo request';
}

/** A message that asks nothing of us: an echo reply, a type we have no use for, an error that names no ports. */
export interface IcmpNothing {
  readonly type: 'nothing';
}

export type IcmpArrival = EchoRequest | IcmpAdvice | IcmpNothing;

const NOTHING: IcmpNothing = { type: 'nothing' };

/**
 * An ICMP or ICMPv6 packet arrived: `header` as parsed from `bytes`, whole (no fragment), its protocol ICMP of its version. Verifies the
 * checksum, reads the message, and says what is to be done about it, or why it is no message.
 */
export function icmpArrives(header: IpHeader, bytes: Uint8Array): IcmpArrival | DropReason {
  const { version, payloadOffset, payloadLength } = header;
  // RFC 2463 and RFC 792 differ: the pseudo-header is ICMPv6's alone.
  const protocol = icmpProtocol(version);
  if (header.protocol !== protocol) return NOTHING;
  const pseudo = version === 6 ? header.pseudoSum(protocol, payloadLength) : 0;
  const message = parseIcmp(version, bytes, payloadOffset, payloadLength, pseudo);
  if (typeof message === 'string') return message;
  switch (message.type) {
    case 'echo request':
      return message as EchoRequest;
    case 'echo reply':
    // Source quench too (RFC 9293 MUST-55, RFC 6633 §3).
    case 'other':
      return NOTHING;
    default:
      return advice(header, message) ?? NOTHING;
  }
}

/**
 * What an ICMP error says to a connection (RFC 9293 §3.9.2.2), or null: nothing that we could tell whom. An error comes back to the source
 * of the packet it is about (RFC 1122 §3.2.2), so that one which quotes a packet of another source is none of ours.
 */
export function advice(header: IpHeader, error: IcmpError): IcmpAdvice | null {
  const quote = error.quote;
  if (quote === null || quote.sourcePort < 0) return null;
  const { w0, w1, w2, w3 } = quote.source;
  if (w3 !== header.destination3 || w2 !== header.destination2) return null;
  if (w1 !== header.destination1 || w0 !== header.destination0) return null;
  const [failure, hard, refusal = false] = header.version === 4 ? meaningV4(error) : meaningV6(error);
  return {
    type: 'advice',
    failure,
    hard,
    refusal,
    mtu: error.mtu,
    protocol: quote.protocol,
    localAddress: quote.source,
    localPort: quote.sourcePort,
    remoteAddress: quote.destination,
    remotePort: quote.destinationPort,
    seq: quote.seq,
  };
}

type Meaning = readonly [failure: IcmpFailure, hard: boolean, refusal?: boolean];

const TOO_LONG: Meaning = ['message too long', false];
const NETWORK: Meaning = ['network unreachable', false];
const HOST: Meaning = ['host unreachable', false];
const NETWORK_FOR_GOOD: Meaning = ['network unreachable', true];
const HOST_FOR_GOOD: Meaning = ['host unreachable', true];
const NETWORK_PROHIBITED: Meaning = ['network unreachable', true, true];
const HOST_PROHIBITED: Meaning = ['host unreachable', true, true];
const PROTOCOL_FOR_GOOD: Meaning = ['protocol unreachable', true, true];
const PORT_FOR_GOOD: Meaning = ['port unreachable', true, true];
/** ICMPv6 says so of an unknown next header: soft (MUST-56). */
const NEXT_HEADER: Meaning = ['protocol unreachable', false, true];
const EXCEEDED: Meaning = ['host unreachable', false, true];

/**
 * By code (`UNREACHABLE_V4`): RFC 9293 §3.9.2.2 has 0, 1 and 5 soft (MUST-56), 2 to 4 hard (SHLD-26); on the others it is silent, and we do as
 * Linux. Code 4 is path MTU discovery (RFC 1191), not the end of anything.
 */
const MEANINGS_V4: readonly Meaning[] = [
  NETWORK,
  HOST,
  PROTOCOL_FOR_GOOD,
  PORT_FOR_GOOD,
  TOO_LONG,
  HOST, // source route failed
  NETWORK_FOR_GOOD, // network unknown
  HOST_FOR_GOOD, // host unknown
  HOST_FOR_GOOD, // source host isolated
  NETWORK_PROHIBITED,
  HOST_PROHIBITED,
  NETWORK, // for this type of service
  HOST, // for this type of service
  HOST_PROHIBITED,
  HOST_FOR_GOOD, // precedence
  HOST_FOR_GOOD, // precedence
];

/** By code (`UNREACHABLE_V6`): RFC 9293 §3.9.2.2 has 0 and 3 soft, 1 and 4 hard. */
const MEANINGS_V6: readonly Meaning[] = [
  NETWORK,
  HOST_PROHIBITED,
  HOST, // beyond scope of source address
  HOST,
  PORT_FOR_GOOD,
  HOST_FOR_GOOD, // source address failed policy
  NETWORK_FOR_GOOD, // reject route
  HOST, // source routing header
  HOST, // headers too long
];

/** Time exceeded, code 0, is of the hop limit; code 1 of reassembly. */
const IN_TRANSIT = 0;
/** Parameter problem of ICMPv6, code 1 (RFC 4443 §3.4). */
const UNKNOWN_NEXT_HEADER = 1;

function meaningV4(error: IcmpError): Meaning {
  if (error.type === 'destination unreachable') return MEANINGS_V4[error.code] ?? HOST;
  return meaning(error);
}

function meaningV6(error: IcmpError): Meaning {
  if (error.type === 'destination unreachable') return MEANINGS_V6[error.code] ?? HOST;
  if (error.type === 'parameter problem' && error.code === UNKNOWN_NEXT_HEADER) return NEXT_HEADER;
  return meaning(error);
}

/** Time exceeded and parameter problem are soft, whatever their code (MUST-56). */
function meaning(error: IcmpError): Meaning {
  if (error.type === 'packet too big') return TOO_LONG;
  return error.type === 'time exceeded' && error.code === IN_TRANSIT ? EXCEEDED : HOST;
}
