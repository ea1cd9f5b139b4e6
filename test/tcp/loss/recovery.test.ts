/** Loss recovery as a whole: over channels that lose, repeat and reorder, and its goodput beside what theory says. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TcpConfig } from '../../../src/tcp/config.ts';
import type { CongestionName } from '../../../src/tcp/congestion/controller.ts';
import { flightSize } from '../../../src/tcp/loss/pipe.ts';
import type { Tcb } from '../../../src/tcp/tcb.ts';
import { type End, type EndOptions, Pair } from '../../support/pair.ts';
import { Path } from '../congestion/support/bottleneck.ts';
import { ack, flight, hear } from './support/flight.ts';

/** RFC 6675 §4's pipe as it is summed up, without the bound at zero. */
function rawPipe(tcb: Tcb): number {
  const { sackedBytes, lostBytes, retransmittedBytes } = tcb.scoreboard;
  return flightSize(tcb) - sackedBytes - lostBytes + retransmittedBytes - tcb.dupAckBytes;
}

/** The sums of the scoreboard, by its ranges. */
function checkSums({ scoreboard }: Tcb): void {
  const sums = [0, 0, 0];
  for (let i = 0; i < scoreboard.count; i++) {
    const { marks, length } = scoreboard.at(i);
    for (let bit = 0; bit < 3; bit++) if (marks & (1 << bit)) sums[bit]! += length;
  }
  expect([scoreboard.sackedBytes, scoreboard.lostBytes, scoreboard.retransmittedBytes]).toEqual(sums);
}

describe('RFC 6675, RFC 8985, RFC 6582: any loss is repaired', () => {
  const share = (most: number) => fc.double({ min: 0, max: most, noNaN: true });
  const end = fc.record({
    bytes: fc.constantFrom(0, 1, 3000, 60_000),
    reads: fc.constant(100),
    mss: fc.constantFrom(536, 1460),
    config: fc.record({
      tcp_sack: fc.boolean(),
      tcp_timestamps: fc.boolean(),
      tcp_recovery: fc.constantFrom(0, 1),
      tcp_frto: fc.constantFrom(0, 2),
      tcp_early_retrans: fc.constantFrom(0, 3),
      tcp_congestion_control: fc.constantFrom<CongestionName>('reno', 'cubic', 'bbr'),
    }) as fc.Arbitrary<Partial<TcpConfig>>,
  });
  const channel = fc.record({
    loss: share(0.3),
    repeat: share(0.3),
    delay: fc.constantFrom(10, 5000, 50_000),
    jitter: fc.constantFrom(0, 500, 20_000),
  });

  it('RFC 9293 §3.4: 0 to 30 % lost, repeated and reordered: both streams whole, nobody stuck, no negative pipe, few sent in vain', () => {
    fc.assert(
      fc.property(fc.integer(), channel, end, end, (seed, over, a, b) => {
        // With a third lost and without timestamps each time-out stays doubled (Karn): a long text takes hours.
        const most = over.loss > 0.1 ? 4000 : 60_000;
        const ends = [a, b].map((o) => ({ ...o, bytes: Math.min(o.bytes, most) })) as [EndOptions, EndOptions];
        const pair = new Pair({ seed, channel: over, ends });
        for (const each of pair.ends) watch(each);
        pair.run(50_000);
        for (const each of pair.ends) {
          expect(each.over).toBe(true);
          if (each.tcb.failure !== null) continue;
          // What is lost goes again, on either way; what is late or repeated may.
          const segments = Math.ceil(each.options.bytes / 524) + 2;
          expect(each.tcb.totalRetrans).toBeLessThanOrEqual(40 + 4 * segments);
        }
      }),
      { numRuns: 60 },
    );
  });

  /** Looks at every end after each of its invariant checks. */
  function watch(each: End): void {
    const check = each.invariants.check.bind(each.invariants);
    each.invariants.check = (now) => {
      expect(rawPipe(each.tcb)).toBeGreaterThanOrEqual(0);
      checkSums(each.tcb);
      return check(now);
    };
  }
});

