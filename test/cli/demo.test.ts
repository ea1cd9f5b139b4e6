import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readCaptureFile } from '../../src/node/capture-file.ts';
import type { Check } from '../../src/trace/checks.ts';
import type { TraceEvent } from '../../src/trace/event.ts';
import { run } from '../interop/support/child.ts';
import { binary, synfin } from './support/synfin.ts';

const CHECKS = [
  'page',
  'handshake',
  'x+1, y+1',
  'options',
  'acknowledged',
  'close',
  'TIME-WAIT',
  'nothing left',
  'capture',
];

interface Outcome {
  readonly ok: boolean;
  readonly network: string;
  readonly noTun: string | null;
  readonly role: string;
  readonly family: number;
  readonly page: { bytes: number };
  readonly capture: { path: string; frames: number };
  readonly checks: Check[];
  readonly connection: { closedFirst: string; sent: Record<string, { bytes: number }> };
  readonly events: TraceEvent[];
}

let cwd: string;
beforeAll(() => {
  cwd = mkdtempSync(join(tmpdir(), 'synfin-test-'));
  binary();
});
afterAll(() => rmSync(cwd, { recursive: true }));

const memory = (...args: string[]) => synfin(['demo', '--memory', '--time-wait', '0.2', ...args], { cwd });

describe('synfin demo, in memory', () => {
  it.each([[[]], [['--active']], [['--ipv6']], [['--active', '--ipv6']]])('holds all checks: %j', async (args) => {
    const { status, stdout, stderr } = await memory('--json', ...args);
    expect(stderr).toBe('');
    const outcome = JSON.parse(stdout) as Outcome;
    expect(outcome.checks.map((check) => check.name)).toEqual(CHECKS);
    expect(outcome.checks.filter((check) => !check.ok)).toEqual([]);
    expect(status).toBe(0);
    expect(outcome).toMatchObject({
      ok: true,
      network: 'memory',
      noTun: null,
      role: args.includes('--active') ? 'client' : 'server',
      family: args.includes('--ipv6') ? 6 : 4,
      connection: { closedFirst: 'ours' },
    });
    expect(outcome.page.bytes).toBeGreaterThanOrEqual(1 << 20);
    const sender = args.includes('--active') ? 'peer' : 'ours';
    expect(outcome.connection.sent[sender]!.bytes).toBeGreaterThan(outcome.page.bytes);

    // Every event, in order, and every frame in the capture.
    expect(outcome.events.map((event) => event.serial)).toEqual(outcome.events.map((_, i) => i));
    const segments = outcome.events.filter((event) => event.kind === 'segment');
    expect(outcome.capture.frames).toBe(segments.length);
    const capture = readCaptureFile(outcome.capture.path);
    expect(capture.error).toBeNull();
    expect(capture.frames).toHaveLength(segments.length);
  });

  it('draws the connection from SYN to FIN, with both ends’ states, and says what holds', async () => {
    const { status, stdout } = await memory();
    expect(status).toBe(0);
    const lines = stdout.split('\n');
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(80);
    expect(stdout).not.toContain('\u001b');
    const order = [
      /TIME-WAIT +2 MSL is set to 0\.2 s here/,
      /● LISTEN · passive OPEN +SYN-SENT · active OPEN ●/,
      /◀─+ SYN · seq = x ─+│/,
      /─ SYN, ACK · seq = y, ack = x\+1 ─+▶/,
      /ESTABLISHED · rcv SYN,ACK ●/,
      /● ESTABLISHED · rcv ACK of SYN/,
      /═ ×\d+ segments · [\d,]+ bytes ═/,
      /● FIN-WAIT-1 · CLOSE/,
      /FIN(, PSH)?, ACK .*= u/,
      /● TIME-WAIT/,
      /ACK · seq = u\+1, ack = v\+1/,
      /TIME-WAIT timer fires/,
      /● CLOSED · timeout/,
      /✓ page .*SHA-256/,
      /✓ capture .* frames in .*synfin-demo\.pcapng/,
      /All 9 checks hold\. tshark -r synfin-demo\.pcapng/,
    ];
    let at = 0;
    for (const pattern of order) {
      const found = lines.findIndex((line, i) => i >= at && pattern.test(line));
      expect(found, `${pattern} after line ${at}\n${stdout}`).toBeGreaterThanOrEqual(at);
      at = found;
    }
    expect(existsSync(join(cwd, 'synfin-demo.pcapng'))).toBe(true);
  });

  it('tells every segment with --all', async () => {
    const { stdout } = await memory('--all');
    const frames = readCaptureFile(join(cwd, 'synfin-demo.pcapng')).frames.length;
    expect(stdout.match(/[─═]▶│|│◀[─═]/g)).toHaveLength(frames);
    expect(stdout).not.toContain('×7');
  });

  it('speaks in ASCII sentences with --plain', async () => {
    const { status, stdout } = await memory('--plain');
    expect(status).toBe(0);
    expect(stdout).toMatch(/^[\n\x20-\x7e]*$/);
    expect(stdout).toMatch(/synfin B to synfin A: SYN, seq = x, seq 0 \(\d+\)/);
    expect(stdout).toMatch(/ok {6}close +orderly/);
  });

  it('says one line with --quiet', async () => {
    const { status, stdout } = await memory('--quiet', '--output', 'quiet.pcapng');
    expect(status).toBe(0);
    expect(stdout).toBe('All 9 checks hold. tshark -r quiet.pcapng shows the same connection.\n');
  });

  it('saves a picture with --svg, and cannot always', async () => {
    const { stdout } = await memory('--svg', 'ladder.svg');
    expect(stdout).toMatch(/✓ picture +the ladder in .*ladder\.svg/);
    expect(readFileSync(join(cwd, 'ladder.svg'), 'utf8')).toMatch(/^<svg .*>TIME-WAIT timer fires<.*<\/svg>\n$/s);
    const failed = await memory('--quiet', '--svg', 'no-such-folder/ladder.svg');
    expect(failed.status).toBe(1);
    expect(failed.stdout).toMatch(/✗ picture +cannot write no-such-folder\/ladder\.svg: there is no folder/);
  });

  it('fails where a check does not hold, and says which', async () => {
    // A file of at most 64 KiB: the capture breaks off.
    const command = 'ulimit -f 128; exec "$0" "$1" demo --memory --time-wait 0.1 --quiet --output small.pcapng';
    const { status, stdout } = await run('sh', ['-c', command, process.execPath, binary()], { cwd });
    expect(status).toBe(1);
    expect(stdout.replace(/\s+/g, ' ')).toMatch(/✗ capture .*small\.pcapng: the disk is full/);
    expect(stdout).toMatch(/1 check of 9 does not hold\.\n$/);
    expect(readCaptureFile(join(cwd, 'small.pcapng')).error).toBeNull();
  });

  it.each([
    ['no-such-folder/x.pcapng', /there is no folder .*no-such-folder; make it first \(--output FILE\)/],
    ['.', /it is a folder; name a file in it/],
  ])('names the file it cannot write, in one line: %s', async (output, message) => {
    const { status, stdout, stderr } = await memory('--output', output);
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(message);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });

  it('ends quietly where nobody reads', async () => {
    const command = '"$0" "$1" demo --memory --time-wait 0.1 | head -n 1';
    const { stdout, stderr } = await run('sh', ['-c', command, process.execPath, binary()], { cwd });
    expect(stdout).toMatch(/^synfin demo: .*\n$/);
    expect(stderr).toBe('');
  });
});

const scripted = spawnSync('script', ['--version']).status === 0;
describe.skipIf(!scripted)(`on a terminal${scripted ? '' : ' (skipped: the program script is not installed)'}`, () => {
  const onTerminal = async (env: string) => {
    const command = `stty cols 100; ${env} ${process.execPath} ${binary()} demo --memory --time-wait 0.1`;
    return (await run('script', ['-qec', command, join(cwd, 'typescript')], { cwd })).stdout;
  };

  it('uses its width, colours, and counts while data folds', async () => {
    const stdout = await onTerminal('TERM=xterm-256color');
    expect(stdout).toContain('\u001b[36m');
    expect(stdout).toMatch(/\d+ segments?, [\d,]+ bytes …/);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences
    const plain = stdout.replace(/\u001b\[\d*[mK]/g, '');
    expect(plain.split(/[\r\n]+/).some((line) => line.length === 100 && /─▶│$/.test(line))).toBe(true);
  });

  it('never colours with NO_COLOR', async () => {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences
    expect(await onTerminal('TERM=xterm-256color NO_COLOR=1')).not.toMatch(/\u001b\[\d+m/);
    expect(await onTerminal('TERM=dumb')).not.toContain('\u001b');
  });
});
