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

  it('saves a picture and a capture, and writes JSON', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'synfin-scenario-'));
    try {
      const [svg, pcapng] = [join(folder, 'a.svg'), join(folder, 'a.pcapng')];
      await synfin(['scenario', 'close-four', '--format', 'svg', '--output', svg, '--lang', 'zh']);
      expect(readFileSync(svg, 'utf8')).toMatch(/^<svg[\s\S]*四次挥手[\s\S]*<\/svg>/);
      await synfin(['scenario', 'close-four', '--format', 'pcapng', '--output', pcapng]);
      const capture = readCapture(readFileSync(pcapng));
      expect([capture.error, capture.frames.length]).toEqual([null, 7]);
      const { stdout } = await synfin(['scenario', 'close-four', '--json']);
      expect(JSON.parse(stdout)).toMatchObject({ name: 'close-four', ok: true, segments: 7 });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it.each([
    [['nothing'], /^synfin: there is no scenario nothing: synfin scenario lists them$/],
    [['open-basik'], /did you mean open-basic/],
    [['open-basic', '--dely', '3'], /^synfin: open-basic has no knob --dely: it has --delay$/],
    [['open-basic', '--delay', '3000'], /^synfin: --delay is 0 to 200 \(ms\), not 3000$/],
    [['open-basic', '--delay', 'x'], /^synfin: --delay needs a number$/],
    [['open-basic', '--mutate', 'gravity'], /^synfin: there is no rule gravity to take out: two-way, /],
  ])('says in one line what is wrong: %s', async (args, line) => {
    const { stdout, stderr, status } = await synfin(['scenario', ...args]);
    expect([stdout, status]).toEqual(['', 2]);
    expect(stderr.trim()).toMatch(line);
  });
});
