import { describe, expect, it } from 'vitest';
import { HyStart } from '../../../src/tcp/congestion/hystart.ts';
import { INITIAL_SSTHRESH } from '../../../src/tcp/congestion/window-limits.ts';
import type { Tcb } from '../../../src/tcp/tcb.ts';
import { add } from '../../../src/wire/seq.ts';
import { bareTcb, MSS } from './support/bare.ts';
import { Path } from './support/bottleneck.ts';

/** A round of `samples` round trips; the last one ends it. */
function round(tcb: Tcb, hystart: HyStart, rtt: number, samples = 10): void {
  for (let i = 1; i <= samples; i++) {
    if (i === samples) {
      tcb.sndUna = tcb.sndNxt;
      tcb.sndNxt = add(tcb.sndNxt, 10 * MSS);
    }
    hystart.roundTrip(tcb, rtt);
  }
}

function begin(config = {}): { tcb: Tcb; hystart: HyStart } {
  const tcb = bareTcb(config);
  tcb.cwnd = 10 * MSS;
  tcb.sndNxt = add(tcb.sndUna, 10 * MSS);
  const hystart = new HyStart();
  hystart.start(tcb);
  return { tcb, hystart };
}

describe('RFC 9406 §4.2: delay increase', () => {
  it.each([
    // An eighth of the last round's minimum, but 4 ms at least and 16 ms at most.
    [10_000, 4_000],
    [80_000, 10_000],
    [400_000, 16_000],
  ])('a minimum of %i µs: a rise by %i µs is one, less is not', (rtt, threshold) => {
    const less = begin();
    round(less.tcb, less.hystart, rtt);
    round(less.tcb, less.hystart, rtt + threshold - 1);
    expect(less.hystart.css).toBe(false);
    const { tcb, hystart } = begin();
    round(tcb, hystart, rtt);
    round(tcb, hystart, rtt + threshold);
    expect(hystart.css).toBe(true);
    expect(tcb.ssthresh).toBe(INITIAL_SSTHRESH);
  });

  it('takes eight samples', () => {
    const { tcb, hystart } = begin();
    round(tcb, hystart, 10_000);
    for (let i = 0; i < 7; i++) hystart.roundTrip(tcb, 20_000);
    expect(hystart.css).toBe(false);
    hystart.roundTrip(tcb, 20_000);
    expect(hystart.css).toBe(true);
  });

  it('one short round trip in the round is enough against it', () => {
    const { tcb, hystart } = begin();
    round(tcb, hystart, 10_000);
    hystart.roundTrip(tcb, 10_500);
    round(tcb, hystart, 20_000);
    expect(hystart.css).toBe(false);
  });
});

describe('RFC 9406 §4.2: Conservative Slow Start', () => {
  it('grows by a quarter of what slow start would', () => {
    const { tcb, hystart } = begin();
    expect(hystart.growth(tcb, 4 * MSS, MSS)).toBe(4 * MSS);
    round(tcb, hystart, 10_000);
    round(tcb, hystart, 20_000);
    expect(hystart.growth(tcb, 4 * MSS, MSS)).toBe(MSS);
  });

  it('§4.3: an ACK counts for eight segments at most, unless they are paced', () => {
    const { tcb, hystart } = begin({ hystartLimit: 8 });
    expect(hystart.growth(tcb, 40 * MSS, MSS)).toBe(8 * MSS);
    tcb.paced = true;
    expect(hystart.growth(tcb, 40 * MSS, MSS)).toBe(40 * MSS);
    const linux = begin();
    expect(linux.hystart.growth(linux.tcb, 40 * MSS, MSS)).toBe(40 * MSS);
  });

  it('goes back to slow start when the rise was jitter', () => {
    const { tcb, hystart } = begin();
    round(tcb, hystart, 10_000);
    round(tcb, hystart, 20_000);
    round(tcb, hystart, 19_000);
    expect(hystart.css).toBe(false);
    expect(tcb.ssthresh).toBe(INITIAL_SSTHRESH);
  });

  it('ends slow start after five rounds, the one in which it began included', () => {
    const { tcb, hystart } = begin();
    round(tcb, hystart, 10_000);
    for (let i = 0; i < 4; i++) round(tcb, hystart, 20_000 + i);
    expect(tcb.ssthresh).toBe(INITIAL_SSTHRESH);
    round(tcb, hystart, 21_000);
    expect(tcb.ssthresh).toBe(tcb.cwnd);
  });
});

describe('RFC 9406 §1: over a bottleneck', () => {
  const run = (hystart: boolean) => {
    const path = new Path({ rate: 50e6, rtt: 50_000, queue: (8 * 50e6 * 0.05) / 8 });
    const flow = path.flow({ control: 'cubic', config: { hystart } });
    path.run(3);
    return { path, flow };
  };

  it('leaves slow start before the queue overflows; slow start alone loses a windowful', () => {
    const { path, flow } = run(true);
    expect(flow.drops).toBe(0);
    expect(flow.sender.env.counters.TCPHystartDelayDetect).toBe(1);
    expect(flow.sender.ssthresh).toBeLessThan(INITIAL_SSTHRESH);
    // And not too early: the pipe is full.
    expect(flow.sender.cwnd).toBeGreaterThan(path.textRate * 0.05);
    expect(run(false).flow.drops).toBeGreaterThan(500);
  });
});
