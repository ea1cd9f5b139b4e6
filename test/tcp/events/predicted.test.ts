/**
 * Header prediction is the eight checks, shorter: the same segments, with it and without, leave the same TCB and the same answers.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TcpConfig } from '../../../src/tcp/config.ts';
import { receive } from '../../../src/tcp/connection.ts';
import { STATE_NAMES } from '../../../src/tcp/state.ts';
import type { Tcb } from '../../../src/tcp/tcb.ts';
import { diff } from '../../../src/wire/seq.ts';
import { established, inState, type Ladder } from '../../support/ladder.ts';
import { format } from '../../support/notation.ts';
import { Pair, type PairOptions, randomPair } from '../../support/pair.ts';
import { perform, type Step, step } from '../../support/steps.ts';

const on = { headerPrediction: true };
const off = { headerPrediction: false };

/** All of a TCB but what it shares with others, and what lasts for one ACK only, or is seen to be over by the next. */
function image(tcb: Tcb): unknown {
  const left = new Set(['env', 'config', 'owner', 'congestion', 'allocator', 'rack', 'sampler']);
  const rack = ['now', 'echoed', 'fackBefore', 'delivered', 'fresh', 'dsack', 'needless', 'original', 'sackedSentAt'];
  const scratch = new Set([...rack, 'displacement', 'originalEnd', 'dsackEnd', 'inDsackRound']);
  const plain = (value: unknown, without: Set<string>): unknown => {
    if (value instanceof Uint8Array) return Buffer.from(value).toString('latin1');
    if (value instanceof Map) return [...value].map(([k, v]) => [k, plain(v, without)]);
    if (Array.isArray(value)) return value.map((v) => plain(v, without));
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value).filter(([key]) => !without.has(key));
    return Object.fromEntries(entries.map(([key, v]) => [key, plain(v, without)]));
  };
  return [plain(tcb, left), plain({ ...tcb.rack }, new Set([...scratch, ...left])), plain({ ...tcb.congestion }, left)];
}

function sent(t: Ladder): string[] {
  return t.sent.map((r) => `${r.time} ${format(r.segment, t.iss, t.irs)}`);
}

/** Runs the same steps in two ladders, one with prediction; compares after each. Returns how many segments it took. */
function compare(make: (config: Partial<TcpConfig>) => Ladder, steps: readonly Step[]): number {
  const [a, b] = [make(on), make(off)];
  for (const t of [a, b]) t.foreignText();
  for (const step of steps) {
    perform(a, step);
    perform(b, step);
    expect(sent(a)).toEqual(sent(b));
    expect(image(a.tcb)).toEqual(image(b.tcb));
    expect(a.counters.drops).toEqual(b.counters.drops);
  }
  expect(b.counters.TCPHPHits + b.counters.TCPHPAcks).toBe(0);
  return a.counters.TCPHPHits + a.counters.TCPHPAcks;
}

const buffers = { receiveBuffer: 8000, sendBuffer: 8000 };

