/** Whom to answer while SYNs come faster than they can be answered. */
import { describe, expect, it } from 'vitest';
import { FloodGuard } from '../../src/stack/flood-guard.ts';
import { HalfSipHash } from '../../src/stack/half-siphash.ts';
import { Listeners } from '../../src/stack/listener.ts';
import { linux, type TcpConfig } from '../../src/tcp/config.ts';
import { IpAddress } from '../../src/wire/address.ts';
import { ACK, RST, type Segment, SYN } from '../../src/wire/segment.ts';
import { add, type Seq, seq } from '../../src/wire/seq.ts';
import { ip, type RawOptions, RawPeer, THEIRS } from './support/raw-peer.ts';

const SECOND = 1_000_000;
const HOUR = 3600 * SECOND;

function guardOf(config: Partial<TcpConfig> = {}): FloodGuard {
  const key = Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8]);
  return new FloodGuard({ ...linux, ...config }, new Listeners(), new HalfSipHash(key));
}

const isProven = (guard: FloodGuard, { family, w0, w1, w3 }: IpAddress, now: number) =>
  guard.isProven(family, w0, w1, w3, now);

describe('peers that are known', () => {
  it('are those whose handshake is not long ago', () => {
    const guard = guardOf({ provenFor: HOUR });
    expect(isProven(guard, ip('192.0.2.1'), 0)).toBe(false);
    guard.proven(ip('192.0.2.1'), 0);
    expect(isProven(guard, ip('192.0.2.1'), HOUR - 1)).toBe(true);
    expect(isProven(guard, ip('192.0.2.2'), HOUR)).toBe(false);
    expect(isProven(guard, ip('192.0.2.1'), HOUR + 2 * SECOND)).toBe(false);
    guard.proven(ip('192.0.2.1'), HOUR);
    expect(isProven(guard, ip('192.0.2.1'), 2 * HOUR - 1)).toBe(true);
    expect(isProven(guardOf({ provenFor: Number.POSITIVE_INFINITY }), ip('192.0.2.1'), 2 * HOUR)).toBe(false);
  });

  it('are networks of 64 bits with IPv6, and nobody where provenFor is 0', () => {
    const guard = guardOf();
    guard.proven(ip('2001:db8::1'), 0);
    expect(isProven(guard, ip('2001:db8::2'), 0)).toBe(true);
    expect(isProven(guard, ip('2001:db8:0:1::1'), 0)).toBe(false);
    const none = guardOf({ provenFor: 0 });
    none.proven(ip('192.0.2.1'), 0);
    expect(isProven(none, ip('192.0.2.1'), 0)).toBe(false);
  });

  it('are so many at most that the latest are among them, and nobody else is taken for one', () => {
    const guard = guardOf();
    const first = IpAddress.v4(0x0b000000);
    guard.proven(first, 0);
    for (let i = 0; i < 100_000; i++) guard.proven(IpAddress.v4(0x0a000000 + i), i * 1000);
    expect(isProven(guard, first, 100 * SECOND)).toBe(false);
    let known = 0;
    for (let i = 99_000; i < 100_000; i++) if (isProven(guard, IpAddress.v4(0x0a000000 + i), 100 * SECOND)) known++;
    expect(known).toBeGreaterThan(950);
    let mistaken = 0;
    for (let i = 0; i < 100_000; i++) if (isProven(guard, IpAddress.v4(0x20000000 + i * 7), 100 * SECOND)) mistaken++;
    expect(mistaken).toBeLessThan(5);
  });
});

function syn(s: Segment): void {
  s.flags = SYN;
  s.seq = seq(1000);
  s.mss = 1400;
}

const from = (port: number) => (s: Segment) => {
  syn(s);
  s.sourcePort = port;
};

function ack(theirs: Seq, port: number) {
  return (s: Segment): void => {
    s.flags = ACK;
    s.seq = seq(1001);
    s.ack = add(theirs, 1);
    s.sourcePort = port;
  };
}

/** A listener on port 80 with a full SYN queue, of two. */
function flooded(options: RawOptions = {}) {
  const peer = new RawPeer({ ...options, config: { tcp_max_syn_backlog: 2, ...options.config } });
  const listener = peer.stack.listen({ port: 80 });
  const device = peer.pair.b as { behind?: number };
  peer.send(from(1));
  peer.send(from(2));
  peer.heard.length = 0;
  /** How many of `count` SYNs from as many addresses are answered. */
  const flood = (count: number, port = 80): number => {
    for (let i = 0; i < count; i++) {
      peer.send(
        (s) => {
          syn(s);
          s.destinationPort = port;
        },
        IpAddress.v4(0xc6120000 + i),
      );
    }
    return peer.heard.splice(0).filter(({ segment }) => segment.flags === (SYN | ACK)).length;
  };
  return { peer, listener, device, flood };
}

