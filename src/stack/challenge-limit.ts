import type { Host } from './host.ts';

const SECOND = 1_000_000;

/**
 * RFC 5961 §7: so many challenge ACKs a second, of all connections together. The number is random around the limit, so that nobody can count who else
 * used some (CVE-2016-5696).
 */
export class ChallengeLimit {
  readonly #host: Host;
  readonly #limit: number;
  #second = -1;
  #left = 0;

  constructor(host: Host, limit: number) {
    this.#host = host;
    this.#limit = limit;
  }

  /** Takes one; false where this second's are used up. */
  take(now: number): boolean {
    const second = Math.floor(now / SECOND);
    if (second !== this.#second) {
      this.#second = second;
      const half = (this.#limit + 1) >>> 1;
      const dice = new Uint8Array(4);
      this.#host.random(dice);
      const random = new DataView(dice.buffer).getUint32(0);
      this.#left = half + (random % (this.#limit + 1));
    }
    if (this.#left <= 0) return false;
    this.#left--;
    return true;
  }
}
