import type { IpAddress } from '../wire/address.ts';

/** What many records have in common: a local address, and what their user says besides. */
interface Origin {
  readonly address: IpAddress;
  readonly tag: number;
  readonly key: string;
  /** Records that have it. */
  count: number;
}

/** Local addresses by number, each with a tag: a host has few, and records are small. Kept for as long as a record has them. */
export class Origins {
  readonly #most: number;
  readonly #list: (Origin | null)[] = [];
  readonly #free: number[] = [];
  readonly #byKey = new Map<string, number>();
  /** The one that was asked for last, as most are. */
  #last = -1;

  /** `most`: how many there may be. */
  constructor(most: number) {
    this.#most = most;
  }

  /** The number of this address with this tag, for one record more; −1: there are too many. */
  take(address: IpAddress, tag: number): number {
    const last = this.#list[this.#last];
    if (last?.tag === tag && last.address.equals(address)) {
      last.count++;
      return this.#last;
    }
    const key = `${tag} ${address.w0} ${address.w1} ${address.w2} ${address.w3}`;
    let number = this.#byKey.get(key) ?? -1;
    if (number < 0) {
      if (this.#byKey.size >= this.#most) return -1;
      number = this.#free.pop() ?? this.#list.push(null) - 1;
      this.#list[number] = { address, tag, key, count: 0 };
      this.#byKey.set(key, number);
    }
    this.#list[number]!.count++;
    this.#last = number;
    return number;
  }

  address(number: number): IpAddress {
    return this.#list[number]!.address;
  }

  tag(number: number): number {
    return this.#list[number]!.tag;
  }

  /** One record less has it. */
  give(number: number): void {
    const origin = this.#list[number]!;
    if (--origin.count > 0) return;
    this.#byKey.delete(origin.key);
    this.#list[number] = null;
    this.#free.push(number);
  }
}
