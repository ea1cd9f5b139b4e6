import { describe, expect, it } from 'vitest';
import type { RouteMetrics } from '../../src/ip/routes.ts';
import { PathMtuCache } from '../../src/stack/path-mtu.ts';
import type { TcpSocket } from '../../src/stack/socket.ts';
import { linux, type TcpConfig } from '../../src/tcp/config.ts';
import { ACK, type Segment, SYN } from '../../src/wire/segment.ts';
import { add, seq } from '../../src/wire/seq.ts';
import { ip, RawPeer, THEIRS } from './support/raw-peer.ts';
import { world } from './support/world.ts';

const SECOND = 1_000_000;

describe('PathMtuCache', () => {
  it('forgets what is old, and the oldest where there are too many', () => {
    const cache = new PathMtuCache(600 * SECOND);
    cache.set(ip('10.0.0.1'), 1000, 0);
    expect(cache.get(ip('10.0.0.1'), 599 * SECOND)).toBe(1000);
    expect(cache.get(ip('10.0.0.2'), 0)).toBe(Number.POSITIVE_INFINITY);
    expect(cache.get(ip('10.0.0.1'), 600 * SECOND)).toBe(Number.POSITIVE_INFINITY);
    for (let i = 0; i < 10_000; i++) cache.set(ip(`10.1.${i >> 8}.${i & 255}`), 1000, 0);
    expect(cache.size).toBe(4096);
    expect(cache.get(ip('10.1.39.15'), 0)).toBe(1000);
  });
});

describe('the path MTU of a stack', () => {
  for (const family of [4, 6] as const) {
    it(`RFC 1191 §3, §6.3: is learnt by one connection for all to the same place, until it is old: IPv${family}`, () => {
      const peer = new RawPeer();
      const sockets: TcpSocket[] = [];
      peer.stack.listen({ port: 80 }, (s) => sockets.push(s));
      const from = THEIRS[family];
      let port = 4000;
      const open = (): TcpSocket => {
        const mine = port++;
        const own = (s: Segment): void => {
          s.sourcePort = mine;
        };
        peer.send((s) => {
          own(s);
          s.flags = SYN;
          s.seq = seq(1000);
          s.mss = 1440;
        }, from);
        const synAck = peer.next();
        expect(synAck.mss).toBe(family === 4 ? 1460 : 1440);
        peer.send((s) => {
          own(s);
          s.flags = ACK;
          s.seq = seq(1001);
          s.ack = add(synAck.seq, 1);
        }, from);
        return sockets.at(-1)!;
      };
      const firstLength = (socket: TcpSocket): number => {
        socket.send(new Uint8Array(3000));
        peer.turn();
        return peer.heard[0]!.segment.payloadLength;
      };
      expect(firstLength(open())).toBe(1440);
      const { packet } = peer.heard[0]!;
      peer.heard.length = 0;
      // Somebody who guesses: the number is not in flight.
      const forged = packet.slice();
      const at = (family === 4 ? 20 : 40) + 4;
      forged[at] = forged[at]! ^ 0x40;
      peer.complain(forged, 'packet too big', family === 4 ? 4 : 0, 1300);
      expect(peer.heard.length).toBe(0);
      peer.complain(packet, 'packet too big', family === 4 ? 4 : 0, 1300);
      const room = 1300 - (family === 4 ? 40 : 60);
      expect(peer.heard[0]!.segment.payloadLength).toBe(room);
      peer.heard.length = 0;
      const second = open();
      peer.heard.length = 0;
      expect(firstLength(second)).toBe(room);
      second.abort();
      peer.wait(601 * SECOND);
      peer.heard.length = 0;
      const third = open();
      peer.heard.length = 0;
      expect(firstLength(third)).toBe(1440);
    });
  }
});

