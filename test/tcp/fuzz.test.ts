/**
 * Whatever comes: in every state, segments of any content, and user calls and time between them. Nothing throws, each transition is in the table
 * with its cause, the invariants hold after every event (the ladder looks), no RST answers a RST.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { STATE_NAMES, type StateName } from '../../src/tcp/state.ts';
import { ACK, type Segment } from '../../src/wire/segment.ts';
import { add, type Seq, seq } from '../../src/wire/seq.ts';
import { segment as anySegment } from '../support/arbitrary.ts';
import { inState, type Ladder } from '../support/ladder.ts';

/** Numbers that matter, and any. */
type Place = 'any' | 'next' | 'before' | 'inside' | 'edge' | 'beyond';
const place = fc.constantFrom<Place>('any', 'next', 'next', 'before', 'inside', 'edge', 'beyond');

type Step =
  | { readonly kind: 'segment'; readonly s: Segment; readonly at: Place; readonly acks: Place; readonly off: number }
  | { readonly kind: 'wait'; readonly time: number }
  | { readonly kind: 'send' | 'receive'; readonly n: number }
  | { readonly kind: 'close' | 'release' | 'abort' };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constant('segment' as const),
      s: anySegment,
      at: place,
      acks: place,
      off: fc.integer({ min: 0, max: 3000 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('wait' as const), time: fc.double({ min: 0, max: 5, noNaN: true }) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('send' as const, 'receive' as const), n: fc.nat(5000) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constantFrom('close' as const, 'release' as const, 'abort' as const) }),
  },
);

function position(where: Place, any: Seq, base: Seq, edge: Seq, off: number): Seq {
  if (where === 'next') return base;
  if (where === 'before') return add(base, -1 - (off % 50));
  if (where === 'inside') return add(base, off);
  if (where === 'edge') return add(edge, -1);
  return where === 'beyond' ? add(edge, off) : any;
}

function perform(t: Ladder, step: Step): void {
  if (step.kind === 'wait') t.run(t.time + step.time);
  else if (step.kind === 'send') t.user.send(step.n);
  else if (step.kind === 'receive') t.user.receive(step.n);
  else if (step.kind !== 'segment') t.user[step.kind]();
  else {
    const { s, at, acks, off } = step;
    const { tcb } = t;
    s.bytes = s.bytes.slice();
    s.seq = position(at, s.seq, tcb.state > 2 ? tcb.rcvNxt : t.irs, tcb.rcvAdv, off);
    s.ack = s.has(ACK) ? position(acks, s.ack, tcb.sndUna, tcb.sndNxt, off) : seq(0);
    // PAWS would stop nearly all of them.
    if (tcb.timestamps && off % 8 > 0) {
      s.hasTimestamps = true;
      s.tsVal = tcb.tsRecent;
    }
    t.peerSegment(s);
  }
  t.drain();
}

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
