/** Random events of a connection: segments of any content, user calls, time. */
import fc from 'fast-check';
import { ACK, type Segment } from '../../src/wire/segment.ts';
import { add, type Seq, seq } from '../../src/wire/seq.ts';
import { segment as anySegment } from './arbitrary.ts';
import type { Ladder } from './ladder.ts';

/** Numbers that matter, and any. */
type Place = 'any' | 'next' | 'before' | 'inside' | 'edge' | 'beyond';
const place = fc.constantFrom<Place>('any', 'next', 'next', 'before', 'inside', 'edge', 'beyond');

export type Step =
  | { readonly kind: 'segment'; readonly s: Segment; readonly at: Place; readonly acks: Place; readonly off: number }
  | { readonly kind: 'wait'; readonly time: number }
  | { readonly kind: 'send' | 'receive'; readonly n: number }
  | { readonly kind: 'close' | 'release' | 'abort' };

export const step: fc.Arbitrary<Step> = fc.oneof(
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

export function perform(t: Ladder, step: Step): void {
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
