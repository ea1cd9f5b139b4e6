import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { Pair } from '../../src/link/pair.ts';
import type { TcpSocket } from '../../src/stack/socket.ts';
import { Stack, type StackOptions } from '../../src/stack/stack.ts';
import { linux } from '../../src/tcp/config.ts';
import { CLOSED, ESTABLISHED, TIME_WAIT } from '../../src/tcp/state.ts';
import { IpAddress } from '../../src/wire/address.ts';
import { VirtualTime } from '../support/virtual-host.ts';

const ip = (text: string): IpAddress => IpAddress.parse(text)!;

function world(options: Partial<StackOptions> = {}, link: { mtu?: number; maxGso?: number; checksum?: boolean } = {}) {
  const time = new VirtualTime();
  const pair = new Pair(link);
  const left = new Stack({ host: time.host(), ...options });
  const right = new Stack({ host: time.host(), ...options });
  left.addDevice(pair.a, [
    { address: ip('10.0.0.1'), prefixLength: 24 },
    { address: ip('fd00::1'), prefixLength: 64 },
  ]);
  right.addDevice(pair.b, [
    { address: ip('10.0.0.2'), prefixLength: 24 },
    { address: ip('fd00::2'), prefixLength: 64 },
  ]);
  return { time, pair, left, right, run: (until?: number) => time.run((now) => pair.pump(now), until) };
}

/** Sends all of `bytes`, then FIN, as fast as the connection takes it. */
function pour(socket: TcpSocket, bytes: Uint8Array, then: () => void = () => socket.shutdown()): void {
  let sent = 0;
  const more = () => {
    while (sent < bytes.length) {
      const n = socket.send(bytes.subarray(sent));
      if (n <= 0) return;
      sent += n;
    }
    then();
  };
  socket.events = { ...socket.events, onWritable: more };
  more();
}

function collect(socket: TcpSocket, chunks: Uint8Array[], log: string[] = []): void {
  const read = () => {
    for (let b = socket.receive(); b !== null; b = socket.receive()) chunks.push(b);
  };
  socket.events = {
    ...socket.events,
    onReadable: read,
    onEnd: () => {
      read();
      log.push('end');
      socket.shutdown();
    },
    onClose: (failure) => log.push(`close ${failure}`),
  };
  read();
}

const bytes = (n: number): Uint8Array => Uint8Array.from({ length: n }, (_, i) => (i * 7 + (i >> 8)) & 255);
const join = (chunks: Uint8Array[]): Uint8Array => {
  const all = new Uint8Array(chunks.reduce((n, c) => n + c.length, 0));
  let at = 0;
  for (const c of chunks) {
    all.set(c, at);
    at += c.length;
  }
  return all;
};

const hash = (b: Uint8Array): string => `${b.length} ${createHash('sha256').update(b).digest('hex')}`;

