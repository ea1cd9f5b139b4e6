import { describe, expect, it } from 'vitest';
import { burstSize, notePaced, pacingHolds, updatePacingRate } from '../../src/tcp/pacing.ts';
import { NEVER } from '../../src/tcp/tcb.ts';
import { bareTcb, MSS } from './congestion/support/bare.ts';
import { Path } from './congestion/support/bottleneck.ts';

describe('the pacing rate (RFC 9438 §4.10, RFC 9002 §7.7)', () => {
  it.each([
    ['slow start', 4, 200],
    ['the last doubling of it', 60, 120],
    ['congestion avoidance', 100, 120],
  ] as const)('in %s: %s segments a round trip at %s %%', (_, segments, percent) => {
    const tcb = bareTcb();
    tcb.cwnd = segments * MSS;
    tcb.ssthresh = 100 * MSS;
    updatePacingRate(tcb);
    expect(tcb.pacingRate).toBeCloseTo((segments * MSS * 10 * percent) / 100, 6);
  });
});

describe('pacing', () => {
  const paced = (rate: number) => {
    const tcb = bareTcb();
    tcb.paced = true;
    tcb.pacingRate = rate;
    tcb.cwnd = 1000 * MSS;
    return tcb;
  };

  it('holds text until its time, and asks the timer for it', () => {
    const tcb = paced(1e6);
    expect(pacingHolds(tcb, 1_000_000)).toBe(false);
    notePaced(tcb, 10 * MSS, 1_000_000);
    expect(pacingHolds(tcb, 1_001_000)).toBe(true);
    expect(tcb.pacingAt).toBe(1_009_000);
    expect(pacingHolds(tcb, 1_009_000)).toBe(false);
  });

  it('makes up for a timer that is a little late, and not for a long pause', () => {
    const late = paced(1e6);
    let now = 1_000_000;
    let bytes = 0;
    while (now < 2_000_000) {
      while (!pacingHolds(late, now)) {
        notePaced(late, MSS, now);
        bytes += MSS;
      }
      now = Math.ceil(late.pacingAt / 1000) * 1000;
    }
    expect(bytes).toBeGreaterThan(0.99e6);
    expect(bytes).toBeLessThan(1.01e6);
    let burst = 0;
    while (!pacingHolds(late, now + 5e6)) {
      notePaced(late, MSS, now + 5e6);
      burst++;
    }
    expect(burst).toBeLessThanOrEqual(3);
  });

  it('gives a device that segments a millisecond’s worth at a time, two segments at least', () => {
    expect(burstSize(paced(10e6), 64_000)).toBe(10 * MSS);
    expect(burstSize(paced(1e3), 64_000)).toBe(2 * MSS);
    expect(burstSize(paced(1e9), 64_000)).toBe(64_000);
  });

  it('without pacing, too, and as much as the device takes where the path is short', () => {
    const tcb = bareTcb();
    tcb.cwnd = 1000 * MSS;
    tcb.rack.minRtt = tcb.srtt;
    // 2000 segments in 100 ms.
    expect(burstSize(tcb, 64_000)).toBe(20 * MSS);
    tcb.rack.minRtt = 100;
    expect(burstSize(tcb, 64_000)).toBe(64_000);
  });

  it('is never more than half of cwnd', () => {
    const tcb = paced(1e9);
    tcb.cwnd = 10 * MSS;
    expect(burstSize(tcb, 64_000)).toBe(5 * MSS);
    tcb.cwnd = MSS;
    expect(burstSize(tcb, 64_000)).toBe(MSS);
  });

  it('is off where nobody asks for it: no timer', () => {
    const tcb = bareTcb();
    notePaced(tcb, 1e6, 0);
    expect(pacingHolds(tcb, 0)).toBe(false);
    expect(tcb.pacingAt).toBe(NEVER);
  });

  it('spreads a window over the round trip: a short queue is enough', () => {
    const drops = (pacing: boolean) => {
      const path = new Path({ rate: 50e6, rtt: 40_000, queue: 12_000 });
      const flow = path.flow({ control: 'reno', gso: 65_535, total: 60 * 1448, config: { pacing, initialWindow: 60 } });
      path.run(5);
      expect(flow.received).toBe(60 * 1448);
      return flow.drops;
    };
    expect(drops(false)).toBeGreaterThan(20);
    expect(drops(true)).toBe(0);
  });
});
