import type { HalfOpenRecord } from '../tcp/half-open.ts';
import type { TimeWaitRecord } from '../tcp/time-wait.ts';
import type { FourTuple } from '../tcp/trace.ts';
import type { IpAddress } from '../wire/address.ts';
import { type Demux, portsWord } from './demux.ts';
import type { HalfOpenKey, HalfOpenTable } from './half-open.ts';
import { HalfSipHash } from './half-siphash.ts';
import type { MakeTables, Shown } from './tables.ts';
import type { TimeWaitTable } from './time-wait.ts';
import type { TimerQueue } from './timer-queue.ts';

/**
 * Tables for some hundreds of connections, as a page has them: objects in the language's own maps. They do what those of `many-tables.ts` do, and are a
 * fifth of their code; beyond some thousands they are slow, and take ten times the memory.
 */
export const fewTables: MakeTables = (secret, waiting) => ({
  demux: new FewTuples(secret(8)),
  timers: new FewTimers(),
  timeWait: new FewTimeWait(secret(8), waiting),
  halfOpen: new FewHalfOpen(secret(8)),
});

const NEVER = Number.POSITIVE_INFINITY;
/** A record with all around it, bytes: an estimate. */
const RECORD_COST = 400;

type Words = [number, number, number, number, number, number, number, number, number];

/** By a keyed hash of the four-tuple: nobody outside can aim for one chain. */
export class FewTuples<T extends FourTuple> implements Shown<Demux<T>> {
  readonly #hash: HalfSipHash;
  readonly #chains = new Map<number, T[]>();
  size = 0;

  /** `key`: 8 secret bytes. */
  constructor(key: Uint8Array) {
    this.#hash = new HalfSipHash(key);
  }

  findWords(family: 4 | 6, ...[l0, l1, l2, l3, r0, r1, r2, r3, ports]: Words): T | null {
    const chain = this.#chains.get(this.#hash.of9(l0, l1, l2, l3, r0, r1, r2, r3, ports));
    if (chain === undefined) return null;
    for (const one of chain) {
      const { localAddress: l, remoteAddress: r } = one;
      if (
        portsWord(one.localPort, one.remotePort) === ports &&
        r.w3 === r3 &&
        r.w2 === r2 &&
        r.w1 === r1 &&
        r.w0 === r0 &&
        l.w3 === l3 &&
        l.w2 === l2 &&
        l.w1 === l1 &&
        l.w0 === l0 &&
        l.family === family
      ) {
        return one;
      }
    }
    return null;
  }

  find(localAddress: IpAddress, localPort: number, remoteAddress: IpAddress, remotePort: number): T | null {
    return this.findWords(localAddress.family, ...words({ localAddress, localPort, remoteAddress, remotePort }));
  }

  insert(item: T): boolean {
    const key = words(item);
    if (this.findWords(item.localAddress.family, ...key) !== null) return false;
    const hash = this.#hash.of9(...key);
    this.#chains.set(hash, [...(this.#chains.get(hash) ?? []), item]);
    this.size++;
    return true;
  }

  remove(item: FourTuple): boolean {
    const key = words(item);
    const found = this.findWords(item.localAddress.family, ...key);
    if (found === null) return false;
    const hash = this.#hash.of9(...key);
    const rest = this.#chains.get(hash)!.filter((one) => one !== found);
    if (rest.length > 0) this.#chains.set(hash, rest);
    else this.#chains.delete(hash);
    this.size--;
    return true;
  }

  *[Symbol.iterator](): Generator<T> {
    for (const chain of this.#chains.values()) yield* chain;
  }
}

function words({ localAddress: l, localPort, remoteAddress: r, remotePort }: FourTuple): Words {
  return [l.w0, l.w1, l.w2, l.w3, r.w0, r.w1, r.w2, r.w3, portsWord(localPort, remotePort)];
}

interface Timer<T> {
  readonly owner: T;
  deadline: number;
}

/** In no order: which is the first is looked for when the time comes that was the first one's, and most timers have moved since. */
export class FewTimers<T> implements Shown<TimerQueue<T>> {
  /** At or before the first deadline. */
  next = NEVER;
  readonly #timers = new Map<number, Timer<T>>();
  readonly #free: number[] = [];

  get armed(): number {
    let count = 0;
    for (const { deadline } of this.#timers.values()) if (deadline !== NEVER) count++;
    return count;
  }

  add(owner: T): number {
    const id = this.#free.pop() ?? this.#timers.size;
    this.#timers.set(id, { owner, deadline: NEVER });
    return id;
  }

  remove(id: number): void {
    this.#timers.delete(id);
    this.#free.push(id);
  }

  arm(id: number, deadline: number): void {
    this.#timers.get(id)!.deadline = deadline;
    if (deadline < this.next) this.next = deadline;
  }

  owner(id: number): T {
    return this.#timers.get(id)!.owner;
  }

  deadline(id: number): number {
    return this.#timers.get(id)!.deadline;
  }

  expire(now: number, fire: (owner: T) => void): void {
    while (this.next <= now) {
      let first: Timer<T> | null = null;
      for (const timer of this.#timers.values()) {
        if (first === null || timer.deadline < first.deadline) first = timer;
      }
      this.next = first?.deadline ?? NEVER;
      if (first === null || first.deadline > now) return;
      first.deadline = NEVER;
      // There may be more.
      this.next = now;
      fire(first.owner);
    }
  }
}

interface Kept<R> extends FourTuple {
  id: number;
  readonly record: R;
  readonly listener: number;
  readonly device: number;
}

/** Records with a time each, by number. */
class FewRecords<R> {
  protected readonly timers = new FewTimers<Kept<R>>();
  readonly #tuples: FewTuples<Kept<R>>;

