import { describe, expect, it } from 'vitest';
import { pipe } from '../../../src/tcp/loss/pipe.ts';
import { ack, flight, hear, MSS } from './support/flight.ts';

const noSack = { sack: false, config: { tcp_congestion_control: 'reno' } } as const;

describe('a peer without SACK', () => {
  it('RFC 3042 §2, RFC 5681 §3.2 step 1: the first two duplicates let a new segment out each; cwnd stays', () => {
    const t = flight({ segments: 30, ...noSack });
    t.at(1.1);
    expect(hear(t, ack(0))).toEqual(['10']);
    expect(hear(t, ack(0))).toEqual(['11']);
    expect(t.tcb.cwnd).toBe(10 * MSS);
  });

  it('RFC 3042 §2: not beyond the window of the peer', () => {
    const t = flight({ segments: 30, win: 10 * MSS, wscale: 0, ...noSack });
    t.at(1.1);
    expect(hear(t, ack(0))).toEqual([]);
  });

  it('RFC 5681 §3.2 step 2: the third is a loss, with one reduction to half the flight that cwnd allowed', () => {
    const t = flight({ segments: 30, ...noSack });
    t.at(1.1);
    hear(t, ack(0), ack(0));
    expect(hear(t, ack(0))).toEqual(['again 0']);
    expect(t.tcb.ssthresh).toBe(5 * MSS);
    expect(t.counters.TCPFastRetrans).toBe(1);
  });

  it('RFC 6582 §3.2 step 3: a partial ACK sends the next hole again, and only that; the full one ends recovery', () => {
    const t = flight({ ...noSack });
    t.at(1.1);
    // 0, 3 and 6 are lost: seven duplicates.
    expect(hear(t, ...new Array(7).fill(ack(0)))).toEqual(['again 0']);
    t.at(1.2);
    expect(hear(t, ack(3))).toEqual(['again 3']);
    t.at(1.3);
    expect(hear(t, ack(6))).toEqual(['again 6']);
    t.at(1.4);
    expect(hear(t, ack(10))).toEqual([]);
    expect([t.tcb.recovery, t.tcb.cwnd, t.counters.RetransSegs, t.counters.TCPTimeouts]).toEqual(['open', 5000, 3, 0]);
  });

  it('RFC 6582 §3.2 step 1: duplicates of what recovery sent again begin no other one', () => {
    const t = flight({ segments: 20, ...noSack });
    t.at(1.1);
    hear(t, ...new Array(9).fill(ack(0)));
    const out = t.tcb.sndNxt;
    t.at(1.2);
    hear(t, ack(12));
    expect(t.tcb.recovery).toBe('open');
    const { ssthresh } = t.tcb;
    expect(out).not.toBe(t.tcb.sndNxt);
    hear(t, ...new Array(5).fill(ack(12)));
    expect([t.tcb.recovery, t.tcb.ssthresh]).toEqual(['open', ssthresh]);
    // Something beyond is acknowledged: duplicates count again.
    hear(t, ...new Array(4).fill(ack(13)));
    expect(t.tcb.recovery).toBe('fast');
    t.drain();
  });

  it('RFC 5681 §3.2: more duplicates than segments are out make nothing of themselves', () => {
    const t = flight({ segments: 30, ...noSack });
    t.at(1.1);
    hear(t, ...new Array(100).fill(ack(0)));
    expect(t.tcb.dupAckBytes).toBeLessThan(30 * MSS);
    expect(t.tcb.prrOut).toBeLessThanOrEqual(t.tcb.prrDelivered);
  });

  it('RFC 5681 §3.1: after a time-out all counts as lost, and duplicates of what went again let nothing more out', () => {
    const t = flight({ ...noSack, config: { ...noSack.config, tcp_frto: 0, tcp_early_retrans: 0 } });
    t.expect('. 1:1001 ack 1', 1.4);
    expect(hear(t, ...new Array(5).fill(ack(0)))).toEqual([]);
    expect([t.tcb.dupAckBytes, pipe(t.tcb)]).toEqual([0, MSS]);
    t.at(1.5);
    expect(hear(t, ack(1))).toEqual(['again 1', 'again 2']);
    // Of these one arrives twice: what is out is out still.
    expect(hear(t, ack(2), ack(2))).toEqual(['again 3', 'again 4']);
    expect(pipe(t.tcb)).toBe(3 * MSS);
  });
});
