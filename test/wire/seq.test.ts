import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { add, diff, earlier, ge, gt, later, le, lt, type Seq, seq, toUint32 } from '../../src/wire/seq.ts';

/** The same, in arithmetic that has no width. */
const MOD = 1n << 32n;
const wrap = (n: bigint): bigint => ((n % MOD) + MOD) % MOD;
const big = (a: Seq): bigint => BigInt(toUint32(a));

const near = fc.oneof(
  fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  fc.integer({ min: 0, max: 5 }),
  fc.integer({ min: 2 ** 32 - 5, max: 2 ** 32 - 1 }),
  fc.integer({ min: 2 ** 31 - 5, max: 2 ** 31 + 5 }),
);
/** Less than half the circle, where order is defined. */
const distance = fc.integer({ min: 1, max: 2 ** 31 - 1 });

describe('sequence numbers (RFC 9293 §3.4)', () => {
  it('come back as they went in', () => {
    fc.assert(
      fc.property(near, (n) => {
        expect(toUint32(seq(n))).toBe(n);
        expect(seq(n)).toBe(seq(n - 2 ** 32));
      }),
    );
  });

  it('add modulo 2^32', () => {
    fc.assert(
      fc.property(near, fc.integer({ min: -(2 ** 32), max: 2 ** 32 }), (n, d) => {
        expect(big(add(seq(n), d))).toBe(wrap(BigInt(n) + BigInt(d)));
      }),
    );
  });

  it('are ordered by the shorter way round', () => {
    fc.assert(
      fc.property(near, distance, (n, d) => {
        const a = seq(n);
        const b = seq(Number(wrap(BigInt(n) + BigInt(d))));
        expect([lt(a, b), le(a, b), gt(a, b), ge(a, b)]).toEqual([true, true, false, false]);
        expect([lt(b, a), le(b, a), gt(b, a), ge(b, a)]).toEqual([false, false, true, true]);
        expect([lt(a, a), le(a, a), gt(a, a), ge(a, a)]).toEqual([false, true, false, true]);
        expect(later(a, b)).toBe(b);
        expect(later(b, a)).toBe(b);
        expect(earlier(a, b)).toBe(a);
        expect(earlier(b, a)).toBe(a);
        expect(diff(b, a)).toBe(d);
        expect(diff(a, b)).toBe(-d);
      }),
    );
  });

  it('are small integers: no −0, no fractions, equal where they are the same number', () => {
    expect(Object.is(seq(0), seq(-0))).toBe(true);
    expect(Object.is(add(seq(-1), 1), seq(0))).toBe(true);
    expect(seq(2 ** 32 - 1) === add(seq(0), -1)).toBe(true);
  });

  it('refuse arithmetic at compile time', () => {
    const a = seq(1);
    // @ts-expect-error an order that ignores the wrap
    void (() => a < seq(2));
    // @ts-expect-error a sum that does not wrap
    void (() => a + 1);
    // @ts-expect-error the larger number is not the later one
    void (() => Math.max(a, 2));
    expect(a).toBe(seq(1));
  });
});
