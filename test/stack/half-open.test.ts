import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HalfOpenTable, retransmissionsIn } from '../../src/stack/half-open.ts';
import { HalfSipHash } from '../../src/stack/half-siphash.ts';
import { linux } from '../../src/tcp/config.ts';
import type { HalfOpenRecord } from '../../src/tcp/half-open.ts';
import { find, halfOpenRecord, tuple } from './support/records.ts';

const hash = new HalfSipHash(Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8]));

describe('HalfOpenTable', () => {
  it('gives back what it was given, at any time of a long life', () => {
    for (const now of [0, 1_000_000, 2 ** 31 - 3, 2 ** 32 - 1, 2 ** 45 + 7]) {
      for (const change of [
        {},
        { sndWindScale: -1, sackOk: false, timestamps: false, ecn: 0, synEcn: 0, sndMss: 48, sndWnd: 0 },
        { ecn: 1, retries: 255, retransmitted: true, deferred: true, synEcn: 1 },
      ] satisfies Partial<HalfOpenRecord>[]) {
        const t = new HalfOpenTable(hash);
        for (const six of [false, true]) {
          const given = halfOpenRecord(now + 3_000_000, change);
          t.add(tuple(5000, six), given, 65_535, 7, now);
          const family = six ? 6 : 4;
          const id = find(t, tuple(5000, six));
          expect(t.read(family, id, 3)).toEqual(given);
          expect(t.tuple(family, id)).toEqual(tuple(5000, six));
          expect([t.listener(family, id), t.device(family, id)]).toEqual([65_535, 7]);
          expect(find(t, tuple(5001, six))).toBe(-1);
        }
      }
    }
  });

  it('knows when nonsense was last answered, to a thirtieth of a second', () => {
    const t = new HalfOpenTable(hash);
    for (let now = 1_000_000; now < 200_000_000; now += 777_777) {
      t.add(tuple(1), halfOpenRecord(now + 1_000_000, { lastInvalidAck: now - 400_000 }), 0, 0, now);
      const { lastInvalidAck } = t.read(4, find(t, tuple(1)), 0);
      expect(Math.abs(lastInvalidAck - (now - 400_000))).toBeLessThanOrEqual(62_500);
      t.remove(4, find(t, tuple(1)));
    }
  });

  it('behaves as a map whose entries come due by their number of retries', () => {
    const step = fc.record({
      n: fc.nat(30),
      six: fc.boolean(),
      what: fc.constantFrom('add', 'remove', 'time'),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const t = new HalfOpenTable(hash);
        const model = new Map<string, { due: number; retries: number }>();
        let now = 2 ** 32 - 20_000_000;
        for (const { n, six, what } of steps) {
          const key = `${six ? 6 : 4} ${n}`;
          const family = six ? 6 : 4;
          const id = find(t, tuple(n, six));
          expect(id >= 0).toBe(model.has(key));
          if (what === 'add' && id < 0) {
            t.add(tuple(n, six), halfOpenRecord(now + 1_000_000), 0, 0, now);
            model.set(key, { due: now + 1_000_000, retries: 0 });
          } else if (what === 'remove' && id >= 0) {
            t.remove(family, id);
            model.delete(key);
          } else if (what === 'time') {
            now += n * 100_000;
            const fired: string[] = [];
            t.expire(now, (f, i) => {
              const retries = t.retries(f, i);
              fired.push(`${f} ${t.tuple(f, i).remotePort} ${retries}`);
              if (retries === 3) t.remove(f, i);
              else {
                const retransmitAt = now + 1_000_000 * 2 ** (retries + 1);
                t.update(f, i, { ...t.read(f, i, 0), retries: retries + 1, retransmitAt }, now);
              }
            });
            const expected: string[] = [];
            for (const [k, m] of [...model]) {
              if (m.due > now) continue;
              expected.push(`${k} ${m.retries}`);
              if (m.retries === 3) model.delete(k);
              else model.set(k, { due: now + 1_000_000 * 2 ** (m.retries + 1), retries: m.retries + 1 });
            }
            expect(fired.sort()).toEqual(expected.sort());
          }
          expect(t.count).toBe(model.size);
          expect(t.nextExpiry).toBe(Math.min(Number.POSITIVE_INFINITY, ...[...model.values()].map((m) => m.due)));
          expect([...t.entries()].length).toBe(model.size);
        }
      }),
    );
  });

  it('is small for each of many, and empty when all are gone', () => {
    const t = new HalfOpenTable(hash);
    const empty = t.bytes;
    for (let i = 0; i < 200_000; i++) t.add(tuple(i), halfOpenRecord(1_000_000 + i), 0, 0, i);
    expect(t.bytes / t.count).toBeLessThanOrEqual(64);
    for (const { family, id } of [...t.entries()]) t.remove(family, id);
    expect(t.bytes).toBe(empty);
  });
});

describe('retransmissionsIn', () => {
  it('counts as Linux does for TCP_DEFER_ACCEPT', () => {
    const times = [0, 0.5, 1, 2, 3, 4, 7, 8, 63, 64].map((s) => retransmissionsIn(s * 1_000_000, linux));
    expect(times).toEqual([0, 1, 1, 2, 2, 3, 3, 4, 6, 7]);
  });
});
