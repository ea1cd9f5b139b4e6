/** TCP Fast Open (RFC 7413): client and server, with each other and with a peer that is told what to send. */
import { describe, expect, it } from 'vitest';
import { Pair } from '../../src/link/pair.ts';
import { FastOpenCache } from '../../src/stack/fast-open-cache.ts';
import type { TcpListener, TcpSocket } from '../../src/stack/socket.ts';
import { Stack } from '../../src/stack/stack.ts';
import { linux, type TcpConfig } from '../../src/tcp/config.ts';
import { FastOpenCookies, parseFastOpenKey } from '../../src/tcp/fast-open.ts';
import { rfc9293 } from '../../src/tcp/profiles.ts';
import { ESTABLISHED, SYN_RECEIVED } from '../../src/tcp/state.ts';
import { ACK, RST, Segment, SYN } from '../../src/wire/segment.ts';
import { add, seq } from '../../src/wire/seq.ts';
import { VirtualTime } from '../support/virtual-host.ts';
import { ip, OURS, RawPeer, THEIRS } from './support/raw-peer.ts';

const SECOND = 1_000_000;
const text = (s: string): Uint8Array => new TextEncoder().encode(s);
const cookieOf = (s: Segment): Uint8Array => s.fastOpenCookie.slice(0, s.fastOpenLength);

function withCookie(cookie: Uint8Array, payload: string) {
  return (s: Segment): void => {
    s.flags = SYN;
    s.seq = seq(1000);
    s.mss = 1460;
    s.fastOpenLength = cookie.length;
    s.fastOpenCookie.set(cookie);
    s.bytes = text(payload);
    s.payloadLength = payload.length;
  };
}

function ackOf(synAck: Segment, after: number) {
  return (s: Segment): void => {
    s.flags = ACK;
    s.seq = seq(1001 + after);
    s.ack = add(synAck.seq, 1);
  };
}

