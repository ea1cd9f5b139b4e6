import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { profiles } from '../../src/tcp/profiles.ts';
import { compiled, type Finished, run } from '../interop/support/child.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

beforeAll(() => {
  compiled('node/register.js');
}, 60_000);

/** Runs Node in this package, which may import itself by its name. */
function node(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Finished> {
  return run(process.execPath, args, { cwd: root, timeout: 30_000, env: { ...process.env, ...env } });
}

const REGISTER = ['--import', 'synfin/register'];

describe.each(['app.cjs', 'app.mjs'])('%s', (name) => {
  it('does on our sockets what it does on the kernel’s', async () => {
    const app = `test/node/register/${name}`;
    const [stock, ours] = await Promise.all([node([app]), node([...REGISTER, app])]);
    expect([stock.stderr, stock.status, ours.stderr, ours.status]).toEqual(['', 0, '', 0]);
    const { kernel: before, ...expected } = JSON.parse(stock.stdout);
    const { kernel: after, ...seen } = JSON.parse(ours.stdout);
    expect(seen).toEqual(expected);
    expect(seen).toMatchObject({ net: 'hello', http: '127.0.0.1 true true', http2Secure: '127.0.0.1 2.0' });
    // All of it without a socket of the kernel.
    expect(before).toContain('TCPServerWrap');
    expect(after).toEqual([]);
  });
});

describe('synfin/register', () => {
  it('shows a program its own stack', async () => {
    const program = `
      import net from 'node:net';
      import { stack } from 'synfin/register';
      net.createServer().listen(7, () => {
        console.log(stack.connections().map((row) => row.state + ' ' + row.localPort).join());
        process.exit();
      });`;
    const { stdout, stderr } = await node([...REGISTER, '--input-type=module', '-e', program]);
    expect([stdout, stderr]).toEqual(['LISTEN 7\n', '']);
  });

  it('lets a program end, and keeps one that serves', async () => {
    const program = `
      const net = require('net');
      const server = net.createServer((socket) => socket.end('x'));
      server.listen(0, () => setTimeout(() => {
        net.connect(server.address().port).resume().on('close', () => server.close());
      }, 300));`;
    const started = performance.now();
    const { status, stderr } = await node([...REGISTER, '-e', program]);
    expect([status, stderr]).toEqual([0, '']);
    expect(performance.now() - started).toBeGreaterThan(300);
  });

  it('works in worker threads, each by itself', async () => {
    const program = `
      const { Worker, isMainThread, parentPort } = require('node:worker_threads');
      const net = require('net');
      const server = net.createServer().listen(7777, () => {
        if (!isMainThread) parentPort.postMessage(server.address().port);
        else new Worker(process.argv[1]).on('message', (port) => { console.log(port); process.exit(); });
      });`;
    const { stdout, stderr } = await node([...REGISTER, '-e', `eval(${JSON.stringify(workable(program))})`]);
    expect([stdout, stderr]).toEqual(['7777\n', '']);
  });

  it.each([
    [{ SYNFIN_DEVICE: 'tap' }, 'synfin: SYNFIN_DEVICE=tap: choose loopback, tun or tun:NAME\n'],
    [{ SYNFIN_PROFILE: 'bsd' }, `synfin: SYNFIN_PROFILE=bsd: choose one of ${Object.keys(profiles).join(', ')}\n`],
    // Once in a thousand times or less Node 24 was seen not to end in `process.exit`, with nothing of ours running.
  ])('tells a mistake in one line: %j', { retry: 1, timeout: 70_000 }, async (env, line) => {
    const { status, stdout, stderr } = await node([...REGISTER, '-e', 'console.log(1)'], env);
    expect([status, stdout, stderr]).toEqual([2, '', line]);
  });
});

/** The program from a worker's eval as well as from -e. */
function workable(program: string): string {
  return program.replace('process.argv[1]', `${JSON.stringify(program)}, { eval: true }`);
}
