import { describe, expect, it } from 'vitest';
import { SCENARIOS } from '../../../src/sim/scenarios/catalogue.ts';
import { runScenario } from '../../../src/sim/scenarios/run.ts';
import { CHAPTERS } from '../../../src/sim/scenarios/scenario.ts';

describe('every scenario', () => {
  it('has a name of its own, a chapter and words in both languages', () => {
    expect(new Set(SCENARIOS.map((s) => s.name)).size).toBe(SCENARIOS.length);
    for (const s of SCENARIOS) {
      expect(Object.keys(CHAPTERS)).toContain(s.chapter);
      expect(s.knobs[0]?.name).toBe('delay');
      expect(s.rfc.length).toBeGreaterThan(0);
      for (const text of [s.title, s.text, ...s.knobs.map((k) => k.text)]) {
        expect(text.en).not.toMatch(/[\u4e00-\u9fff]/);
        expect(text.zh).toMatch(/[\u4e00-\u9fff]|^[\w ]+$/);
      }
    }
  });

  it.each(SCENARIOS.map((s) => [s.name, s] as const))('%s does what it says', async (_, scenario) => {
    const result = await runScenario(scenario);
    if (result.error !== null) throw result.error;
    expect(result.checks.length).toBeGreaterThan(0);
    expect(result.checks.filter((c) => !c.ok).map((c) => c.text.en)).toEqual([]);
  });

  it.each(SCENARIOS.map((s) => [s.name, s] as const))('%s is the same again, and in Chinese', async (_, scenario) => {
    const [a, b] = [await runScenario(scenario), await runScenario(scenario, { language: 'zh' })];
    expect(b.digest).toBe(a.digest);
    expect(b.ok).toBe(a.ok);
  });

  it.each(SCENARIOS.map((s) => [s.name, s] as const))('%s holds with the choices of RFC 9293', async (_, scenario) => {
    const result = await runScenario(scenario, { profile: 'rfc9293' });
    expect([result.error, ...result.checks.filter((c) => !c.ok).map((c) => c.text.en)]).toEqual([null]);
  });

  const damaged = SCENARIOS.flatMap((s) => (s.mutations ?? []).map((m) => [s.name, m, s] as const));
  it.each(damaged)('%s shows what breaks with %s', async (_, mutation, scenario) => {
    const result = await runScenario(scenario, { mutation });
    expect(result.ok).toBe(false);
  });

  it.each(SCENARIOS.flatMap((s) => s.knobs.flatMap((k) => [k.from, k.to].map((v) => [s.name, k.name, v, s] as const))))(
    '%s holds with --%s %i',
    async (_, name, value, scenario) => {
      const result = await runScenario(scenario, { knobs: { [name]: value } });
      expect([result.error, ...result.checks.filter((c) => !c.ok).map((c) => c.text.en)]).toEqual([null]);
    },
  );
});