describe('Fast Open as a server', () => {
  function server(queue = 2) {
    const peer = new RawPeer({ config: { tcp_fastopen: 3 } });
    const sockets: TcpSocket[] = [];
    const listener = peer.stack.listen({ port: 80, fastOpen: queue }, (s) => sockets.push(s));
    peer.send(withCookie(new Uint8Array(0), ''));
    const cookie = cookieOf(peer.next());
    peer.send((s) => {
      s.flags = RST;
      s.seq = seq(1001);
    });
    expect(sockets.length).toBe(0);
    return { peer, sockets, cookie, listener: listener as TcpListener & { fastOpenPending: number } };
  }

  it('RFC 7413 §4.1.2: gives a cookie to whom asks, the same to one address, another to another', () => {
    const { peer, cookie } = server();
    expect(cookie.length).toBe(8);
    peer.send(withCookie(new Uint8Array(0), ''));
    expect(cookieOf(peer.next())).toEqual(cookie);
    peer.send(withCookie(new Uint8Array(0), ''), ip('10.0.0.77'));
    expect(cookieOf(peer.next())).not.toEqual(cookie);
  });

  it('RFC 7413 §4.2.2: takes the text of a SYN with a good cookie, and answers before the handshake is done', () => {
    const { peer, sockets, cookie, listener } = server();
    peer.send(withCookie(cookie, 'GET'));
    expect(sockets.length).toBe(1);
    const socket = sockets[0]!;
    expect([socket.state, listener.fastOpenPending]).toEqual([SYN_RECEIVED, 1]);
    expect(socket.receive()).toEqual(text('GET'));
    const synAck = peer.next();
    expect([synAck.flags, synAck.ack, synAck.fastOpenLength]).toEqual([SYN | ACK, seq(1004), -1]);
    socket.send(text('200 OK'));
    peer.turn();
    const answer = peer.next();
    expect([answer.seq, answer.payloadLength]).toEqual([add(synAck.seq, 1), 6]);
    peer.send(ackOf(synAck, 3));
    expect([socket.state, listener.fastOpenPending]).toEqual([ESTABLISHED, 0]);
    expect(peer.stack.counters.TCPFastOpenPassive).toBe(1);
  });

  it('RFC 7413 §4.2.2: leaves the text of a SYN with a wrong cookie, and gives the right one', () => {
    const { peer, sockets, cookie } = server();
    const wrong = cookie.slice();
    wrong[3] = wrong[3]! ^ 1;
    peer.send(withCookie(wrong, 'GET'));
    const synAck = peer.next();
    expect([synAck.ack, cookieOf(synAck), sockets.length]).toEqual([seq(1001), cookie, 0]);
    expect(peer.stack.counters.TCPFastOpenPassiveFail).toBe(1);
  });

  it('RFC 7413 §5.1: accepts no more than so many at once', () => {
    const { peer, sockets, cookie } = server(2);
    for (let i = 0; i < 3; i++) {
      peer.send((s) => {
        withCookie(cookie, 'GET')(s);
        s.sourcePort = 7000 + i;
      });
    }
    expect(sockets.length).toBe(2);
    expect(peer.stack.counters.TCPFastOpenListenOverflow).toBe(1);
    expect(peer.heard.map((h) => h.segment.ack)).toEqual([seq(1004), seq(1004), seq(1001)]);
  });

  it('sends the SYN,ACK again, then gives up, and the application hears of it', () => {
    const { peer, sockets, cookie, listener } = server();
    peer.send(withCookie(cookie, 'GET'));
    const log: unknown[] = [];
    sockets[0]!.events = { onClose: (f) => log.push(f) };
    peer.wait(70 * SECOND);
    expect(peer.heard.map((h) => h.segment.flags)).toEqual(new Array(6).fill(SYN | ACK));
    expect(log).toEqual(['timed out']);
    expect([listener.fastOpenPending, peer.stack.stats().connections]).toEqual([0, 0]);
  });

  it('a RST ends it for the application too', () => {
    const { peer, sockets, cookie } = server();
    peer.send(withCookie(cookie, 'GET'));
    const log: unknown[] = [];
    sockets[0]!.events = { onClose: (f) => log.push(f) };
    peer.send((s) => {
      s.flags = RST;
      s.seq = seq(1004);
    });
    expect(log).toEqual(['reset']);
  });

  it('is off unless tcp_fastopen and the listener say so', () => {
    for (const [bits, queue] of [
      [1, 5],
      [3, 0],
    ] as const) {
      const peer = new RawPeer({ config: { tcp_fastopen: bits } });
      peer.stack.listen({ port: 80, fastOpen: queue });
      peer.send(withCookie(new Uint8Array(0), ''));
      expect(peer.next().fastOpenLength).toBe(-1);
    }
    const peer = new RawPeer({ config: { tcp_fastopen: 0x602 } });
    const sockets: TcpSocket[] = [];
    peer.stack.listen({ port: 80 }, (s) => sockets.push(s));
    peer.send(withCookie(new Uint8Array(0), 'GET'));
    expect(sockets[0]!.receive()).toEqual(text('GET'));
  });
});

