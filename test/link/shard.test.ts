import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Pair } from '../../src/link/pair.ts';
import { portsOfShard, Shard } from '../../src/link/shard.ts';
import { IpAddress } from '../../src/wire/address.ts';
import { put16 } from '../../src/wire/bytes.ts';
import { buildIp } from '../../src/wire/ip.ts';
import { IpHeader } from '../../src/wire/ip-header.ts';
import { collector, send, tcpPacket } from './support/packets.ts';

const PORTS = [32_768, 60_999] as const;

/** `count` stacks, each with its queue: what is sent into queue i arrives at some of them. */
function shards(count: number) {
  const pairs = Array.from({ length: count }, () => new Pair());
  const sinks = pairs.map(() => collector());
  const all: Shard[] = pairs.map(
    (pair, index) =>
      new Shard(pair.a, {
        index,
        count,
        ports: PORTS,
        pass: (to, packet, checksum, gsoSize) => all[to]!.take(packet, checksum, gsoSize, 5),
      }),
  );
  for (const [i, shard] of all.entries()) shard.attach(sinks[i]!);
  return {
    all,
    pairs,
    /** Which stacks got the packet, of those that come by a queue. */
    arrives(queue: number, packet: Uint8Array): number[] {
      for (const sink of sinks) sink.packets.length = 0;
      send(pairs[queue]!.b, packet);
      while (pairs[queue]!.pump(0));
      for (const pair of pairs) expect(pair.outstanding).toBe(0);
      for (const sink of sinks) for (const got of sink.packets) expect(got).toEqual(packet);
      return sinks.flatMap((sink, i) => sink.packets.map(() => i));
    },
  };
}

function toPort(port: number, version: 4 | 6 = 4): Uint8Array {
  const packet = tcpPacket({ version, text: Uint8Array.of(1) });
  put16(packet, (version === 4 ? 20 : 40) + 2, port);
  return packet;
}

function icmp(version: 4 | 6, type: number): Uint8Array {
  const header = new IpHeader();
  const [from, to] = version === 4 ? ['10.0.0.1', '10.0.0.2'] : ['fd00::1', 'fd00::2'];
  header.setAddresses(IpAddress.of(from!), IpAddress.of(to!));
  header.protocol = version === 4 ? 1 : 58;
  header.payloadLength = 8;
  const bytes = new Uint8Array(version === 4 ? 28 : 48);
  bytes[buildIp(header, bytes, 0)] = type;
  return bytes;
}

describe('portsOfShard', () => {
  it('gives every port to one stack', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 60_000 }),
        fc.nat(5000),
        fc.integer({ min: 1, max: 64 }),
        (first, n, count) => {
          fc.pre(n + 1 >= count);
          const parts = Array.from({ length: count }, (_, i) => portsOfShard([first, first + n], i, count));
          expect(parts[0]![0]).toBe(first);
          expect(parts.at(-1)![1]).toBe(first + n);
          for (let i = 1; i < count; i++) expect(parts[i]![0]).toBe(parts[i - 1]![1] + 1);
        },
      ),
    );
  });

  it('refuses more stacks than ports, and one that is not there', () => {
    expect(() => portsOfShard([10, 12], 0, 4)).toThrow(RangeError);
    expect(() => portsOfShard(PORTS, 2, 2)).toThrow('stack 2 of 2');
  });
});

describe('Shard', () => {
  it.each([4, 6] as const)(
    'IPv%i: a listener’s packets stay where they came, an opener’s go to the stack whose port it is',
    (version) => {
      for (const count of [1, 2, 3, 7]) {
        const { arrives, all } = shards(count);
        for (let queue = 0; queue < count; queue++) {
          expect(arrives(queue, toPort(80, version))).toEqual([queue]);
          expect(arrives(queue, toPort(61_000, version))).toEqual([queue]);
          for (let owner = 0; owner < count; owner++) {
            for (const port of portsOfShard(PORTS, owner, count))
              expect(arrives(queue, toPort(port, version))).toEqual([owner]);
          }
        }
        const [passed, taken] = [all.map((s) => s.passed), all.map((s) => s.taken)];
        const sum = (list: number[]) => list.reduce((a, b) => a + b);
        expect(sum(passed)).toBe(sum(taken));
        expect(sum(passed)).toBe(2 * count * (count - 1));
      }
    },
  );

  it('ICMP errors go to all, echo stays', () => {
    const { arrives } = shards(3);
    for (const [version, type] of [
      [4, 3],
      [4, 11],
      [4, 12],
      [6, 1],
      [6, 2],
      [6, 4],
    ] as const) {
      expect(arrives(1, icmp(version, type))).toEqual([0, 1, 2]);
    }
    expect(arrives(1, icmp(4, 8))).toEqual([1]);
    expect(arrives(1, icmp(6, 128))).toEqual([1]);
  });

  it('keeps checksum and segment size, and takes nothing once it is closed', () => {
    const pair = new Pair();
    const shard = new Shard(pair.a, { index: 0, count: 2, ports: PORTS, pass: () => {} });
    const seen: number[][] = [];
    shard.take(toPort(1), 0, 0, 9);
    shard.attach({
      receive: (f, now) => void seen.push([f.checksum, f.gsoSize, now]),
      flush: () => void seen.push([]),
    });
    shard.take(toPort(1), 2, 1448, 9);
    expect(seen).toEqual([[2, 1448, 9], []]);
    shard.close();
    shard.take(toPort(1), 2, 1448, 9);
    expect(seen).toHaveLength(2);
    expect(pair.outstanding).toBe(0);
  });

  it('whatever comes, nothing throws', () => {
    const { arrives } = shards(2);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.constantFrom(0x45, 0x4f, 0x60, 0), (bytes, first) => {
        if (bytes.length > 0) bytes[0] = first;
        expect(arrives(0, bytes).length).toBeGreaterThan(0);
      }),
      { numRuns: 500 },
    );
  });
});