describe('Stack', () => {
  for (const [name, link, target] of [
    ['IPv4', {}, '10.0.0.2'],
    ['IPv6', {}, 'fd00::2'],
    ['GSO and no checksums', { maxGso: 65_535, checksum: true }, '10.0.0.2'],
    ['a small MTU', { mtu: 576 }, '10.0.0.2'],
  ] as const) {
    it(`carries a stream both ways and leaves nothing behind: ${name}`, () => {
      const { left, right, run, pair } = world({}, link);
      const there = bytes(300_000);
      const back = bytes(200_001);
      const got: Uint8Array[] = [];
      const answer: Uint8Array[] = [];
      const log: string[] = [];
      right.listen({ port: 80 }, (socket) => {
        collect(socket, got, log);
        pour(socket, back, () => {});
      });
      const client = left.connect({ remoteAddress: ip(target), remotePort: 80 });
      collect(client, answer);
      client.events = { ...client.events, onConnect: () => log.push('connect') };
      pour(client, there);
      run(10_000_000);
      expect(hash(join(got))).toBe(hash(there));
      expect(hash(join(answer))).toBe(hash(back));
      expect(log).toEqual(['connect', 'end', 'close null']);
      expect(client.state).toBe(TIME_WAIT);
      run();
      expect(client.state).toBe(CLOSED);
      right.connections();
      for (const stack of [left, right]) {
        expect(stack.stats()).toMatchObject({
          connections: 0,
          timeWait: 0,
          timers: 0,
          buffered: 0,
          timeWaitBytes: 128,
        });
      }
      expect(pair.outstanding).toBe(0);
    });
  }

  it('refuses what nobody listens for', () => {
    const { left, run } = world();
    const log: unknown[] = [];
    left.connect({ remoteAddress: ip('10.0.0.2'), remotePort: 9, events: { onClose: (f) => log.push(f) } });
    expect(log).toEqual([]);
    run();
    expect(log).toEqual(['refused']);
  });

  it('reaches itself through the loopback', () => {
    const { time, right } = world();
    const got: Uint8Array[] = [];
    const log: string[] = [];
    right.listen({ port: 80 }, (socket) => collect(socket, got, log));
    for (const to of ['127.0.0.1', '::1', '10.0.0.2', '0.0.0.0']) {
      const client = right.connect({ remoteAddress: ip(to), remotePort: 80 });
      pour(client, bytes(100_000));
    }
    time.run(undefined, 5_000_000);
    expect(join(got).length).toBe(400_000);
    expect(log.filter((l) => l === 'close null').length).toBe(4);
  });

  it('holds back connections that nobody accepts (tcp_abort_on_overflow 0), and takes them when somebody does', () => {
    const { left, right, run } = world();
    const listener = right.listen({ port: 80, backlog: 1 });
    const clients = [1, 2, 3, 4].map(() => left.connect({ remoteAddress: ip('10.0.0.2'), remotePort: 80 }));
    run(1_500_000);
    expect(listener.acceptQueue).toBe(2);
    expect(right.counters.ListenOverflows).toBeGreaterThan(0);
    const taken: (TcpSocket | null)[] = [listener.accept(), listener.accept(), listener.accept()];
    expect(taken.map((t) => t?.state ?? null)).toEqual([ESTABLISHED, ESTABLISHED, null]);
    run(20_000_000);
    expect(listener.acceptQueue).toBe(2);
    expect(clients.every((c) => c.state === ESTABLISHED)).toBe(true);
    listener.close();
    run(21_000_000);
    expect(right.stats().connections).toBe(2);
  });

  it('keeps no more in TIME-WAIT than tcp_max_tw_buckets, and says so', () => {
    const { left, right, run } = world({ config: { ...linux, tcp_max_tw_buckets: 2 } });
    const warnings: string[] = [];
    left.onWarning = (w) => warnings.push(w.message);
    right.listen({ port: 80 }, (socket) => collect(socket, []));
    for (let i = 0; i < 5; i++) {
      const client = left.connect({ remoteAddress: ip('10.0.0.2'), remotePort: 80 });
      client.events = { onConnect: () => client.close() };
    }
    run(3_000_000);
    expect(left.stats().timeWait).toBe(2);
    expect(left.counters.TCPTimeWaitOverflow).toBe(3);
    expect(warnings.length).toBeGreaterThan(0);
    expect(warnings[0]).toContain('tcp_max_tw_buckets');
  });

  it('tells the caller what is wrong with what it asks for', () => {
    const { left } = world();
    left.listen({ port: 80 });
    left.listen({ port: 81, address: ip('10.0.0.1') });
    expect(() => left.listen({ port: 80, address: ip('10.0.0.1') })).toThrow(/in use/);
    expect(() => left.listen({ port: 81 })).toThrow(/in use/);
    left.listen({ port: 81, address: ip('fd00::1') });
    expect(() => left.listen({ address: ip('10.0.0.9') })).toThrow(/not an address/);
    expect(() => left.listen({ port: 70_000 })).toThrow(/no port/);
    expect(() => left.connect({ remoteAddress: ip('192.0.2.1'), remotePort: 1 })).toThrow(/no route/);
    expect(() => left.connect({ remoteAddress: ip('224.0.0.1'), remotePort: 1 })).toThrow(/one host/);
    const options = { remoteAddress: ip('10.0.0.2'), remotePort: 7, localPort: 5000 };
    left.connect(options);
    expect(() => left.connect(options)).toThrow(/in use/);
  });

  it('goes on when a callback throws: the others are told in the next turn', () => {
    const { left, right, run } = world();
    const log: string[] = [];
    right.listen({ port: 80 }, () => {});
    for (const name of ['a', 'b']) {
      left.connect({
        remoteAddress: ip('10.0.0.2'),
        remotePort: 80,
        events: {
          onConnect: () => {
            log.push(name);
            if (name === 'a') throw new Error('mine');
          },
        },
      });
    }
    expect(() => run(2_000_000)).toThrow('mine');
    run(2_000_000);
    expect(log).toEqual(['a', 'b']);
  });

  it('takes over a four-tuple in TIME-WAIT for an outgoing connection, with timestamps and after a second (tcp_tw_reuse)', () => {
    for (const [reuse, timestamps, age, works] of [
      [1, true, 1_100_000, true],
      [1, true, 900_000, false],
      [1, false, 1_100_000, false],
      [2, true, 1_100_000, false],
      [0, true, 1_100_000, false],
    ] as const) {
      const { left, right, run, time } = world({
        config: { ...linux, tcp_tw_reuse: reuse, tcp_timestamps: timestamps },
      });
      right.listen({ port: 80 }, (socket) => collect(socket, []));
      const options = { remoteAddress: ip('10.0.0.2'), remotePort: 80, localPort: 5000 };
      const client = left.connect(options);
      client.events = { onConnect: () => client.close() };
      run(time.now + 1000);
      expect(client.state).toBe(TIME_WAIT);
      run(time.now + age);
      if (!works) {
        expect(() => left.connect(options)).toThrow(/in use/);
        continue;
      }
      const again = left.connect(options);
      expect(client.state).toBe(CLOSED);
      run(time.now + 1000);
      expect(again.state).toBe(ESTABLISHED);
      expect(left.counters.TWRecycled).toBe(1);
    }
  });

  it('resets connections that nobody holds beyond tcp_max_orphans, and says so', () => {
    const { left, right, run, time } = world({ config: { ...linux, tcp_max_orphans: 2 } });
    const warnings: string[] = [];
    left.onWarning = (w) => warnings.push(w.message);
    const log: string[] = [];
    right.listen({ port: 80 }, (socket) => {
      socket.events = { onClose: (failure) => log.push(`${failure}`) };
    });
    const clients = [1, 2, 3].map(() => left.connect({ remoteAddress: ip('10.0.0.2'), remotePort: 80 }));
    run(time.now + 1000);
    for (const client of clients) client.close();
    run(time.now + 1000);
    // The peer does not close: two wait for it in FIN-WAIT-2.
    expect(left.stats().states['FIN-WAIT-2']).toBe(2);
    expect(log).toEqual(['reset']);
    expect(left.counters.TCPAbortOnMemory).toBe(1);
    expect(warnings[0]).toContain('tcp_max_orphans');
    run(time.now + 61_000_000);
    expect(left.stats().connections).toBe(0);
    const next = left.connect({ remoteAddress: ip('10.0.0.2'), remotePort: 80 });
    run(time.now + 1000);
    next.close();
    run(time.now + 1000);
    expect(left.stats().states['FIN-WAIT-2']).toBe(1);
  });

  it('bounds what all connections buffer (tcp_mem), says so, and recovers', () => {
    const MEM = [100_000, 200_000, 300_000] as const;
    const { left, right, run, time } = world({ config: { ...linux, tcp_mem: MEM } });
    const warnings: string[] = [];
    right.onWarning = (w) => warnings.push(w.kind);
    const sockets: TcpSocket[] = [];
    right.listen({ port: 80 }, (socket) => sockets.push(socket));
    const clients = Array.from({ length: 20 }, () => left.connect({ remoteAddress: ip('10.0.0.2'), remotePort: 80 }));
    run(time.now + 1000);
    for (const client of clients) pour(client, bytes(100_000));
    run(time.now + 2_000_000);
    // Nobody reads: 20 connections of 100,000 bytes. What was in flight when the mark was passed comes on top.
    expect(right.stats().buffered).toBeLessThan(300_000 + 20 * 4096 + 20 * 1460);
    expect(right.stats().buffered).toBeGreaterThan(200_000);
    expect(right.counters.TCPMemoryPressures).toBeGreaterThan(0);
    expect(warnings).toContain('out of memory');
    const got = sockets.map(() => [] as Uint8Array[]);
    for (const [n, socket] of sockets.entries()) collect(socket, got[n]!);
    run(time.now + 600_000_000);
    expect(got.map((chunks) => join(chunks).length)).toEqual(new Array(20).fill(100_000));
    expect(right.stats().buffered).toBe(0);
  });
});
