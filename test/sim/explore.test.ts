import { describe, expect, it } from 'vitest';
import { CONFIGURATIONS, explore, type Removed } from '../../src/sim/explore.ts';

const named = (name: string) => CONFIGURATIONS.find((c) => c.name === name)!;

describe('explore', () => {
  it.each(CONFIGURATIONS.map((c) => [c.name, c] as const))(
    '%s: whatever the order, it ends well',
    (_, configuration) => {
      const result = explore(configuration, { states: 1500 });
      expect(result.violations).toEqual([]);
      expect(result.states).toBeGreaterThan(500);
    },
  );

  it('opens in every order there is, to the end', () => {
    const result = explore(named('open'));
    expect(result).toMatchObject({ complete: true, violations: [] });
    expect([...result.transitions]).toContain('SYN-RECEIVED → ESTABLISHED');
  });

  it.each<[Removed, string, RegExp]>([
    ['FIN repeated', 'a closes first', /b is left in ESTABLISHED/],
    ['TIME-WAIT', 'a closes first', /b with reset, though both closed in order/],
    ['third segment', 'a closes first', /b is left in ESTABLISHED/],
  ])('finds the damage without: %s', (removed, name, what) => {
    const { violations } = explore(named(name), { removed });
    expect(violations[0]?.what).toMatch(what);
    expect(violations[0]?.path.length).toBeLessThan(12);
  });
});
