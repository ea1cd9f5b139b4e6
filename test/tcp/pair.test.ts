/**
 * Two ends over a bad channel: whatever is lost, repeated or overtakes, each reads what the other sent, in order and whole, and both end. The
 * runs differ in everything that two ends can differ in; each is its seed's. `SYNFIN_SEED=7` runs one alone, `SYNFIN_SEEDS=5000` as many.
 */
import { describe, expect, it } from 'vitest';
import { CLOSED } from '../../src/tcp/state.ts';
import { Pair, randomPair } from '../support/pair.ts';

const only = process.env['SYNFIN_SEED'];
const count = Number(process.env['SYNFIN_SEEDS'] ?? 100);
const seeds = only === undefined ? Array.from({ length: count }, (_, i) => i + 1) : [Number(only)];

describe('RFC 9293 §3.4 reliable, in order, over a channel that is neither', () => {
  for (const seed of seeds) {
    it(`RFC 9293 §3.4, §3.8: seed ${seed}: each end reads what the other sent, and both end`, () => {
      const pair = new Pair(randomPair(seed));
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
      const pair = new Pair(randomPair(seeds[0]!));
      pair.run(20_000);
      return pair.log;
    });
    expect(runs[0]).toEqual(runs[1]);
  });
});
