import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CampaignCase, shrinkCampaign } from '../../src/sim/campaign-case.ts';
import { synfin } from './support/synfin.ts';

describe('synfin scenario FILE', () => {
  let dir = '';
  let found: CampaignCase | null = null;
  const save = (one: unknown): string => {
    const file = join(dir, 'campaign.json');
    writeFileSync(file, typeof one === 'string' ? one : JSON.stringify(one));
    return file;
  };
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'synfin-'));
    for (let seed = 1; found === null; seed++) found = await shrinkCampaign(seed, { mutation: 'fin-once' });
  }, 60_000);
  afterAll(() => rmSync(dir, { recursive: true }));

  it("plays a campaign's failure again, and draws it", async () => {
    const { stdout, status } = await synfin(['scenario', save(found)]);
    expect(status).toBe(1);
    expect(stdout).toContain('with a rule taken out: fin-once');
    expect(stdout).toMatch(/packet \d+ (lost|damaged): FIN, /);
    expect(stdout).toMatch(/✗ (client|server)\S+ failed \((timed out|reset)\), though nothing was done to it/);
    expect(stdout).toContain('It fails again.');
  });

  it('says so where it does not fail any more', async () => {
    const { stdout, status } = await synfin(['scenario', save({ ...found!, mutation: null })]);
    expect(status).toBe(0);
    expect(stdout).toContain('It does not fail any more.');
  });

  it('tells it as JSON and as a picture', async () => {
    const json = JSON.parse((await synfin(['scenario', save(found), '--json'])).stdout) as {
      complaints: string[];
      connections: { events: unknown[] }[];
    };
    expect(json.complaints).toEqual(found!.complaints);
    expect(json.connections[0]!.events.length).toBeGreaterThan(5);
    const { stdout } = await synfin(['scenario', save(found), '--format', 'svg']);
    expect(stdout).toMatch(/^<svg /);
  });

  it('says what is wrong with a file', async () => {
    const { stderr, status } = await synfin(['scenario', save('{"kind":1}')]);
    expect([status, stderr]).toEqual([2, expect.stringContaining('its kind is neither campaign nor test')]);
    const none = await synfin(['scenario', join(dir, 'none.json')]);
    expect([none.status, none.stderr]).toEqual([2, expect.stringContaining('cannot read')]);
  });
});
