/** From a SYN to an accepted connection: half-open records, SYN cookies, deferred accept, overflow. */
import { describe, expect, it } from 'vitest';
import type { TcpSocket } from '../../src/stack/socket.ts';
import { IpAddress } from '../../src/wire/address.ts';
import { ACK, CWR, ECE, FIN, PSH, RST, type Segment, SYN } from '../../src/wire/segment.ts';
import { add, type Seq, seq } from '../../src/wire/seq.ts';
import { ip, RawPeer, THEIRS } from './support/raw-peer.ts';

const SECOND = 1_000_000;

function syn(s: Segment): void {
  s.flags = SYN;
  s.seq = seq(1000);
  s.mss = 1400;
}

function ack(theirs: Seq, change: (s: Segment) => void = () => {}) {
  return (s: Segment): void => {
    s.flags = ACK;
    s.seq = seq(1001);
    s.ack = theirs;
    change(s);
  };
}

describe('half-open connections', () => {
  it('are records until the third segment, whose states are those of RFC 9293 figure 6', () => {
    for (const from of [THEIRS[4], THEIRS[6]]) {
      const peer = new RawPeer();
      const sockets: TcpSocket[] = [];
      const listener = peer.stack.listen({ port: 80 }, (s) => sockets.push(s));
      peer.send(syn, from);
      expect(listener.synQueue).toBe(1);
      expect(peer.stack.stats()).toMatchObject({ connections: 1, halfOpen: 1, timers: 1 });
      expect(peer.stack.connections()[1]).toMatchObject({ state: 'SYN-RECEIVED', remotePort: 4000, retries: 0 });
      const answer = peer.next();
      peer.send(ack(add(answer.seq, 1)), from);
      expect([listener.synQueue, sockets.length]).toEqual([0, 1]);
      expect(peer.stack.stats()).toMatchObject({ connections: 1, halfOpen: 0 });
      expect(peer.story).toEqual(['CLOSED → LISTEN', 'LISTEN → SYN-RECEIVED', 'SYN-RECEIVED → ESTABLISHED']);
    }
  });

  it('keep what the SYNs agreed on', () => {
    const peer = new RawPeer({ config: { tcp_ecn: 1 } });
    const sockets: TcpSocket[] = [];
    peer.stack.listen({ port: 80 }, (s) => sockets.push(s));
    const { mine, theirs } = peer.open((s) => {
      s.flags |= ECE | CWR;
      s.mss = 1000;
      s.windowScale = 3;
      s.sackPermitted = true;
      s.hasTimestamps = true;
      s.tsVal = 1;
    });
    sockets[0]!.send(new Uint8Array(3000));
    peer.turn();
    const first = peer.next();
    expect([first.seq, first.payloadLength, first.ecn]).toEqual([theirs, 988, 2]);
    expect([first.hasTimestamps, first.tsEcr]).toEqual([true, 2]);
    // A hole: SACK tells of it.
    peer.heard.length = 0;
    peer.send((s) => {
      ack(theirs)(s);
      s.seq = add(mine, 10);
      s.hasTimestamps = true;
      s.tsVal = 3;
      s.bytes = new Uint8Array(5);
      s.payloadLength = 5;
    });
    expect(peer.next().sackCount).toBe(1);
  });

  it('send their SYN,ACK again at doubling intervals, and are given up', () => {
    const peer = new RawPeer();
    const listener = peer.stack.listen({ port: 80 });
    peer.send(syn);
    const start = peer.time.now;
    const first = peer.next();
    for (const at of [1, 3, 7, 15, 31]) {
      peer.wait(start + at * SECOND - peer.time.now);
      const [again] = peer.heard.splice(0);
      expect([again!.at, again!.segment.seq, again!.segment.flags]).toEqual([
        start + at * SECOND,
        first.seq,
        SYN | ACK,
      ]);
    }
    expect(peer.stack.connections()[1]).toMatchObject({ retries: 5 });
    peer.wait(40 * SECOND);
    expect(peer.heard).toEqual([]);
    expect([listener.synQueue, peer.stack.stats().connections, peer.stack.stats().timers]).toEqual([0, 0, 0]);
    expect(peer.stack.counters.TCPSynRetrans).toBe(5);
    expect(peer.story.at(-1)).toBe('SYN-RECEIVED → CLOSED');
  });

  it('answer a repeated SYN by the same SYN,ACK, a RST by going, a wrong ACK by a RST', () => {
    const peer = new RawPeer();
    const listener = peer.stack.listen({ port: 80 });
    peer.send(syn);
    const first = peer.next();
    peer.wait(300_000);
    peer.send(syn);
    const again = peer.next();
    expect([again.flags, again.seq, again.ack]).toEqual([SYN | ACK, first.seq, first.ack]);
    peer.send(ack(add(first.seq, 100)));
    expect(peer.next()).toMatchObject({ flags: RST, seq: add(first.seq, 100) });
    expect(listener.synQueue).toBe(1);
    // RFC 5961 §3: inside the window but not at RCV.NXT: a challenge ACK.
    peer.send((s) => {
      s.flags = RST;
      s.seq = seq(1500);
    });
    expect(peer.next()).toMatchObject({ flags: ACK, seq: add(first.seq, 1) });
    peer.send((s) => {
      s.flags = RST;
      s.seq = seq(1001);
    });
    expect([listener.synQueue, peer.heard.length]).toEqual([0, 0]);
    expect(peer.story.slice(-2)).toEqual(['SYN-RECEIVED → LISTEN', 'drop RST']);
  });

  it('limit the answers to nonsense', () => {
    const peer = new RawPeer();
    peer.stack.listen({ port: 80 });
    peer.send(syn);
    const theirs = add(peer.next().seq, 1);
    const nonsense = ack(theirs, (s) => {
      s.seq = seq(-100_000);
    });
    for (let i = 0; i < 3; i++) peer.send(nonsense);
    expect(peer.heard.length).toBe(1);
    peer.wait(600_000);
    peer.send(nonsense);
    expect(peer.heard.length).toBe(2);
  });

  it('take text and FIN with the third segment', () => {
    const peer = new RawPeer();
    const sockets: TcpSocket[] = [];
    peer.stack.listen({ port: 80 }, (s) => sockets.push(s));
    peer.send(syn);
    peer.send(
      ack(add(peer.next().seq, 1), (s) => {
        s.flags |= FIN | PSH;
        s.bytes = Uint8Array.from([7, 8, 9]);
        s.payloadLength = 3;
      }),
    );
    expect(sockets[0]!.receive()).toEqual(Uint8Array.from([7, 8, 9]));
    expect(sockets[0]!.ended).toBe(true);
    expect(peer.story.at(-1)).toBe('ESTABLISHED → CLOSE-WAIT');
  });

  it('are forgotten when their listener closes: who goes on hears a RST', () => {
    const peer = new RawPeer();
    const listener = peer.stack.listen({ port: 80 });
    peer.stack.listen({ port: 81 });
    peer.send(syn);
    peer.send((s) => {
      syn(s);
      s.destinationPort = 81;
    });
    const { seq: iss } = peer.next();
    peer.heard.length = 0;
    listener.close();
    peer.turn();
    expect(peer.heard).toEqual([]);
    expect(peer.stack.stats().halfOpen).toBe(1);
    peer.send(ack(add(iss, 1)));
    expect(peer.next()).toMatchObject({ flags: RST, seq: add(iss, 1), sourcePort: 80 });
    peer.stack.close();
    expect(peer.stack.stats()).toMatchObject({ connections: 0, timers: 0 });
  });

  it('are forgotten where ICMP says that nobody can be reached, if it quotes the SYN,ACK', () => {
    const peer = new RawPeer();
    const listener = peer.stack.listen({ port: 80 });
    peer.send(syn);
    const { packet } = peer.heard[0]!;
    const other = packet.slice();
    other[27]! ^= 1;
    peer.icmp(3, 1, other);
    expect(listener.synQueue).toBe(1);
    peer.icmp(3, 3, packet);
    expect(listener.synQueue).toBe(1);
    peer.icmp(3, 1, packet);
    expect([listener.synQueue, peer.stack.stats().halfOpen]).toEqual([0, 0]);
  });

  it('measure a round trip only where the SYN,ACK was sent once (Karn)', () => {
    const srtt = (lost: boolean): number => {
      const peer = new RawPeer();
      const sockets: TcpSocket[] = [];
      peer.stack.listen({ port: 80 }, (s) => sockets.push(s));
      peer.send(syn);
      const theirs = add(peer.next().seq, 1);
      peer.wait(lost ? 1_200_000 : 50_000);
      peer.send(ack(theirs));
      return (sockets[0] as unknown as { tcb: { srtt: number } }).tcb.srtt;
    };
    expect(srtt(false)).toBe(50_000);
    expect(srtt(true)).toBe(0);
  });

  it('tcp_abort_on_overflow: whoever cannot be accepted is reset; else their ACK counts as lost', () => {
    for (const abort of [false, true]) {
      const peer = new RawPeer({ config: { tcp_abort_on_overflow: abort } });
      const listener = peer.stack.listen({ port: 80, backlog: 0 });
      const half = [4000, 4001].map((port) => {
        peer.send((s) => {
          syn(s);
          s.sourcePort = port;
        });
        return { port, theirs: add(peer.next().seq, 1) };
      });
      for (const { port, theirs } of half) {
        peer.send(
          ack(theirs, (s) => {
            s.sourcePort = port;
          }),
        );
      }
      expect(listener.acceptQueue).toBe(1);
      expect(peer.stack.counters.ListenOverflows).toBe(1);
      expect(listener.synQueue).toBe(abort ? 0 : 1);
      expect(peer.heard.map((h) => h.segment.flags)).toEqual(abort ? [RST | ACK] : []);
    }
  });
});

