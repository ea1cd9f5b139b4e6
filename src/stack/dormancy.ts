import type { Engine } from './engine.ts';

const NEVER = Number.POSITIVE_INFINITY;
/** So many connections are looked at in one go, and so long is the pause before the next, µs: others are not kept waiting. */
const BATCH = 256;
const PAUSE = 1000;

/** What a round knows of a connection: it need not look at it; nothing has happened on it since the last round; something has. */
const LEFT = 0;
const STILL = 1;
const STIRRED = 2;

/**
 * Finds the connections on which nothing goes on, for which `tcp/dormant.ts` has a smaller form. In rounds, as a clock finds pages: one that a round
 * finds untouched since the round before rests. One that cannot (its text is unread, say) is left alone until something happens on it. So a stack on which
 * nothing happens has nothing to do here, either.
 *
 * Connections are known by the numbers of their timers, a byte each: lists of them would keep short-lived ones in memory for longer than they live.
 */
export class Dormancy {
  readonly #after: number;
  readonly #engine: Engine;
  #stir = new Uint8Array(64);
  /** Connections that are not left alone. */
  #count = 0;
  /** Where this round has come to. */
  #hand = 0;
  #next = NEVER;

  /** `after`: between two rounds, µs; 0: no rounds, `restNow` does it. */
  constructor(after: number, engine: Engine) {
    this.#after = after;
    this.#engine = engine;
  }

  /** Something happened on it. */
  touch(id: number): void {
    if (id >= this.#stir.length) this.#grow(id);
    const before = this.#stir[id];
    if (before === STIRRED) return;
    this.#stir[id] = STIRRED;
    if (before !== LEFT) return;
    this.#count++;
    if (this.#next === NEVER && this.#after > 0) this.#next = this.#engine.now() + this.#after;
  }

  /** It is over. */
  forget(id: number): void {
    if (id < this.#stir.length && this.#stir[id] !== LEFT) this.#leave(id);
    if (this.#count === 0) this.#next = NEVER;
  }

  next(): number {
    return this.#next;
  }

  expire(now: number): void {
    if (now < this.#next) return;
    for (let left = BATCH; left > 0 && this.#hand < this.#stir.length; this.#hand++) {
      const stir = this.#stir[this.#hand];
      if (stir === LEFT) continue;
      left--;
      if (stir === STIRRED) this.#stir[this.#hand] = STILL;
      else {
        this.#leave(this.#hand);
        this.#engine.timers.owner(this.#hand).rest();
      }
    }
    if (this.#hand < this.#stir.length) {
      this.#next = now + PAUSE;
      return;
    }
    this.#hand = 0;
    this.#next = this.#count > 0 ? now + this.#after : NEVER;
  }

  /** The end of a turn: without rounds, all that can rest does. */
  restNow(): void {
    if (this.#after > 0) return;
    for (let id = 0; this.#count > 0 && id < this.#stir.length; id++) {
      if (this.#stir[id] === LEFT) continue;
      this.#leave(id);
      this.#engine.timers.owner(id).rest();
    }
  }

  #leave(id: number): void {
    this.#stir[id] = LEFT;
    this.#count--;
  }

  #grow(id: number): void {
    const wider = new Uint8Array(Math.max(id + 1, this.#stir.length * 2));
    wider.set(this.#stir);
    this.#stir = wider;
  }
}
