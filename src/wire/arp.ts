import { IpAddress } from './address.ts';
import { get16, put16 } from './bytes.ts';
import { ETHERTYPE_IPV4, MacAddress } from './ethernet.ts';

/** ARP for IPv4 over Ethernet (RFC 826): 28 bytes. */
export const ARP_LENGTH = 28;

const ETHERNET = 1;
const REQUEST = 1;
const REPLY = 2;

export interface Arp {
  readonly operation: 'request' | 'reply';
  readonly senderMac: MacAddress;
  readonly sender: IpAddress;
  readonly targetMac: MacAddress;
  readonly target: IpAddress;
}

/** Parses `bytes[offset … offset + length)`; what follows is padding. `undefined` where it is no ARP of this kind. */
export function parseArp(bytes: Uint8Array, offset: number, length: number): Arp | undefined {
  if (length < ARP_LENGTH || get16(bytes, offset) !== ETHERNET || get16(bytes, offset + 2) !== ETHERTYPE_IPV4)
    return undefined;
  // Lengths of the two kinds of address.
  if (bytes[offset + 4] !== 6 || bytes[offset + 5] !== 4) return undefined;
  const operation = get16(bytes, offset + 6);
  if (operation !== REQUEST && operation !== REPLY) return undefined;
  return {
    operation: operation === REQUEST ? 'request' : 'reply',
    senderMac: MacAddress.read(bytes, offset + 8),
    sender: IpAddress.read(4, bytes, offset + 14),
    targetMac: MacAddress.read(bytes, offset + 18),
    target: IpAddress.read(4, bytes, offset + 24),
  };
}

/** Writes it at `target[at …]`. Returns its length. */
export function buildArp(arp: Arp, target: Uint8Array, at: number): number {
  put16(target, at, ETHERNET);
  put16(target, at + 2, ETHERTYPE_IPV4);
  target[at + 4] = 6;
  target[at + 5] = 4;
  put16(target, at + 6, arp.operation === 'request' ? REQUEST : REPLY);
  arp.senderMac.write(target, at + 8);
  arp.sender.write(target, at + 14);
  arp.targetMac.write(target, at + 18);
  arp.target.write(target, at + 24);
  return ARP_LENGTH;
}
