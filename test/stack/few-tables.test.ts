import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FewHalfOpen, FewTimers, FewTimeWait, FewTuples } from '../../src/stack/few-tables.ts';
import { HalfOpenTable } from '../../src/stack/half-open.ts';
import { HalfSipHash } from '../../src/stack/half-siphash.ts';
import type { Shown } from '../../src/stack/tables.ts';
import { TimeWaitTable } from '../../src/stack/time-wait.ts';
import { TimerQueue } from '../../src/stack/timer-queue.ts';
import type { FourTuple } from '../../src/tcp/trace.ts';
import { IpAddress } from '../../src/wire/address.ts';
import { find, halfOpenRecord, timeWaitRecord } from './support/records.ts';

// Each beside its counterpart of `many-tables.ts`, which has tests of its own: whatever is done, both say the same.

const key = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
const hash = new HalfSipHash(key);
const SECOND = 1_000_000;

const tuple = (n: number, six: boolean): FourTuple => ({
  localAddress: IpAddress.of(six ? '::ffff:10.0.0.1' : '10.0.0.1'),
  localPort: 80,
  remoteAddress: six ? new IpAddress(6, n & 1, 0, 0, 0) : IpAddress.v4(n & 1),
  remotePort: n >> 1,
});
const text = (t: FourTuple) => `${t.localAddress} ${t.localPort} ${t.remoteAddress} ${t.remotePort}`;

describe('FewTuples', () => {
  it('behaves as a Map does', () => {
    const step = fc.record({ add: fc.boolean(), n: fc.nat(30), six: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const few = new FewTuples<FourTuple>(key);
        const model = new Map<string, FourTuple>();
        for (const { add, n, six } of steps) {
          const t = tuple(n, six);
          const there = model.get(text(t)) ?? null;
          expect(few.find(t.localAddress, t.localPort, t.remoteAddress, t.remotePort)).toBe(there);
          if (add) {
            expect(few.insert(t)).toBe(there === null);
            if (there === null) model.set(text(t), t);
          } else expect(few.remove(t)).toBe(model.delete(text(t)));
          expect(few.size).toBe(model.size);
          expect(new Set(few)).toEqual(new Set(model.values()));
        }
      }),
    );
  });

  it('tells an IPv4 address from the IPv6 address that maps it', () => {
    const few = new FewTuples<FourTuple>(key);
    const [v4, mapped] = [IpAddress.of('192.0.2.1'), IpAddress.of('::ffff:192.0.2.1')];
    few.insert({ localAddress: v4, localPort: 1, remoteAddress: v4, remotePort: 2 });
    expect(few.find(mapped, 1, mapped, 2)).toBeNull();
    expect(few.find(v4, 2, v4, 1)).toBeNull();
    expect(few.find(v4, 1, v4, 2)).not.toBeNull();
  });
});

describe('FewTimers', () => {
  it('fires what TimerQueue fires, in its order, and never asks to be woken late', () => {
    const step = fc.record({
      what: fc.constantFrom('add', 'remove', 'arm', 'off', 'time'),
      n: fc.nat(20),
      delay: fc.nat(5000).map((ms) => ms * 1000 + 1),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const [few, many] = [new FewTimers<number>(), new TimerQueue<number>()];
        const ids = new Map<number, [number, number]>();
        let now = 0;
        let last = 0;
        for (const { what, n, delay } of steps) {
          const pair = [...ids.values()][n];
          const owner = [...ids.keys()][n];
          if (what === 'add') ids.set(last, [few.add(last), many.add(last++)]);
          else if (what === 'time') {
            now += delay;
            const fired: number[][] = [[], []];
            for (const [which, queue] of [few, many].entries()) {
              queue.expire(now, (one) => {
                fired[which]!.push(one);
                // Some begin anew.
                if (one % 3 === 0) queue.arm(ids.get(one)![which]!, now + one + 1);
              });
            }
            // Those of the same microsecond may come in any order.
            expect(fired[0]!.length).toBe(fired[1]!.length);
            expect(new Set(fired[0])).toEqual(new Set(fired[1]));
          } else if (pair !== undefined) {
            const at = now + delay;
            if (what === 'remove') {
              few.remove(pair[0]);
              many.remove(pair[1]);
              ids.delete(owner!);
            } else {
              few.arm(pair[0], what === 'off' ? Number.POSITIVE_INFINITY : at);
              many.arm(pair[1], what === 'off' ? Number.POSITIVE_INFINITY : at);
            }
          }
          expect(few.armed).toBe(many.armed);
          const deadlines = [...ids.values()].map(([id]) => few.deadline(id));
          expect(deadlines).toEqual([...ids.values()].map(([, id]) => many.deadline(id)));
          expect(few.next).toBeLessThanOrEqual(Math.min(Number.POSITIVE_INFINITY, ...deadlines));
          for (const [one, [id]] of ids) expect(few.owner(id)).toBe(one);
        }
      }),
    );
  });

  it('fires in the order of the deadlines, and sleeps where there is none', () => {
    const few = new FewTimers<number>();
    for (const at of [5, 3, 9, 4]) few.arm(few.add(at), at);
    const fired: number[] = [];
    few.expire(5, (at) => fired.push(at));
    expect(fired).toEqual([3, 4, 5]);
    expect(few.next).toBe(9);
    few.expire(9, () => {});
    expect(few.next).toBe(Number.POSITIVE_INFINITY);
  });
});

