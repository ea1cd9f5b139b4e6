import { Random } from '../sim/random.ts';
import type { Host } from '../stack/host.ts';

/** The virtual time of one script. Nothing happens but by `step` and `advance`. */
export class ScriptClock implements Host {
  /** µs. Far from zero, as a machine's is that has run for a while. */
  time: number;
  readonly #random: Random;
  #deadline = Number.POSITIVE_INFINITY;
  #wake: () => void = () => {};
  #soon: (() => void)[] = [];

  constructor(seed: number) {
    this.#random = new Random(seed);
    this.time = 1_000_000_000 + this.#random.below(1_000_000_000);
  }

  now(): number {
    return this.time;
  }

  random(bytes: Uint8Array): void {
    this.#random.fill(bytes);
  }

  wakeAt(deadline: number, callback: () => void): void {
    this.#deadline = deadline;
    this.#wake = callback;
  }

  soon(callback: () => void): void {
    this.#soon.push(callback);
  }

  /** Lets everything happen that is due now. */
  settle(): void {
    for (;;) {
      while (this.#soon.length > 0) for (const callback of this.#soon.splice(0)) callback();
      if (this.#deadline > this.time) return;
      this.#fire();
    }
  }

  /** Goes on to the next timer that is due by `limit`, and lets it happen. False where there is none: time stands at `limit` then. */
  step(limit: number): boolean {
    this.settle();
    if (this.#deadline > limit) {
      this.time = Math.max(this.time, limit);
      return false;
    }
    this.time = Math.max(this.time, this.#deadline);
    this.#fire();
    this.settle();
    return true;
  }

  #fire(): void {
    this.#deadline = Number.POSITIVE_INFINITY;
    this.#wake();
  }
}
