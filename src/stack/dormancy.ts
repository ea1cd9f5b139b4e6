import type { Connection } from './connection.ts';

const NEVER = Number.POSITIVE_INFINITY;
/** So many connections are looked at in one go, and so long is the pause before the next, µs: others are not kept waiting. */
const BATCH = 256;
const PAUSE = 1000;

/** `stir` of a connection: it is in no list; in one, and nothing has happened since the last round; something has. */
const UNLISTED = 0;
const STILL = 1;
const STIRRED = 2;

/**
 * Finds the connections on which nothing goes on, for which `tcp/dormant.ts` has a smaller form. In rounds, as a clock finds pages: one that a round
 * finds untouched since the round before rests. One that cannot (its text is unread, say) is left alone until something happens on it. So a stack on which
 * nothing happens has nothing to do here, either.
 */
export class Dormancy {
  readonly #after: number;
  readonly #now: () => number;
  /** What this round still has to look at, and what is for the next one. */
  #round = new Set<Connection>();
  #later = new Set<Connection>();
  #next = NEVER;

  /** `after`: between two rounds, µs; 0: no rounds, `restNow` does it. */
  constructor(after: number, now: () => number) {
    this.#after = after;
    this.#now = now;
  }

  /** Something happened on it. */
  touch(connection: Connection): void {
    if (connection.stir === STIRRED || connection.timer < 0) return;
    if (connection.stir === UNLISTED) {
      this.#later.add(connection);
      if (this.#next === NEVER && this.#after > 0) this.#next = this.#now() + this.#after;
    }
    connection.stir = STIRRED;
  }

  /** It is over: its memory is not kept until the next round. */
  forget(connection: Connection): void {
    if (connection.stir === UNLISTED) return;
    connection.stir = UNLISTED;
    if (!this.#later.delete(connection)) this.#round.delete(connection);
    if (this.#round.size + this.#later.size === 0) this.#next = NEVER;
  }

  next(): number {
    return this.#next;
  }

  expire(now: number): void {
    if (now < this.#next) return;
    const round = this.#round;
    let left = BATCH;
    for (const connection of round) {
      if (left-- === 0) break;
      round.delete(connection);
      if (connection.stir === STIRRED) {
        connection.stir = STILL;
        this.#later.add(connection);
      } else {
        connection.stir = UNLISTED;
        connection.rest();
      }
    }
    if (round.size > 0) {
      this.#next = now + PAUSE;
      return;
    }
    this.#round = this.#later;
    this.#later = round;
    this.#next = this.#round.size > 0 ? now + this.#after : NEVER;
  }

  /** The end of a turn: without rounds, all that can rest does. */
  restNow(): void {
    if (this.#after > 0) return;
    for (const connection of this.#later) {
      connection.stir = UNLISTED;
      connection.rest();
    }
    this.#later.clear();
  }
}
