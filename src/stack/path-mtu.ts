import type { TcpConfig } from '../tcp/config.ts';
import { fixedHeaders } from '../tcp/path-mtu.ts';
import type { FourTuple } from '../tcp/trace.ts';
import type { IpAddress } from '../wire/address.ts';
import type { Port } from './port.ts';

/** As many paths are remembered. */
const MOST = 4096;

/** The text that a segment has room for, before options, bytes: by the device alone. */
export function deviceMss(config: TcpConfig, { localAddress }: FourTuple, { device }: Port): number {
  const room = Math.max(1, Math.min(device.mtu, 65_535) - fixedHeaders(localAddress.family));
  return config.maxMss > 0 ? Math.min(config.maxMss, room) : room;
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
