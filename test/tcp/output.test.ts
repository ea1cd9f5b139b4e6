/** What leaves, and when: Nagle, silly segments, PUSH, aggregation; RFC 9293 §3.7.4, §3.9.1.2. Segment sizes: §3.7.1. */
import { describe, expect, it } from 'vitest';
import { IpAddress } from '../../src/wire/address.ts';
import { established, ladder } from '../support/ladder.ts';

describe('RFC 9293 §3.7.4 Nagle', () => {
  it('RFC 9293 SHLD-7: a second small segment waits for the ACK of the first; what gathers meanwhile goes as one (SHLD-27, MAY-16)', () => {
    const t = established();
    t.user.send(10);
    t.expect('P. 1:11 ack 1');
    t.user.send(10);
    t.user.send(10);
    t.expectSilence();
    t.peer('. 1:1 ack 11');
    t.expect('P. 11:31 ack 1');
  });

  it('RFC 9293 SHLD-7: full segments do not wait, nor does the small end of a long text behind them (Minshall)', () => {
    const t = established();
    t.user.send(3000);
    t.expect('. 1:1461 ack 1');
    t.expect('. 1461:2921 ack 1');
    t.expect('P. 2921:3001 ack 1');
    t.user.send(10);
    t.expectSilence();
    t.user.send(1460);
    t.expect('. 3001:4461 ack 1');
  });

  it('RFC 9293 MUST-17: Nagle can be switched off', () => {
    const t = established({ prepare: (tcb) => (tcb.noDelay = true) });
    t.user.send(10);
    t.expect('P. 1:11 ack 1');
    t.user.send(10);
    t.expect('P. 11:21 ack 1');
  });

  it('RFC 9293 §3.7.4: CLOSE does not let the last text wait', () => {
    const t = established();
    t.user.send(10);
    t.expect('P. 1:11 ack 1');
    t.user.send(10);
    t.expectSilence();
    t.user.close();
    t.expect('FP. 11:21 ack 1');
  });

  it('RFC 9293 MUST-60: a corked connection holds a short segment, but not for ever', () => {
    const t = established({ prepare: (tcb) => (tcb.cork = true) });
    t.user.send(10);
    t.expectSilence(0.19);
    t.expect('P. 1:11 ack 1', 0.2);
    t.peer('. 1:1 ack 11');
    t.user.send(1470);
    t.expect('. 11:1471 ack 1');
  });
});

describe('RFC 9293 §3.9.1.2 PUSH and sizes', () => {
  it('RFC 9293 MUST-61: PSH is set on the last segment of what is queued, and on no other', () => {
    const t = established();
    t.user.send(4000);
    t.expect('. 1:1461 ack 1');
    t.expect('. 1461:2921 ack 1');
    t.expect('P. 2921:4001 ack 1');
  });

  it('RFC 9293 §3.9.1.2: what the application says goes on is not pushed', () => {
    const t = established({ prepare: (tcb) => (tcb.noDelay = true) });
    t.tcb.more = true;
    t.user.send(100);
    t.expect('. 1:101 ack 1');
    t.tcb.more = false;
    t.user.send(100);
    t.expect('P. 101:201 ack 1');
  });

  it('a burst ends with PSH where it is to be pushed, as with Linux', () => {
    const t = established({ config: { pushBursts: true, initialWindow: 2 } });
    t.user.send(40_000);
    t.expect('. 1:1461 ack 1');
    t.expect('P. 1461:2921 ack 1');
  });

  it('RFC 9293 SHLD-28: segments are as large as they may be, whatever the sizes of SENDs', () => {
    const t = established();
    t.user.send(10);
    t.expect('P. 1:11 ack 1');
    const sent: number[] = [];
    for (let i = 0; i < 50; i++) {
      t.user.send(100);
      sent.push(...t.drain().map((r) => r.segment.payloadLength));
    }
    t.peer('. 1:1 ack 11');
    sent.push(...t.drain().map((r) => r.segment.payloadLength));
    expect(sent).toEqual([1460, 1460, 1460, 620]);
  });

  it('RFC 9293 MUST-15: without the option the peer takes 536 bytes (IPv4)', () => {
    const t = established({ mss: null });
    t.user.send(600);
    t.expect('. 1:537 ack 1');
    t.expect('P. 537:601 ack 1');
  });

  it('RFC 9293 MUST-14, MUST-16, RFC 1122 §3.3.3: the peer’s MSS less our options, never more than our path carries', () => {
    const small = established({ mss: 500, ts: true });
    small.user.send(1000);
    small.expect('. 1:489 ack 1');
    small.expect('. 489:977 ack 1');
    const large = established({ mss: 9000 });
    large.user.send(3000);
    large.expect('. 1:1461 ack 1');
  });

  it('RFC 9293 MUST-16: SACK blocks take room from text', () => {
    const t = established({ sack: true });
    t.peer('. 101:201 ack 1');
    t.expect('. 1:1 ack 1 <sack 101:201>');
    t.user.send(1460);
    t.expect('. 1:1449 ack 1 <sack 101:201>');
  });

  it('RFC 9293 MUST-14: an MSS of 0 or next to nothing does not make us send headers only', () => {
    for (const mss of [0, 1, 47]) {
      const t = established({ mss });
      t.user.send(100);
      t.expect('. 1:49 ack 1');
    }
  });

  it('RFC 9293 SHLD-5, MAY-3, MUST-67, RFC 6691 §2: every SYN announces what the path’s MTU leaves for text', () => {
    const t = ladder({ role: 'active', prepare: (tcb) => (tcb.rcvMss = 8960) });
    t.expect('S 0:0 <mss 8960,sackOK,TS val * ecr 0,wscale 5>');
  });

  it('RFC 9293 MUST-15, MUST-67: over IPv6 the numbers are 1220 and 1440', () => {
    const six = (n: number) => new IpAddress(6, 0x20010db8, 0, 0, n);
    const t = ladder({ addresses: [six(1), six(2)] });
    t.peer('S 0:0 <>');
    t.expect('S. 0:0 ack 1 <mss 1440>');
    t.peer('. 1:1 ack 1');
    t.user.send(1300);
    t.expect('. 1:1221 ack 1');
  });

  it('RFC 9293 MUST-65: options of SYNs are on SYNs only (the invariants look at every segment)', () => {
    const t = established({ ts: true, sack: true, wscale: 7 });
    t.user.send(10);
    t.expect('P. 1:11 ack 1 <TS val * ecr *>');
  });

  it('RFC 9293 §3.1: text that a device segments (GSO) is told in one piece, with the size of each', () => {
    const t = established({ prepare: (tcb) => (tcb.gsoMax = 65_536) });
    t.user.send(7000);
    const { segment } = t.expect('P. 1:7001 ack 1');
    expect(segment.gsoSize).toBe(1460);
    expect(segment.wireSegments).toBe(5);
  });
});
