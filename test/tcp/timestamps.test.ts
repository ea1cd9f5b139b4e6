/** The timestamps option and what it protects: RFC 7323 §3 to §5, §7.1. */
import { describe, expect, it } from 'vitest';
import { established, inState, ladder } from '../support/ladder.ts';

describe('RFC 7323 §3 timestamps', () => {
  it('RFC 7323 §3.2: agreed on by both SYNs, then on every segment; TSecr is 0 on the first', () => {
    const t = ladder({ role: 'active' });
    t.expect('S 0:0 <mss 1460,sackOK,TS val 1000 ecr 0,wscale 5>');
    t.peer('S. 0:0 ack 1 <mss 1460,TS val 77 ecr 1000>');
    t.expect('. 1:1 ack 1 <TS val 1000 ecr 77>');
    t.user.send(10);
    t.expect('P. 1:11 ack 1 <TS val 1000 ecr 77>');
    t.user.abort();
    t.expect('R. 11:11 ack 1 <TS val 1000 ecr 77>');
  });

  it('RFC 7323 §3.2: a SYN,ACK that echoes what no SYN of ours had answers another one: it is reset, and a later one is taken', () => {
    const t = ladder({ role: 'active' });
    t.expect('S 0:0 <mss 1460,sackOK,TS val 1000 ecr 0,wscale 5>');
    t.expect('S 0:0 <mss 1460,sackOK,TS val 2000 ecr 0,wscale 5>', 1);
    for (const ecr of [999, 2001, 9999, 0x80000000]) {
      t.peer(`S. 0:0 ack 1 <mss 1460,TS val 77 ecr ${ecr}>`);
      t.expect('R 1:1');
      t.state('SYN-SENT');
    }
    expect(t.counters.PAWSActive).toBe(4);
    // The first SYN's will do, and a peer that echoes nothing (§3.2: TSecr is 0 where there is nothing to echo).
    t.peer('S. 0:0 ack 1 <mss 1460,TS val 77 ecr 1000>');
    t.expect('. 1:1 ack 1');
    const zero = ladder({ role: 'active' });
    zero.expect('S 0:0');
    zero.peer('S. 0:0 ack 1 <mss 1460,TS val 77 ecr 0>');
    zero.expect('. 1:1 ack 1');
    zero.state('ESTABLISHED');
  });

  it('RFC 7323 §3.2: not offered, not used; switched off, not offered', () => {
    const t = established();
    t.user.send(1);
    t.expect('P. 1:2 ack 1 <>');
    const off = ladder({ role: 'active', config: { tcp_timestamps: false } });
    off.expect('S 0:0 <mss 1460,sackOK,wscale 5>');
  });

  it('RFC 7323 §3.2: a segment without them is dropped in silence, but a RST is not', () => {
    const t = established({ ts: true });
    t.peer('P. 1:11 ack 1 <>');
    t.expectSilence();
    expect(t.dropped()).toEqual(['timestamp missing']);
    t.peer('R 1:1 <>');
    t.state('CLOSED');
  });

  it('RFC 7323 §5.4: the clock ticks once a millisecond; §7.1: from an offset of the connection’s own', () => {
    const t = established({ ts: true, tsOffset: -1000 });
    t.wait(2);
    t.user.send(1);
    t.expect('P. 1:2 ack 1 <TS val 2000 ecr 1>');
  });

  it('RFC 7323 §4.3: TS.Recent follows segments at or before what was last acknowledged', () => {
    const t = established({ ts: true });
    t.peer('. 101:201 ack 1 <TS val 50 ecr 0>');
    t.expect('. 1:1 ack 1 <TS val * ecr 1>');
    t.peer('. 1:101 ack 1 <TS val 40 ecr 0>');
    t.expect('. 1:1 ack 201 <TS val * ecr 40>');
  });

  it('RFC 7323 §4.3, delayed ACK: the earliest of the segments that one ACK acknowledges is echoed', () => {
    const t = established({ ts: true, config: { quickAcks: 0 } });
    t.peer('. 1:1461 ack 1 <TS val 10 ecr 0>');
    t.peer('. 1461:2921 ack 1 <TS val 20 ecr 0>');
    t.expect('. 1:1 ack 2921 <TS val * ecr 10>');
  });

  it('RFC 7323 §4.3: a segment whose ACK is not acceptable leaves TS.Recent alone', () => {
    const t = established({ ts: true });
    t.peer('. 1:1 ack 100 <TS val 1000000 ecr 0>');
    t.expect('. 1:1 ack 1 <TS val * ecr 1>');
    t.peer('P. 1:11 ack 1 <TS val 5 ecr 0>');
    t.expect('. 1:1 ack 11 <TS val * ecr 5>');
  });

  it('RFC 7323 §4.1: a round trip is measured only from an ACK that moves SND.UNA', () => {
    const t = established({ ts: true });
    const { srtt } = t.tcb;
    t.wait(5);
    t.peer('P. 1:11 ack 1 <TS val 2000 ecr 1000>');
    t.expect('. 1:1 ack 11');
    expect(t.tcb.srtt).toBe(srtt);
  });
});

describe('RFC 7323 §5 PAWS', () => {
  it('RFC 7323 §5.3: an older timestamp: dropped, and acknowledged; not a RST', () => {
    const t = established({ ts: true });
    t.peer('P. 1:11 ack 1 <TS val 1000 ecr 0>');
    t.expect('. 1:1 ack 11');
    t.peer('P. 11:21 ack 1 <TS val 999 ecr 0>');
    t.expect('. 1:1 ack 11');
    expect(t.dropped()).toEqual(['PAWS']);
    expect(t.counters.PAWSEstab).toBe(1);
    t.peer('R 11:11 <TS val 5 ecr 0>');
    t.state('CLOSED');
  });

  it('RFC 7323 §5.3: an equal one is new enough, and across the wrap of the clock too', () => {
    const t = established({ ts: true });
    t.peer('P. 1:11 ack 1 <TS val 2147483648 ecr 0>');
    t.drain();
    t.dropped();
    const wrap = established({ ts: true });
    wrap.tcb.tsRecent = -2;
    wrap.peer('P. 1:11 ack 1 <TS val 4294967294 ecr 0>');
    wrap.expect('. 1:1 ack 11 <TS val * ecr 4294967294>');
    wrap.peer('P. 11:21 ack 1 <TS val 3 ecr 0>');
    wrap.expect('. 1:1 ack 21 <TS val * ecr 3>');
  });

  it('RFC 7323 §5.5: after 24 days of silence TS.Recent says nothing', () => {
    const t = established({ ts: true });
    t.peer('P. 1:11 ack 1 <TS val 1000 ecr 0>');
    t.expect('. 1:1 ack 11');
    t.at(25 * 86_400);
    t.peer('P. 11:21 ack 1 <TS val 7 ecr 0>');
    t.expect('. 1:1 ack 21 <TS val * ecr 7>');
  });

  it('RFC 7323 §5.3: in every synchronized state', () => {
    for (const name of ['SYN-RECEIVED', 'FIN-WAIT-1', 'FIN-WAIT-2', 'CLOSE-WAIT', 'CLOSING', 'LAST-ACK'] as const) {
      const t = inState(name, { ts: true });
      t.tcb.tsRecent = 1000;
      t.peer('F. 1:11 ack 1 <TS val 1 ecr 0>');
      expect(t.drain().length, name).toBe(1);
      t.state(name);
      expect(t.dropped(), name).toEqual(['PAWS']);
    }
  });
});
