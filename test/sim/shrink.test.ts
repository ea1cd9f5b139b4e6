import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { shrink } from '../../src/sim/shrink.ts';

describe('shrink', () => {
  it('finds what is needed among what is not, whatever that is', async () => {
    const parts = Array.from({ length: 100 }, (_, i) => i);
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(fc.nat(99), { maxLength: 6 }), async (needed) => {
        const least = await shrink(parts, (some) => needed.every((n) => some.includes(n)));
        expect(least).toEqual([...needed].sort((a, b) => a - b));
      }),
    );
  });

  it('leaves nothing in that could be left out alone, where one of several will do', async () => {
    const fails = (some: readonly number[]) => some.filter((n) => n % 3 === 0).length >= 2 && some.includes(50);
    const least = await shrink(
      Array.from({ length: 64 }, (_, i) => i),
      fails,
    );
    expect(least.length).toBe(3);
    expect(fails(least)).toBe(true);
  });

  it('leaves out whole groups first, and stops asking in time', async () => {
    const parts = Array.from({ length: 1000 }, (_, i) => i);
    let asked = 0;
    const fails = (some: readonly number[]) => {
      asked++;
      return some.includes(700);
    };
    expect(await shrink(parts, fails, { group: (n) => `${Math.floor(n / 100)}` })).toEqual([700]);
    expect(asked).toBeLessThan(60);
    asked = 0;
    const some = await shrink(parts, fails, { tries: 5 });
    expect(asked).toBe(5);
    expect(some).toContain(700);
  });
});
