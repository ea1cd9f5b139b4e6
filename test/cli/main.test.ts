import { spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { binary, synfin } from './support/synfin.ts';

describe('synfin', () => {
  it.each([
    [['bogus'], "synfin: unknown command 'bogus' (synfin --help)"],
    [['--bogus'], "synfin: unknown option '--bogus' (synfin --help)"],
    [['demo', '--bogus'], "synfin: unknown option '--bogus' (synfin demo --help)"],
    [['demo', 'extra'], "synfin: too many arguments for 'demo'. Expected 0 arguments but got 1. (synfin demo --help)"],
    [
      ['demo', '--time-wait', '0'],
      "synfin: option '--time-wait <seconds>' argument '0' is invalid. Allowed: 0.01 to 240. (synfin demo --help)",
    ],
    [
      ['demo', '--time-wait', ''],
      "synfin: option '--time-wait <seconds>' argument '' is invalid. Allowed: 0.01 to 240. (synfin demo --help)",
    ],
    [['demo', '--output'], "synfin: option '--output <file>' argument missing (synfin demo --help)"],
    [
      ['serve', '--port', '0'],
      "synfin: option '--port <number>' argument '0' is invalid. Allowed: 1 to 65535. (synfin serve --help)",
    ],
    [
      ['serve', '--port', '80x'],
      "synfin: option '--port <number>' argument '80x' is invalid. Allowed: 1 to 65535. (synfin serve --help)",
    ],
    [['serve', '--subnet', 'x'], 'synfin: x is no subnet: write it as 10.9.0.0/24 or fd09::/64 (--subnet)'],
    [
      ['serve', '--subnet', '10.9.0.7/24'],
      'synfin: 10.9.0.7/24 is an address in a subnet: write 10.9.0.0/24 (--subnet)',
    ],
    [['serve', '--subnet', '10.9.0.7/32'], 'synfin: 10.9.0.7/32 has no room for two machines (--subnet)'],
    [['connect', '10.9.0.1'], "synfin: missing required argument 'port' (synfin connect --help)"],
    [
      ['connect', '127.0.0.1', '80'],
      "synfin: 127.0.0.1 is synfin's own loopback, where nothing listens: the kernel has the first address of 10.9.0.0/24",
    ],
    [
      ['connect', '10.9.0.1', '70000'],
      "synfin: command-argument value '70000' is invalid for argument 'port'. Allowed: 1 to 65535. (synfin connect --help)",
    ],
  ])('tells a mistake in one line: %j', async (args, line) => {
    const { status, stdout, stderr } = await synfin(args);
    expect({ status, stdout, stderr }).toEqual({ status: 2, stdout: '', stderr: `${line}\n` });
  });

  it('says what there is, an example first', async () => {
    const { status, stdout } = await synfin(['--help']);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^Example: synfin demo\n/);
    for (const command of ['demo', 'serve', 'connect']) expect(stdout).toMatch(new RegExp(`^ +${command} `, 'm'));
    for (const command of ['demo', 'serve', 'connect']) {
      expect((await synfin([command, '--help'])).stdout).toMatch(new RegExp(`^Example: .*synfin ${command} `));
    }
  });

  it('says so where it is told nothing', async () => {
    const { status, stdout, stderr } = await synfin([]);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toContain('Usage: synfin COMMAND');
  });

  it('says in one line that its output has no room', async () => {
    const full = openSync('/dev/full', 'w');
    try {
      const { status, stderr } = spawnSync(process.execPath, [binary(), 'scenario'], {
        stdio: ['ignore', full, 'pipe'],
        encoding: 'utf8',
      });
      expect([status, stderr]).toEqual([1, 'synfin: cannot write to standard output: the disk is full\n']);
    } finally {
      closeSync(full);
    }
  });

  it('knows its version', async () => {
    expect((await synfin(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it('names a file it cannot serve', async () => {
    const { status, stderr } = await synfin(['serve', 'no-such-file']);
    expect([status, stderr]).toEqual([
      1,
      'synfin: cannot read no-such-file: there is no such file; name a file to serve, or none\n',
    ]);
  });
});
