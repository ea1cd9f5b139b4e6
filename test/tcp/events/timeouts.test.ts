/** The retransmission timer as a whole: RFC 6298 §5, Karn, R1 and R2 of RFC 9293 §3.8.3, the user time-out. */
import { describe, expect, it } from 'vitest';
import { rfc9293 } from '../../../src/tcp/profiles.ts';
import { established, inState } from '../../support/ladder.ts';

describe('RFC 6298 §5 the retransmission timer', () => {
  it('RFC 9293 MUST-18, MUST-19, RFC 6298 §5.1, §5.4–§5.6: the earliest segment goes again after RTO, then after twice that', () => {
    const t = established();
    t.user.send(10);
    t.expect('P. 1:11 ack 1');
    for (const at of [0.2, 0.6, 1.4, 3, 6.2]) t.expect('P. 1:11 ack 1', at);
    t.peer('. 1:1 ack 11');
    t.expectSilence(100);
  });

  it('RFC 6298 §2.4: by the letter of the RFC RTO is no less than a second', () => {
    const t = established({ config: rfc9293 });
    t.user.send(10);
    t.expect('P. 1:11 ack 1');
    t.expect('P. 1:11 ack 1', 1);
  });

  it('RFC 6298 §5.2, §5.3: an ACK of new text starts the timer again, the last one stops it', () => {
    const t = established({ config: { tcp_sack: false } });
    t.user.send(1460 * 2);
    t.expect('. 1:1461 ack 1');
    t.expect('P. 1461:2921 ack 1');
    t.at(0.15);
    t.peer('. 1:1 ack 1461');
    const rto = t.tcb.rto;
    t.expect('P. 1461:2921 ack 1', 0.15 + rto / 1e6);
    t.peer('. 1:1 ack 2921');
    t.expectSilence(100);
  });

  it('RFC 6298 §3, Karn: no round trip is measured from what was sent twice', () => {
    const t = established();
    const before = t.tcb.srtt;
    t.user.send(10);
    t.expect('P. 1:11 ack 1');
    t.expect('P. 1:11 ack 1', 0.2);
    t.at(0.21);
    t.peer('. 1:1 ack 11');
    expect(t.tcb.srtt).toBe(before);
  });

  it('RFC 6298 §3, RFC 7323 §4.1: unless timestamps tell which of the two was answered', () => {
    const t = established({ ts: true });
    t.user.send(10);
    const first = t.expect('P. 1:11 ack 1');
    t.expect('P. 1:11 ack 1', 0.2);
    t.at(0.3);
    t.peer(`. 1:1 ack 11 <TS val 400 ecr ${first.segment.tsVal}>`);
    expect(t.tcb.rttvar).toBeGreaterThan(50_000);
  });

  it('RFC 9293 §3.8.1: a retransmission says what is true now: ACK, window, timestamps', () => {
    const t = established({ ts: true });
    t.user.send(10);
    t.expect('P. 1:11 ack 1 <TS val 1000 ecr 1>');
    t.at(0.1);
    t.peer('. 1:6 ack 1');
    t.expect('. 11:11 ack 6');
    t.expect('P. 1:11 ack 6 <TS val * ecr 101>', 0.2);
  });
});

describe('RFC 9293 §3.8.3 giving up', () => {
  it('RFC 9293 MUST-20, SHLD-9, SHLD-10: R1 (three retransmissions) is told to the application, R2 ends the connection', () => {
    const t = established();
    t.user.send(10);
    t.expect('P. 1:11 ack 1');
    t.run(0.7);
    expect(t.told()).toEqual([]);
    t.run(1.5);
    // SHLD-9: between R1 and R2.
    expect(t.told()).toEqual(['ADVICE']);
    expect(t.tcb.softError).toBe('retransmitting');
    t.run(2000);
    t.state('CLOSED');
    expect(t.tcb.failure).toBe('timed out');
    expect(t.told()).toEqual(['OVER']);
    expect(t.counters.TCPAbortOnTimeout).toBe(1);
  });

  it('RFC 9293 SHLD-11: R2 is no less than 100 s, in both profiles', () => {
    for (const config of [{}, rfc9293]) {
      const t = established({ config });
      t.user.send(10);
      t.expect('P. 1:11 ack 1');
      t.run(100);
      t.state('ESTABLISHED');
    }
  });

  it('RFC 9293 MUST-21, §3.10.8: the application’s user time-out is R2; queues are flushed', () => {
    const t = established({ prepare: (tcb) => (tcb.userTimeout = 5_000_000) });
    t.user.send(10);
    t.expect('P. 1:11 ack 1');
    t.run(4.9);
    t.state('ESTABLISHED');
    t.run(10);
    t.state('CLOSED');
    expect(t.tcb.failure).toBe('timed out');
    expect(t.tcb.sendBuffer.length).toBe(0);
  });

  it('RFC 9293 MUST-21: and of a SYN', () => {
    const t = inState('SYN-SENT', { prepare: (tcb) => (tcb.userTimeout = 2_000_000) });
    t.run(10);
    t.state('CLOSED');
  });

  it('RFC 9293 §3.8.3: opening may be bounded by time instead, as with FreeBSD', () => {
    const t = inState('SYN-SENT', { config: { openTimeout: 10_000_000 } });
    t.run(9.9);
    t.state('SYN-SENT');
    t.run(10.1);
    t.state('CLOSED');
    expect(t.tcb.failure).toBe('timed out');
  });

  it('RFC 9293 §3.8.3: an orphan is given up sooner', () => {
    const t = established();
    t.user.release();
    t.expect('F. 1:1 ack 1');
    expect(t.run(2000).length).toBe(8);
    t.state('CLOSED');
  });
});
