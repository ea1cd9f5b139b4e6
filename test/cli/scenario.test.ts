import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { SCENARIOS } from '../../src/sim/scenarios/catalogue.ts';
import { readCapture } from '../../src/wire/capture.ts';
import { synfin } from './support/synfin.ts';

describe('synfin scenario', () => {
  it('lists every scenario, in both languages', async () => {
    const { stdout, status } = await synfin(['scenario', '--list', '--json']);
    expect(status).toBe(0);
    const rows = JSON.parse(stdout) as {
      name: string;
      chapter: string;
      text: { en: string; zh: string };
      knobs: unknown[];
    }[];
    expect(rows.map((row) => row.name)).toEqual(SCENARIOS.map((s) => s.name));
    for (const row of rows)
      expect([row.text.en.length > 40, row.text.zh.length > 20, row.knobs.length > 0]).toEqual([true, true, true]);
    const list = (await synfin(['scenario', '--lang', 'zh'])).stdout;
    for (const { name } of SCENARIOS) expect(list).toContain(name);
    expect(list).toContain('建立连接');
  });

  it('plays one, with its knobs, in 80 columns', async () => {
    const { stdout, status } = await synfin([
      'scenario',
      'close-fin-lost',
      '--lost',
      '1',
      '--delay=50',
      '--lang',
      'en',
    ]);
    expect(status).toBe(0);
    expect(stdout).toContain('All checks hold.');
    expect(stdout).toMatch(/FIN, ACK .*─✕ /);
    expect(stdout).toContain('--delay 50');
    for (const line of stdout.split('\n').filter((l) => /^ {12}[│●]/.test(l))) expect(line.length).toBe(80);
  });

  it('plays all, a line each', async () => {
    const { stdout, status } = await synfin(['scenario', '--all', '--plain', '--lang', 'en']);
    expect(stdout).toContain(`${SCENARIOS.length}/${SCENARIOS.length} All checks hold.`);
    expect(status).toBe(0);
  });

  it('says which rule is taken out, and what breaks', async () => {
    const { stdout, status } = await synfin([
      'scenario',
      'tw-skip-old-data',
      '--mutate',
      'no-time-wait',
      '--lang',
      'en',
    ]);
    expect(status).toBe(0);
    expect(stdout).toContain('A RULE IS TAKEN OUT (--mutate no-time-wait)');
    expect(stdout).toMatch(/read\(\) = "OLD DATA"[\s\S]*✗ nothing is read that the new client has not written/);
  });

  it('counts what breaks where all are played without a rule', async () => {
    const { stdout, status } = await synfin(['scenario', '--all', '--mutate', 'fin-once', '--plain', '--lang', 'en']);
    const broken = stdout.split('\n').filter((line) => line.startsWith('NOT OK')).length;
    expect([broken > 0, status, stdout.trim().split('\n').at(-1)]).toEqual([
      true,
      0,
      `${broken} of ${SCENARIOS.length} break (--mutate fin-once).`,
    ]);
  });

  it('saves a picture and a capture, and writes JSON', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'synfin-scenario-'));
    try {
      const [svg, pcapng] = [join(folder, 'a.svg'), join(folder, 'a.pcapng')];
      await synfin(['scenario', 'close-four', '--format', 'svg', '--output', svg, '--lang', 'zh']);
      expect(readFileSync(svg, 'utf8')).toMatch(/^<svg[\s\S]*四次挥手[\s\S]*<\/svg>/);
      await synfin(['scenario', 'close-four', '--format', 'pcapng', '--output', pcapng]);
      const capture = readCapture(readFileSync(pcapng));
      expect([capture.error, capture.frames.length]).toEqual([null, 7]);
      const [drawn, ladder] = [join(folder, 'a.txt'), ['scenario', 'close-four', '--lang', 'en']];
      expect(await synfin([...ladder, '--output', drawn])).toMatchObject({ status: 0, stdout: '' });
      expect(readFileSync(drawn, 'utf8')).toBe((await synfin(ladder)).stdout);
      const { stdout } = await synfin(['scenario', 'close-four', '--json']);
      expect(JSON.parse(stdout)).toMatchObject({ name: 'close-four', ok: true, segments: 7 });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('says whose timer runs: the one of FIN-WAIT-2 is not that of TIME-WAIT', async () => {
    const told = (await synfin(['scenario', 'close-four', '--plain', '--lang', 'en'])).stdout;
    expect(told).toMatch(/is in FIN-WAIT-2[\s\S]*: FIN-WAIT-2 timer runs[\s\S]*is in TIME-WAIT/);
    expect(told).not.toMatch(/TIME-WAIT timer runs[\s\S]*is in TIME-WAIT/);
  });

  it('speaks the language of the locale, in which an empty variable says nothing', async () => {
    const first = async (env: NodeJS.ProcessEnv) =>
      (await synfin(['scenario', 'open-options'], { env: { LC_ALL: '', LC_MESSAGES: '', LANG: 'C', ...env } })).stdout;
    expect(await first({ LANG: 'zh_CN.UTF-8' })).toMatch(/可调参数 {2}--delay 20 \(0…200 ms：报文段的单程时延\)/);
    expect(await first({ LC_MESSAGES: 'zh_TW.UTF-8' })).toContain('可调参数');
    expect(await first({ LC_ALL: 'C', LANG: 'zh_CN.UTF-8' })).toContain('knobs  --delay 20');
  });

  it.each([
    [['nothing'], /^synfin: there is no scenario nothing: synfin scenario lists them$/],
    [['open-basik'], /did you mean open-basic/],
    [['open-basic', '--dely', '3'], /^synfin: open-basic has no knob --dely: it has --delay$/],
    [['open-basic', '--delay', '3000'], /^synfin: --delay is 0 to 200 \(ms\), not 3000$/],
    [['open-basic', '--delay', 'x'], /^synfin: --delay needs a number$/],
    [['--delay', '3'], /^synfin: name a scenario before its knobs: synfin scenario NAME --delay …$/],
    [['--all', 'open-basic'], /^synfin: --all plays every scenario: leave out open-basic$/],
    [['--list', 'open-basic'], /^synfin: --list lists every scenario: leave out open-basic$/],
    [['--all', '--format', 'svg'], /^synfin: --format is for one scenario: /],
    [['open-basic', '--mutate', 'gravity'], /^synfin: there is no rule gravity to take out: two-way, /],
  ])('says in one line what is wrong: %s', async (args, line) => {
    const { stdout, stderr, status } = await synfin(['scenario', ...args]);
    expect([stdout, status]).toEqual(['', 2]);
    expect(stderr.trim()).toMatch(line);
  });
});