  constructor(key: Uint8Array) {
    this.#tuples = new FewTuples(key);
  }

  get count(): number {
    return this.#tuples.size;
  }

  get bytes(): number {
    return this.count * RECORD_COST;
  }

  get nextExpiry(): number {
    return this.timers.next;
  }

  findWords(family: 4 | 6, ...key: Words): number {
    return this.#tuples.findWords(family, ...key)?.id ?? -1;
  }

  tuple(_family: 4 | 6, id: number): FourTuple {
    return this.timers.owner(id);
  }

  remove(_family: 4 | 6, id: number): void {
    this.#tuples.remove(this.timers.owner(id));
    this.timers.remove(id);
  }

  protected keep(tuple: FourTuple, record: R, at: number, listener = 0, device = 0): void {
    const { localAddress, localPort, remoteAddress, remotePort } = tuple;
    const kept = { localAddress, localPort, remoteAddress, remotePort, record: { ...record }, listener, device, id: 0 };
    kept.id = this.timers.add(kept);
    this.timers.arm(kept.id, at);
    this.#tuples.insert(kept);
  }

  protected all(): Iterable<Kept<R>> {
    return this.#tuples;
  }
}

export class FewHalfOpen extends FewRecords<HalfOpenRecord> implements Shown<HalfOpenTable> {
  add(tuple: FourTuple, record: HalfOpenRecord, listener: number, device: number): void {
    this.keep(tuple, record, record.retransmitAt, listener, device);
  }

  listener(_family: 4 | 6, id: number): number {
    return this.timers.owner(id).listener;
  }

  device(_family: 4 | 6, id: number): number {
    return this.timers.owner(id).device;
  }

  retries(_family: 4 | 6, id: number): number {
    return this.timers.owner(id).record.retries;
  }

  isDeferred(_family: 4 | 6, id: number): boolean {
    return this.timers.owner(id).record.deferred;
  }

  dueAt(_family: 4 | 6, id: number): number {
    return this.timers.deadline(id);
  }

  read(_family: 4 | 6, id: number): HalfOpenRecord {
    return this.timers.owner(id).record;
  }

  update(_family: 4 | 6, id: number, record: HalfOpenRecord): void {
    Object.assign(this.timers.owner(id).record, record);
    this.timers.arm(id, record.retransmitAt);
  }

  expire(now: number, due: (family: 4 | 6, id: number) => void): void {
    this.timers.expire(now, ({ localAddress, id }) => due(localAddress.family, id));
  }

  *entries(): Generator<HalfOpenKey> {
    for (const { localAddress, id } of this.all()) yield { family: localAddress.family, id };
  }
}

export class FewTimeWait extends FewRecords<TimeWaitRecord> implements Shown<TimeWaitTable> {
  readonly #limit: number;

  /** `key`: 8 secret bytes. */
  constructor(key: Uint8Array, limit: number) {
    super(key);
    this.#limit = limit;
  }

  add(tuple: FourTuple, record: TimeWaitRecord): boolean {
    if (this.count >= this.#limit) return false;
    this.keep(tuple, record, record.closeAt);
    return true;
  }

  has(tuple: FourTuple): boolean {
    return this.#idOf(tuple) >= 0;
  }

  get(tuple: FourTuple): TimeWaitRecord | null {
    const id = this.#idOf(tuple);
    return id < 0 ? null : this.record(tuple.localAddress.family, id);
  }

  forget(tuple: FourTuple): void {
    this.remove(tuple.localAddress.family, this.#idOf(tuple));
  }

  #idOf(tuple: FourTuple): number {
    return this.findWords(tuple.localAddress.family, ...words(tuple));
  }

  record(_family: 4 | 6, id: number): TimeWaitRecord {
    return this.timers.owner(id).record;
  }

  answered(_family: 4 | 6, id: number, time: number): void {
    this.record(_family, id).lastInvalidAck = time;
  }

  restart(_family: 4 | 6, id: number, closeAt: number, tsRecent: number): void {
    Object.assign(this.record(_family, id), { closeAt, tsRecent });
    this.timers.arm(id, closeAt);
  }

  expire(now: number, expired: (tuple: FourTuple) => void): void {
    this.timers.expire(now, (kept) => {
      this.remove(kept.localAddress.family, kept.id);
      expired(kept);
    });
  }

  *entries(): Generator<{ tuple: FourTuple; closeAt: number }> {
    for (const tuple of this.all()) yield { tuple, closeAt: tuple.record.closeAt };
  }
}
