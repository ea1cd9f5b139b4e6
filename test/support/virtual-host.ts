import type { Host } from '../../src/stack/host.ts';

/** Virtual time, with randomness that is the same each time. One for all stacks of a test: they share a clock, each has a `host()`. */
export class VirtualTime {
  now = 1_000_000;
  #seed: number;
  readonly #wakeUps = new Map<object, { deadline: number; callback: () => void }>();
  #soon: (() => void)[] = [];

  constructor(seed = 1) {
    this.#seed = seed;
  }

  host(): Host {
    const key = {};
    return {
      now: () => this.now,
      random: (bytes) => {
        for (let i = 0; i < bytes.length; i++) bytes[i] = this.random() * 256;
      },
      wakeAt: (deadline, callback) => {
        if (deadline === Number.POSITIVE_INFINITY) this.#wakeUps.delete(key);
        else this.#wakeUps.set(key, { deadline, callback });
      },
      soon: (callback) => {
        this.#soon.push(callback);
      },
    };
  }

  /** 0 … 1 (mulberry32). */
  random(): number {
    this.#seed = (this.#seed + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#seed ^ (this.#seed >>> 15), 1 | this.#seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  }

  /** Runs until nothing is left to do, or `until` µs is reached; `pump` moves frames and says whether any moved. */
  run(pump: (now: number) => boolean = () => false, until = Number.POSITIVE_INFINITY): void {
    for (;;) {
      if (this.#soon.length > 0) {
        const all = this.#soon;
        this.#soon = [];
        for (const callback of all) callback();
        continue;
      }
      if (pump(this.now)) continue;
      if (this.#soon.length > 0) continue;
      let first: object | null = null;
      let deadline = Number.POSITIVE_INFINITY;
      for (const [key, w] of this.#wakeUps) {
        if (w.deadline < deadline) {
          first = key;
          deadline = w.deadline;
        }
      }
      if (first === null || deadline > until) break;
      const { callback } = this.#wakeUps.get(first)!;
      this.#wakeUps.delete(first);
      this.now = Math.max(this.now, deadline);
      callback();
    }
    if (until !== Number.POSITIVE_INFINITY) this.now = Math.max(this.now, until);
  }
}