describe('RFC 9293 §3.10.7.4 header prediction', () => {
  for (const name of STATE_NAMES) {
    it(`RFC 9293 §3.10.7.4: ${name}: random segments and calls, with prediction and without: the same`, () => {
      fc.assert(
        fc.property(fc.array(step, { minLength: 1, maxLength: 30 }), fc.boolean(), (steps, options) => {
          const agreed = options ? { sack: true, ts: true, wscale: 3 } : {};
          compare((config) => inState(name, { ...agreed, config: { ...buffers, ...config } }), steps);
        }),
        { numRuns: 60 },
      );
    });
  }

  it('RFC 9293 §3.10.7.4: likely segments: prediction takes many of them, and nothing differs', () => {
    let taken = 0;
    fc.assert(
      fc.property(fc.array(likely, { minLength: 5, maxLength: 60 }), fc.boolean(), (texts, options) => {
        const agreed = options ? { sack: true, ts: true, wscale: 3 } : {};
        const [a, b] = [on, off].map((config) => established({ ...agreed, config: { ...buffers, ...config } }));
        for (const event of texts) {
          for (const t of [a!, b!]) play(t, event);
          expect(sent(a!)).toEqual(sent(b!));
          expect(image(a!.tcb)).toEqual(image(b!.tcb));
        }
        taken += a!.counters.TCPHPHits + a!.counters.TCPHPAcks;
      }),
      { numRuns: 200 },
    );
    expect(taken).toBeGreaterThan(200);
  });

  it('RFC 9293 §3.10.7.4: a request that acknowledges the last answer is predicted', () => {
    const t = established({ ts: true, config: on });
    t.user.send(200);
    t.drain();
    const { TCPHPHits } = t.counters;
    t.peer('P. 1:41 ack 201 win 60000');
    t.drain();
    expect(t.counters.TCPHPHits - TCPHPHits).toBe(1);
    expect([diff(t.tcb.sndUna, t.iss), diff(t.tcb.rcvNxt, t.irs)]).toEqual([201, 41]);
    // Of what was never sent: not by prediction, and not taken.
    t.peer('P. 41:81 ack 900 win 60000');
    t.drain();
    expect(t.counters.TCPHPHits - TCPHPHits).toBe(1);
    expect(diff(t.tcb.rcvNxt, t.irs)).toBe(41);
  });

  it('RFC 9293 §3.8: whole connections over a bad channel are the same, event by event', () => {
    let [hits, acks] = [0, 0];
    for (let seed = 1; seed <= 40; seed++) {
      const logs = [on, off].map((config) => {
        const pair = new Pair(withConfig(randomPair(seed), config));
        pair.run(20_000);
        for (const { counters } of pair.ends) {
          hits += counters.TCPHPHits;
          acks += counters.TCPHPAcks;
        }
        return pair.log;
      });
      expect(logs[0], `seed ${seed}`).toEqual(logs[1]);
    }
    expect(hits).toBeGreaterThan(500);
    expect(acks).toBeGreaterThan(500);
  });
});

/** The second end answers little, and stays until the first is done: there is text to predict. */
function withConfig(options: PairOptions, config: Partial<TcpConfig>): PairOptions {
  const [a, b] = options.ends;
  return {
    ...options,
    ends: [
      { ...a, config: { ...a.config, ...config } },
      { ...b, config: { ...b.config, ...config }, closesLast: true, bytes: Math.min(b.bytes, 1000) },
    ],
  };
}

/** What a transfer is made of: text in order, nearly in order, ACKs of all and of a part, windows, answers, reads, pauses. */
type Likely = { readonly kind: 'text' | 'ack' | 'send' | 'read' | 'wait' | 'late' | 'old'; readonly n: number };
const likely: fc.Arbitrary<Likely> = fc.record({
  kind: fc.constantFrom<Likely['kind']>('text', 'text', 'text', 'ack', 'ack', 'send', 'read', 'wait', 'late', 'old'),
  n: fc.integer({ min: 1, max: 2900 }),
});

function play(t: Ladder, { kind, n }: Likely): void {
  const { tcb } = t;
  const next = diff(tcb.rcvNxt, t.irs);
  const una = diff(tcb.sndUna, t.iss);
  const out = diff(tcb.sndNxt, tcb.sndUna);
  const ack = una + Math.round((out * (n % 3)) / 2);
  const win = `win ${60_000 + (n % 2)}${tcb.timestamps ? rarely(t, n, una) : ''}`;
  if (kind === 'text') t.peer(`. ${next}:${next + n} ack ${ack} ${win}`);
  else if (kind === 'ack') t.peer(`. ${next}:${next} ack ${ack} ${win}`);
  else if (kind === 'late') t.peer(`. ${next + 100}:${next + 100 + n} ack ${ack}`);
  else if (kind === 'old') t.peer(`P. ${Math.max(1, next - n)}:${next + 10} ack ${ack}`);
  else if (kind === 'send') t.user.send(n);
  else if (kind === 'read') receive(tcb, n, t.now);
  else t.run(t.time + n / 2000);
  t.drain();
}

/** Options that are seldom on such a segment: a timestamp that is old, or none, or a D-SACK. */
function rarely(t: Ladder, n: number, una: number): string {
  const clock = t.peerClock();
  if (n % 11 === 1) return ` <TS val ${clock - 1000} ecr 1>`;
  if (n % 11 === 2) return ' <>';
  return n % 11 === 3 ? ` <TS val ${clock} ecr 1,sack ${una - 1}:${una}>` : '';
}
