import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { simulation } from '../../../src/node/testing/simulation.ts';
import type { TestCase } from '../../../src/sim/test-case.ts';
import { synfin } from '../../cli/support/synfin.ts';

/** A developer's test, and what it hopes for: the answer is there within a second. It has not thought of retransmission. */
function impatient(attempts: { count: number }) {
  return simulation(
    { seed: 1, seeds: 50, link: { delay: '10ms', loss: 0.05, duplicate: 0.1, reorder: 0.1 } },
    async ({ client, server, net }) => {
      attempts.count++;
      server.net.createServer((socket) => socket.end(Buffer.alloc(20_000))).listen(80);
      let length = 0;
      for await (const piece of client.net.connect(80, 'server')) length += (piece as Buffer).length;
      expect(length).toBe(20_000);
      if (net.elapsed > 1_000_000) throw new Error(`it took ${net.elapsed} µs`);
    },
  );
}

describe('SYNFIN_SHRINK', () => {
  let dir = '';
  const told: string[] = [];
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'synfin-'));
    told.length = 0;
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => told.push(String(text)) > 0);
  });
  afterEach(() => {
    vi.restoreAllMocks();
    vi.unstubAllEnvs();
    rmSync(dir, { recursive: true });
  });

  it('shrinks a failing test to the faults it takes, saves them, and runs it again with these alone', async () => {
    const file = join(dir, 'failure.json');
    vi.stubEnv('SYNFIN_SHRINK', file);
    const attempts = { count: 0 };
    await expect(impatient(attempts)()).rejects.toThrow(/it took \d+ µs[\s\S]*SYNFIN_SEED=\d+ runs it again/);
    expect(told.join()).toMatch(/^1 of \d+ faults make it fail; saved to .*failure\.json: SYNFIN_FAULTS=/);
    const saved = JSON.parse(readFileSync(file, 'utf8')) as TestCase;
    expect(saved.faults).toEqual([expect.objectContaining({ kind: 'lost', what: expect.stringMatching(/ACK|SYN/) })]);
    expect(saved.complaints[0]).toMatch(/it took \d+ µs/);

    vi.stubEnv('SYNFIN_SHRINK', '');
    vi.stubEnv('SYNFIN_FAULTS', file);
    attempts.count = 0;
    await expect(impatient(attempts)()).rejects.toThrow(saved.complaints[0]!);
    expect(attempts.count).toBe(1);
    // Without the fault it is well.
    writeFileSync(file, JSON.stringify({ ...saved, faults: [] }));
    await impatient(attempts)();
  }, 60_000);

  it('is drawn by synfin scenario', async () => {
    const file = join(dir, 'failure.json');
    vi.stubEnv('SYNFIN_SHRINK', file);
    await expect(impatient({ count: 0 })()).rejects.toThrow('it took');
    vi.stubEnv('SYNFIN_SHRINK', '');
    const { stdout, status } = await synfin(['scenario', file, '--plain']);
    expect(status).toBe(1);
    expect(stdout).toMatch(/Faults, all there are:\n {2}client-server \w+, packet \d+ lost: .*ACK/);
    expect(stdout).toMatch(/ACK, lost \(lost on the way\)/);
    expect(stdout).toMatch(/retransmission timer fires/);
    expect(stdout).toContain('NOT OK it took');
  }, 60_000);

  it('says of a test that fails without faults that it does', async () => {
    vi.stubEnv('SYNFIN_SHRINK', join(dir, 'failure.json'));
    const fails = simulation({ link: { loss: 0.1 } }, () => {
      throw new Error('never right');
    });
    await expect(fails()).rejects.toThrow(/never right[\s\S]*it fails without any fault/);
  });

  it('says what is wrong with a file', async () => {
    const file = join(dir, 'other.json');
    vi.stubEnv('SYNFIN_FAULTS', file);
    for (const [text, why] of [
      ['{', 'it is no JSON'],
      ['{"kind":"x"}', 'its kind is neither campaign nor test'],
      ['{"kind":"test","seed":1,"complaints":[],"faults":[{"kind":"eaten"}],"connections":[]}', 'its faults are none'],
      ['{"kind":"campaign","seed":1,"complaints":[],"faults":[],"conversations":[]}', "is a campaign's"],
    ] as const) {
      writeFileSync(file, text);
      await expect(simulation(() => {})()).rejects.toThrow(why);
    }
  });
});
