import { describe, expect, it } from 'vitest';
import { DropTail, Network, type Rate } from '../../src/sim/index.ts';
import type { TcpSocket } from '../../src/stack/socket.ts';

/** Jain's index: 1 where all have the same, 1/n where one has all (RFC 5166 §2.3). */
function jain(shares: readonly number[]): number {
  const sum = shares.reduce((a, b) => a + b, 0);
  return sum ** 2 / (shares.length * shares.reduce((a, b) => a + b * b, 0));
}

interface Streams {
  readonly net: Network;
  readonly readers: readonly TcpSocket[];
  /** Bytes that each reader has had, by its connection's number. */
  readonly got: number[];
}

/** Streams without end from one host to another, over one link with room for all that is on the way; `lazy` readers read nothing. */
function streams(count: number, rate: Rate, lazy: ReadonlySet<number> = new Set()): Streams {
  const net = new Network({ seed: 7 });
  // A megabyte of send buffer for each of a thousand is more than the stack may hold: who comes first has to leave some.
  const config = { receiveBuffer: 16_384, tcp_max_syn_backlog: 4096, somaxconn: 4096 };
  const [client, server] = [net.host('client', { config }), net.host('server', { config })];
  net.link(client, server, { delay: '1ms', rate, queue: () => new DropTail({ packets: 100_000 }) });
  const got = new Array<number>(count).fill(0);
  const readers: TcpSocket[] = [];
  server.stack.listen({ port: 80, backlog: 4096 }, (socket) => {
    // The first that connects is accepted first.
    const index = readers.push(socket) - 1;
    if (lazy.has(index)) return;
    socket.events = {
      onReadable: () => {
        got[index]! += socket.consume(() => {});
      },
    };
  });
  const block = new Uint8Array(65_536);
  for (let i = 0; i < count; i++) {
    const push = () => {
      while (socket.send(block, false) === block.length);
    };
    const socket: TcpSocket = client.stack.connect({
      remoteAddress: server.addresses[0]!,
      remotePort: 80,
      events: { onConnect: push, onWritable: push },
    });
  }
  return { net, readers, got };
}

/** What each got in a second, after one to begin. */
function secondOf({ net, got }: Streams): number[] {
  net.advance('1s');
  const before = [...got];
  net.advance('1s');
  return got.map((bytes, i) => bytes - before[i]!);
}

describe('many streams through one stack', () => {
  it('share the link alike: a thousand, Jain’s index 0.95 and more, and none gets nothing', () => {
    const shares = secondOf(streams(1000, '500Mbit'));
    expect(shares).toHaveLength(1000);
    expect(jain(shares)).toBeGreaterThan(0.95);
    expect(Math.min(...shares)).toBeGreaterThan(0);
    // And the link is full: 1,448 of 1,514 and a little for who begins.
    expect(shares.reduce((a, b) => a + b, 0)).toBeGreaterThan(0.9 * 62.5e6);
  }, 120_000);

  it('are not held up by one whose reader does not read, which loses nothing by it', () => {
    const all = secondOf(streams(50, '200Mbit'));
    const run = streams(50, '200Mbit', new Set([7]));
    const shares = secondOf(run);
    const others = shares.filter((_, i) => i !== 7);
    expect(shares[7]).toBe(0);
    expect(jain(others)).toBeGreaterThan(0.95);
    const sum = (list: readonly number[]) => list.reduce((a, b) => a + b, 0);
    // What the one leaves, the others have.
    expect(sum(others)).toBeGreaterThan(0.99 * sum(all));
    // Its buffer is full, and the window closed: when it reads again, all goes on.
    const reader = run.readers[7]!;
    expect(reader.readable).toBeGreaterThan(8192);
    let read = 0;
    reader.events = {
      onReadable: () => {
        read += reader.consume(() => {});
      },
    };
    read += reader.consume(() => {});
    run.net.advance('1s');
    const before = read;
    run.net.advance('1s');
    expect(read - before).toBeGreaterThan(0.5 * (sum(others) / 49));
  }, 120_000);
});
