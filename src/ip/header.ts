import type { IpAddress } from '../wire/address.ts';
import { IpHeader } from '../wire/ip-header.ts';
import { NOT_ECT } from '../wire/segment.ts';

/** A keyed hash of three int32 words to one (`stack/half-siphash.ts` has one): nobody without the key can tell or choose its values. */
export interface KeyedHash {
  of3(a: number, b: number, c: number): number;
}

/** RFC 1700, RFC 9293 §3.9.2 (MUST-49): what IANA recommends, and Linux uses. */
export const DEFAULT_HOP_LIMIT = 64;

/** A header for packets that we send: our hop limit, no differentiated service, not ECN-capable, never to be fragmented. */
export function outgoingHeader(): IpHeader {
  return resetOutgoing(new IpHeader());
}

/** The same for a header that was used before. Addresses, version, protocol and length are the caller's to set. Returns it. */
export function resetOutgoing(header: IpHeader): IpHeader {
  header.hopLimit = DEFAULT_HOP_LIMIT;
  header.dscp = 0;
  header.ecn = NOT_ECT;
  header.flowLabel = 0;
  header.id = 0;
  header.dontFragment = true;
  header.moreFragments = false;
  header.fragmentOffset = 0;
  header.fragmentHeader = 0;
  return header;
}

/**
 * The flow label of a connection (RFC 6437 §3): the same for all its packets, nothing to outsiders, 1 … 2^20 − 1. `ports`: both as one word.
 */
export function flowLabel(
  hash: KeyedHash,
  source: IpAddress,
  destination: IpAddress,
  ports: number,
  protocol: number,
): number {
  const { w0, w1, w2, w3 } = destination;
  const from = hash.of3(hash.of3(source.w0, source.w1, source.w2), source.w3, protocol);
  const all = hash.of3(hash.of3(w0, w1, w2), hash.of3(w3, ports, from), 0x666c6f77);
  return all >>> 12 || 1;
}

/** A counter for each of so many groups of destinations. */
const COUNTERS = 2048;

/**
 * Identification of IPv4 packets. RFC 6864 §4: it matters only where a packet may be fragmented, and must then not repeat while the packet
 * lives. A counter for each source, destination and protocol would do that and tell one peer nothing of another; they share `COUNTERS`
 * of them by a secret hash, each pair starting somewhere else.
 */
export class Identification {
  readonly #hash: KeyedHash;
  readonly #counters = new Uint16Array(COUNTERS);

  constructor(hash: KeyedHash) {
    this.#hash = hash;
  }

  /** For the next IPv4 packet from `source` to `destination` (their 32 bits): 0 with DF set (RFC 6864 §4.1), else 0 … 65535. */
  next(source: number, destination: number, protocol: number, dontFragment: boolean): number {
    if (dontFragment) return 0;
    const hash = this.#hash.of3(source, destination, protocol);
    const counter = hash & (COUNTERS - 1);
    return ((hash >>> 16) + this.#counters[counter]!++) & 0xffff;
  }
}
