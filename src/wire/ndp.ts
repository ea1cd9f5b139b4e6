import { IpAddress } from './address.ts';
import { put32 } from './bytes.ts';
import { sum } from './checksum.ts';
import { MacAddress } from './ethernet.ts';
import { fillIcmpChecksum } from './icmp.ts';
import { ICMPV6, type IpHeader } from './ip-header.ts';

/** Neighbor discovery (RFC 4861), as far as a host with fixed addresses and routers needs it: solicitations and advertisements. */
const SOLICITATION = 135;
const ADVERTISEMENT = 136;
/** With the target and one option that holds a MAC address. */
export const NDP_LENGTH = 32;

const SOURCE_LINK_LAYER = 1;
const TARGET_LINK_LAYER = 2;
const BODY = 24;

const SOLICITED = 0x40;
const OVERRIDE = 0x20;

export interface Neighbor {
  readonly type: 'solicitation' | 'advertisement';
  readonly target: IpAddress;
  /** Whose address the option tells: the sender's, or the target's. */
  readonly mac: MacAddress | null;
  /** Of an advertisement: it answers, and it replaces what was known (§4.4). */
  readonly solicited: boolean;
  readonly override: boolean;
}

/** Whether the packet is one of these two. `header`: as parsed from `bytes`. */
export function isNeighborDiscovery(header: IpHeader, bytes: Uint8Array): boolean {
  if (header.version !== 6 || header.protocol !== ICMPV6 || header.isFragment || header.payloadLength < 1) return false;
  const type = bytes[header.payloadOffset]!;
  return type === SOLICITATION || type === ADVERTISEMENT;
}

/** Parses it by the rules of §7.1: hop limit 255 (no router passed it on), code 0, checksum, options. `undefined` where one is broken. */
export function parseNeighbor(header: IpHeader, bytes: Uint8Array): Neighbor | undefined {
  const { payloadOffset: at, payloadLength: length } = header;
  if (header.hopLimit !== 255 || length < BODY || bytes[at + 1] !== 0) return undefined;
  if (sum(bytes, at, length, header.pseudoSum(ICMPV6, length)) !== 0xffff) return undefined;
  const target = IpAddress.read(6, bytes, at + 8);
  if (target.isMulticast) return undefined;
  const solicitation = bytes[at] === SOLICITATION;
  const wanted = solicitation ? SOURCE_LINK_LAYER : TARGET_LINK_LAYER;
  let mac: MacAddress | null = null;
  for (let option = at + BODY; option < at + length; ) {
    if (option + 2 > at + length) return undefined;
    const size = bytes[option + 1]! << 3;
    if (size === 0 || option + size > at + length) return undefined;
    if (bytes[option] === wanted) mac = MacAddress.read(bytes, option + 2);
    option += size;
  }
  const flags = solicitation ? 0 : bytes[at + 4]!;
  return {
    type: solicitation ? 'solicitation' : 'advertisement',
    target,
    mac,
    solicited: (flags & SOLICITED) !== 0,
    override: (flags & OVERRIDE) !== 0,
  };
}

/** Writes the ICMPv6 message at `target[at …]`; `header` has the addresses of its packet. Returns its length. */
export function buildNeighbor(neighbor: Neighbor, header: IpHeader, target: Uint8Array, at: number): number {
  const solicitation = neighbor.type === 'solicitation';
  const length = neighbor.mac === null ? BODY : NDP_LENGTH;
  target[at] = solicitation ? SOLICITATION : ADVERTISEMENT;
  target[at + 1] = 0;
  target[at + 2] = target[at + 3] = 0;
  put32(target, at + 4, 0);
  target[at + 4] = (neighbor.solicited ? SOLICITED : 0) | (neighbor.override ? OVERRIDE : 0);
  neighbor.target.write(target, at + 8);
  if (neighbor.mac !== null) {
    target[at + BODY] = solicitation ? SOURCE_LINK_LAYER : TARGET_LINK_LAYER;
    target[at + BODY + 1] = 1;
    neighbor.mac.write(target, at + BODY + 2);
  }
  fillIcmpChecksum(target, at, length, header.pseudoSum(ICMPV6, length));
  return length;
}

/** ff02::1:ffXX:XXXX, the group of all hosts whose address ends so (RFC 4291 §2.7.1). */
export function solicitedNodeGroup(address: IpAddress): IpAddress {
  return new IpAddress(6, 0xff02_0000, 0, 1, 0xff00_0000 | (address.w3 & 0xff_ffff));
}
