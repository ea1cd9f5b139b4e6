import type { IpHeader } from '../wire/ip-header.ts';
import type { KeyedHash } from './header.ts';

/** Where unpredictable bytes come from: the host. */
export interface RandomSource {
  /** Fills `bytes`. */
  random(bytes: Uint8Array): void;
}

/** Limits on ICMP errors sent, as token buckets. */
export interface IcmpLimits {
  /** To everybody together, messages per second, and how many at once. */
  readonly rate: number;
  readonly burst: number;
  /** To one destination: the same. */
  readonly destinationRate: number;
  readonly destinationBurst: number;
}

/** Linux's: net.ipv4.icmp_msgs_per_sec and icmp_msgs_burst; icmp_ratelimit of one a second with a burst of six. */
export const DEFAULT_ICMP_LIMITS: IcmpLimits = { rate: 1000, burst: 50, destinationRate: 1, destinationBurst: 6 };

/** Buckets that destinations share by a secret hash: a table of one size, however many of them an attacker invents. */
const BUCKETS = 1024;

/**
 * How many ICMP errors may leave (RFC 1812 §4.3.2.8, RFC 4443 §2.4 (f)). The bucket of the destination is asked first: only what it lets pass
 * takes from the common one, so that one busy destination cannot be noticed at another. And the common one cannot be counted:
 * each message takes 0, 1 or 2 of it by chance, else whoever sees where answers stop learns how many others got (CVE-2020-25705, which found a
 * resolver's port that way).
 */
export class IcmpLimit {
  readonly #limits: IcmpLimits;
  readonly #hash: KeyedHash;
  readonly #source: RandomSource;
  readonly #tokens: Float64Array;
  /** When each bucket was last filled, µs. */
  readonly #filled: Float64Array;
  #common: number;
  #commonFilled = Number.NEGATIVE_INFINITY;
  readonly #dice = new Uint8Array(64);
  #die = this.#dice.length;

  constructor(hash: KeyedHash, source: RandomSource, limits: IcmpLimits = DEFAULT_ICMP_LIMITS) {
    this.#hash = hash;
    this.#source = source;
    this.#limits = limits;
    this.#tokens = new Float64Array(BUCKETS).fill(limits.destinationBurst);
    this.#filled = new Float64Array(BUCKETS);
    this.#common = limits.burst;
  }

  /** Takes a token for an error to the source of the packet in `header`. False: none left, say nothing. `now`: µs. */
  take(header: IpHeader, now: number): boolean {
    const { rate, burst, destinationRate, destinationBurst } = this.#limits;
    const bucket = this.#bucket(header);
    const since = Math.max(0, now - this.#filled[bucket]!);
    const tokens = Math.min(destinationBurst, this.#tokens[bucket]! + (since * destinationRate) / 1e6);
    this.#tokens[bucket] = tokens;
    this.#filled[bucket] = now;
    if (tokens < 1) return false;

    const sinceCommon = Math.max(0, now - this.#commonFilled);
    this.#common = Math.min(burst, this.#common + (sinceCommon * rate) / 1e6);
    this.#commonFilled = now;
    if (this.#common < 1) return false;
    // It may go below nothing, so that a message takes one on average.
    this.#common -= this.#roll();
    this.#tokens[bucket] = tokens - 1;
    return true;
  }

  /** IPv6: of a /64, which one host commonly has to itself. */
  #bucket(header: IpHeader): number {
    const { version, source0, source1, source3 } = header;
    const hash = version === 4 ? this.#hash.of3(source3, 4, 0) : this.#hash.of3(source0, source1, 6);
    return hash & (BUCKETS - 1);
  }

  /** 0, 1 or 2, equally likely. */
  #roll(): number {
    for (;;) {
      if (this.#die === this.#dice.length) {
        this.#source.random(this.#dice);
        this.#die = 0;
      }
      const byte = this.#dice[this.#die++]!;
      if (byte < 255) return byte % 3;
    }
  }
}
