import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ALPHA_CUBIC, BETA_CUBIC, C, Cubic, cubicK, cubicWindow } from '../../../src/tcp/congestion/cubic.ts';
import type { Tcb } from '../../../src/tcp/tcb.ts';
import { bareTcb, MSS } from './support/bare.ts';
import { fairness, Path } from './support/bottleneck.ts';

const RTT = 100_000;

/** A connection that has just lost something with a window of `segments`, and is back in congestion avoidance. */
function afterLoss(segments: number): { tcb: Tcb; cubic: Cubic } {
  const tcb = bareTcb();
  const cubic = new Cubic();
  tcb.congestion = cubic;
  cubic.start(tcb, 0);
  tcb.cwnd = segments * MSS;
  tcb.ssthresh = cubic.thresholdAfterLoss(tcb, tcb.cwnd, MSS);
  tcb.cwnd = tcb.ssthresh;
  return { tcb, cubic };
}

/** Acknowledges a window's worth, segment by segment, spread over a round trip from `from` on. */
function round(tcb: Tcb, cubic: Cubic, from: number, rtt = RTT): void {
  const segments = Math.floor(tcb.cwnd / MSS);
  for (let i = 1; i <= segments; i++) cubic.grow(tcb, MSS, MSS, from + Math.round((i * rtt) / segments));
}

describe('RFC 9438 §4.2: the curve', () => {
  it('passes W_max after K seconds, flat, and begins at what the decrease left', () => {
    for (const wMax of [10, 100, 1000, 10_000]) {
      const k = cubicK(BETA_CUBIC * wMax, wMax);
      expect(k).toBeCloseTo(Math.cbrt((wMax * (1 - BETA_CUBIC)) / C), 9);
      expect(cubicWindow(k, k, wMax)).toBe(wMax);
      expect(cubicWindow(0, k, wMax)).toBeCloseTo(BETA_CUBIC * wMax, 6);
      expect(cubicWindow(k + 1, k, wMax) - wMax).toBeCloseTo(C, 9);
    }
  });
  it('begins at its plateau where there is no window to go back to', () => expect(cubicK(50, 40)).toBe(0));
});

describe('RFC 9438 §4.4 and §4.5: cwnd follows it', () => {
  it('concave up to W_max, convex beyond it, within a segment', () => {
    const { tcb, cubic } = afterLoss(1000);
    const k = cubicK(700, 1000);
    let concave = 0;
    let convex = 0;
    let before = tcb.cwnd;
    let step = 0;
    for (let n = 0; n * 0.1 < 2 * k; n++) {
      round(tcb, cubic, n * RTT);
      const t = (n + 1) * 0.1;
      // The epoch begins with the first ACK, a fraction of a round trip after time 0.
      const low = cubicWindow(t - 0.01, k, 1000) - 1.5;
      const high = cubicWindow(t + 0.1, k, 1000) + 1.5;
      expect(tcb.cwnd / MSS).toBeGreaterThan(low);
      expect(tcb.cwnd / MSS).toBeLessThan(high);
      const grown = tcb.cwnd - before;
      if (n > 2 && t < k - 0.5 && grown < step) concave++;
      if (t > k + 0.5 && grown > step) convex++;
      step = grown;
      before = tcb.cwnd;
    }
    expect(concave).toBeGreaterThan(60);
    expect(convex).toBeGreaterThan(60);
  });

  it('§4.2: never by more than half the window in a round trip', () => {
    const { tcb, cubic } = afterLoss(10);
    round(tcb, cubic, 0);
    const before = tcb.cwnd;
    // After a long time the curve is far above.
    for (let i = 0; i < 7; i++) cubic.grow(tcb, MSS, MSS, 1e9);
    expect(tcb.cwnd).toBeLessThanOrEqual(before * 1.5 + MSS);
  });

  it('an ACK never reduces cwnd', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 5000 }),
        fc.array(fc.tuple(fc.integer({ min: 1, max: 90_000 }), fc.integer({ min: 0, max: 3_000_000 })), {
          maxLength: 60,
        }),
        (segments, acks) => {
          const { tcb, cubic } = afterLoss(segments);
          let now = 0;
          for (const [acked, later] of acks) {
            now += later;
            const before = tcb.cwnd;
            if (later % 5 === 0) cubic.hold(tcb, now);
            else cubic.grow(tcb, acked, MSS, now);
            expect(tcb.cwnd).toBeGreaterThanOrEqual(before);
            expect(Number.isInteger(tcb.cwnd)).toBe(true);
          }
        },
      ),
    );
  });
});

describe('RFC 9438 §4.3: the Reno-friendly region', () => {
  it('grows by α a round trip, and by one segment once it has what it had', () => {
    const { tcb, cubic } = afterLoss(10);
    const rtt = 10_000;
    tcb.srtt = rtt;
    let rounds = 0;
    while (tcb.cwnd < 9.5 * MSS) {
      round(tcb, cubic, rounds * rtt, rtt);
      rounds++;
    }
    // From 7 to 9.5 segments; a round is a whole number of segments, so somewhat less than a window.
    expect(rounds).toBeGreaterThanOrEqual(Math.floor(2.5 / ALPHA_CUBIC));
    expect(rounds).toBeLessThanOrEqual(Math.ceil(2.5 / ALPHA_CUBIC) + 2);
    while (tcb.cwnd < 12 * MSS) round(tcb, cubic, rounds++ * rtt, rtt);
    const before = tcb.cwnd;
    for (let i = 0; i < 4; i++) round(tcb, cubic, rounds++ * rtt, rtt);
    expect((tcb.cwnd - before) / MSS).toBeGreaterThan(3.4);
    expect((tcb.cwnd - before) / MSS).toBeLessThan(4.3);
  });
});

