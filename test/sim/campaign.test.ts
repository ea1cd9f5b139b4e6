import { describe, expect, it } from 'vitest';
import { runCampaign } from '../../src/sim/campaign.ts';
import type { Network } from '../../src/sim/network.ts';

const FIRST = Number(process.env['SYNFIN_SEED'] ?? 1);
const RUNS = process.env['SYNFIN_SEED'] === undefined ? 2000 : 1;

describe('runCampaign', () => {
  it(`${RUNS} seeds from ${FIRST}: nothing lost, doubled or reordered for readers; everything ends; nothing is left`, () => {
    const sums = { orderly: 0, failed: 0, segments: 0, lost: 0 };
    for (let seed = FIRST; seed < FIRST + RUNS; seed++) {
      const result = runCampaign(seed);
      expect(result.complaints, `SYNFIN_SEED=${seed} runs it again`).toEqual([]);
      sums.orderly += result.orderly;
      sums.failed += result.failed;
      sums.segments += result.segments;
      sums.lost += result.lost;
    }
    // It is only worth something where much happens, and not all goes well.
    if (RUNS > 1) {
      expect(sums.orderly).toBeGreaterThan(RUNS);
      expect(sums.failed).toBeGreaterThan(RUNS / 4);
      expect(sums.lost).toBeGreaterThan(5 * RUNS);
    }
  }, 300_000);

  it('notices a byte that is not what was written', () => {
    const sabotage = (net: Network) =>
      net.rules.mutate(
        { text: true },
        (s) => {
          s.bytes[s.payloadOffset] = s.bytes[s.payloadOffset]! ^ 1;
        },
        { nth: 5 },
      );
    const complaints = [1, 2, 3, 4].flatMap((seed) => runCampaign(seed, { sabotage }).complaints);
    expect(complaints.join()).toMatch(/read a wrong byte at/);
  });

  it('is the same again for the same seed', () => {
    expect(runCampaign(42, { digest: true })).toEqual(runCampaign(42, { digest: true }));
  });
});
