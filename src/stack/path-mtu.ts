import type { RouteMetrics } from '../ip/routes.ts';
import type { TcpConfig } from '../tcp/config.ts';
import { fixedHeaders } from '../tcp/mss.ts';
import type { FourTuple } from '../tcp/trace.ts';
import type { IpAddress } from '../wire/address.ts';
import type { Port } from './port.ts';

const NO_METRICS: RouteMetrics = {};

/** As many paths are remembered. */
const MOST = 4096;

/** Segments' sizes on a path, in text before options, bytes: by the device, by the route, and by what was learnt. */
export class Paths {
  readonly known: PathMtuCache;
  /** What the route to there says; null while no route says anything. */
  routes: ((destination: IpAddress) => RouteMetrics) | null = null;
  readonly #config: TcpConfig;

  constructor(config: TcpConfig) {
    this.#config = config;
    this.known = new PathMtuCache(config.mtu_expires);
  }

  metrics(destination: IpAddress): RouteMetrics {
    return this.routes === null ? NO_METRICS : this.routes(destination);
  }

  /** What we announce: by the device (RFC 6691 §2; SHLD-6), where the route does not say it; or (`announcePathMss`) by the path. */
  rcvMss(tuple: FourTuple, port: Port, now: number): number {
    const mss = this.#config.announcePathMss ? this.pathMss(tuple, port, now) : this.#deviceMss(tuple, port);
    return Math.min(mss, this.metrics(tuple.remoteAddress).advmss ?? mss);
  }

  /** What a segment has room for. */
  pathMss(tuple: FourTuple, port: Port, now: number): number {
    const { mtu = Number.POSITIVE_INFINITY } = this.metrics(tuple.remoteAddress);
    const known = Math.min(mtu, this.known.get(tuple.remoteAddress, now));
    return Math.min(this.#deviceMss(tuple, port), known - fixedHeaders(tuple.localAddress.family));
  }

  #deviceMss({ localAddress }: FourTuple, { device }: Port): number {
    const room = Math.max(1, Math.min(device.mtu, 65_535) - fixedHeaders(localAddress.family));
    return this.#config.maxMss > 0 ? Math.min(this.#config.maxMss, room) : room;
  }
}

/**
 * The MTUs of paths, by destination (RFC 1191 §6.1, RFC 8201 §5.3): what one connection has learnt the next one need not learn again. An entry ages:
 * paths change, and only by trying does one hear of it (RFC 1191 §6.3).
 */
export class PathMtuCache {
  readonly #paths = new Map<string, { mtu: number; until: number }>();
  readonly #life: number;

  /** `life`: µs (`mtu_expires`). */
  constructor(life: number) {
    this.#life = life;
  }

  get size(): number {
    return this.#paths.size;
  }

  /** The MTU to there, bytes; Infinity where nothing is known. */
  get(destination: IpAddress, now: number): number {
    if (this.#paths.size === 0) return Number.POSITIVE_INFINITY;
    const key = `${destination}`;
    const path = this.#paths.get(key);
    if (path === undefined) return Number.POSITIVE_INFINITY;
    if (now < path.until) return path.mtu;
    this.#paths.delete(key);
    return Number.POSITIVE_INFINITY;
  }

  /** What is known may not hold any more. */
  forget(destination: IpAddress): void {
    this.#paths.delete(`${destination}`);
  }

  set(destination: IpAddress, mtu: number, now: number): void {
    const key = `${destination}`;
    // The oldest makes room: somebody who can make us learn must not make us grow.
    this.#paths.delete(key);
    this.#paths.set(key, { mtu, until: now + this.#life });
    if (this.#paths.size > MOST) this.#paths.delete(this.#paths.keys().next().value!);
  }
}
