/** TCP Fast Open, the connection's side: RFC 7413. What a client remembers of servers is the stack's (`test/stack/fast-open-cache.test.ts`). */
import { describe, expect, it } from 'vitest';
import { openActive } from '../../src/tcp/connection.ts';
import { FastOpen } from '../../src/tcp/fast-open.ts';
import { type Ladder, type LadderOptions, ladder, ourByte } from '../support/ladder.ts';

const COOKIE = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);

/** A client whose SYN carries the first of `queued` bytes, as many as a segment of `mss` has room for. */
function client(queued: number, { mss = 1460, ...options }: LadderOptions & { mss?: number } = {}): Ladder {
  const t = ladder({ ...options, role: 'closed', prepare: (tcb) => (tcb.fastOpen = new FastOpen(COOKIE, false, mss)) });
  const text = Uint8Array.from({ length: queued }, (_, i) => ourByte(i));
  t.user.sent = queued;
  t.event('OPEN active, with text', () => openActive(t.tcb, t.now, text));
  return t;
}

describe('RFC 7413 §4.2.1 text on a SYN', () => {
  it('is taken: the SYN,ACK acknowledges it, and what follows goes on behind it', () => {
    const t = client(3000);
    t.expect('S 0:1420');
    t.peer('S. 0:0 ack 1421 <mss 1460,sackOK>');
    expect(t.drain().map((r) => r.segment.payloadLength)).toEqual([1460, 120]);
    expect(t.counters.TCPFastOpenActive).toBe(1);
    expect(t.tcb.fastOpen!.taken).toBe(true);
  });

  it('is lost where the SYN,ACK is for the SYN alone: it goes again as it was, pushed, and cwnd stays', () => {
    const t = client(6000);
    t.expect('S 0:1420');
    t.peer('S. 0:0 ack 1 <mss 1460,sackOK>');
    t.expect('P. 1:1421 ack 1');
    t.expect('. 1421:2881 ack 1');
    t.drain();
    expect(t.tcb.cwnd).toBe(14_600);
    expect([t.counters.TCPFastOpenActiveFail, t.counters.RetransSegs, t.tcb.totalRetrans]).toEqual([1, 1, 1]);
    t.peer('. 1:1 ack 6001');
    expect(t.tcb.recovery).toBe('open');
    expect(t.tcb.cwnd).toBeGreaterThanOrEqual(14_600);
    expect(t.tcb.ssthresh).toBe(0x7fffffff);
  });

  it('is lost in part', () => {
    const t = client(1000);
    t.expect('S 0:1000');
    t.peer('S. 0:0 ack 401 <mss 1460>');
    t.expect('P. 401:1001 ack 1');
    expect(t.tcb.fastOpen!.taken).toBe(false);
  });

  it('and lost again: the loss is found as any other', () => {
    const t = client(6000);
    t.expect('S 0:1420');
    t.wait(0.02);
    t.peer('S. 0:0 ack 1 <mss 1460,sackOK>');
    t.drain();
    t.wait(0.02);
    t.peer('. 1:1 ack 1 <sack 1421:6001>');
    t.expect('P. 1:1421 ack 1');
  });

  it('RFC 9293 MUST-10: stays where SYNs cross, and is not sent again before the SYN is acknowledged', () => {
    const t = client(1000);
    t.expect('S 0:1000');
    t.peer('S 0:0 <mss 1460,sackOK>');
    t.expect('S. 0:0 ack 1');
    // The peer took it.
    t.peer('S. 0:0 ack 1001 <mss 1460,sackOK>');
    t.state('ESTABLISHED');
    t.expect('. 1001:1001 ack 1 <sack 0:1>');
    expect(t.counters.TCPFastOpenActive).toBe(1);
    // An older ACK on its text is no reason to leave the text.
    t.peer('P. 1:501 ack 1000');
    t.drain();
    expect(t.user.receive()).toBe(500);
  });

  it('and where the peer that crossed took none of it, it goes again then', () => {
    const t = client(1000);
    t.expect('S 0:1000');
    t.peer('S 0:0 <mss 1460>');
    t.expect('S. 0:0 ack 1');
    t.peer('S. 0:0 ack 1 <mss 1460>');
    t.expect('P. 1:1001 ack 1');
  });

  it('RFC 1191 §6.4: a SYN that was too long for the path goes again at once without it, and cwnd is not small for that', () => {
    const t = client(1000);
    t.expect('S 0:1000');
    t.wait(0.01);
    t.icmp({ failure: 'message too long', hard: true, mtu: 800 });
    const syn = t.expect('S 0:0 <mss 1460,sackOK,TS val * ecr 0,wscale 5>');
    expect(syn.segment.fastOpenLength).toBe(-1);
    t.peer('S. 0:0 ack 1 <mss 1460>');
    expect(t.drain().map((r) => r.segment.payloadLength)).toEqual([760, 240]);
    expect(t.tcb.cwnd).toBe(7600);
  });

  it('announcePathMss: that SYN announces what is known of the path, as with Linux; else RFC 6691 §2', () => {
    const t = client(1000, { config: { announcePathMss: true } });
    t.expect('S 0:1000 <mss 1460,sackOK,TS val * ecr 0,wscale 5>');
    t.icmp({ failure: 'message too long', hard: true, mtu: 800 });
    t.expect('S 0:0 <mss 760,sackOK,TS val * ecr 0,wscale 5>');
  });

  it('RFC 1191 §6.4: without text on it a SYN cannot have been too long', () => {
    const t = ladder({ role: 'active' });
    t.expect('S 0:0');
    t.icmp({ failure: 'message too long', hard: true, mtu: 800 });
    t.expectSilence(0.9);
    t.peer('S. 0:0 ack 1 <mss 1460>');
    t.expect('. 1:1 ack 1');
    expect(t.tcb.sndMss).toBe(760);
  });
});

describe('RFC 7413 §4.2.2 a server that has taken a SYN’s text', () => {
  function server(inHand: boolean): Ladder {
    const accepted = new FastOpen(null, true, 0);
    accepted.inHand = inHand;
    const t = ladder({ prepare: (tcb) => (tcb.fastOpen = accepted) });
    t.peer('S 0:10 <mss 1460>');
    t.expect('S. 0:0 ack 11');
    t.state('SYN-RECEIVED');
    return t;
  }

  it('RFC 9293 §3.9.2.2: an ICMP error ends what no application holds yet, and the text can still be read', () => {
    const t = server(false);
    t.icmp({ failure: 'host unreachable', hard: false });
    t.state('CLOSED');
    expect(t.tcb.failure).toBe('host unreachable');
    expect(t.user.receive()).toBe(10);
  });

  it('RFC 5927 §5.2: one that is in hand survives it', () => {
    const t = server(true);
    t.icmp({ failure: 'host unreachable', hard: false });
    t.state('SYN-RECEIVED');
    expect(t.told()).toContain('ADVICE');
  });

  it('a RST ends it, and the text can still be read', () => {
    const t = server(true);
    t.peer('R. 11:11 ack 1');
    t.state('CLOSED');
    expect(t.tcb.failure).toBe('reset');
    expect(t.user.receive()).toBe(10);
  });
});
