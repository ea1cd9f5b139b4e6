import type { IpAddress } from '../wire/address.ts';
import type { IpHeader } from '../wire/ip-header.ts';
import type { Segment } from '../wire/segment.ts';
import { HalfSipHash } from './half-siphash.ts';
import { TupleTable } from './tuple-table.ts';

/** The two ports of a tuple as one word. */
export function portsWord(localPort: number, remotePort: number): number {
  return (localPort << 16) | remotePort;
}

/** The four-tuple of an arriving segment, from our side. */
export function tupleOf(header: IpHeader, segment: Segment): Tuple {
  return {
    localAddress: header.destinationAddress(),
    localPort: segment.destinationPort,
    remoteAddress: header.sourceAddress(),
    remotePort: segment.sourcePort,
  };
}

/** What a `Demux` finds things by: `Tcb` has it. */
export interface Tuple {
  readonly localAddress: IpAddress;
  readonly localPort: number;
  readonly remoteAddress: IpAddress;
  readonly remotePort: number;
}

/**
 * Finds the connection that a segment belongs to (RFC 9293 §3.10.7): a table for each family, whose values are places in a list.
 */
export class Demux<T extends Tuple> {
  readonly #v4: TupleTable;
  readonly #v6: TupleTable;
  readonly #items: (T | null)[] = [];
  readonly #free: number[] = [];

  /** `key`: 8 secret bytes. */
  constructor(key: Uint8Array) {
    const hash = new HalfSipHash(key);
    this.#v4 = new TupleTable(hash, false);
    this.#v6 = new TupleTable(hash, true);
  }

  get size(): number {
    return this.#v4.count + this.#v6.count;
  }

  /** By the words of an arriving packet's addresses, in mapped form where IPv4. */
  findWords(
    family: 4 | 6,
    l0: number,
    l1: number,
    l2: number,
    l3: number,
    r0: number,
    r1: number,
    r2: number,
    r3: number,
    ports: number,
  ): T | null {
    const table = family === 4 ? this.#v4 : this.#v6;
    const place = table.find(l0, l1, l2, l3, r0, r1, r2, r3, ports);
    return place < 0 ? null : this.#items[place]!;
  }

  find(localAddress: IpAddress, localPort: number, remoteAddress: IpAddress, remotePort: number): T | null {
    const { w0, w1, w2, w3, family } = localAddress;
    const r = remoteAddress;
    return this.findWords(family, w0, w1, w2, w3, r.w0, r.w1, r.w2, r.w3, portsWord(localPort, remotePort));
  }

  /** False where there is one with this tuple already. */
  insert(item: T): boolean {
    const l = item.localAddress;
    const r = item.remoteAddress;
    const table = l.family === 4 ? this.#v4 : this.#v6;
    const place = this.#free.pop() ?? this.#items.push(null) - 1;
    const ports = portsWord(item.localPort, item.remotePort);
    if (table.insert(l.w0, l.w1, l.w2, l.w3, r.w0, r.w1, r.w2, r.w3, ports, place)) {
      this.#items[place] = item;
      return true;
    }
    this.#free.push(place);
    return false;
  }

  /** False where it was not there. */
  remove(item: T): boolean {
    const l = item.localAddress;
    const r = item.remoteAddress;
    const table = l.family === 4 ? this.#v4 : this.#v6;
    const place = table.remove(
      l.w0,
      l.w1,
      l.w2,
      l.w3,
      r.w0,
      r.w1,
      r.w2,
      r.w3,
      portsWord(item.localPort, item.remotePort),
    );
    if (place < 0) return false;
    this.#items[place] = null;
    this.#free.push(place);
    return true;
  }

  *[Symbol.iterator](): Generator<T> {
    for (const item of this.#items) if (item !== null) yield item;
  }
}
