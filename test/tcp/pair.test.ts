/**
 * Two ends over a bad channel: whatever is lost, repeated or overtakes, each reads what the other sent, in order and whole, and both end. The
 * runs differ in everything that two ends can differ in; each is its seed's. `SYNFIN_SEED=7` runs one alone, `SYNFIN_SEEDS=5000` as many.
 */
import { describe, expect, it } from 'vitest';
import { rfc9293, type TcpConfig } from '../../src/tcp/config.ts';
import { CLOSED } from '../../src/tcp/state.ts';
import { type EndOptions, Pair, type PairOptions, random } from '../support/pair.ts';

const only = process.env['SYNFIN_SEED'];
const count = Number(process.env['SYNFIN_SEEDS'] ?? 100);
const seeds = only === undefined ? Array.from({ length: count }, (_, i) => i + 1) : [Number(only)];

/** A pair as its seed has it. */
function options(seed: number): PairOptions {
  const next = random(seed * 7919);
  const one = <T>(...of: T[]): T => of[Math.floor(next() * of.length)]!;
  // At a quarter lost, without timestamps, each time-out stays doubled (Karn): a long text takes hours.
  const loss = one(0, 0.01, 0.05, 0.1, 0.25);
  const end = (): EndOptions => ({
    bytes: loss > 0.1 ? one(0, 1, 1000, 4000) : one(0, 1, 1000, 50_000, 200_000),
    reads: one(5, 50, 100),
    noDelay: one(true, false),
    mss: one(88, 536, 1460, 1460),
    config: {
      ...one<Partial<TcpConfig>>({}, {}, rfc9293),
      tcp_sack: one(true, true, false),
      tcp_timestamps: one(true, true, false),
      tcp_window_scaling: one(true, false),
      receiveBuffer: one(3000, 20_000, 65_536, 1 << 20),
      sendBuffer: one(5000, 1 << 20),
      maxHoles: one(4, 4096),
    },
  });
  return {
    seed,
    channel: {
      loss,
      repeat: one(0, 0.05),
      delay: one(10, 5000, 100_000),
      jitter: one(0, 1000, 50_000),
    },
    ends: [end(), end()],
    simultaneous: one(true, false, false),
  };
}

describe('RFC 9293 §3.4 reliable, in order, over a channel that is neither', () => {
  for (const seed of seeds) {
    it(`RFC 9293 §3.4, §3.8: seed ${seed}: each end reads what the other sent, and both end`, () => {
      const pair = new Pair(options(seed));
      pair.run(20_000);
      const [a, b] = pair.ends;
      for (const end of pair.ends) {
        if (!end.over) pair.fail(`end ${end.tcb.localPort} has not ended`);
        // Whose FIN came through too late finds the other's TIME-WAIT over: a RST, with everything delivered.
        const late = end.tcb.failure === 'reset' && end.other.tcb.state === CLOSED && end.other.tcb.failure === null;
        if (end.tcb.failure !== null && !late) pair.fail(`end ${end.tcb.localPort} failed: ${end.tcb.failure}`);
      }
      expect([a.read, b.read]).toEqual([b.options.bytes, a.options.bytes]);
    });
  }

  it('RFC 9293 §3.4: the same seed is the same run', () => {
    const runs = [1, 2].map(() => {
      const pair = new Pair(options(seeds[0]!));
      pair.run(20_000);
      return pair.log;
    });
    expect(runs[0]).toEqual(runs[1]);
  });
});
