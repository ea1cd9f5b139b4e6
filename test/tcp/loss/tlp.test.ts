import { describe, expect, it } from 'vitest';
import { NEVER } from '../../../src/tcp/tcb.ts';
import { ack, flight, hear, MSS, taken } from './support/flight.ts';

describe('RFC 8985 §7 the tail loss probe', () => {
  it('RFC 8985 §7.2, §7.3: after two round trips the last segment again, then it is the turn of RTO', () => {
    const t = flight({ segments: 5 });
    t.expect('P. 4001:5001 ack 1', 1.202);
    expect(t.counters.TCPLossProbes).toBe(1);
    expect([t.counters.TCPTimeouts, t.tcb.cwnd]).toEqual([0, 10 * MSS]);
    t.expect('. 1:1001 ack 1', 1.602);
    expect(t.counters.TCPTimeouts).toBe(1);
  });

  it('RFC 8985 §7.2: for a single segment it waits for a delayed ACK as well', () => {
    const t = flight({ segments: 1, rto: 0.6 });
    t.expect('P. 1:1001 ack 1', 1.4);
  });

  it('RFC 8985 §7.2: never after RTO, whose place it takes then', () => {
    const t = flight({ segments: 1, rto: 0.25 });
    t.expect('P. 1:1001 ack 1', 1.25);
    expect([t.counters.TCPLossProbes, t.counters.TCPTimeouts]).toEqual([1, 0]);
    t.expect('P. 1:1001 ack 1', 1.5);
    expect([t.counters.TCPLossProbes, t.counters.TCPTimeouts]).toEqual([1, 1]);
  });

  it('RFC 8985 §7.3: new text where there is some, although cwnd is full', () => {
    const t = flight({ segments: 20 });
    t.expect('. 10001:11001 ack 1', 1.202);
    expect(t.tcb.cwnd).toBe(10 * MSS);
  });

  it('RFC 8985 §7.3: but not beyond the window of the peer', () => {
    const t = flight({ segments: 20, win: 10 * MSS, wscale: 0 });
    t.expect('. 9001:10001 ack 1', 1.202);
  });

  it('RFC 8985 §7.2: an ACK starts it again; one with SACK, and the end of the flight, stop it', () => {
    const t = flight({ segments: 5 });
    t.at(1.1);
    hear(t, ack(2));
    expect(t.tcb.tlpAt).toBeGreaterThan(t.now + 200_000 - 30_000);
    hear(t, ack(2, [3, 4]));
    expect(t.tcb.tlpAt).toBe(NEVER);
    hear(t, ack(5));
    expect(t.tcb.tlpAt).toBe(NEVER);
  });

  it('RFC 8985 §7.3: its SACK shows what else is missing: recovery, and no time-out', () => {
    const t = flight({ segments: 5 });
    t.at(1.1);
    hear(t, ack(2));
    t.run(1.41);
    expect(hear(t, ack(2, [4, 5]))).toEqual(['again 2']);
    expect(hear(t, ack(3, [4, 5]))).toEqual(['again 3']);
    hear(t, ack(5));
    expect(t.counters.TCPTimeouts).toBe(0);
    expect(t.counters.TCPFastRetrans).toBe(1);
  });

  it('RFC 8985 §7.4: a probe that repaired a loss is answered by one reduction', () => {
    const t = flight({ segments: 3 });
    t.expect('P. 2001:3001 ack 1', 1.202);
    t.at(1.3);
    hear(t, ack(3));
    t.user.send(MSS);
    expect(taken(t)).toEqual(['3']);
    const { cwnd } = t.tcb;
    t.at(1.4);
    hear(t, ack(4));
    expect(t.counters.TCPLossProbeRecovery).toBe(1);
    expect(t.tcb.cwnd).toBeLessThan(cwnd);
    expect(t.tcb.ssthresh).toBeLessThanOrEqual(cwnd);
  });

  it('RFC 8985 §7.4: a probe that was needless, by its D-SACK, is not', () => {
    const t = flight({ segments: 3 });
    t.expect('P. 2001:3001 ack 1', 1.202);
    t.at(1.21);
    hear(t, ack(3));
    t.at(1.3);
    hear(t, ack(3, [2, 3]));
    t.user.send(MSS);
    t.drain();
    const { cwnd } = t.tcb;
    t.at(1.4);
    hear(t, ack(4));
    expect(t.counters.TCPLossProbeRecovery).toBe(0);
    expect(t.tcb.cwnd).toBe(cwnd);
    expect(t.tcb.rack.multiplier).toBe(1);
  });

  it('RFC 8985 §7.1: not without SACK, nor with tcp_early_retrans 0', () => {
    for (const options of [{ sack: false }, { config: { tcp_early_retrans: 0 } }]) {
      const t = flight({ segments: 5, ...options });
      t.expect('. 1:1001 ack 1', 1.4);
      expect(t.counters.TCPLossProbes).toBe(0);
    }
  });
});
