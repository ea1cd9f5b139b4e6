import { spawnSync } from 'node:child_process';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { type BenchOptions, bench } from '../../src/cli/bench.ts';

const BIN = new URL('../../bin/synfin.js', import.meta.url).pathname;
const OPTIONS: BenchOptions = { rounds: 1, seconds: 0.1, warm: 0, foreign: 64, node: [] };

function synfin(...args: string[]): { stdout: string; stderr: string; status: number | null } {
  return spawnSync(process.execPath, [BIN, 'bench', ...args], { encoding: 'utf8', timeout: 60_000 });
}

describe('synfin bench', () => {
  it('lists its rows with contenders and targets, and what of it is not here', () => {
    const { stdout, status } = synfin('--list');
    expect(status).toBe(0);
    expect(stdout).toMatch(/^receive +one stream received\n +synfin\n +kernel veth\n +gvisor/);
    expect(stdout).toContain('target: Gbit/core-s, ours ÷ gvisor ≥ 2');
    for (const row of ['crr', 'rr', 'http', 'syn-flood', 'memory-stream', 'checksum', 'bundle']) {
      expect(stdout).toMatch(new RegExp(`^${row} `, 'm'));
    }
  });

  it('measures a row that needs no device, and says all of it as JSON', () => {
    const { stdout, status } = synfin('checksum', '--rounds', '1', '--foreign', '64', '--json', '-');
    expect(status).toBe(0);
    const { about, rows } = JSON.parse(stdout) as {
      about: { node: string; kernel: string };
      rows: [
        { row: string; contenders: [{ figures: Record<string, { median: number }> }]; targets: { met: boolean }[] },
      ];
    };
    expect(about.node).toBe(process.version);
    const [row] = rows;
    expect(row.row).toBe('checksum');
    expect(row.contenders[0].figures['1460 B']?.median).toBeGreaterThan(0);
    expect(row.targets.map(({ met }) => typeof met)).toEqual(['boolean', 'boolean']);
  }, 120_000);

  it('refuses a row that is none', () => {
    const { stderr, status } = synfin('recieve');
    expect(stderr).toBe('synfin: there is no row recieve: synfin bench --list\n');
    expect(status).toBe(1);
  });

  it('says where to run it where its programs are not', async () => {
    const nowhere = pathToFileURL('/nowhere/bench/harness.mjs');
    await expect(bench([], OPTIONS, nowhere)).rejects.toThrow(
      "the benchmark's programs are not here (/nowhere/bench/harness.mjs): run it in a checkout of the repository",
    );
  });
});
