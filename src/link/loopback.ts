import { MemoryDevice, MemoryLink, type MemoryLinkOptions } from './memory.ts';
import { FramePool } from './pool.ts';

/** A device whose frames come back to its own receiver, with the rules of `Pair`: never inside `transmit`, only when pumped. */
export class Loopback extends MemoryDevice {
  readonly #link: MemoryLink;

  /** The MTU is 65535 where not given: nothing here needs smaller packets. */
  constructor(options: MemoryLinkOptions = {}) {
    const link = new MemoryLink(options.onPending, new FramePool());
    super(link, 'loopback', { mtu: 65535, ...options });
    this.#link = link;
  }

  /** Delivers what waits now. `now`: µs. True where anything moved. */
  pump(now: number): boolean {
    return this.#link.pump(now);
  }

  /** Frames lent to the stack or on their way back to it. */
  get outstanding(): number {
    return this.#link.pool.outstanding;
  }
}