describe('Fast Open as a client', () => {
  const cookie = Uint8Array.from([9, 8, 7, 6, 5, 4, 3, 2]);
  function connect(peer: RawPeer, data = 'GET'): TcpSocket {
    const socket = peer.stack.connect({ remoteAddress: THEIRS[4], remotePort: 80, fastOpen: true, data: text(data) });
    peer.turn();
    return socket;
  }
  /** The peer's SYN,ACK to the SYN. */
  function answer(peer: RawPeer, syn: Segment, acked: number, give?: Uint8Array): void {
    peer.send((s) => {
      s.sourcePort = 80;
      s.destinationPort = syn.sourcePort;
      s.flags = SYN | ACK;
      s.seq = seq(500);
      s.ack = add(syn.seq, 1 + acked);
      s.mss = 1200;
      if (give !== undefined) {
        s.fastOpenLength = give.length;
        s.fastOpenCookie.set(give);
      }
    });
  }
  /** A peer whose cookie we have. */
  function known(config = {}): RawPeer {
    const peer = new RawPeer({ config });
    const socket = connect(peer);
    const syn = peer.next();
    expect([syn.fastOpenLength, syn.payloadLength]).toEqual([0, 0]);
    answer(peer, syn, 0, cookie);
    expect(peer.next().payloadLength).toBe(3);
    socket.abort();
    peer.turn();
    peer.heard.length = 0;
    return peer;
  }

  it('RFC 7413 §4.1.1: asks for a cookie first; the text follows the handshake', () => {
    known();
  });

  it('RFC 7413 §4.2.1: with a cookie the text leaves on the SYN', () => {
    const peer = known();
    const socket = connect(peer);
    const syn = peer.next();
    expect([syn.flags, cookieOf(syn), syn.payloadLength]).toEqual([SYN, cookie, 3]);
    answer(peer, syn, 3);
    const ack = peer.next();
    expect([ack.flags & ACK, ack.seq, ack.payloadLength]).toEqual([ACK, add(syn.seq, 4), 0]);
    expect([socket.state, socket.unacknowledged, socket.bytesSent]).toEqual([ESTABLISHED, 0, 3]);
    expect(peer.stack.counters.TCPFastOpenActive).toBe(1);
  });

  it('RFC 7413 §4.2.1: carries no more than the MSS that the server told last time; what is left follows', () => {
    const peer = known();
    connect(peer, 'x'.repeat(3000));
    const syn = peer.next();
    expect(syn.payloadLength).toBe(1160);
    answer(peer, syn, 1160);
    const rest = peer.heard.map((h) => h.segment.payloadLength);
    expect(rest.reduce((a, b) => a + b, 0)).toBe(1840);
  });

  it('RFC 7413 §4.2.1: text that was not acknowledged with the SYN is sent again at once', () => {
    for (const acked of [0, 1]) {
      const peer = known();
      const socket = connect(peer);
      const syn = peer.next();
      answer(peer, syn, acked);
      const again = peer.next();
      expect([again.seq, again.payloadLength]).toEqual([add(syn.seq, 1 + acked), 3 - acked]);
      expect(peer.stack.counters.TCPFastOpenActiveFail).toBe(1);
      expect([socket.unacknowledged, socket.bytesSent]).toEqual([3 - acked, 3]);
    }
  });

  it('RFC 7413 §4.1.3.1: a SYN sent again has neither option nor text; a late SYN,ACK to the first still counts', () => {
    const peer = known();
    const socket = connect(peer);
    const syn = peer.next();
    peer.wait(SECOND);
    const again = peer.next();
    expect([again.flags, again.fastOpenLength, again.payloadLength]).toEqual([SYN, -1, 0]);
    answer(peer, syn, 3);
    expect([socket.state, socket.unacknowledged]).toEqual([ESTABLISHED, 0]);
  });

  it('RFC 7413 §4.1.3.1: where it seems to be dropped it is left out for a while', () => {
    const peer = known();
    const round = (): number => {
      const socket = connect(peer);
      const syn = peer.next();
      if (syn.fastOpenLength > 0) {
        peer.wait(SECOND);
        peer.next();
      }
      answer(peer, syn, 0);
      socket.abort();
      peer.turn();
      peer.heard.length = 0;
      return syn.fastOpenLength;
    };
    expect([round(), round(), round()]).toEqual([8, 8, -1]);
    peer.wait(241 * SECOND);
    expect(round()).toBe(8);
  });

  it('is nowhere used for a while after a black hole (tcp_fastopen_blackhole_timeout_sec)', () => {
    const peer = known({ tcp_fastopen_blackhole_timeout_sec: 3600 * SECOND });
    connect(peer);
    peer.next();
    peer.wait(10 * SECOND);
    expect(peer.stack.counters.TCPFastOpenBlackhole).toBe(1);
    peer.heard.length = 0;
    connect(peer);
    expect(peer.next().fastOpenLength).toBe(-1);
  });

  it('is off where tcp_fastopen says so', () => {
    const peer = new RawPeer({ config: { tcp_fastopen: 0 } });
    connect(peer);
    expect(peer.next().fastOpenLength).toBe(-1);
  });

  it('our own server: the second connection has its answer one round trip after its SYN', () => {
    for (const to of ['10.0.0.2', 'fd00::2']) {
      const time = new VirtualTime();
      const pair = new Pair();
      const config = { ...linux, tcp_fastopen: 3 };
      const left = new Stack({ host: time.host(), config });
      const right = new Stack({ host: time.host(), config });
      left.addDevice(pair.a, [
        { address: ip('10.0.0.1'), prefixLength: 24 },
        { address: ip('fd00::1'), prefixLength: 64 },
      ]);
      right.addDevice(pair.b, [
        { address: OURS[4], prefixLength: 24 },
        { address: OURS[6], prefixLength: 64 },
      ]);
      const run = () => time.run((now) => pair.pump(now), time.now + 1000);
      right.listen({ port: 80, fastOpen: 10 }, (socket) => {
        const serve = () => {
          for (let b = socket.receive(); b !== null; b = socket.receive()) socket.send(b);
        };
        socket.events = { onReadable: serve, onEnd: () => socket.shutdown() };
        serve();
      });
      for (let i = 0; i < 2; i++) {
        const got: string[] = [];
        const client = left.connect({ remoteAddress: ip(to), remotePort: 80, fastOpen: true, data: text('hello') });
        client.events = {
          onReadable: () => {
            for (let b = client.receive(); b !== null; b = client.receive()) got.push(new TextDecoder().decode(b));
          },
        };
        run();
        expect(got.join('')).toBe('hello');
        client.close();
        run();
      }
      expect(right.counters.TCPFastOpenPassive).toBe(1);
      expect(left.counters.TCPFastOpenActive).toBe(1);
    }
  });
});

