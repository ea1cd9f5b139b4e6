import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { NodeNetwork, simulation } from '../../../src/node/testing/simulation.ts';

describe('simulation', () => {
  it(
    'runs sockets of synfin/net unchanged, with streams and await',
    simulation({ link: { delay: '20ms', loss: 0.05 }, seeds: 5 }, async ({ client, server }) => {
      server.net.createServer((socket) => socket.pipe(socket)).listen(7);
      const socket = client.net.connect(7, 'server');
      socket.end(Buffer.alloc(100_000, 'abc'));
      let n = 0;
      for await (const chunk of socket) n += (chunk as Buffer).length;
      expect(n).toBe(100_000);
    }),
  );

  it(
    'runs http',
    simulation(async ({ client, server, net }) => {
      const { createServer } = server.net;
      const web = http.createServer((_, response) => response.end('hello'));
      createServer((socket: Socket) => web.emit('connection', socket)).listen(80);
      const request = http.get({ path: '/', createConnection: () => client.net.connect(80, 'server') });
      const [response] = await once(request, 'response');
      response.setEncoding('utf8');
      const [body] = await once(response, 'data');
      expect(body).toBe('hello');
      expect(net.elapsed).toBeLessThan(1_000_000);
    }),
  );

  it(
    'puts virtual time under timers, dates and socket time-outs',
    simulation(async ({ client, server, net }) => {
      const began = Date.now();
      await sleep(3_600_000);
      expect(Date.now() - began).toBe(3_600_000);
      expect(performance.now()).toBe(net.elapsed / 1000);
      server.net.createServer(() => {}).listen(80);
      const socket = client.net.connect(80, server.address);
      socket.setTimeout(30_000);
      await once(socket, 'timeout');
      expect(Date.now() - began).toBeGreaterThanOrEqual(3_630_000);
      expect(new Date().getUTCFullYear()).toBe(2030);
      let ticks = 0;
      const interval = setInterval(() => ticks++, 1000);
      await sleep(10_500);
      clearInterval(interval);
      await sleep(10_000);
      expect(ticks).toBe(10);
    }),
  );

  it('gives time back', async () => {
    const before = [globalThis.setTimeout, globalThis.Date, performance.now];
    await simulation(() => {})();
    expect([globalThis.setTimeout, globalThis.Date, performance.now]).toEqual(before);
  });

  it('says which seed it was, and runs it again', async () => {
    const fails = simulation({ seeds: 3, seed: 40 }, ({ seed }) => expect(seed).toBeLessThan(42));
    await expect(fails()).rejects.toThrow(/expected 42[\s\S]*SYNFIN_SEED=42 runs it again/);
    const seen: number[] = [];
    process.env['SYNFIN_SEED'] = '77';
    try {
      await simulation({ seeds: 3 }, ({ seed }) => void seen.push(seed))();
    } finally {
      delete process.env['SYNFIN_SEED'];
    }
    expect(seen).toEqual([77]);
  });

  it('says what is wrong with how it is called', async () => {
    expect(() => simulation({} as never, undefined as never)).toThrow('test function is missing');
    const [a, b] = [new NodeNetwork(), new NodeNetwork()];
    const running = a.run(() => sleep(1000));
    await expect(b.run(() => {})).rejects.toThrow('cannot run concurrently');
    await running;
  });

  it(
    'does not know hosts that are not there',
    simulation(async ({ client }) => {
      const socket = client.net.connect(80, 'nowhere');
      const [error] = await once(socket, 'error');
      expect(error.code).toBe('ENOTFOUND');
    }),
  );

  it('serves node:test as it serves vitest', () => {
    const out = execFileSync(process.execPath, ['--test', 'examples/vanishing-server.test.mjs'], {
      encoding: 'utf8',
      env: { ...process.env, NODE_OPTIONS: '', NODE_TEST_CONTEXT: undefined },
    });
    expect(out).toMatch(/pass 2/);
  });
});