describe('the MSS that is announced', () => {
  it('RFC 9293 SHLD-6, RFC 6691 §2: is what the interface can take, whatever the path carries', () => {
    for (const mtu of [576, 1500, 9000]) {
      const peer = new RawPeer({ mtu });
      const socket = peer.stack.connect({ remoteAddress: THEIRS[4], remotePort: 9, localPort: 7 });
      peer.turn();
      expect(peer.heard.at(-1)!.segment.mss).toBe(mtu - 40);
      const { packet, segment } = peer.heard.at(-1)!;
      peer.complain(packet, 'packet too big', 4, 560);
      peer.stack.connect({ remoteAddress: THEIRS[4], remotePort: 10 });
      peer.turn();
      expect(peer.heard.at(-1)!.segment.mss).toBe(mtu - 40);
      expect(segment.flags).toBe(SYN);
      socket.abort();
    }
  });
});

/** A connection from left to right over a route of left's that says so much. */
function over(metrics: RouteMetrics, config: TcpConfig = { ...linux, tcp_timestamps: false }) {
  const made = world({ config });
  const route = (said: RouteMetrics): void => made.left.addRoute(ip('10.0.0.2'), 32, made.tee, said);
  route(metrics);
  const accepted: TcpSocket[] = [];
  made.right.listen({ port: 7 }, (socket) => accepted.push(socket));
  const client = made.left.connect({ remoteAddress: ip('10.0.0.2'), remotePort: 7 });
  made.run(SECOND);
  const server = accepted[0]!;
  const longest = (): number => {
    const most = Math.max(...made.carried.map(({ length }) => length));
    made.carried.length = 0;
    return most;
  };
  return { ...made, client, server, route, longest };
}

/** ip-route(8)'s `mtu`, `advmss`, `initcwnd`. */
describe('what a route says of the way behind it', () => {
  it('advmss is what SYNs announce: the peer sends no more', () => {
    const { server, client } = over({ advmss: 600 });
    expect([server.info().tcpi_snd_mss, client.info().tcpi_snd_mss]).toEqual([600, 1460]);
  });

  it('mtu bounds packets', () => {
    const { client, server, longest, run } = over({ mtu: 700 });
    client.send(new Uint8Array(5000));
    run(2 * SECOND);
    expect([longest(), server.readable]).toEqual([700, 5000]);
  });

  it('initcwnd is the initial window', () => {
    const { client, server } = over({ initcwnd: 3 });
    expect([client.info().tcpi_snd_cwnd, server.info().tcpi_snd_cwnd]).toEqual([3, 10]);
  });

  it('connections that are open follow a change, down and up', () => {
    const { client, server, longest, route, run } = over({ mtu: 700 });
    route({ mtu: 600 });
    client.send(new Uint8Array(5000));
    run(2 * SECOND);
    expect(longest()).toBe(600);
    route({});
    client.send(new Uint8Array(5000));
    run(3 * SECOND);
    expect([longest(), server.readable]).toEqual([1500, 10_000]);
  });

  it('those to elsewhere do not', () => {
    const { left, client, longest, tee, run } = over({});
    left.addRoute(ip('10.0.0.3'), 32, tee, { mtu: 600 });
    client.send(new Uint8Array(5000));
    run(2 * SECOND);
    expect(longest()).toBe(1500);
  });

  it('with tcp_mtu_probing the longer packets of a better way are tried first', () => {
    const config = { ...linux, tcp_timestamps: false, tcp_mtu_probing: 2, tcp_base_mss: 512 } as const;
    const { client, longest, carried, route, run } = over({ mtu: 640, initcwnd: 11 }, config);
    expect(client.info().tcpi_snd_mss).toBe(600);
    longest();
    route({ mtu: 1500 });
    client.send(new Uint8Array(4000));
    run(2 * SECOND);
    expect(carried.slice(0, 3).map(({ length }) => length)).toEqual([1026, 640, 640]);
    expect(client.info().tcpi_snd_mss).toBe(986);
  });
});
