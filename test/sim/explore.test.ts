import { describe, expect, it } from 'vitest';
import { CONFIGURATIONS, explore, type Removed, UNREACHABLE } from '../../src/sim/explore.ts';
import { STATE_NAMES, TRANSITIONS } from '../../src/tcp/state.ts';

const named = (name: string) => CONFIGURATIONS.find((c) => c.name === name)!;

describe('explore', () => {
  const taken = new Set<string>();

  it.each(CONFIGURATIONS.map((c) => [c.name, c] as const))(
    '%s: whatever the order, it ends well',
    (_, configuration) => {
      const result = explore(configuration, { states: 1500 });
      expect(result.violations).toEqual([]);
      for (const arrow of result.transitions) taken.add(arrow);
      expect(result.states).toBeGreaterThan(500);
    },
    60_000,
  );

  it('takes every arrow of the diagram, but those that cannot be', () => {
    for (const { from, to } of TRANSITIONS) {
      const arrow = `${STATE_NAMES[from]} → ${STATE_NAMES[to]}`;
      expect(taken.has(arrow), arrow).toBe(!UNREACHABLE.has(arrow));
    }
    expect(UNREACHABLE.size).toBe(2);
  });

  it('opens in every order there is, to the end', () => {
    const result = explore(named('open'));
    expect(result).toMatchObject({ complete: true, violations: [] });
    expect([...result.transitions]).toContain('SYN-RECEIVED → ESTABLISHED');
  });

  it.each<[Removed, string, RegExp]>([
    ['FIN repeated', 'a closes first', /b is left in ESTABLISHED/],
    ['TIME-WAIT', 'a closes first', /b with reset, though both closed in order/],
    ['third segment', 'a closes first', /b is left in ESTABLISHED/],
  ])(
    'finds the damage without: %s',
    (removed, name, what) => {
      const { violations } = explore(named(name), { removed, states: 5000 });
      expect(violations[0]?.what).toMatch(what);
      expect(violations[0]?.path.length).toBeLessThan(12);
    },
    120_000,
  );
});
