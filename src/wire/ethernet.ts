import type { IpAddress } from './address.ts';
import { get16, get32, put16, put32 } from './bytes.ts';

/** Ethernet II frames (RFC 894, RFC 2464): destination, source, type. */
export const ETHERNET_HEADER = 14;

export const ETHERTYPE_IPV4 = 0x0800;
export const ETHERTYPE_ARP = 0x0806;
export const ETHERTYPE_IPV6 = 0x86dd;

/** An address of six bytes, as its first two and its last four. */
export class MacAddress {
  static readonly BROADCAST = new MacAddress(0xffff, -1);

  /** 0 … 65535. */
  readonly high: number;
  /** int32. */
  readonly low: number;

  constructor(high: number, low: number) {
    this.high = high & 0xffff;
    this.low = low | 0;
  }

  static read(bytes: Uint8Array, at: number): MacAddress {
    return new MacAddress(get16(bytes, at), get32(bytes, at + 2));
  }

  /** Parses `02:00:0a:09:00:02`, or with `-`. `undefined` where the text is no address. */
  static parse(text: string): MacAddress | undefined {
    if (!/^[0-9a-fA-F]{2}([:-][0-9a-fA-F]{2}){5}$/.test(text)) return undefined;
    const [a, b, c, d, e, f] = text.split(/[:-]/).map((part) => Number.parseInt(part, 16)) as [
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    return new MacAddress((a << 8) | b, (c << 24) | (d << 16) | (e << 8) | f);
  }

  /** One that nobody's hardware has (locally administered: IEEE 802 §8.4), for a host of this IP address. */
  static for(address: IpAddress): MacAddress {
    return address.family === 4
      ? new MacAddress(0x0200, address.w3)
      : new MacAddress(0x0600 | ((address.w2 ^ address.w0) & 0xff), address.w3);
  }

  /** Where packets to a group of IP hosts go: RFC 1112 §6.4, RFC 2464 §7. */
  static ofGroup(family: 4 | 6, w3: number): MacAddress {
    return family === 4 ? new MacAddress(0x0100, 0x5e00_0000 | (w3 & 0x7f_ffff)) : new MacAddress(0x3333, w3);
  }

  write(bytes: Uint8Array, at: number): void {
    put16(bytes, at, this.high);
    put32(bytes, at + 2, this.low);
  }

  equals(other: MacAddress): boolean {
    return this.low === other.low && this.high === other.high;
  }

  /** Broadcast, or a multicast group's. */
  get isGroup(): boolean {
    return (this.high & 0x0100) !== 0;
  }

  toString(): string {
    const hex = (this.high * 2 ** 32 + (this.low >>> 0)).toString(16).padStart(12, '0');
    return hex.match(/../g)!.join(':');
  }
}

/** Writes the header at `target[at …]`. */
export function buildEthernet(
  destination: MacAddress,
  source: MacAddress,
  type: number,
  target: Uint8Array,
  at: number,
): void {
  destination.write(target, at);
  source.write(target, at + 6);
  put16(target, at + 12, type);
}
