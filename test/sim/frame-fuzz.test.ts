import { describe, expect, it } from 'vitest';
import { FrameFuzz } from '../../src/sim/frame-fuzz.ts';

const SEED = Number(process.env['SYNFIN_SEED'] ?? 20261121);

describe('FrameFuzz', () => {
  it(`100,000 frames from seed ${SEED}: no throw, no leak, no transition without its reason`, () => {
    const result = new FrameFuzz(SEED).run(100_000);
    // It is only worth something where it gets far: every state, from both sides.
    expect(result.opened).toBeGreaterThan(100);
    expect(result.segments).toBeGreaterThan(50_000);
    for (const arrow of [
      'LISTEN → SYN-RECEIVED',
      'SYN-SENT → ESTABLISHED',
      'SYN-RECEIVED → ESTABLISHED',
      'SYN-RECEIVED → LISTEN',
      'ESTABLISHED → CLOSE-WAIT',
      'ESTABLISHED → FIN-WAIT-1',
      'ESTABLISHED → CLOSED',
      'FIN-WAIT-1 → FIN-WAIT-2',
      'FIN-WAIT-2 → TIME-WAIT',
      'CLOSE-WAIT → LAST-ACK',
      'TIME-WAIT → CLOSED',
    ]) {
      expect(result.transitions[arrow] ?? 0, arrow).toBeGreaterThan(0);
    }
  });

  it('gives the same run for the same seed', () => {
    expect(new FrameFuzz(7).run(5000)).toEqual(new FrameFuzz(7).run(5000));
  });
});