describe('deferred accept', () => {
  it('a connection is accepted when it brings text', () => {
    const peer = new RawPeer();
    const sockets: TcpSocket[] = [];
    peer.stack.listen({ port: 80, deferAccept: 5 * SECOND }, (s) => sockets.push(s));
    const { theirs } = peer.open();
    expect(sockets.length).toBe(0);
    expect(peer.stack.counters.TCPDeferAcceptDrop).toBe(1);
    peer.wait(2 * SECOND);
    expect(peer.heard).toEqual([]);
    peer.send(
      ack(theirs, (s) => {
        s.bytes = Uint8Array.from([1]);
        s.payloadLength = 1;
      }),
    );
    expect(sockets[0]!.receive()).toEqual(Uint8Array.from([1]));
  });

  it('or when the time is over: the SYN,ACK goes out once more, and its ACK counts', () => {
    const peer = new RawPeer();
    const sockets: TcpSocket[] = [];
    peer.stack.listen({ port: 80, deferAccept: 5 * SECOND }, (s) => sockets.push(s));
    const { theirs } = peer.open();
    const start = peer.time.now;
    peer.wait(8 * SECOND);
    expect(peer.heard.map((h) => (h.at - start) / SECOND)).toEqual([7]);
    peer.send(ack(theirs));
    expect(sockets.length).toBe(1);
  });
});

