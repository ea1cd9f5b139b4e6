import { once } from 'node:events';
import type nodeNet from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import v8 from 'node:v8';
import vm from 'node:vm';
import { describe, expect, it } from 'vitest';
import { NodeHost } from '../../../src/node/host.ts';
import { createNet, type Net } from '../../../src/node/net.ts';
import { Stack } from '../../../src/stack/stack.ts';
import { linux } from '../../../src/tcp/config.ts';

v8.setFlagsFromString('--expose-gc');
const collect = vm.runInNewContext('gc') as () => void;

/** Bytes in use: the heap, and memory outside of it. */
async function used(): Promise<number> {
  for (let i = 0; i < 3; i++) {
    await sleep(20);
    collect();
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

async function serve(net: Net, listener: (socket: nodeNet.Socket) => void): Promise<[nodeNet.Server, number]> {
  const server = net.createServer({ allowHalfOpen: true }, listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return [server, (server.address() as nodeNet.AddressInfo).port];
}

const EMPTY = { connections: 0, halfOpen: 0, timeWait: 0, timers: 0, buffered: 0 };

it('connections that are over leave nothing behind', { timeout: 120_000 }, async () => {
  const stack = new Stack({ host: new NodeHost().unref() });
  const net = createNet(stack);
  const [server, port] = await serve(net, (socket) => socket.pipe(socket));
  /** By each way that a connection can end. */
  const cycle = async (i: number): Promise<void> => {
    const socket = net.connect(port, '127.0.0.1');
    socket.on('error', () => {});
    if (i % 4 === 0) socket.once('connect', () => socket.destroy());
    else if (i % 4 === 1) socket.once('data', () => socket.resetAndDestroy()).write('hello');
    else socket.resume().end('hello');
    await once(socket, 'close');
  };
  server.on('connection', (socket) => socket.on('error', () => socket.destroy()));
  const cycles = async (count: number): Promise<number> => {
    let i = 0;
    await Promise.all(
      Array.from({ length: 20 }, async () => {
        while (i++ < count) await cycle(i);
      }),
    );
    await expect.poll(() => stack.stats().connections, { timeout: 10_000 }).toBe(0);
    stack.forgetTimeWait();
    return used();
  };
  await cycles(500);
  const before = await cycles(500);
  const after = await cycles(3000);
  // A connection is more than 5 kB. What V8 keeps of code and feedback is not, but it is something (`bench/cycles.mjs` goes on until it is nothing).
  expect(after - before).toBeLessThan(3000 * 1000);
  expect(stack.stats()).toMatchObject(EMPTY);
  server.close();
  stack.close();
});

describe('1,000 sockets whose readers have stopped', () => {
  const COUNT = 1000;
  const BUFFER = 8192;
  const PIECE = Buffer.alloc(4096, 'x');

  /** Writes until it is told to wait; returns what was written. */
  function fill(socket: nodeNet.Socket): number {
    let written = 0;
    do written += PIECE.length;
    while (socket.write(PIECE));
    return written;
  }

  it('each makes its writer wait, in both directions, within bounds; and all goes on when they read', {
    timeout: 120_000,
  }, async () => {
    const config = { ...linux, receiveBuffer: BUFFER, sendBuffer: BUFFER };
    const stack = new Stack({ host: new NodeHost().unref(), config });
    const net = createNet(stack);
    const ends: nodeNet.Socket[] = [];
    const [server, port] = await serve(net, (socket) => ends.push(socket.pause()));
    for (let i = 0; i < COUNT; i++) ends.push(net.connect({ port, host: '127.0.0.1', allowHalfOpen: true }).pause());
    await expect.poll(() => stack.stats().states.ESTABLISHED, { timeout: 30_000 }).toBe(2 * COUNT);
    await expect.poll(() => ends.length).toBe(2 * COUNT);
    const before = await used();

    const written = ends.map(fill);
    // Every window closes with more waiting behind it; as long as anything drains, more is written.
    const stalled = (): number => {
      for (const [i, socket] of ends.entries()) {
        if (!socket.writableNeedDrain) written[i] = written[i]! + fill(socket);
      }
      const rows = stack.connections().filter((row) => row.recvQ > 0 && row.sendQ > 0 && row.timer?.name === 'persist');
      return ends.every((socket) => socket.writableNeedDrain) ? rows.length : 0;
    };
    await expect.poll(stalled, { timeout: 60_000, interval: 200 }).toBe(2 * COUNT);

    // The two buffers of the stack, those of the two streams (a reader's high-water mark and a writer's), and a piece too many.
    const { readableHighWaterMark, writableHighWaterMark } = ends[0]!;
    const most = 2 * BUFFER + readableHighWaterMark + writableHighWaterMark + 2 * PIECE.length;
    expect(Math.max(...written)).toBeLessThanOrEqual(most);
    expect(stack.stats().buffered).toBeLessThanOrEqual(2 * COUNT * 2 * BUFFER);
    expect(((await used()) - before) / (2 * COUNT)).toBeLessThan(1.5 * most);

    const read = ends.map(() => 0);
    for (const [i, socket] of ends.entries()) {
      socket.on('data', (bytes) => {
        read[i] = read[i]! + bytes.length;
      });
      socket.resume();
      socket.end();
    }
    await Promise.all(ends.map((socket) => socket.closed || once(socket, 'close')));
    const total = (all: readonly number[]) => all.reduce((a, b) => a + b);
    expect(total(read)).toBe(total(written));
    stack.forgetTimeWait();
    ends.length = 0;
    expect(stack.stats()).toMatchObject(EMPTY);
    server.close();
    stack.close();
  });
});
