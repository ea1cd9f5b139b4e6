import { describe, expect, it } from 'vitest';
import { type CampaignCase, replayCampaign, shrinkCampaign } from '../../src/sim/campaign-case.ts';
import { describeFault } from '../../src/sim/faults.ts';

/** The first seed that fails with a rule taken out, and what it shrinks to. */
async function firstFailure(mutation: 'fin-once' | 'two-way'): Promise<CampaignCase> {
  for (let seed = 1; seed < 200; seed++) {
    const found = await shrinkCampaign(seed, { mutation });
    if (found !== null) return found;
  }
  throw new Error(`no seed fails with ${mutation}`);
}

describe('shrinkCampaign', () => {
  it('fin-once: fails for a FIN that does not arrive, and next to nothing else', async () => {
    const found = await firstFailure('fin-once');
    expect(found.complaints[0]).toMatch(/failed \((timed out|reset)\), though nothing was done to it/);
    expect(found.conversations.length).toBe(1);
    expect(found.faults.length).toBeLessThanOrEqual(4);
    const lost = found.faults.filter((fault) => fault.kind === 'lost' || fault.kind === 'damaged');
    expect(lost.map(describeFault).join()).toMatch(/FIN, (PSH, )?ACK/);
    // As a file has it, in another process: the same failure.
    const again = replayCampaign(JSON.parse(JSON.stringify(found)) as CampaignCase);
    expect(again.complaints).toEqual(found.complaints);
    // It is the rule that is missing, not the network.
    expect(replayCampaign({ ...found, mutation: null }).complaints).toEqual([]);
    expect(replayCampaign({ ...found, faults: [] }).complaints).toEqual([]);
  }, 60_000);

  it('two-way: fails too', async () => {
    const found = await firstFailure('two-way');
    expect(found.conversations.length).toBeLessThanOrEqual(2);
    expect(found.faults.length).toBeLessThanOrEqual(10);
    expect(replayCampaign(found).complaints).toEqual(found.complaints);
  }, 60_000);

  it('says nothing of a run that is well', async () => {
    expect(await shrinkCampaign(1)).toBeNull();
  });
});
