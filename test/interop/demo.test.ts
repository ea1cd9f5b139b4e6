import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, beforeEach, expect, it } from 'vitest';
import type { Check } from '../../src/trace/checks.ts';
import { binary } from '../cli/support/synfin.ts';
import { type Finished, Program, run } from './support/child.ts';
import { describeWith } from './support/needs.ts';
import { tshark } from './support/tshark.ts';

interface Outcome {
  readonly ok: boolean;
  readonly network: 'tun' | 'memory';
  readonly noTun: string | null;
  readonly server: string;
  readonly client: string;
  readonly page: { bytes: number };
  readonly capture: { path: string; frames: number };
  readonly checks: Check[];
  readonly connection: {
    closedFirst: string;
    states: Record<'ours' | 'peer', { state: string; inferred: boolean }[]>;
  };
}

const VARIANTS = [[], ['--active'], ['--ipv6'], ['--active', '--ipv6']];
/** An ordinary user: any that has no rights. */
const USER = ['setpriv', '--reuid', '1234', '--regid', '1234', '--clear-groups', '--'];
/** What the demo runs under has its own /dev/net: with a device everybody may open, or with none. */
const OPEN_DEVICE = 'mount -t tmpfs none /dev/net && mknod -m 666 /dev/net/tun c 10 200 && exec "$@"';
const NO_DEVICE = 'mount -t tmpfs none /dev/net && exec "$@"';

let cwd: string;

beforeAll(() => {
  binary();
});

beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'synfin-test-'));
  chmodSync(cwd, 0o777);
  return () => rmSync(cwd, { recursive: true });
});

/** Runs the demo; `under` is a command to run it with. */
async function demo(
  args: readonly string[],
  under: readonly string[] = [],
  env: NodeJS.ProcessEnv = {},
): Promise<Finished> {
  const [command, ...rest] = [...under, process.execPath, binary(), 'demo', ...args];
  return run(command!, rest, { cwd, timeout: 60_000, env: { ...process.env, ...env } });
}

async function outcome(args: readonly string[], under?: readonly string[], env?: NodeJS.ProcessEnv): Promise<Outcome> {
  const { status, stdout, stderr } = await demo(['--json', '--time-wait', '0.3', ...args], under, env);
  expect(stderr).toBe('');
  const result = JSON.parse(stdout) as Outcome;
  expect(result.checks.filter((check) => !check.ok)).toEqual([]);
  expect([status, result.ok]).toEqual([0, true]);
  return result;
}

function expectOverTun(result: Outcome, args: readonly string[]): void {
  expect([result.network, result.noTun]).toEqual(['tun', null]);
  expect(result.page.bytes).toBeGreaterThanOrEqual(1 << 20);
  expect(result.connection.closedFirst).toBe('ours');
  const { ours, peer } = result.connection.states;
  const active = args.includes('--active');
  expect(ours.map(({ state }) => state).slice(0, 2)).toEqual(
    active ? ['SYN-SENT', 'ESTABLISHED'] : ['LISTEN', 'SYN-RECEIVED'],
  );
  expect(ours.map(({ state }) => state).slice(-2)).toEqual(['TIME-WAIT', 'CLOSED']);
  expect(ours.every(({ inferred }) => !inferred)).toBe(true);
  expect(peer.every(({ inferred }) => inferred)).toBe(true);
  expect(peer.map(({ state }) => state)).toContain('ESTABLISHED');
  expect(peer.at(-1)!.state).toBe('CLOSED');
}

/** PI_WARN and PI_ERROR; and what TCP's analysis marks, which is a note where it is worse than a chat. */
const FAULTS = '_ws.expert.severity >= 0x00600000 || tcp.analysis.flags';
/**
 * What a pause of either end alone makes, and no fault: the other probes (RFC 8985 §7), which is reported as a duplicate (RFC 2883), or has filled
 * the window.
 */
const OF_A_PAUSE = ['retransmission', 'spurious_retransmission', 'fast_retransmission', 'duplicate_ack']
  .concat(['window_full', 'zero_window', 'zero_window_probe', 'zero_window_probe_ack', 'window_update'])
  .map((name) => `tcp.analysis.${name}`)
  .concat('tcp.options.sack.dsack')
  .join(' || ');
/** How often a demo is played until the machine lets it play without a pause. */
const PLAYS = 4;

/** Values of fields in the frames of a capture that a filter shows: a line a frame. */
function fields(path: string, filter: string, ...names: string[]): string {
  return tshark('-r', path, '-Y', filter, '-T', 'fields', ...names.flatMap((name) => ['-e', name]));
}

function marks(path: string, filter: string): string {
  return fields(path, filter, 'frame.number', '_ws.expert.message');
}

/** The checksums, the first and the last that tshark says of the connection, and the page. */
function expectWhole(path: string): void {
  expect(fields(path, 'tcp.checksum.status == "Bad" || ip.checksum.status == "Bad"', 'frame.number')).toBe('');
  // SYN, SYN,ACK, ACK, data and FINs, no RST: completeness 31.
  const streams = fields(path, 'tcp', 'tcp.stream', 'tcp.completeness').trim().split('\n');
  expect(streams.filter((line) => !line.startsWith('0\t'))).toEqual([]);
  expect(streams.at(-1)).toBe('0\t31');
  expect(fields(path, 'http.response', 'http.response.code').trim()).toBe('200');
}

