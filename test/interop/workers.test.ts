import { beforeAll, beforeEach, expect, it } from 'vitest';
import { enterNamespace } from '../../src/node/netns.ts';
import { binary } from '../cli/support/synfin.ts';
import { compiled, Program, run, runModule } from './support/child.ts';
import { describeWith } from './support/needs.ts';

/** What each thread does: accepts and says who it is; opens a connection, and after a pause sends through it and reads the echo. */
const thread = () => `
  import { workerData, parentPort } from 'node:worker_threads';
  const { openTunStack, parseSubnet } = await import(${JSON.stringify(compiled('node/tun-stack.js'))});
  const { IpAddress } = await import(${JSON.stringify(compiled('wire/address.js'))});
  let device;
  const { stack, close } = openTunStack({
    device: 'queues0',
    subnets: ['10.9.0.0/24', 'fd09::/64'].map(parseSubnet),
    seat: workerData,
  });
  let accepted = 0;
  stack.listen({ port: 7 }, (socket) => {
    accepted++;
    socket.send(new TextEncoder().encode(String(workerData.index)));
    socket.shutdown();
  });
  parentPort.postMessage('ready');
  await new Promise((resolve) => parentPort.once('message', resolve));
  // Longer than the kernel remembers by which queue a flow came (3 s).
  const echoes = [0, 1, 2, 3].map((i) => new Promise((resolve) => {
    const remoteAddress = IpAddress.of(i % 2 ? 'fd09::1' : '10.9.0.1');
    const socket = stack.connect({ remoteAddress, remotePort: 9 });
    let text = '';
    socket.events = {
      onConnect: () => setTimeout(() => { socket.send(new TextEncoder().encode('still here')); socket.shutdown(); }, 5000),
      onReadable: () => { for (let c = socket.receive(); c !== null; c = socket.receive()) text += new TextDecoder().decode(c); },
      onClose: (failure) => resolve(failure ?? text),
    };
  }));
  parentPort.postMessage({ echoes: await Promise.all(echoes) });
  await new Promise((resolve) => parentPort.once('message', resolve));
  close();
  await new Promise(setImmediate);
  parentPort.postMessage({ accepted });
`;

const main = () => `
  import net from 'node:net';
  import { once } from 'node:events';
  import { Worker } from 'node:worker_threads';
  const { makeSeats, transferOf } = await import(${JSON.stringify(compiled('node/workers.js'))});
  const url = new URL('data:text/javascript,' + encodeURIComponent(${JSON.stringify(thread())}));
  const workers = [];
  for (const seat of makeSeats(3)) {
    const worker = new Worker(url, { workerData: seat, transferList: transferOf(seat) });
    workers.push(worker);
    await once(worker, 'message');
  }
  const echo = net.createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket)).listen(9, '::');
  await once(echo, 'listening');
  const answers = workers.map((worker) => once(worker, 'message'));
  for (const worker of workers) worker.postMessage('connect');
  const who = [0, 0, 0];
  for (let i = 0; i < 90; i++) {
    const socket = net.connect(7, i % 2 ? 'fd09::2' : '10.9.0.2');
    let text = '';
    socket.setEncoding('utf8').on('data', (chunk) => { text += chunk; });
    await once(socket, 'end');
    who[Number(text)]++;
  }
  const echoes = (await Promise.all(answers)).map(([message]) => message.echoes);
  echo.close();
  const ends = workers.map((worker) => once(worker, 'message'));
  for (const worker of workers) worker.postMessage('end');
  const accepted = (await Promise.all(ends)).map(([message]) => message.accepted);
  console.log(JSON.stringify({ who, accepted, echoes }));
  process.exit(0);
`;

describeWith({ tun: true, programs: ['curl'] }, 'several threads on one interface', () => {
  beforeAll(() => {
    binary();
  });
  beforeEach(() => enterNamespace());

  it('connections come to all of them and stay; those that they open are theirs, after a long pause too', async () => {
    const { stdout, stderr, status } = await runModule(main(), { timeout: 40_000 });
    expect([status, stderr]).toEqual([0, '']);
    const { who, accepted, echoes } = JSON.parse(stdout) as Record<string, number[]>;
    expect(who).toEqual(accepted);
    // By a hash: that one of three gets none of ninety has a chance of 10^-15.
    for (const n of who!) expect(n).toBeGreaterThan(0);
    expect(who!.reduce((a, b) => a + b)).toBe(90);
    expect(echoes).toEqual(new Array(3).fill(new Array(4).fill('still here')));
  });

  it('synfin serve --workers 3 serves from all, and ends with Ctrl-C', async () => {
    const program = new Program(process.execPath, [binary(), 'serve', '--workers', '3'], { timeout: 60_000 });
    try {
      await program.says(/3 threads\n[\s\S]*Ctrl-C ends it/);
      const { stdout, status } = await run('curl', [
        ...['-qsSg', '--noproxy', '*', '-Z', '-o', '/dev/null', '-w', '%{http_code} %{size_download}\n'],
        ...Array.from({ length: 30 }, (_, i) => ['-o', '/dev/null', `http://10.9.0.2/${i}`])
          .flat()
          .slice(2),
      ]);
      expect(status).toBe(0);
      const lines = stdout.trim().split('\n');
      expect(lines).toHaveLength(30);
      expect(new Set(lines).size).toBe(1);
      expect(lines[0]).toMatch(/^200 10\d{5}$/);
      await expect.poll(() => program.stdout.match(/GET/g)?.length).toBe(30);
      program.signal('SIGINT');
      expect((await program.finished).status).toBe(0);
    } finally {
      await program.kill();
    }
  });

  it('says that a ladder is one thread’s', async () => {
    const { status, stderr } = await run(process.execPath, [binary(), 'serve', '--workers', '2', '--ladder']);
    expect([status, stderr]).toEqual([2, expect.stringMatching(/^synfin: --ladder .*leave --workers out\n$/)]);
  });
});
