import { describe, expect, it } from 'vitest';
import { runCampaign } from '../../src/sim/campaign.ts';
import { describeFault, type Fault } from '../../src/sim/faults.ts';
import { exponential, Network, type NetworkOptions, TraceDigest } from '../../src/sim/index.ts';

/** A stream over a bad link: what its reader got, and all that happened. */
async function stream(options: NetworkOptions) {
  const net = new Network(options);
  const digest = new TraceDigest();
  net.observe(digest.observer);
  const [a, b] = [net.host('a'), net.host('b')];
  const jitter = exponential(3000);
  net.link(a, b, { delay: '10ms', jitter, overtake: true, loss: 0.05, duplicate: 0.05, reorder: 0.1, corrupt: 0.02 });
  net.disturb({ kind: 'cut', link: 'a-b', at: 200_000, until: 500_000 });
  const text = await net.run(async () => {
    const listener = b.listen(80);
    const socket = a.connect(b, 80);
    const accepted = await listener.accept();
    await socket.write(new Uint8Array(100_000));
    socket.end();
    let length = 0;
    for (let piece = await accepted.read(); piece !== null; piece = await accepted.read()) length += piece.length;
    accepted.end();
    await socket.closed;
    return length;
  });
  return { text, digest: digest.value, faults: net.faults, lasted: net.elapsed };
}

describe('Network.faults', () => {
  it('recording them changes nothing, and playing what was recorded gives the same bytes at the same times', async () => {
    const plain = await stream({ seed: 5 });
    const recorded = await stream({ seed: 5, faults: 'record' });
    expect(recorded.digest).toBe(plain.digest);
    expect(plain.faults).toEqual([]);
    const kinds = new Set(recorded.faults.map((fault) => fault.kind));
    expect([...kinds].sort()).toEqual(['copy late', 'cut', 'damaged', 'doubled', 'late', 'lost']);
    // Through JSON, as a file would have it, and without the seed's dice.
    const faults = JSON.parse(JSON.stringify(recorded.faults)) as Fault[];
    expect(await stream({ seed: 5, faults })).toMatchObject({ digest: plain.digest, lasted: plain.lasted });
  });

  it('without any, nothing is lost', async () => {
    const { text, faults, lasted } = await stream({ seed: 5, faults: [] });
    expect(text).toBe(100_000);
    expect(faults).toEqual([]);
    expect(lasted).toBeLessThan(300_000);
  });

  it('one of them, and only that: told in words', async () => {
    const faults: Fault[] = [{ kind: 'lost', link: 'a-b', way: 'forward', packet: 0 }];
    const run = await stream({ seed: 5, faults });
    expect(run.text).toBe(100_000);
    expect(run.lasted).toBeGreaterThan(1_000_000);
    expect(run.faults.map(describeFault)).toEqual([expect.stringMatching(/^a-b forward, packet 0 lost: SYN, port/)]);
  });

  it('campaigns are the same with their faults recorded, and played', () => {
    for (const seed of [3, 42, 61]) {
      const plain = runCampaign(seed, { digest: true });
      const { faults } = runCampaign(seed, { faults: 'record' });
      expect(runCampaign(seed, { digest: true, faults }).digest).toBe(plain.digest);
    }
  });

  it('says which link or host there is where one is meant that is not', () => {
    const net = new Network();
    net.host('a');
    expect(() => net.disturb({ kind: 'crash', host: 'b', at: 0, until: 1 })).toThrow('there is no host b: a');
    expect(() => net.disturb({ kind: 'cut', link: 'a-b', at: 0, until: 1 })).toThrow('there is no link a-b');
  });
});
