import { IpAddress } from '../wire/address.ts';
import { SocketError } from './error.ts';

export interface SocketAddress {
  /** A name, or an address; IPv6 with or without brackets. */
  readonly hostname: string;
  readonly port: number;
}

/** `example.com:80`, `[2001:db8::1]:80`, or the two apart. */
export type AnySocketAddress = SocketAddress | string;

/** Finds the address of a name. */
export type Lookup = (hostname: string) => Promise<string> | string;

/** Throws a TypeError for what is no address. */
export function parseAddress(address: AnySocketAddress): SocketAddress {
  const given = typeof address === 'string' ? split(address) : address;
  const hostname = given.hostname.replace(/^\[(.*)\]$/, '$1');
  if (hostname === '') throw new TypeError(`no host in ${JSON.stringify(address)}: write it as example.com:80`);
  if (!Number.isInteger(given.port) || given.port < 0 || given.port > 65_535) {
    throw new TypeError(`${given.port} is no port: 0 … 65535`);
  }
  return { hostname, port: given.port };
}

function split(text: string): SocketAddress {
  const match = /^(\[[^\]]+\]|[^:]*):(\d{1,5})$/.exec(text);
  if (match === null) throw new TypeError(`${text} is no address with a port: write it as example.com:80 or [::1]:80`);
  return { hostname: match[1]!, port: Number(match[2]) };
}

/** The address of a host: what is one already, `localhost`, or what `lookup` finds. Rejects with a SocketError. */
export async function resolve(hostname: string, lookup: Lookup | undefined): Promise<IpAddress> {
  const literal = IpAddress.parse(hostname);
  if (literal !== undefined) return literal;
  if (/(^|\.)localhost$/i.test(hostname)) return IpAddress.of('127.0.0.1');
  if (lookup === undefined) {
    throw new SocketError(`${hostname} is a name, and nobody here knows names: give an address, or a lookup`);
  }
  let found: string;
  try {
    found = await lookup(hostname);
  } catch (cause) {
    throw new SocketError(`${hostname} was not found`, { cause });
  }
  const address = IpAddress.parse(found);
  if (address === undefined) throw new SocketError(`the lookup of ${hostname} gave ${found}, which is no address`);
  return address;
}

/** `192.0.2.1:80`, `[2001:db8::1]:80`. */
export function written(address: IpAddress, port: number): string {
  return address.family === 4 ? `${address}:${port}` : `[${address}]:${port}`;
}
