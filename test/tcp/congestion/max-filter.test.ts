import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MaxFilter } from '../../../src/tcp/congestion/max-filter.ts';

describe('the windowed maximum', () => {
  it('is the largest sample, and forgets it after its rounds', () => {
    const filter = new MaxFilter(10);
    expect(filter.best).toBe(0);
    filter.update(100, 1);
    for (let round = 2; round <= 11; round++) {
      filter.update(50, round);
      expect(filter.best).toBe(100);
    }
    filter.update(50, 12);
    expect(filter.best).toBe(50);
  });

  it('is between the newest sample and the true maximum of the rounds, whatever comes', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 1000 }), { minLength: 1, maxLength: 100 }), (values) => {
        const filter = new MaxFilter(10);
        values.forEach((value, round) => {
          filter.update(value, round);
          const window = values.slice(Math.max(0, round - 10), round + 1);
          expect(filter.best).toBeGreaterThanOrEqual(value);
          expect(filter.best).toBeLessThanOrEqual(Math.max(...window));
        });
      }),
    );
  });
});
