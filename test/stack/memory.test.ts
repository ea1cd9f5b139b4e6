import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { Network } from '../../src/sim/network.ts';
import { bytesOf } from '../../src/sim/socket.ts';
import type { TcpSocket } from '../../src/stack/socket.ts';
import { linux } from '../../src/tcp/config.ts';
import { IpAddress } from '../../src/wire/address.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const CONFIG = { ...linux, ip_local_port_range: [1024, 65_535] as const };

/** Bytes held: the heap, and what array buffers have outside of it. */
function held(): number {
  for (let i = 0; i < 3; i++) collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

describe('memory', () => {
  it('keeps an idle connection that has said something in less than 900 bytes, both ends apart', async () => {
    const net = new Network();
    const [client, server] = [net.host('client', { config: CONFIG }), net.host('server', { config: CONFIG })];
    net.link(client, server, { delay: '1ms' });
    const accepted: TcpSocket[] = [];
    const opened: TcpSocket[] = [];
    /** `count` connections more, each with a request and its answer; what all come to when they are quiet. */
    const grow = async (count: number): Promise<number> => {
      const first = opened.length;
      const text = bytesOf(50);
      for (let i = 0; i < count; i++) {
        const socket = client.stack.connect({ remoteAddress: IpAddress.of(server.address), remotePort: 80 });
        socket.send(text);
        opened.push(socket);
        if (i % 100 === 99) await net.sleep('20ms');
      }
      await net.sleep('100ms');
      for (const socket of accepted.slice(first)) {
        expect(socket.consume(() => {})).toBe(50);
        socket.send(text);
      }
      await net.sleep('100ms');
      for (const socket of opened.slice(first)) socket.consume(() => {});
      await net.sleep('1min');
      return held();
    };
    await net.run(async () => {
      server.stack.listen({ port: 80, backlog: 4096 }, (socket) => accepted.push(socket));
      const before = await grow(500);
      const after = await grow(5000);
      expect(accepted.length).toBe(5500);
      expect(client.stack.stats().dormant).toBe(5500);
      expect(server.stack.stats().dormant).toBe(5500);
      expect((after - before) / 10_000).toBeLessThan(900);
      for (const socket of opened) socket.abort();
    });
  }, 180_000);
});
