import { describe, expect, it } from 'vitest';
import { linux } from '../../../src/tcp/config.ts';
import { ALL_CONGESTION, CONGESTION_NAMES, createCongestion } from '../../../src/tcp/congestion/algorithms.ts';
import type { CongestionName } from '../../../src/tcp/congestion/controller.ts';
import { setCongestion } from '../../../src/tcp/connection.ts';
import { rfc9293 } from '../../../src/tcp/profiles.ts';
import { bareTcb } from './support/bare.ts';
import { Path } from './support/bottleneck.ts';

describe('the choice', () => {
  it('has a name for each (RFC 9293 MAY-18), and is CUBIC, as Linux has it, or by RFC 9293 Reno', () => {
    for (const name of CONGESTION_NAMES) expect(createCongestion(name, ALL_CONGESTION).name).toBe(name);
    expect(linux.tcp_congestion_control).toBe('cubic');
    expect(rfc9293.tcp_congestion_control).toBe('reno');
  });

  it('refuses a name that is none, and says which there are', () => {
    expect(() => setCongestion(bareTcb(), 'vegas' as CongestionName)).toThrow(
      'no congestion control "vegas": choose one of reno, cubic, bbr',
    );
  });

  it('is each connection’s own, and may change while it lasts', () => {
    const path = new Path({ rate: 20e6, rtt: 20_000 });
    const flow = path.flow({ control: 'reno' });
    path.run(2);
    expect(flow.sender.congestion.name).toBe('reno');
    for (const name of ['bbr', 'cubic', 'bbr', 'reno'] as const) {
      const { cwnd } = flow.sender;
      setCongestion(flow.sender, name);
      expect(flow.sender.cwnd).toBe(cwnd);
      const before = flow.received;
      path.run(3);
      expect(flow.sender.congestion.name).toBe(name);
      expect(flow.sender.paced).toBe(name === 'bbr');
      expect(flow.received - before).toBeGreaterThan(0.8 * 3 * path.textRate);
    }
  });
});

describe.each(CONGESTION_NAMES)('%s: goodput against what the path can carry', (control) => {
  it.each([
    // Mbit/s, ms, queue in bandwidth-delay products, share of the bottleneck at least.
    [1, 20, 4, 0.9],
    [10, 100, 1, 0.75],
    [50, 10, 1, 0.85],
    [50, 10, 0.5, 0.75],
    [60, 40, 1, 0.85],
  ])('%d Mbit/s, %d ms, a queue of %d products', (rate, rtt, queue, share) => {
    const product = (rate * 1e6 * rtt) / 1e3 / 8;
    const path = new Path({ rate: rate * 1e6, rtt: rtt * 1000, queue: Math.max(15_000, queue * product) });
    const flow = path.flow({ control });
    path.run(3);
    const before = flow.received;
    path.run(5);
    const got = (flow.received - before) / 5;
    expect(got).toBeGreaterThan(share * path.textRate);
    expect(got).toBeLessThanOrEqual(1.05 * path.textRate);
  });
});