/** An outcome in which tshark finds no fault. Where all it finds is of a pause, it is played again; any other fault is one at once. */
async function cleanOutcome(
  args: readonly string[],
  under?: readonly string[],
  env?: NodeJS.ProcessEnv,
): Promise<Outcome> {
  for (let play = 1; ; play++) {
    const result = await outcome(args, under, env);
    const { path } = result.capture;
    const found = marks(path, FAULTS);
    if (found !== '' && play < PLAYS && marks(path, OF_A_PAUSE) === found) {
      console.warn(`play ${play} had a pause, and is played again: ${found.trim()}`);
      continue;
    }
    expect(found).toBe('');
    expectWhole(path);
    return result;
  }
}

describeWith({ tun: true, programs: ['curl', 'nginx', 'tshark', 'pgrep'] }, 'synfin demo, as root', () => {
  it.each(VARIANTS.map((args) => [args]))(
    'serves and fetches over TUN, and tshark finds no fault: %j',
    async (args) => {
      const result = await cleanOutcome(args);
      expectOverTun(result, args);
      expect(args.includes('--active') ? result.server : result.client).toMatch(/^(curl|nginx) \d/);
    },
  );

  it('does it again at the same time', async () => {
    const runs = [0, 1, 2].map((n) => outcome(['--output', `${n}.pcapng`]));
    for (const result of await Promise.all(runs)) expectOverTun(result, []);
  });

  it('leaves the network as it was', async () => {
    const interfaces = () => readFileSync('/proc/net/dev', 'utf8').replace(/ +\d+/g, '');
    const before = interfaces();
    await outcome([]);
    expect(interfaces()).toBe(before);
  });

  it('draws it for people', async () => {
    const { status, stdout } = await demo(['--time-wait', '0.3']);
    expect(status).toBe(0);
    expect(stdout).toMatch(/\(SYN-SENT\?\) ○/);
    expect(stdout).toMatch(/\(CLOSED\?\) ○/);
    expect(stdout).not.toContain('No TUN');
    expect(stdout).toContain('All 9 checks hold.');
  });

  it('uses Node where there is no curl and no nginx', async () => {
    const result = await cleanOutcome([], [], { PATH: cwd });
    expect(result.client).toBe(`Node ${process.version}`);
  });

  it('leaves nothing behind when it is interrupted', async () => {
    const program = new Program(process.execPath, [binary(), 'demo', '--active', '--time-wait', '60'], {
      cwd,
      env: { ...process.env, TMPDIR: cwd },
    });
    await program.says(/● TIME-WAIT/);
    expect(readdirSync(cwd).filter((name) => !name.endsWith('.pcapng'))).toHaveLength(1);
    // The demo alone: the server is its to end.
    const { stdout } = await run('pgrep', ['-f', `${binary()} demo --active --time-wait 60`]);
    process.kill(Number(stdout.trim().split('\n').at(-1)), 'SIGTERM');
    expect((await program.finished).status).toBe(143);
    expect(readdirSync(cwd)).toEqual(['synfin-demo.pcapng']);
    expect((await run('pgrep', ['-f', cwd])).stdout).toBe('');
  });

  it('tells of a transfer that fails, and ends', async () => {
    // The client never connects.
    const program = new Program(process.execPath, [binary(), 'demo', '--quiet', '--time-wait', '0.3'], {
      cwd,
      env: { ...process.env, PATH: brokenCurl() },
    });
    const { status, stdout } = await program.finished;
    expect(status).toBe(1);
    expect(stdout).toMatch(/✗ page +curl 0\.0 did not get the page: no luck/);
    expect(stdout).toMatch(/9 do not hold/);
  });
});

/** A folder with a `curl` that says its version, and else fails. */
function brokenCurl(): string {
  const script = '#!/bin/sh\n[ "$1" = --version ] && echo "curl 0.0" && exit\necho "no luck" >&2\nexit 7\n';
  execFileSync('/bin/sh', ['-c', 'printf %s "$1" > curl && chmod +x curl', 'sh', script], { cwd });
  return cwd;
}

const mayMount = spawnSync('unshare', ['--mount', 'true']).status === 0;
const needs = {
  tun: true,
  programs: ['unshare', 'setpriv', 'mknod', 'curl', 'tshark', ...(mayMount ? [] : ['a right to mount'])],
};

describeWith(needs, 'synfin demo, elsewhere', () => {
  const inOwnDev = (script: string, ...under: string[]) => ['unshare', '--mount', 'sh', '-c', script, 'sh', ...under];

  it.each(VARIANTS.map((args) => [args]))(
    'runs over TUN as an ordinary user with access to the device: %j',
    async (args) => {
      const result = await cleanOutcome(args, inOwnDev(OPEN_DEVICE, ...USER));
      expectOverTun(result, args);
    },
  );

  it.each(VARIANTS.map((args) => [args]))(
    'without the device says so, and does the same in memory: %j',
    async (args) => {
      const result = await cleanOutcome(args, inOwnDev(NO_DEVICE));
      expect(result.network).toBe('memory');
      expect(result.noTun).toMatch(/^there is no \/dev\/net\/tun: /);
    },
  );

  it('says it to people in one line', async () => {
    const { status, stdout } = await demo(['--time-wait', '0.1'], inOwnDev(NO_DEVICE));
    expect(status).toBe(0);
    expect(stdout.split('\n')[0]).toMatch(/^No TUN device, so both ends are ours: there is no \/dev\/net\/tun: .+$/);
    expect(stdout).toContain('All 9 checks hold.');
  });

  it('names the right that an ordinary user lacks', async () => {
    const locked = 'mount -t tmpfs none /dev/net && mknod -m 600 /dev/net/tun c 10 200 && exec "$@"';
    const result = await outcome([], inOwnDev(locked, ...USER));
    expect(result.network).toBe('memory');
    expect(result.noTun).toMatch(/^\/dev\/net\/tun may not be opened \(EACCES\): /);
  });
});