describe('FastOpenCache', () => {
  it('remembers the servers used last, and no more than its limit', () => {
    const cache = new FastOpenCache({ ...linux, tcp_fastopen: 1, tcp_fastopen_blackhole_timeout_sec: 0 });
    const synAck = new Segment();
    synAck.flags = SYN | ACK;
    synAck.mss = 1400;
    synAck.fastOpenLength = 4;
    const server = (i: number) => ip(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`);
    for (let i = 0; i < 5000; i++) {
      cache.answered(server(i), synAck, true, false, 0);
      cache.answered(server(0), synAck, true, false, 0);
    }
    expect([0, 1, 4999].map((i) => cache.ask(server(i), 0)!.cookie!.length)).toEqual([4, 0, 4]);
  });
});

describe('a server that neither takes text nor gives a cookie', () => {
  const synAck = new Segment();
  synAck.flags = SYN | ACK;
  const refused = (profile: TcpConfig) => {
    const cache = new FastOpenCache(profile);
    cache.answered(THEIRS[4], synAck, false, false, 0);
    return cache;
  };
  it('RFC 7413 §4.1.3.1: is not asked again for a while, where negative answers are remembered', () => {
    const cache = refused(rfc9293);
    expect(cache.ask(THEIRS[4], rfc9293.fastOpenRefusal - 1)).toBeNull();
    expect(cache.ask(THEIRS[4], rfc9293.fastOpenRefusal)?.cookie).toHaveLength(0);
    cache.answered(THEIRS[4], synAck, false, false, 0);
    cache.clear();
    expect(cache.ask(THEIRS[4], 0)).not.toBeNull();
  });
  it('is, with Linux’s choices', () => expect(refused(linux).ask(THEIRS[4], 0)?.cookie).toHaveLength(0));
});

describe('FastOpenCookies', () => {
  it('are those of a Linux machine with the same key', () => {
    const key = parseFastOpenKey('a1a1a1a1-b2b2b2b2-c3c3c3c3-d4d4d4d4')!;
    const tuple = { localAddress: ip('192.168.0.1'), localPort: 80, remoteAddress: ip('192.0.2.1'), remotePort: 1 };
    expect(Buffer.from(new FastOpenCookies(key).of(tuple)).toString('hex')).toBe('3021b9d889017eeb');
    expect(Buffer.from(new FastOpenCookies(new Uint8Array(16)).of(tuple)).toString('hex')).toBe('b7c12350a90dc8f5');
    expect(parseFastOpenKey('a1a1a1a1')).toBeNull();
  });
  it('differ by key', () => {
    const tuple = { localAddress: OURS[4], localPort: 80, remoteAddress: THEIRS[4], remotePort: 1 };
    const of = (n: number) => new FastOpenCookies(new Uint8Array(16).fill(n)).of(tuple);
    expect(of(1)).not.toEqual(of(2));
    expect(of(1)).toEqual(of(1));
  });
});
