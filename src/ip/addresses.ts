import type { Family, IpAddress } from '../wire/address.ts';
import type { IpHeader } from '../wire/ip-header.ts';
import { isLoopbackWords, isMulticastWords, sharedPrefix } from './prefix.ts';

/** An address of ours on a device. */
export interface Assigned<D> {
  readonly address: IpAddress;
  /** Of the subnet, in bits: 0 … 32 or 0 … 128. */
  readonly length: number;
  readonly device: D;
  /** The subnet's broadcast address (RFC 919), its 32 bits as int32; null where it has none: IPv6, and IPv4 of /31 (RFC 3021) and /32. */
  readonly broadcast: number | null;
}

/**
 * The addresses of a stack: which packets are for us, and which address packets leave from. `D` is whatever the caller calls a device.
 */
export class Addresses<D> {
  /** Grows with every change: what was worked out from an earlier version is stale. */
  version = 0;
  readonly #all: Assigned<D>[] = [];
  /** By a cheap hash of the words. The keys are ours, nobody outside can choose them to collide. */
  readonly #byHash = new Map<number, Assigned<D>[]>();
  /** One or two: a scan is faster than a hash. */
  #broadcasts = new Int32Array(0);
  #loopback4 = false;
  /** The last address found: nearly every packet is for the same one. */
  #last: IpAddress | null = null;

  /**
   * Adds an address of ours in a subnet of `length` bits (default: an address on its own). Throws a TypeError where no host can have the
   * address, or we have it already, and a RangeError for a length that the family has not.
   */
  add(address: IpAddress, length: number, device: D): void {
    const most = address.family === 4 ? 32 : 128;
    if (!Number.isInteger(length) || length < 0 || length > most) {
      throw new RangeError(`${address}/${length} is no subnet: a prefix has 0 to ${most} bits`);
    }
    const broadcast = address.family === 4 && length < 31 ? address.w3 | (-1 >>> length) : null;
    if (address.isUnspecified || address.isMulticast || address.isBroadcast || address.w3 === broadcast) {
      throw new TypeError(`${address}/${length} is not the address of one host`);
    }
    if (this.find(address.family, address.w0, address.w1, address.w2, address.w3) !== null) {
      throw new TypeError(`${address} is assigned already: remove it first`);
    }
    const entry = { address, length, device, broadcast };
    this.#all.push(entry);
    const key = hashOf(address.w0, address.w1, address.w2, address.w3);
    const chain = this.#byHash.get(key);
    if (chain === undefined) this.#byHash.set(key, [entry]);
    else chain.push(entry);
    this.#changed();
  }

  /** Removes an address. Returns whether it was there. */
  remove(address: IpAddress): boolean {
    return this.#removeWhere((entry) => entry.address.equals(address));
  }

  /** Removes all addresses of a device. Returns whether there were any. */
  removeDevice(device: D): boolean {
    return this.#removeWhere((entry) => entry.device === device);
  }

  /** All, in the order they were added. */
  list(): readonly Assigned<D>[] {
    return this.#all;
  }

  /** Whether a packet for this address is ours. */
  has(address: IpAddress): boolean {
    return this.hasWords(address.family, address.w0, address.w1, address.w2, address.w3);
  }

  /**
   * The same by the four words of an address, without an object. With any address of 127.0.0.0/8 we have all of them (RFC 1122 §3.2.1.3 (g)).
   */
  hasWords(family: Family, w0: number, w1: number, w2: number, w3: number): boolean {
    const last = this.#last;
    if (last !== null && last.w3 === w3 && last.w0 === w0 && last.w1 === w1 && last.w2 === w2) {
      if (last.family === family) return true;
    }
    const entry = this.find(family, w0, w1, w2, w3);
    if (entry === null) return this.#loopback4 && family === 4 && w3 >>> 24 === 127;
    this.#last = entry.address;
    return true;
  }

  /** The entry of exactly this address, or null. */
  find(family: Family, w0: number, w1: number, w2: number, w3: number): Assigned<D> | null {
    const chain = this.#byHash.get(hashOf(w0, w1, w2, w3));
    if (chain === undefined) return null;
    for (const entry of chain) {
      const a = entry.address;
      if (a.w3 === w3 && a.w0 === w0 && a.w1 === w1 && a.w2 === w2 && a.family === family) return entry;
    }
    return null;
  }

  /**
   * A packet for one of our addresses: what TCP may act on. One to a broadcast or multicast address is not (RFC 9293 §3.9.2.3, MUST-57).
   */
  isUnicastToUs(header: IpHeader): boolean {
    return this.hasWords(
      header.version,
      header.destination0,
      header.destination1,
      header.destination2,
      header.destination3,
    );
  }

