import { IpAddress } from '../../wire/address.ts';

/** An address as `address()` of a socket gives it. */
export interface Name {
  address?: string;
  family?: string;
  port?: number;
}

/**
 * An address as applications write it. Through an IPv6 socket an IPv4 host is reached as `::ffff:a.b.c.d` (RFC 4291 §2.5.5.2): on the wire
 * it is IPv4, and `mapped` remembers how it is to be written.
 */
export interface Written {
  readonly address: IpAddress;
  readonly mapped: boolean;
}

/** The text must be an address by `isIP`. A zone (`fe80::1%eth0`) is left out: a stack's routes know the device. */
export function written(text: string): Written {
  const zone = text.indexOf('%');
  const address = IpAddress.of(zone < 0 ? text : text.slice(0, zone));
  const mapped = address.family === 6 && address.w0 === 0 && address.w1 === 0 && address.w2 === 0xffff;
  return { address: mapped ? IpAddress.v4(address.w3) : address, mapped };
}

/** Fills `out` as `getsockname` of a handle does. */
export function fillName(out: Name, address: IpAddress, port: number, mapped: boolean): void {
  const asV6 = mapped && address.family === 4;
  out.address = asV6 ? `::ffff:${address}` : `${address}`;
  out.family = asV6 || address.family === 6 ? 'IPv6' : 'IPv4';
  out.port = port;
}
