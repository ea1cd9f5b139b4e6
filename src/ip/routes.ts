import type { IpAddress } from '../wire/address.ts';
import type { Addresses } from './addresses.ts';
import { sharedPrefix } from './prefix.ts';

/** What an administrator knows of the way behind a route (ip-route(8)). */
export interface RouteMetrics {
  /** Packets have at most so many bytes; `lockMtu`: and no ICMP error says otherwise. */
  readonly mtu?: number;
  readonly lockMtu?: boolean;
  /** The MSS that SYNs announce, bytes. */
  readonly advmss?: number;
  /** The initial window, segments. */
  readonly initcwnd?: number;
}

/** Packets whose destination starts with the first `length` bits of `prefix` leave through `device`. */
export interface Route<D> {
  /** Its bits beyond `length` do not matter. */
  readonly prefix: IpAddress;
  /** 0 (the default route) … 32 or 128. */
  readonly length: number;
  readonly device: D;
  /** The address they leave with; else the best one for each destination (`Addresses.sourceFor`). */
  readonly source?: IpAddress;
  readonly metrics?: RouteMetrics;
}

/** The way to a destination. */
export interface Hop<D> {
  readonly device: D;
  readonly source: IpAddress;
  readonly metrics?: RouteMetrics;
}

/**
 * The routing table of a host (RFC 1122 §3.3.1): the longest prefix wins, of equal ones the one added first. A host has few routes, and asks
 * once for each connection: they are tried in order, and the last answer is kept.
 */
export class Routes<D> {
  readonly #addresses: Addresses<D>;
  /** The longest prefix first, both families. */
  readonly #routes: Route<D>[] = [];
  #lastDestination: IpAddress | null = null;
  #lastHop: Hop<D> | null = null;
  #lastVersion = -1;

  /** `addresses`: where routes without a `source` of their own find one. */
  constructor(addresses: Addresses<D>) {
    this.#addresses = addresses;
  }

  /** Adds a route. Throws a RangeError for a length that the family has not, and a TypeError for a source of the other family. */
  add(route: Route<D>): void {
    const { prefix, length, source } = route;
    const most = prefix.family === 4 ? 32 : 128;
    if (!Number.isInteger(length) || length < 0 || length > most) {
      throw new RangeError(`${prefix}/${length} is no route: a prefix has 0 to ${most} bits`);
    }
    if (source !== undefined && source.family !== prefix.family) {
      throw new TypeError(`packets to ${prefix}/${length} cannot come from ${source}: it is of the other family`);
    }
    const at = this.#routes.findIndex((other) => other.length < length);
    this.#routes.splice(at < 0 ? this.#routes.length : at, 0, route);
    this.#lastDestination = null;
  }

  /** Removes the routes of exactly this prefix (through `device`, where given). Returns whether there were any. */
  remove(prefix: IpAddress, length: number, device?: D): boolean {
    return this.#removeWhere(
      (route) =>
        route.length === length &&
        route.prefix.family === prefix.family &&
        sharedPrefix(route.prefix, prefix) >= length &&
        (device === undefined || route.device === device),
    );
  }

  /** Removes all routes through a device. Returns whether there were any. */
  removeDevice(device: D): boolean {
    return this.#removeWhere((route) => route.device === device);
  }

  /** All, in the order they are tried. */
  list(): readonly Route<D>[] {
    return this.#routes;
  }

  /** The way to `destination`, or null: no route, or no address of ours to send from ('network unreachable'). */
  lookup(destination: IpAddress): Hop<D> | null {
    if (
      this.#lastDestination !== null &&
      this.#lastVersion === this.#addresses.version &&
      this.#lastDestination.equals(destination)
    ) {
      return this.#lastHop;
    }
    this.#lastDestination = destination;
    this.#lastVersion = this.#addresses.version;
    this.#lastHop = this.#find(destination);
    return this.#lastHop;
  }

  #find(destination: IpAddress): Hop<D> | null {
    for (const { prefix, length, device, source, metrics } of this.#routes) {
      if (prefix.family !== destination.family || sharedPrefix(prefix, destination) < length) continue;
      const from = source ?? this.#addresses.sourceFor(destination, device);
      if (from !== null) return metrics === undefined ? { device, source: from } : { device, source: from, metrics };
    }
    return null;
  }

  #removeWhere(gone: (route: Route<D>) => boolean): boolean {
    const kept = this.#routes.filter((route) => !gone(route));
    if (kept.length === this.#routes.length) return false;
    this.#routes.splice(0, this.#routes.length, ...kept);
    this.#lastDestination = null;
    return true;
  }
}
