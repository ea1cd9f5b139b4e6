import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { enterNamespace } from '../../src/node/netns.ts';
import { binary } from '../cli/support/synfin.ts';
import { Program, run } from './support/child.ts';
import { KernelPeer } from './support/kernel-peer.ts';
import { describeWith } from './support/needs.ts';

const programs: Program[] = [];

function start(...args: string[]): Program {
  const program = new Program(process.execPath, [binary(), ...args], { timeout: 60_000 });
  programs.push(program);
  return program;
}

/** Ticks (1/100 s) of processor time that a process has used. */
function ticks(pid: string): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describeWith({ tun: true, programs: ['curl', 'pgrep'] }, 'over TUN', () => {
  beforeAll(() => {
    binary();
  });
  beforeEach(() => enterNamespace());
  afterEach(async () => {
    for (const program of programs.splice(0)) await program.kill();
  });

  it('synfin serve serves, rests, and ends with Ctrl-C', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'synfin-test-'));
    const file = join(folder, 'page.html');
    writeFileSync(file, Buffer.alloc(300_000, 'synfin '));
    const program = start('serve', file, '--port', '8080');
    await program.says(/Ctrl-C ends it/);
    const [, tun] = program.stdout.match(/ on (\S+)/)!;
    expect(tun).toBe('synfin0');
    for (const host of ['10.9.0.2', '[fd09::2]']) {
      const { stdout, status } = await run('curl', ['-qsSg', '--noproxy', '*', `http://${host}:8080/`]);
      expect([status, stdout]).toEqual([0, readFileSync(file, 'utf8')]);
    }
    await program.says(/^10\.9\.0\.1:\d+ GET \/ 300,000 bytes$/m);

    // Idle, with connections in TIME-WAIT at most: no wake-ups.
    const { stdout: pids } = await run('pgrep', ['-f', `${binary()} serve ${file}`]);
    const pid = pids.trim().split('\n').at(-1)!;
    await sleep(500);
    const before = ticks(pid);
    await sleep(3000);
    expect(ticks(pid) - before).toBeLessThanOrEqual(1);

    program.signal('SIGINT');
    expect((await program.finished).status).toBe(0);
    expect(readFileSync('/proc/net/dev', 'utf8')).not.toContain('synfin0');
    rmSync(folder, { recursive: true });
  });

  it('synfin serve draws connections', async () => {
    const program = start('serve', '--ladder', '--port', '81');
    await program.says(/Ctrl-C ends it/);
    await run('curl', ['-qsSg', '--noproxy', '*', '-o', '/dev/null', 'http://10.9.0.2:81/']);
    await program.says(/● ESTABLISHED · rcv ACK of SYN[\s\S]*FIN, ACK/);
    program.signal('SIGTERM');
    expect((await program.finished).status).toBe(0);
  });

  it('names what is taken, in one line', async () => {
    const first = start('serve');
    await first.says(/Ctrl-C ends it/);
    const second = await start('serve', '--device', 'synfin0').finished;
    expect(second).toMatchObject({ status: 1, stdout: '' });
    expect(second.stderr).toBe('synfin: the interface name synfin0 is in use: choose another name (--device)\n');
    const third = await start('serve').finished;
    expect(third.stderr).toBe('synfin: 10.9.0.1 is an address of synfin0 already: choose another subnet (--subnet)\n');
    const fourth = await start('serve', '--device', 'a/b').finished;
    expect(fourth.status).toBe(2);
    expect(fourth.stderr.trim().split('\n')).toHaveLength(1);
    const other = start('serve', '--subnet', '10.8.0.0/24');
    await other.says(/http:\/\/10\.8\.0\.2:80\/ on synfin1/);
  });

  it('synfin connect is a netcat', async () => {
    const peer = await KernelPeer.start();
    await peer.listen(7000, { echo: true, allowHalfOpen: true });
    const bytes = Buffer.alloc(2_000_000, 'there and back again ');
    const program = start('connect', '10.9.0.1', '7000');
    program.end(bytes.toString());
    const { status, stdout, stderr } = await program.finished;
    expect([status, stderr]).toEqual([0, '']);
    const hash = (text: string | Buffer) => createHash('sha256').update(text).digest('hex');
    expect(hash(stdout)).toBe(hash(bytes));
    await peer.program.kill();
  });

  it('synfin connect says why it cannot', async () => {
    const refused = await start('connect', '10.9.0.1', '7001').finished;
    expect([refused.status, refused.stdout]).toEqual([1, '']);
    expect(refused.stderr).toMatch(/^synfin: 10\.9\.0\.1:7001: .*refused.*\n$/);
  });
});
