import { describe, expect, it } from 'vitest';
import { reno } from '../../../src/tcp/congestion/reno.ts';
import { bareTcb, MSS } from './support/bare.ts';
import { fairness, Path } from './support/bottleneck.ts';

describe('RFC 5681 §3.1: slow start', () => {
  it('doubles cwnd in a round trip', () => {
    const tcb = bareTcb();
    tcb.cwnd = 10 * MSS;
    for (let i = 0; i < 10; i++) reno.grow(tcb, MSS, MSS, 0);
    expect(tcb.cwnd).toBe(20 * MSS);
  });

  it.each([
    [0, 44],
    [1, 1],
    [2, 2],
  ])('RFC 3465 §2.2: with L = %i an ACK of 44 segments grows it by %i', (abcLimit, segments) => {
    const tcb = bareTcb({ abcLimit });
    tcb.cwnd = 100 * MSS;
    reno.grow(tcb, 44 * MSS, MSS, 0);
    expect(tcb.cwnd).toBe((100 + segments) * MSS);
  });

  it('a receiver that acknowledges byte by byte gains nothing (RFC 3465 §2.2)', () => {
    const tcb = bareTcb();
    tcb.cwnd = 10 * MSS;
    for (let i = 0; i < MSS; i++) reno.grow(tcb, 1, MSS, 0);
    expect(tcb.cwnd).toBe(11 * MSS);
  });

  it('ends at ssthresh; what is left of the ACK counts for congestion avoidance', () => {
    const tcb = bareTcb();
    tcb.cwnd = 10 * MSS;
    tcb.ssthresh = 12 * MSS;
    reno.grow(tcb, 14 * MSS, MSS, 0);
    expect(tcb.cwnd).toBe(13 * MSS);
  });
});

describe('RFC 5681 §3.1: congestion avoidance', () => {
  it('RFC 3465 §2.1: one segment for each window of bytes acknowledged', () => {
    const tcb = bareTcb();
    tcb.cwnd = 10 * MSS;
    tcb.ssthresh = 10 * MSS;
    for (let i = 0; i < 9; i++) reno.grow(tcb, MSS, MSS, 0);
    expect(tcb.cwnd).toBe(10 * MSS);
    reno.grow(tcb, MSS, MSS, 0);
    expect(tcb.cwnd).toBe(11 * MSS);
    for (let i = 0; i < 11; i++) reno.grow(tcb, MSS, MSS, 0);
    expect(tcb.cwnd).toBe(12 * MSS);
  });

  it.each([
    [20, 20, 10],
    [20, 9, 4.5],
    [3, 3, 2],
    [10, 12, 5],
  ])('equation 4: cwnd %d, flight %d: ssthresh %d', (cwnd, flight, ssthresh) => {
    const tcb = bareTcb();
    tcb.cwnd = cwnd * MSS;
    expect(reno.thresholdAfterLoss(tcb, flight * MSS, MSS)).toBe(ssthresh * MSS);
  });

  it('RFC 8511 §3.1: 0.8 after a mark, with abe', () => {
    const tcb = bareTcb({ abe: true });
    tcb.cwnd = 20 * MSS;
    expect(reno.thresholdAfterMark?.(tcb, 20 * MSS, MSS)).toBe(16 * MSS);
  });
});

describe('Reno over a bottleneck', () => {
  it('RFC 5681 §3.1: keeps a path full whose queue holds what it is long', () => {
    const path = new Path({ rate: 20e6, rtt: 20_000 });
    const flow = path.flow({ control: 'reno' });
    path.run(5);
    const before = flow.received;
    path.run(20);
    expect(flow.received - before).toBeGreaterThan(0.93 * 20 * path.textRate);
  });

  it('two share fairly, though one began later', () => {
    const path = new Path({ rate: 20e6, rtt: 20_000 });
    const flows = [path.flow({ control: 'reno' }), path.flow({ control: 'reno', start: 2e6 })];
    path.run(20);
    const before = flows.map((f) => f.received);
    path.run(60);
    expect(fairness(flows.map((f, i) => f.received - before[i]!))).toBeGreaterThan(0.97);
  });

  it('with random loss p it gets about MSS/RTT · 1.22/√p', () => {
    const path = new Path({ rate: 200e6, rtt: 50_000, loss: 0.001 });
    const flow = path.flow({ control: 'reno' });
    path.run(60);
    const expected = ((1448 / 0.05) * Math.sqrt(3 / 2)) / Math.sqrt(0.001);
    expect(flow.received / 60).toBeGreaterThan(0.6 * expected);
    expect(flow.received / 60).toBeLessThan(1.4 * expected);
  });
});