  /**
   * A packet whose source can be one host, which an answer would reach: not unspecified or 0.0.0.0/8, not broadcast or multicast (RFC 1122
   * §3.2.1.3, RFC 9293 MUST-63), and not loopback unless it goes to loopback.
   */
  isUnicastSource(header: IpHeader): boolean {
    const { version, source0, source1, source2, source3 } = header;
    if (isMulticastWords(version, source0, source3) || this.isBroadcast(version, source3)) return false;
    if (version === 4 ? source3 >>> 24 === 0 : (source0 | source1 | source2 | source3) === 0) return false;
    return (
      !isLoopbackWords(version, source0, source1, source2, source3) ||
      isLoopbackWords(version, header.destination0, header.destination1, header.destination2, header.destination3)
    );
  }

  /** A packet for more than one host, for none, or for the sender's own: it has no business with a transparent listener. */
  isMartian({ version, destination0, destination1, destination2, destination3 }: IpHeader): boolean {
    if (isMulticastWords(version, destination0, destination3) || this.isBroadcast(version, destination3)) return true;
    return version === 4
      ? destination3 >>> 24 === 0 || destination3 >>> 24 === 127
      : (destination0 | destination1 | destination2 | destination3) === 0;
  }

  /** 255.255.255.255, or the broadcast address of a subnet that we are on. `w3`: the last word. */
  isBroadcast(family: Family, w3: number): boolean {
    if (family !== 4) return false;
    if (w3 === -1) return true;
    const broadcasts = this.#broadcasts;
    for (let i = 0; i < broadcasts.length; i++) if (broadcasts[i] === w3) return true;
    return false;
  }

  /**
   * The address that packets to `destination` leave `device` with: RFC 6724 §5, rules 1 (the destination itself), 2 (scope) and 8 (longest
   * matching prefix) among the device's addresses; where it has none of the family, among all that are good outside (RFC 1122 §3.3.4.2,
   * weak model). Null where there is none.
   */
  sourceFor(destination: IpAddress, device: D): IpAddress | null {
    return this.#best(destination, (entry) => entry.device === device) ?? this.#best(destination, isOutside);
  }

  #best(destination: IpAddress, candidate: (entry: Assigned<D>) => boolean): IpAddress | null {
    let best: Assigned<D> | null = null;
    for (const entry of this.#all) {
      if (entry.address.family !== destination.family || !candidate(entry)) continue;
      if (best === null || isBetter(entry, best, destination)) best = entry;
    }
    return best?.address ?? null;
  }

  #removeWhere(gone: (entry: Assigned<D>) => boolean): boolean {
    const before = this.#all.length;
    const kept = this.#all.filter((entry) => !gone(entry));
    if (kept.length === before) return false;
    this.#all.length = 0;
    this.#all.push(...kept);
    for (const [key, chain] of this.#byHash) {
      const rest = chain.filter((entry) => !gone(entry));
      if (rest.length === 0) this.#byHash.delete(key);
      else this.#byHash.set(key, rest);
    }
    this.#changed();
    return true;
  }

  #changed(): void {
    this.version++;
    this.#last = null;
    this.#loopback4 = this.#all.some(({ address }) => address.family === 4 && address.isLoopback);
    this.#broadcasts = Int32Array.from(this.#all.flatMap(({ broadcast }) => (broadcast === null ? [] : [broadcast])));
  }
}

/** A small integer, which a Map takes without boxing. */
function hashOf(w0: number, w1: number, w2: number, w3: number): number {
  const mixed = w0 ^ w1 ^ w2 ^ w3;
  return (mixed ^ (mixed >>> 16)) & 0xffff;
}

function isOutside(entry: Assigned<unknown>): boolean {
  return !entry.address.isLoopback;
}

/** RFC 6724 §5: whether `a` is preferred to `b`, which was there first. */
function isBetter<D>(a: Assigned<D>, b: Assigned<D>, destination: IpAddress): boolean {
  if (b.address.equals(destination)) return false;
  if (a.address.equals(destination)) return true;
  const scopeA = scope(a.address);
  const scopeB = scope(b.address);
  if (scopeA !== scopeB) {
    // Rule 2: the smallest scope that reaches the destination.
    const wanted = scope(destination);
    return scopeA < scopeB ? scopeA >= wanted : scopeB < wanted;
  }
  // Rule 8 counts no further than the subnet reaches (RFC 6724 §2.2).
  return (
    Math.min(sharedPrefix(a.address, destination), a.length) > Math.min(sharedPrefix(b.address, destination), b.length)
  );
}

const LINK_LOCAL = 2;
const SITE_LOCAL = 5;
const GLOBAL = 14;

/** RFC 6724 §3.1 and §3.2, in the numbers of multicast scopes (RFC 4291 §2.7). */
function scope(address: IpAddress): number {
  if (address.isLoopback) return LINK_LOCAL;
  if (address.family === 4) return address.w3 >>> 16 === 0xa9fe ? LINK_LOCAL : GLOBAL;
  if (address.isMulticast) return (address.w0 >>> 16) & 15;
  if (address.w0 >>> 22 === 0xfe80 >>> 6) return LINK_LOCAL;
  return address.w0 >>> 22 === 0xfec0 >>> 6 ? SITE_LOCAL : GLOBAL;
}
