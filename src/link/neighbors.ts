import type { IpAddress } from '../wire/address.ts';
import type { MacAddress } from '../wire/ethernet.ts';
import type { Frame } from './device.ts';

/** RFC 4861 §10: how long an answer is believed, and between one question and the next; how many are asked. µs. */
const REACHABLE_TIME = 30_000_000;
export const RETRANS_TIMER = 1_000_000;
const MAX_SOLICIT = 3;
/** §10, DELAY_FIRST_PROBE_TIME: how long one is believed who made itself known. */
const DELAY = 5_000_000;
/** Packets kept for a neighbor until it answers; the oldest gives way (RFC 1122 §2.3.2.2 and RFC 4861 §7.2.2 ask for one). */
const MOST_WAITING = 16;
/** Neighbors known at a time (Linux's gc_thresh3). */
const MOST = 1024;

/** A host on the link. */
export class Neighbor {
  readonly address: IpAddress;
  /** Null until it answers. */
  mac: MacAddress | null = null;
  /** What is to be sent to it then. */
  waiting: Frame[] = [];
  /** Questions since it last answered, and when the last one left. */
  asked = 0;
  askedAt = Number.NEGATIVE_INFINITY;
  /** Until then no question is needed. */
  sureUntil = Number.NEGATIVE_INFINITY;

  constructor(address: IpAddress) {
    this.address = address;
  }

  /** When to ask again, or to give up; Infinity where nothing waits for it. */
  get dueAt(): number {
    return this.mac === null ? this.askedAt + RETRANS_TIMER : Number.POSITIVE_INFINITY;
  }

  /** Whether it is time for a question: no more than one a second (RFC 1122 §2.3.2.1). */
  mayAsk(now: number): boolean {
    return now >= this.sureUntil && now >= this.askedAt + RETRANS_TIMER;
  }

  /** It was asked often enough. */
  get silent(): boolean {
    return this.asked >= MAX_SOLICIT;
  }

  ask(now: number): void {
    this.asked++;
    this.askedAt = now;
  }

  /** Keeps a packet; returns the one that gives way, or null. */
  hold(frame: Frame): Frame | null {
    this.waiting.push(frame);
    return this.waiting.length > MOST_WAITING ? this.waiting.shift()! : null;
  }

  /** It is there. `sure`: it answered a question of ours. */
  heard(mac: MacAddress, sure: boolean, now: number): void {
    if (sure) {
      this.asked = 0;
      this.sureUntil = now + REACHABLE_TIME;
    } else if (this.mac === null || !this.mac.equals(mac)) this.sureUntil = now + DELAY;
    this.mac = mac;
  }

  /** What is known of it is no longer believed: it is asked as one that is new. */
  forget(): void {
    this.mac = null;
    this.asked = 0;
  }
}

/** The hosts on a link, by IP address (RFC 4861 §5.1, and the same for ARP). */
export class Neighbors {
  readonly #known = new Map<string, Neighbor>();
  /** Nearly all packets go to the same one. */
  #last: Neighbor | null = null;

  get size(): number {
    return this.#known.size;
  }

  find(address: IpAddress): Neighbor | null {
    if (this.#last?.address.equals(address)) return this.#last;
    const found = this.#known.get(String(address)) ?? null;
    if (found !== null) this.#last = found;
    return found;
  }

  /** The one of that address, made where it is new. The one made first gives way where there are too many: `dropped` takes what waited for it. */
  get(address: IpAddress, dropped: (frame: Frame) => void): Neighbor {
    const found = this.find(address);
    if (found !== null) return found;
    if (this.#known.size >= MOST) {
      const oldest = this.#known.values().next().value!;
      this.delete(oldest);
      for (const frame of oldest.waiting) dropped(frame);
    }
    const made = new Neighbor(address);
    this.#known.set(String(address), made);
    this.#last = made;
    return made;
  }

  delete(neighbor: Neighbor): void {
    this.#known.delete(String(neighbor.address));
    if (this.#last === neighbor) this.#last = null;
  }

  [Symbol.iterator](): IterableIterator<Neighbor> {
    return this.#known.values();
  }
}