const step = fc.record({
  n: fc.nat(20),
  six: fc.boolean(),
  what: fc.constantFrom('add', 'remove', 'change', 'time'),
  delay: fc.nat(3000).map((ms) => ms * 1000),
});

describe('FewHalfOpen', () => {
  it('does what HalfOpenTable does', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 150 }), (steps) => {
        const [few, many] = [new FewHalfOpen(key), new HalfOpenTable(hash)] as Shown<HalfOpenTable>[];
        const tables = [few!, many!];
        let now = SECOND;
        const seen = (t: Shown<HalfOpenTable>) =>
          [...t.entries()]
            .map(({ family: f, id }) => ({
              name: text(t.tuple(f, id)),
              record: t.read(f, id, 3),
              tag: [t.listener(f, id), t.device(f, id), t.retries(f, id), t.isDeferred(f, id), t.dueAt(f, id)],
            }))
            .sort((a, b) => (a.name < b.name ? -1 : 1));
        for (const { n, six, what, delay } of steps) {
          const family = six ? 6 : 4;
          if (what === 'time') now += delay;
          const fired = tables.map((t) => {
            const id = find(t, tuple(n, six));
            const names: string[] = [];
            if (what === 'add' && id < 0) t.add(tuple(n, six), halfOpenRecord(now + SECOND), n, n & 1, now);
            if (what === 'remove' && id >= 0) t.remove(family, id);
            if (what === 'change' && id >= 0) t.update(family, id, { ...t.read(family, id, 3), deferred: true }, now);
            if (what === 'time') {
              t.expire(now, (f, one) => {
                const before = t.read(f, one, 3);
                names.push(`${text(t.tuple(f, one))} ${before.retries}`);
                if (before.retries === 3) t.remove(f, one);
                else {
                  const retransmitAt = now + SECOND * 2 ** (before.retries + 1);
                  t.update(f, one, { ...before, retries: before.retries + 1, retransmitAt }, now);
                }
              });
            }
            return names.sort();
          });
          expect(fired[0]).toEqual(fired[1]);
          expect(seen(few!)).toEqual(seen(many!));
          expect(few!.count).toBe(many!.count);
          expect(few!.nextExpiry).toBeLessThanOrEqual(many!.nextExpiry);
          expect(few!.bytes > 0).toBe(few!.count > 0);
        }
      }),
    );
  });
});

describe('FewTimeWait', () => {
  it('does what TimeWaitTable does', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 150 }), (steps) => {
        const [few, many] = [new FewTimeWait(key, 8), new TimeWaitTable(hash, 8)] as Shown<TimeWaitTable>[];
        const tables = [few!, many!];
        let now = SECOND;
        const seen = (t: Shown<TimeWaitTable>) =>
          [...t.entries()]
            .map(({ tuple: one, closeAt }) => ({ name: text(one), closeAt, record: t.get(one, 3) }))
            .sort((a, b) => (a.name < b.name ? -1 : 1));
        for (const { n, six, what, delay } of steps) {
          const family = six ? 6 : 4;
          if (what === 'time') now += 20 * delay;
          const said = tables.map((t) => {
            const id = find(t, tuple(n, six));
            const gone: string[] = [];
            expect(t.has(tuple(n, six))).toBe(id >= 0);
            if (id >= 0) expect(text(t.tuple(family, id))).toBe(text(tuple(n, six)));
            if (what === 'add' && id < 0) gone.push(`${t.add(tuple(n, six), timeWaitRecord(now + 60 * SECOND))}`);
            if (what === 'remove' && id >= 0 && n > 10) t.remove(family, id);
            else if (what === 'remove' && id >= 0) t.forget(tuple(n, six));
            if (what === 'change' && id >= 0) t.restart(family, id, now + 60 * SECOND, n);
            if (what === 'time') t.expire(now, (one) => gone.push(text(one)));
            return gone.sort();
          });
          expect(said[0]).toEqual(said[1]);
          expect(seen(few!)).toEqual(seen(many!));
          expect(few!.count).toBe(many!.count);
          expect(few!.nextExpiry).toBeLessThanOrEqual(many!.nextExpiry);
        }
      }),
    );
  });

  it('remembers when it last answered nonsense', () => {
    const few = new FewTimeWait(key, 8);
    few.add(tuple(1, false), timeWaitRecord(60 * SECOND));
    const id = find(few, tuple(1, false));
    few.answered(4, id, 5 * SECOND);
    expect(few.record(4, id).lastInvalidAck).toBe(5 * SECOND);
  });
});