describe('RFC 9438 §4.6 to §4.9: reductions', () => {
  it('§4.6: to 0.7 of the window, and no less than two segments', () => {
    expect(afterLoss(100).tcb.cwnd).toBe(70 * MSS);
    expect(afterLoss(2).tcb.cwnd).toBe(2 * MSS);
  });

  it('RFC 8511 §3.1: to 0.85 after a mark, with abe', () => {
    for (const [abe, left] of [
      [false, 70],
      [true, 85],
    ] as const) {
      const tcb = bareTcb({ abe });
      tcb.cwnd = 100 * MSS;
      expect(new Cubic().thresholdAfterMark(tcb, 0, MSS)).toBe(left * MSS);
    }
  });

  it('§4.7, fast convergence: a second loss below W_max aims lower than where it was', () => {
    const { tcb, cubic } = afterLoss(1000);
    round(tcb, cubic, 0);
    const second = tcb.cwnd / MSS;
    tcb.ssthresh = cubic.thresholdAfterLoss(tcb, tcb.cwnd, MSS);
    tcb.cwnd = tcb.ssthresh;
    // Its plateau is at (1 + β)/2 of that: where it is K seconds later.
    const plateau = (second * (1 + BETA_CUBIC)) / 2;
    const k = cubicK(tcb.cwnd / MSS, plateau);
    for (let n = 0; n < Math.round(k * 10); n++) round(tcb, cubic, 1e7 + n * RTT);
    expect(tcb.cwnd / MSS).toBeGreaterThan(plateau - 2);
    expect(tcb.cwnd / MSS).toBeLessThan(plateau + 2);
  });

  it('§4.8: after a time-out congestion avoidance starts at the plateau', () => {
    const { tcb, cubic } = afterLoss(1000);
    cubic.timedOut();
    tcb.cwnd = 700 * MSS;
    round(tcb, cubic, 0);
    round(tcb, cubic, RTT);
    // K is 0: flat, where a curve towards 1000 would have grown by 60 segments.
    expect(tcb.cwnd / MSS).toBeLessThan(703);
  });

  it('§4.9: a reduction that was needless leaves no trace', () => {
    const one = afterLoss(500);
    const two = afterLoss(500);
    for (const { tcb, cubic } of [one, two]) for (let n = 0; n < 20; n++) round(tcb, cubic, n * RTT);
    const { cwnd, ssthresh } = one.tcb;
    one.tcb.ssthresh = one.cubic.thresholdAfterLoss(one.tcb, cwnd, MSS);
    one.tcb.cwnd = cwnd;
    one.tcb.ssthresh = ssthresh;
    one.cubic.undone();
    for (const { tcb, cubic } of [one, two]) for (let n = 20; n < 60; n++) round(tcb, cubic, n * RTT);
    expect(one.tcb.cwnd).toBe(two.tcb.cwnd);
  });

  it('§5.8: time in which the application is the limit, or silent, does not count', () => {
    const one = afterLoss(500);
    const two = afterLoss(500);
    for (const { tcb, cubic } of [one, two]) for (let n = 0; n < 20; n++) round(tcb, cubic, n * RTT);
    for (let i = 1; i <= 50; i++) one.cubic.hold(one.tcb, 20 * RTT + i * RTT);
    one.cubic.resumed(one.tcb, 30e6);
    const later = 50 * RTT + 30e6;
    for (let n = 20; n < 40; n++) {
      round(one.tcb, one.cubic, n * RTT + later);
      round(two.tcb, two.cubic, n * RTT);
    }
    expect(Math.abs(one.tcb.cwnd - two.tcb.cwnd)).toBeLessThan(2 * MSS);
  });
});

describe('CUBIC over a bottleneck', () => {
  it('RFC 9438 §5.2: fills a path of 50 Mbit/s and 100 ms to nine tenths', () => {
    const path = new Path({ rate: 50e6, rtt: 100_000 });
    const flow = path.flow({ control: 'cubic' });
    path.run(10);
    const before = flow.received;
    path.run(20);
    expect(flow.received - before).toBeGreaterThan(0.9 * 20 * path.textRate);
    expect(flow.received - before).toBeLessThanOrEqual(20.1 * path.textRate);
  });

  it('RFC 9438 §5.3: shares with itself, though one began later', () => {
    const path = new Path({ rate: 20e6, rtt: 20_000 });
    const flows = [path.flow({ control: 'cubic' }), path.flow({ control: 'cubic', start: 2e6 })];
    path.run(20);
    const before = flows.map((f) => f.received);
    path.run(60);
    expect(fairness(flows.map((f, i) => f.received - before[i]!))).toBeGreaterThan(0.95);
  });

  it('RFC 9438 §5.1: shares with Reno on a short path', () => {
    const path = new Path({ rate: 20e6, rtt: 10_000 });
    const flows = [path.flow({ control: 'cubic' }), path.flow({ control: 'reno' })];
    path.run(10);
    const before = flows.map((f) => f.received);
    path.run(60);
    const shares = flows.map((f, i) => f.received - before[i]!);
    expect(fairness(shares)).toBeGreaterThan(0.85);
    expect(shares[0]! + shares[1]!).toBeGreaterThan(0.9 * 60 * path.textRate);
  });
});
