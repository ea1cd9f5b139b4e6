import type { IpAddress } from '../wire/address.ts';
import { HalfSipHash } from './half-siphash.ts';

const TABLE = 1024;

/**
 * Ephemeral ports by RFC 6056 §3.3.4, "double-hash port selection": where the search for a port starts depends on a secret and on where the
 * connection goes, and each destination's next search goes on where its last one ended. So ports cannot be guessed, and one that was just in
 * use comes up again as late as can be.
 */
export class EphemeralPorts {
  readonly #offset: HalfSipHash;
  readonly #index: HalfSipHash;
  readonly #table: Uint16Array;
  readonly #first: number;
  readonly #count: number;

  /** `key`: 16 secret bytes. `table`: TABLE · 2 random bytes; without, every search starts at the hashed place. */
  constructor(range: readonly [number, number], key: Uint8Array, random?: (bytes: Uint8Array) => void) {
    const [first, last] = range;
    if (!(first >= 1 && first <= last && last <= 65_535)) throw new RangeError(`port range ${first} … ${last}`);
    this.#first = first;
    this.#count = last - first + 1;
    this.#offset = new HalfSipHash(key.subarray(0, 8));
    this.#index = new HalfSipHash(key.subarray(8, 16));
    const bytes = new Uint8Array(TABLE * 2);
    random?.(bytes);
    this.#table = new Uint16Array(bytes.buffer);
  }

  /**
   * The first port that `usable` accepts, or 0 where it accepts none of the range. `remoteAddress` null: for a listener.
   */
  pick(
    local: IpAddress | null,
    remote: IpAddress | null,
    remotePort: number,
    usable: (port: number) => boolean,
  ): number {
    const offset = hash(this.#offset, local, remote, remotePort) >>> 0;
    const index = (hash(this.#index, local, remote, remotePort) >>> 0) % TABLE;
    for (let i = 0; i < this.#count; i++) {
      const next = this.#table[index]!;
      this.#table[index] = next + 1;
      const port = this.#first + ((offset + next) % this.#count);
      if (usable(port)) return port;
    }
    // The counter wraps at 2^16, which is no multiple of the range: what it stepped over is tried in order before giving up.
    for (let port = this.#first; port < this.#first + this.#count; port++) if (usable(port)) return port;
    return 0;
  }
}

function hash(h: HalfSipHash, local: IpAddress | null, remote: IpAddress | null, remotePort: number): number {
  const a = local === null ? 0 : h.of9(local.w0, local.w1, local.w2, local.w3, 0, 0, 0, 0, 0);
  if (remote === null) return h.of3(a, 0, remotePort);
  return h.of9(remote.w0, remote.w1, remote.w2, remote.w3, a, remotePort, 0, 0, 0);
}
