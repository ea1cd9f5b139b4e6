/**
 * Whatever comes: in every state, segments of any content, and user calls and time between them. Nothing throws, each transition is in the table
 * with its cause, the invariants hold after every event (the ladder looks), no RST answers a RST.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { STATE_NAMES, type StateName } from '../../src/tcp/state.ts';
import { inState } from '../support/ladder.ts';
import { perform, step } from '../support/steps.ts';

const config = { receiveBuffer: 4000, sendBuffer: 8000, tcp_retries2: 4, tcp_syn_retries: 3, tcp_synack_retries: 3 };
const runs = Number(process.env['SYNFIN_FUZZ'] ?? 150);

describe('RFC 9293 §3.10.7 any segment in any state', () => {
  for (const name of STATE_NAMES) {
    for (const options of [{}, { sack: true, ts: true, wscale: 3 }]) {
      const agreed = Object.keys(options).length > 0 ? 'with' : 'without';
      it(`RFC 9293 §3.10.7: ${name}, ${agreed} options: nothing throws, and states change by the table only`, () => {
        fc.assert(
          fc.property(fc.array(step, { minLength: 1, maxLength: 40 }), (steps) => {
            const t = inState(name, { ...options, config });
            t.foreignText();
            for (const step of steps) perform(t, step);
          }),
          { numRuns: runs },
        );
      });
    }
  }

  it('RFC 9293 §3.10.7: random segments reach beyond the first checks: every state is entered', () => {
    const seen = new Set<StateName>();
    fc.assert(
      fc.property(fc.constantFrom(...STATE_NAMES), fc.array(step, { minLength: 10, maxLength: 40 }), (name, steps) => {
        const t = inState(name, { config });
        t.foreignText();
        for (const step of steps) perform(t, step);
        for (const { to } of t.transitions) seen.add(to);
      }),
      { numRuns: 4 * runs, seed: 1 },
    );
    expect([...seen].sort()).toEqual([...STATE_NAMES].sort());
  });
});
