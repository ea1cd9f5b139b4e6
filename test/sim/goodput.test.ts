import { describe, expect, it } from 'vitest';
import { capacity, goodputBounds, measureGoodput } from '../../src/sim/goodput.ts';

/** `npm run goodput` in small: slower paths, for less time, one seed. */
describe('goodput of one flow, between the bounds of theory', () => {
  it.each([
    ['reno', 10, 0],
    ['reno', 10, 0.01],
    ['reno', 10, 0.1],
    ['reno', 100, 0.01],
    ['reno', 100, 0.1],
    ['cubic', 10, 0],
    ['cubic', 10, 0.001],
    ['cubic', 10, 0.01],
    ['cubic', 10, 0.1],
    ['cubic', 100, 0.01],
    ['cubic', 100, 0.1],
    ['bbr', 10, 0],
    ['bbr', 10, 0.01],
    ['bbr', 10, 0.1],
    ['bbr', 100, 0],
    ['bbr', 100, 0.01],
    ['bbr', 100, 0.1],
  ] as const)('%s, %i ms, loss %d', (control, rtt, loss) => {
    const of = { control, rate: 20e6, rtt, loss };
    // What fills the path is steady, and costs more to simulate.
    const seconds = control === 'bbr' || loss === 0 ? 6 : 20;
    const got = measureGoodput({ ...of, seconds, warm: 5 });
    const { least, most } = goodputBounds(of);
    expect(got).toBeGreaterThan(0.8 * least);
    expect(got).toBeLessThan(1.15 * most);
  });

  it('the bounds are in order, and tell the algorithms apart', () => {
    for (const control of ['reno', 'cubic', 'bbr'] as const) {
      for (const rtt of [10, 100]) {
        for (const loss of [0, 0.001, 0.01, 0.1]) {
          const of = { control, rate: 20e6, rtt, loss };
          const { least, most } = goodputBounds(of);
          expect(least).toBeLessThanOrEqual(most);
          expect(most).toBeLessThanOrEqual(capacity(of));
        }
      }
    }
    const at = { rate: 1e9, rtt: 100, loss: 0.01 };
    // Mathis: 1448 bytes, 0.1 s, √150.
    expect(goodputBounds({ ...at, control: 'reno' }).most / 1e6).toBeCloseTo(1.4187, 3);
    expect(goodputBounds({ ...at, control: 'bbr' }).least).toBeGreaterThan(
      400 * goodputBounds({ ...at, control: 'cubic' }).most,
    );
    // Where losses are so rare that the curve is above Reno's line (RFC 9438 §5.1).
    const rare = { control: 'cubic', rate: 1e12, rtt: 100, loss: 1e-6 } as const;
    expect(goodputBounds(rare).least).toBeGreaterThan(1.2 * goodputBounds({ ...rare, control: 'reno' }).most);
  });

  it('a path of 100 Mbit/s is full with the buffers that there are by default', () => {
    const of = { control: 'cubic', rate: 100e6, rtt: 100, loss: 0 } as const;
    expect(measureGoodput({ ...of, seconds: 2, warm: 3 })).toBeGreaterThan(0.95 * capacity(of));
  });

  it('a path of 10 Gbit/s and 20 ms is full, too: its 24 MB are in flight though writers wait until a third of the send buffer is free', {
    timeout: 120_000,
  }, () => {
    const of = { control: 'cubic', rate: 10e9, rtt: 20, loss: 0 } as const;
    expect(measureGoodput({ ...of, seconds: 0.1, warm: 0.5 })).toBeGreaterThan(0.98 * capacity(of));
  });
});
