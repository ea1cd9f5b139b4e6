import { describe, expect, it } from 'vitest';
import type { Bbr } from '../../../src/tcp/congestion/bbr.ts';
import { type Flow, Path } from './support/bottleneck.ts';

const bbrOf = (flow: Flow): Bbr => flow.sender.congestion as Bbr;

describe('BBR (draft-cardwell-iccrg-bbr-congestion-control-00)', () => {
  it('§4.1: finds the bandwidth and the round-trip time of the path', () => {
    const path = new Path({ rate: 20e6, rtt: 40_000 });
    const flow = path.flow({ control: 'bbr' });
    path.run(5);
    expect(bbrOf(flow).btlBw).toBeGreaterThan(0.95 * path.textRate);
    expect(bbrOf(flow).btlBw).toBeLessThan(1.05 * path.textRate);
    expect(bbrOf(flow).rtProp).toBeGreaterThanOrEqual(40_000);
    expect(bbrOf(flow).rtProp).toBeLessThan(43_000);
  });

  it('§4.3: STARTUP fills the pipe, DRAIN empties the queue, PROBE_BW keeps it full and short', () => {
    const path = new Path({ rate: 20e6, rtt: 40_000, queue: 1e6 });
    const flow = path.flow({ control: 'bbr' });
    const modes: string[] = [];
    for (let i = 0; i < 100; i++) {
      path.run(0.02);
      const mode = bbrOf(flow).mode ?? 'SYN-SENT';
      if (modes.at(-1) !== mode) modes.push(mode);
    }
    expect(modes.filter((m) => m !== 'SYN-SENT')).toEqual(['STARTUP', 'DRAIN', 'PROBE_BW']);
    const before = flow.received;
    const from = flow.samples.length;
    path.run(7);
    expect(flow.received - before).toBeGreaterThan(0.95 * 7 * path.textRate);
    // The queue is shorter than half of what the path holds in flight, on average.
    const queues = flow.samples.slice(from).map((s) => s.queue);
    expect(queues.reduce((a, b) => a + b, 0) / queues.length).toBeLessThan(0.5 * 20e6 * 0.04 * 0.125);
  });

  it('§4.3.5: PROBE_RTT every ten seconds, for 200 ms, with four segments in flight', () => {
    const path = new Path({ rate: 20e6, rtt: 40_000 });
    const flow = path.flow({ control: 'bbr' });
    let probed = 0;
    let least = Number.POSITIVE_INFINITY;
    for (let i = 0; i < 2000; i++) {
      path.run(0.01);
      if (bbrOf(flow).mode !== 'PROBE_RTT') continue;
      probed += 10;
      least = Math.min(least, flow.sender.cwnd);
    }
    expect(probed).toBeGreaterThan(200);
    expect(probed).toBeLessThan(900);
    expect(least).toBe(4 * 1448);
    expect(flow.received).toBeGreaterThan(0.9 * 20 * path.textRate);
  });

  it('§1: fills the pipe with one segment in a hundred lost at random, where Reno and CUBIC cannot', () => {
    const goodput = (control: 'reno' | 'cubic' | 'bbr') => {
      const path = new Path({ rate: 20e6, rtt: 40_000, loss: 0.01 });
      const flow = path.flow({ control });
      path.run(20);
      return flow.received / 20 / path.textRate;
    };
    expect(goodput('bbr')).toBeGreaterThan(0.85);
    expect(goodput('cubic')).toBeLessThan(0.5);
    expect(goodput('reno')).toBeLessThan(0.5);
  });

  it('§1: and with one in ten nearly what gets through', () => {
    const path = new Path({ rate: 20e6, rtt: 100_000, loss: 0.1 });
    const flow = path.flow({ control: 'bbr' });
    path.run(30);
    expect(flow.received / 30).toBeGreaterThan(0.7 * path.textRate);
  });

  it('§4.3.5: after a PROBE_RTT that measured no round trip, because all was sent twice, it goes on as before', () => {
    // Where nearly every ACK is of something sent twice there is no sample, by Karn's rule.
    const path = new Path({ rate: 100e6, rtt: 100_000, loss: 0.01, queue: 1.25e6 });
    const flow = path.flow({ control: 'bbr' });
    path.run(12);
    const before = flow.received;
    path.run(4);
    expect(flow.received - before).toBeGreaterThan(0.85 * 4 * path.textRate);
  });

  it('follows a path that is shared, and gives each about half', () => {
    const path = new Path({ rate: 20e6, rtt: 40_000 });
    const flows = [path.flow({ control: 'bbr' }), path.flow({ control: 'bbr', start: 1e6 })];
    path.run(15);
    const before = flows.map((f) => f.received);
    path.run(30);
    const shares = flows.map((f, i) => (f.received - before[i]!) / 30 / path.textRate);
    expect(shares[0]! + shares[1]!).toBeGreaterThan(0.85);
    expect(Math.min(...shares)).toBeGreaterThan(0.25);
  });

  it('§4.2.1: paces: no long bursts leave, also with a device that segments', () => {
    const path = new Path({ rate: 20e6, rtt: 40_000 });
    const flow = path.flow({ control: 'bbr', gso: 65_535 });
    path.run(5);
    const steady = flow.sent.filter((s) => s.time > 4e6);
    expect(Math.max(...steady.map((s) => s.bytes))).toBeLessThanOrEqual(4 * 1448);
    const perMs = new Map<number, number>();
    for (const s of steady) perMs.set(Math.floor(s.time / 1000), (perMs.get(Math.floor(s.time / 1000)) ?? 0) + s.bytes);
    // 2.4 kB a millisecond on average, with a probing gain of 1.25, and quanta of two segments.
    expect(Math.max(...perMs.values())).toBeLessThan(9000);
  });

  it('draft-cheng-iccrg-delivery-rate-estimation §3.4: an application that sends little does not lower the estimate', () => {
    const path = new Path({ rate: 20e6, rtt: 40_000 });
    const bulk = Array.from({ length: 40 }, (_, i) => ({ at: 500_000 + i * 50_000, bytes: 200_000 }));
    const little = Array.from({ length: 60 }, (_, i) => ({ at: 3e6 + i * 100_000, bytes: 2000 }));
    const flow = path.flow({ control: 'bbr', writes: [...bulk, ...little] });
    path.run(2.4);
    const estimate = bbrOf(flow).btlBw;
    expect(estimate).toBeGreaterThan(0.8 * path.textRate);
    path.run(1.5);
    expect(bbrOf(flow).btlBw).toBeGreaterThan(0.8 * estimate);
  });
});
