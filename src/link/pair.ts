import { frameMemory } from '../wire/frame-memory.ts';
import type { Device } from './device.ts';
import { MemoryDevice, MemoryLink, type MemoryLinkOptions } from './memory.ts';
import { FramePool } from './pool.ts';

export type { MemoryLinkOptions } from './memory.ts';

/**
 * Two devices joined by a wire in memory. Nothing is delivered inside `transmit`: frames wait until the pair is pumped, so a stack never
 * finds itself called back while it is still sending.
 *
 * ```ts
 * const pair = new Pair();
 * left.addDevice(pair.a, [{ address: IpAddress.of('10.0.0.1'), prefixLength: 24 }]);
 * right.addDevice(pair.b, [{ address: IpAddress.of('10.0.0.2'), prefixLength: 24 }]);
 * while (pair.pump(now)); // runs until both are quiet
 * ```
 */
export class Pair {
  readonly a: Device;
  readonly b: Device;
  readonly #link: MemoryLink;

  constructor(options: MemoryLinkOptions = {}) {
    this.#link = new MemoryLink(options.onPending, new FramePool(1024, frameMemory));
    const a = new MemoryDevice(this.#link, 'pair-a', options);
    const b = new MemoryDevice(this.#link, 'pair-b', options);
    a.connect(b);
    b.connect(a);
    this.a = a;
    this.b = b;
  }

  /** Delivers what waits now, to both ends. `now`: µs. True where anything moved. */
  pump(now: number): boolean {
    return this.#link.pump(now);
  }

  /** Frames on the wire. */
  get pending(): number {
    return this.#link.pending;
  }

  /** Frames lent to the two stacks or on the wire: 0 when all is torn down. */
  get outstanding(): number {
    return this.#link.pool.outstanding;
  }

  /** Closes both ends. */
  close(): void {
    this.a.close();
    this.b.close();
  }
}
