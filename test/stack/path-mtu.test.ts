import { describe, expect, it } from 'vitest';
import { PathMtuCache } from '../../src/stack/path-mtu.ts';
import type { TcpSocket } from '../../src/stack/socket.ts';
import { ACK, type Segment, SYN } from '../../src/wire/segment.ts';
import { add, seq } from '../../src/wire/seq.ts';
import { ip, RawPeer, THEIRS } from './support/raw-peer.ts';

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
