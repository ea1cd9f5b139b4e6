import { type Family, IpAddress } from './address.ts';
import { fold, halves } from './checksum.ts';
import { NOT_ECT } from './segment.ts';

/** IP protocol numbers (IANA), as `IpHeader.protocol` has them. */
export const ICMP = 1;
export const TCP = 6;
export const UDP = 17;
export const ICMPV6 = 58;
export const NO_NEXT_HEADER = 59;

/** A parser's `mode`: everything is checked. */
export const VERIFY = 0;
/** The IPv4 header checksum was already verified. */
export const TRUST_CHECKSUM = 1;
/** The packet is quoted in an ICMP error: cut short, its checksum as the router that dropped it left it. */
export const QUOTED = 2;

/** Most bytes an IP packet has without a jumbogram. */
export const MAX_PACKET = 65_535;

/**
 * An IPv4 or IPv6 header as fields, for reuse: parsers fill every field, builders read those that their version has. Addresses are
 * the four words of `IpAddress` in mapped form, so that a look-up needs no object.
 */
export class IpHeader {
  version: Family = 4;
  source0 = 0;
  source1 = 0;
  source2 = 0;
  source3 = 0;
  destination0 = 0;
  destination1 = 0;
  destination2 = 0;
  destination3 = 0;
  /** What the payload is: behind IPv6 extension headers, the last next-header value. */
  protocol = 0;
  /** TTL, or hop limit. */
  hopLimit = 64;
  /** Differentiated services, 0 … 63, and the two ECN bits beside them (RFC 2474, RFC 3168 §5). */
  dscp = 0;
  ecn = NOT_ECT;
  /** IPv6, 20 bits. */
  flowLabel = 0;
  /** 16 bits with IPv4, 32 in an IPv6 fragment header. */
  id = 0;
  dontFragment = false;
  moreFragments = false;
  /** In bytes. */
  fragmentOffset = 0;
  /** Where the IPv6 fragment header starts in the packet, 0 without one. */
  fragmentHeader = 0;
  /** Bytes before the payload, with options and extension headers. */
  headerLength = 0;
  /** Where the payload starts in the array that was parsed. */
  payloadOffset = 0;
  /** In bytes; less than the packet had in a quoted one. */
  payloadLength = 0;
  /** After an IPv6 drop that RFC 8200 wants answered with a Parameter Problem: its code and pointer, else −1. */
  problemCode = -1;
  problemPointer = -1;

  /** One piece of a larger packet. */
  get isFragment(): boolean {
    return this.moreFragments || this.fragmentOffset > 0;
  }

  /** Source and destination as objects, for where they are kept. */
  sourceAddress(): IpAddress {
    return new IpAddress(this.version, this.source0, this.source1, this.source2, this.source3);
  }

  destinationAddress(): IpAddress {
    return new IpAddress(this.version, this.destination0, this.destination1, this.destination2, this.destination3);
  }

  /** Sets both, and the version with them. Throws a TypeError where they are of two families. */
  setAddresses(source: IpAddress, destination: IpAddress): void {
    if (source.family !== destination.family) throw new TypeError(`no packet goes from ${source} to ${destination}`);
    this.version = source.family;
    this.source0 = source.w0;
    this.source1 = source.w1;
    this.source2 = source.w2;
    this.source3 = source.w3;
    this.destination0 = destination.w0;
    this.destination1 = destination.w1;
    this.destination2 = destination.w2;
    this.destination3 = destination.w3;
  }

  /** The pseudo-header's sum for this packet, as `pseudoSum` of its addresses. */
  pseudoSum(protocol: number, length: number): number {
    return fold(
      halves(this.source0) +
        halves(this.source1) +
        halves(this.source2) +
        halves(this.source3) +
        halves(this.destination0) +
        halves(this.destination1) +
        halves(this.destination2) +
        halves(this.destination3) +
        halves(length) +
        protocol,
    );
  }
}