describe('a flood of SYNs', () => {
  for (const traced of [true, false]) {
    const more = { traced };
    const name = traced ? ', seen by a trace' : '';

    it(`is answered whole as long as we keep up${name}`, () => {
      const { device, flood, peer } = flooded(more);
      expect(flood(80)).toBe(80);
      device.behind = 256;
      expect(flood(80)).toBe(80);
      expect(peer.stack.counters.TCPReqQFullDrop).toBe(0);
    });

    it(`is answered four times for its network and in one of 16 cases while we are behind, and whole again after${name}`, () => {
      const { device, flood, peer, listener } = flooded(more);
      flood(1);
      const { InSegs } = peer.stack.counters;
      device.behind = 257;
      expect(flood(84)).toBe(4 + 5);
      const { counters } = peer.stack;
      expect(counters).toMatchObject({ TCPReqQFullDrop: 75, ListenDrops: 75, InSegs: InSegs + 84 });
      expect(counters.drops['SYN queue full']).toBe(75);
      expect(listener.overflows).toBe(75);
      expect(peer.story.filter((line) => line === 'drop SYN queue full').length).toBe(traced ? 75 : 0);
      device.behind = 0;
      expect(flood(80)).toBe(80);
    });

    it(`leaves those alone who connected before, and handshakes that go on${name}`, () => {
      const { device, flood, peer, listener } = flooded(more);
      // By a cookie, while there is time.
      peer.send(from(10));
      const first = peer.next();
      flood(1);
      device.behind = 1000;
      flood(8);
      peer.send(ack(first.seq, 10));
      expect(listener.acceptQueue).toBe(1);
      for (let port = 11; port < 31; port++) {
        flood(1);
        peer.send(from(port));
        peer.send(ack(peer.next().seq, port));
      }
      expect(listener.acceptQueue).toBe(21);
      // Long after, it is nobody.
      peer.wait(2 * HOUR);
      peer.send(from(31));
      expect(listener.synQueue).toBe(1);
      peer.send(from(32));
      peer.heard.length = 0;
      let answered = 0;
      for (let port = 40; port < 76; port++) peer.send(from(port));
      answered = peer.heard.filter(({ segment }) => segment.flags === (SYN | ACK)).length;
      expect(answered).toBe(4 + 2);
    });

    it(`of one network leaves others what they need, each second${name}`, () => {
      const { device, flood, peer } = flooded(more);
      flood(1);
      device.behind = 1000;
      flood(100);
      const answeredOf = (count: number) => {
        for (let i = 0; i < count; i++) peer.send(syn, IpAddress.v4(0x0b000001 + (i << 8)));
        return peer.heard.splice(0).length;
      };
      // Some fall on the place of another one.
      for (let i = 0; i < 4; i++) expect(answeredOf(100)).toBeGreaterThan(95);
      expect(answeredOf(100)).toBeLessThan(15);
      peer.wait(SECOND);
      peer.heard.length = 0;
      expect(answeredOf(100)).toBeGreaterThan(95);
    });

    it(`is of one listener, and does not touch another${name}`, () => {
      const { device, flood, peer } = flooded(more);
      device.behind = 1000;
      flood(16);
      peer.stack.listen({ port: 81 });
      expect(flood(2, 81)).toBe(2);
      // Nobody listens: a reset, as ever.
      peer.send((s) => {
        syn(s);
        s.destinationPort = 82;
      });
      expect(peer.next().flags).toBe(RST | ACK);
    });

    it(`is answered whole where that is asked for${name}`, () => {
      const { device, flood } = flooded({ ...more, config: { synBacklogFrames: Number.POSITIVE_INFINITY } });
      device.behind = 100_000;
      expect(flood(80)).toBe(80);
    });
  }

  it('is answered by IPv6 as by IPv4', () => {
    const { device, peer } = flooded({ traced: false });
    peer.send(from(10), THEIRS[6]);
    peer.send(ack(peer.next().seq, 10), THEIRS[6]);
    device.behind = 1000;
    let answered = 0;
    for (let i = 0; i < 40; i++) {
      peer.send(syn, ip(`2001:db8:7:${i}::1`));
      peer.send(from(100 + i), THEIRS[6]);
      const heard = peer.heard.splice(0).filter(({ segment }) => segment.flags === (SYN | ACK));
      answered += heard.filter(({ to }) => !to.equals(THEIRS[6])).length;
      expect(heard.some(({ to }) => to.equals(THEIRS[6]))).toBe(true);
    }
    expect(answered).toBe(4 + 2);
  });

  it('is told from SYNs for another listener of the port, that came later for one address', () => {
    const peer = new RawPeer({ traced: false, config: { tcp_max_syn_backlog: 2 } });
    const only = peer.stack.listen({ port: 80, family: 6 });
    const device = peer.pair.b as { behind?: number };
    for (let port = 1; port < 4; port++) peer.send(from(port), THEIRS[6]);
    device.behind = 1000;
    for (let port = 4; port < 8; port++) peer.send(from(port), THEIRS[6]);
    peer.heard.length = 0;
    peer.send(from(8), THEIRS[6]);
    expect([peer.heard.length, only.overflows]).toEqual([0, 1]);
    only.close();
    peer.heard.length = 0;
    peer.stack.listen({ port: 80, family: 6 });
    peer.send(from(9), THEIRS[6]);
    expect(peer.next().flags).toBe(SYN | ACK);
  });
});