describe('SYN cookies (RFC 4987 §3.6)', () => {
  const options = (s: Segment): void => {
    s.windowScale = 9;
    s.sackPermitted = true;
    s.hasTimestamps = true;
    s.tsVal = 1;
  };

  it('keep nothing, and yet MSS, window scale, SACK and ECN', () => {
    for (const from of [THEIRS[4], THEIRS[6]]) {
      const peer = new RawPeer({ config: { tcp_syncookies: 2, tcp_ecn: 1 } });
      const sockets: TcpSocket[] = [];
      peer.stack.listen({ port: 80 }, (s) => sockets.push(s));
      peer.send((s) => {
        syn(s);
        options(s);
        s.flags |= ECE | CWR;
      }, from);
      expect(peer.stack.stats()).toMatchObject({ connections: 0, halfOpen: 0, timers: 0 });
      const answer = peer.next();
      expect(answer).toMatchObject({ flags: SYN | ACK | ECE, sackPermitted: true, windowScale: 10 });
      peer.wait(1000);
      peer.send(
        ack(add(answer.seq, 1), (s) => {
          s.hasTimestamps = true;
          s.tsVal = 2;
          s.tsEcr = answer.tsVal;
          s.wnd = 100;
        }),
        from,
      );
      expect(sockets.length).toBe(1);
      const { tcb } = sockets[0] as unknown as { tcb: Record<string, unknown> };
      const sndMss = from.family === 4 ? 1300 : 1220;
      expect(tcb).toMatchObject({ sndMss, sndWindScale: 9, sndWnd: 100 << 9, sackOk: true, ecn: 1, timestamps: true });
      expect(peer.stack.counters).toMatchObject({ SyncookiesSent: 1, SyncookiesRecv: 1, SyncookiesFailed: 0 });
      expect(peer.story).toEqual(['CLOSED → LISTEN', 'LISTEN → SYN-RECEIVED', 'SYN-RECEIVED → ESTABLISHED']);
    }
  });

  it('without timestamps agree on none of them', () => {
    const peer = new RawPeer({ config: { tcp_syncookies: 2 } });
    const sockets: TcpSocket[] = [];
    peer.stack.listen({ port: 80 }, (s) => sockets.push(s));
    peer.send((s) => {
      syn(s);
      s.windowScale = 9;
      s.sackPermitted = true;
    });
    const answer = peer.next();
    expect(answer).toMatchObject({ windowScale: -1, sackPermitted: false, mss: 1460 });
    peer.send(ack(add(answer.seq, 1)));
    const { tcb } = sockets[0] as unknown as { tcb: Record<string, unknown> };
    expect(tcb).toMatchObject({ sndMss: 1300, sndWindScale: 0, sackOk: false });
  });

  it('take the text of an ACK that was late, for two minutes', () => {
    for (const [late, taken] of [
      [55 * SECOND, true],
      [125 * SECOND, false],
    ] as const) {
      const peer = new RawPeer({ config: { tcp_syncookies: 2 } });
      const sockets: TcpSocket[] = [];
      peer.stack.listen({ port: 80 }, (s) => sockets.push(s));
      peer.send(syn);
      const theirs = add(peer.next().seq, 1);
      peer.wait(late);
      peer.send(
        ack(theirs, (s) => {
          s.bytes = Uint8Array.from([5]);
          s.payloadLength = 1;
        }),
      );
      expect(sockets.length).toBe(taken ? 1 : 0);
      if (taken) expect(sockets[0]!.receive()).toEqual(Uint8Array.from([5]));
      else {
        expect(peer.next()).toMatchObject({ flags: RST, seq: theirs });
        expect(peer.stack.counters.SyncookiesFailed).toBe(1);
      }
    }
  });

  it('are no good for a segment that is not the next: what was lost before it would never be read', () => {
    const peer = new RawPeer({ config: { tcp_syncookies: 2 } });
    const sockets: TcpSocket[] = [];
    peer.stack.listen({ port: 80 }, (s) => sockets.push(s));
    peer.send(syn);
    const theirs = add(peer.next().seq, 1);
    // Our MSS is the last of four: the first three of these are what Linux takes for another one's cookie.
    for (const late of [1, 2, 3, 4]) {
      peer.send(
        ack(theirs, (s) => {
          s.seq = add(s.seq, late);
          s.flags |= FIN;
        }),
      );
      expect(peer.next(), `${late} late`).toMatchObject({ flags: RST, seq: theirs });
    }
    expect(sockets.length).toBe(0);
    peer.send(ack(theirs));
    expect(sockets.length).toBe(1);
  });

  it('cannot be guessed, nor moved to another four-tuple', () => {
    const peer = new RawPeer({ config: { tcp_syncookies: 2 } });
    const sockets: TcpSocket[] = [];
    peer.stack.listen({ port: 80 }, (s) => sockets.push(s));
    peer.send(syn);
    const theirs = add(peer.next().seq, 1);
    for (let i = 1; i < 2000; i++) peer.send(ack(seq(i * 2_147_483)));
    peer.send(
      ack(theirs, (s) => {
        s.sourcePort = 4001;
      }),
    );
    peer.send(
      ack(theirs, (s) => {
        s.seq = seq(2000);
      }),
    );
    expect(sockets.length).toBe(0);
    peer.send(ack(theirs));
    expect(sockets.length).toBe(1);
  });

  it('tcp_syncookies 1: only where the SYN queue is full; 0: never', () => {
    for (const cookies of [0, 1] as const) {
      const peer = new RawPeer({ config: { tcp_syncookies: cookies, tcp_max_syn_backlog: 2 } });
      const warnings: string[] = [];
      peer.stack.onWarning = (w) => warnings.push(w.kind);
      const listener = peer.stack.listen({ port: 80 });
      for (let i = 0; i < 4; i++) {
        peer.send((s) => {
          syn(s);
          s.sourcePort = 5000 + i;
        });
      }
      expect(listener.synQueue).toBe(2);
      expect(peer.stack.counters.SyncookiesSent).toBe(cookies === 1 ? 2 : 0);
      expect(peer.stack.counters.TCPReqQFullDrop).toBe(cookies === 1 ? 0 : 2);
      expect(warnings).toEqual(['SYN flood']);
      // Without a cookie in the last two minutes, an ACK brings none back.
      peer.send(ack(seq(77)));
      expect(peer.stack.counters.SyncookiesFailed).toBe(cookies);
    }
  });

  it('200,000 spoofed SYNs a second: memory stays as it is, and every legitimate connection is made', () => {
    const answers: { port: number; theirs: Seq; tsVal: number }[] = [];
    const onFrame = ({ bytes, offset }: { bytes: Uint8Array; offset: number }): void => {
      if (bytes[offset + 19] !== 9) return;
      const at = offset + 20;
      const number = (i: number): number => new DataView(bytes.buffer, bytes.byteOffset + at).getInt32(i);
      const port = (bytes[at + 2]! << 8) | bytes[at + 3]!;
      if (bytes[at + 13] === (SYN | ACK)) answers.push({ port, theirs: add(seq(number(4)), 1), tsVal: number(28) });
    };
    const peer = new RawPeer({ onFrame, traced: false });
    const sockets: TcpSocket[] = [];
    const listener = peer.stack.listen({ port: 80, backlog: 1000 }, (s) => sockets.push(s));
    const client = ip('10.0.0.9');
    const bytes: number[] = [];
    let spoofed = 0;
    // A second, in milliseconds: 200 spoofed SYNs in each, and every fifth a client, who answers 20 ms later.
    for (let ms = 0; ms < 1000; ms++) {
      for (let i = 0; i < 200; i++) {
        spoofed++;
        peer.queue(
          (s) => {
            syn(s);
            options(s);
            s.sourcePort = 1024 + (spoofed % 60_000);
          },
          new IpAddress(4, 0, 0, 0xffff, (0xac100000 + Math.imul(spoofed, 2_654_435_761 >>> 12)) & 0xac1fffff),
        );
        if (i % 50 === 49) peer.turn();
      }
      if (ms % 5 === 0 && ms < 970) {
        peer.queue((s) => {
          syn(s);
          options(s);
          s.sourcePort = 10_000 + ms;
        }, client);
      }
      peer.turn();
      if (ms >= 20) {
        for (const { port, theirs, tsVal } of answers.splice(0)) {
          peer.queue(
            ack(theirs, (s) => {
              s.sourcePort = port;
              s.hasTimestamps = true;
              s.tsVal = 2;
              s.tsEcr = tsVal;
            }),
            client,
          );
        }
      }
      peer.wait(1000);
      bytes.push(peer.stack.stats().halfOpenBytes);
    }
    expect(spoofed).toBe(200_000);
    expect(listener.synQueue).toBeLessThanOrEqual(4096);
    expect(Math.max(...bytes)).toBeLessThan(400_000);
    // Flat, but for a page that is just begun, or left.
    expect(Math.abs(bytes.at(-1)! - bytes[100]!)).toBeLessThan(25_000);
    expect(sockets.length).toBe(194);
    expect(peer.stack.stats().connections).toBeLessThanOrEqual(4096 + 194);
    const scales = sockets.map((s) => (s as unknown as { tcb: { sndWindScale: number } }).tcb.sndWindScale);
    expect(new Set(scales)).toEqual(new Set([9]));
  }, 60_000);
});
