import { expect, it } from 'vitest';
import { SCENARIOS } from '../../src/sim/scenarios/catalogue.ts';
import { synfin } from '../cli/support/synfin.ts';
import { describeWith } from './support/needs.ts';

interface Outcome {
  readonly ok: boolean;
  readonly error: string | null;
  readonly checks: readonly { readonly ok: boolean; readonly text: { readonly en: string } }[];
}

const marked = SCENARIOS.flatMap((s) => (s.linux?.sides ?? []).map((side) => [s.name, side] as const));

describeWith({ tun: true }, "scenarios with Linux's own TCP at one end", () => {
  it('are most of them', () => {
    expect(new Set(marked.map(([name]) => name)).size).toBeGreaterThan(50);
  });

  // In real time: most of it is waiting. A machine that is too busy once may not be so the next time.
  it.concurrent.each(marked)(
    '%s is the same story with Linux as the %s',
    { retry: 3, timeout: 60_000 },
    async (name, side) => {
      const { stdout, stderr } = await synfin(['scenario', name, '--peer', `linux-${side}`, '--json'], {
        timeout: 50_000,
      });
      expect(stderr).toBe('');
      const { ok, error, checks } = JSON.parse(stdout) as Outcome;
      expect(error).toBeNull();
      expect(checks.filter((check) => !check.ok).map((check) => check.text.en)).toEqual([]);
      expect([ok, checks.at(-1)!.text.en]).toEqual([true, expect.stringMatching(/^Linux and the simulation tell/)]);
    },
  );

  it('are drawn as the simulated ones, with states of both ends', async () => {
    const { stdout, status } = await synfin(['scenario', 'close-four', '--peer', 'linux', '--lang', 'en', '--plain']);
    expect(status).toBe(0);
    for (const state of ['client is in TIME-WAIT', 'server is in CLOSE-WAIT', 'server is in LAST-ACK'])
      expect(stdout).toContain(state);
    expect(stdout).toContain('ok      Linux and the simulation tell the same story');
  });
});

it('says in one line who cannot be played with Linux', async () => {
  const alone = SCENARIOS.find((s) => s.linux === undefined)!;
  const none = await synfin(['scenario', alone.name, '--peer', 'linux']);
  expect([none.status, none.stderr.trim().split('\n').length]).toEqual([2, 1]);
  expect(none.stderr).toContain('no kernel can be made to do');
  const end = await synfin(['scenario', 'open-no-answer', '--peer', 'linux-server']);
  expect([end.status, end.stderr.trim()]).toEqual([
    2,
    'synfin: in open-no-answer Linux can be the client only: --peer linux-client',
  ]);
  const mutated = await synfin(['scenario', 'open-basic', '--peer', 'linux', '--mutate', 'two-way']);
  expect([mutated.status, mutated.stderr]).toEqual([2, expect.stringContaining('--mutate goes without --peer')]);
});