describe('RFC 9293 §3.8.1: an attacker’s ACKs', () => {
  it('RFC 5681 §3.2: duplicates without end send nothing without end', () => {
    const t = flight({ segments: 100 });
    t.at(1.1);
    const sent = hear(t, ...new Array(1000).fill(ack(0, [9, 10])));
    expect(sent.length).toBeLessThan(20);
  });
});

describe('goodput under random loss, beside a bound', () => {
  /** Text of one segment, bits. */
  const SEGMENT = 1448 * 8;

  /** Bits a second that Reno's window allows (Mathis et al.: MSS/RTT · √(3/2p)), or CUBIC's where that is more (RFC 9438 §5.1); at most the line's. */
  function bound(control: CongestionName, line: number, rtt: number, p: number): number {
    const reno = (SEGMENT / rtt) * Math.sqrt(1.5 / p);
    const cubic = (SEGMENT / rtt) * ((0.4 * 3.7) / (4 * 0.3)) ** 0.25 * (rtt / p) ** 0.75;
    return Math.min(line, control === 'cubic' ? Math.max(reno, cubic) : reno);
  }

  const cases: [CongestionName, number, number, number][] = [
    ['reno', 0.02, 0.001, 0.7],
    ['reno', 0.02, 0.01, 0.65],
    ['reno', 0.1, 0.001, 0.5],
    ['reno', 0.1, 0.01, 0.55],
    ['cubic', 0.02, 0.001, 0.7],
    ['cubic', 0.02, 0.01, 0.65],
    ['cubic', 0.02, 0.03, 0.6],
    ['cubic', 0.02, 0.1, 0.4],
    ['cubic', 0.1, 0.001, 0.5],
    ['cubic', 0.1, 0.01, 0.55],
  ];
  for (const [control, rtt, p, share] of cases) {
    it(`RFC 6675 §5, RFC 8985 §6, RFC 9937: ${control}, 1 Gbit/s, ${rtt * 1000} ms, ${p * 100} % lost: at least ${share} of what theory allows, each loss sent again once, no time-out below 10 %`, () => {
      const path = new Path({ rate: 1e9, rtt: rtt * 1e6, loss: p, seed: 11 });
      const flow = path.flow({ control });
      const seconds = 30;
      path.run(seconds);
      const goodput = (flow.received * 8) / seconds;
      expect(goodput).toBeGreaterThan(share * bound(control, path.textRate * 8, rtt, p));
      expect(flow.retransmissions).toBeLessThanOrEqual(flow.drops * 1.05 + 2);
      if (p < 0.1) expect(flow.sender.env.counters.TCPTimeouts).toBe(0);
    });
  }

  it('RFC 8985 §6: BBR, which losses do not slow down, keeps half of 200 Mbit/s at 1 % lost', () => {
    const path = new Path({ rate: 200e6, rtt: 20_000, loss: 0.01, seed: 11 });
    const flow = path.flow({ control: 'bbr' });
    path.run(5);
    expect((flow.received * 8) / 5).toBeGreaterThan(100e6);
    expect(flow.retransmissions).toBeLessThanOrEqual(flow.drops * 1.02 + 2);
  });

  it('RFC 8985 §6: frames that stand for many segments are cut where they were lost', () => {
    const path = new Path({ rate: 1e9, rtt: 20_000, loss: 0.001, seed: 3 });
    const flow = path.flow({ control: 'cubic', gso: 65_535 });
    path.run(10);
    expect((flow.received * 8) / 10).toBeGreaterThan(0.7 * bound('cubic', path.textRate * 8, 0.02, 0.001));
    expect(flow.retransmissions).toBeLessThanOrEqual(flow.drops * 1.05 + 2);
  });
});
