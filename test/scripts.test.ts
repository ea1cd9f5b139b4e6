import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';

/** Runs a script of this repository. */
function script(path: string, ...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, ['--expose-gc', path, ...args], { encoding: 'utf8', timeout: 30_000 });
}

const SCRIPTS = [
  'scripts/campaign.mjs',
  'scripts/conformance.mjs',
  'scripts/differential.mjs',
  'scripts/explore.mjs',
  'scripts/fuzz.mjs',
  'scripts/node-suite.mjs',
  'bench/budget.mjs',
  'bench/cycles.mjs',
  'bench/goodput.mjs',
  'bench/hot-path.mjs',
  'bench/memory.mjs',
  'bench/million.mjs',
  'bench/sim.mjs',
];

describe.each(SCRIPTS)('%s', (path) => {
  it('says in one line that it does not know an option', () => {
    const { status, stdout, stderr } = script(path, '--nope');
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^\S+\.mjs: Unknown option '--nope' \(--help says what there is\)\n$/);
  });

  it('says what it does', () => {
    const { status, stdout, stderr } = script(path, '--help');
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout.length).toBeGreaterThan(80);
  });
});

it.each([
  [['scripts/campaign.mjs', '--seeds', 'many'], '--seeds many: a whole number from 1 on'],
  [['scripts/campaign.mjs', '--mutate', 'none'], '--mutate none: one of two-way, '],
  [
    ['scripts/campaign.mjs', '--state', 'package-lock.jso/x', '--seeds', '1'],
    "no such file or directory, open 'package-lock.jso/x'",
  ],
  [['scripts/campaign.mjs', '--state', 'README.md'], '--state README.md holds no state of a campaign'],
  [['scripts/conformance.mjs'], 'nothing to run: name a checkout'],
  [['scripts/conformance.mjs', '--google', 'nowhere'], "no such file or directory, scandir 'nowhere'"],
  [
    ['scripts/conformance.mjs', '--google', 'scenarios', '--list', 'nowhere'],
    "no such file or directory, open 'nowhere'",
  ],
  [['scripts/node-suite.mjs', 'nowhere'], "nowhere must hold Node's test/common"],
  [['scripts/node-suite.mjs'], 'DIR is missing'],
  [['scripts/fuzz.mjs', '--seconds', '3'], '--seconds goes with --guided'],
  [['scripts/fuzz.mjs', '--guided', 'none', '--seconds', '3'], '--guided takes wire or stack'],
  [['bench/memory.mjs', 'idle', '--count', '0'], '--count 0: a whole number from 1 on'],
  [['bench/million.mjs', '--rounds', 'few'], '--rounds few: a whole number from 1 on'],
])('%j is refused in one line', ([path, ...args], reason) => {
  const { status, stderr } = script(path!, ...args);
  expect(stderr).toContain(reason);
  expect([status, stderr.trim().split('\n').length]).toEqual([2, 1]);
});

it('scripts/conformance.mjs runs a directory without a list', () => {
  const { status, stdout } = script('scripts/conformance.mjs', '--google', 'scenarios/packetdrill', '--failures');
  expect(status).toBe(0);
  expect(stdout).toMatch(/\d+ scripts in /);
});
