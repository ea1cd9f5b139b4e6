import { describe, expect, it } from 'vitest';
import type { TraceEvent } from '../../src/trace/event.ts';
import { type Step, type StepOptions, Steps } from '../../src/trace/steps.ts';
import { ACK } from '../../src/wire/segment.ts';

const endpoints = { localAddress: '192.0.2.1', localPort: 80, remoteAddress: '192.0.2.2', remotePort: 9 };

function data(time: number, seq: number, length = 100, connection = 1): TraceEvent {
  const segment = { seq, ack: 1, flags: ACK, length, window: 9, urgent: 0, options: {}, wireSegments: 1 };
  return { kind: 'segment', serial: 0, time, connection, direction: 'out', segment };
}

/** The steps as words: `run×7` for a run of seven. */
function steps(events: readonly TraceEvent[], options?: StepOptions): string[] {
  const s = new Steps(options);
  const all: Step[] = events.flatMap((event) => s.push(event, endpoints));
  return [...all, ...s.flush()].map((step) => (step.kind === 'run' ? `run×${step.out.segments}` : step.kind));
}

const many = (n: number, from = 0) => Array.from({ length: n }, (_, i) => data(from + i, from + 100 * i));

describe('the steps', () => {
  it('show the first of a run, and fold the rest', () => {
    expect(steps(many(10))).toEqual(['connection', ...new Array(4).fill('segment'), 'run×6']);
    expect(steps(many(10), { unfolded: 0 })).toEqual(['connection', 'run×10']);
    expect(steps(many(10), { unfolded: Number.POSITIVE_INFINITY })).toHaveLength(11);
  });

  it('fold nothing that would take as many lines folded', () => {
    expect(steps(many(6))).toEqual(['connection', ...new Array(6).fill('segment')]);
    expect(steps(many(7)).at(-1)).toBe('run×3');
  });

  it('end a run with whatever is not like it, and show one of the next', () => {
    const timer: TraceEvent = { kind: 'timer', serial: 0, time: 10, connection: 1, end: 'ours', timer: 'persist' };
    const words = steps([...many(10), timer, ...many(10, 5000)]);
    expect(words.slice(5)).toEqual(['run×6', 'timer', 'segment', 'run×9']);
  });

  it('never fold what was sent before', () => {
    expect(steps([...many(10), data(20, 0)]).slice(-2)).toEqual(['run×6', 'segment']);
  });

  it('tell a silence', () => {
    expect(steps([data(0, 0), data(199_999, 100), data(399_999, 200)])).toEqual([
      'connection',
      'segment',
      'segment',
      'pause',
      'segment',
    ]);
  });

  it('name a connection again when another came between', () => {
    const s = new Steps();
    const events = [data(0, 0, 1, 1), data(1, 0, 1, 2), data(2, 1, 1, 1)];
    const headings = events.flatMap((event) => s.push(event, endpoints)).filter((step) => step.kind === 'connection');
    expect(headings.map((step) => [step.id, step.again])).toEqual([
      [1, false],
      [2, false],
      [1, true],
    ]);
  });

  it('put what both ends do at once side by side, and nothing else', () => {
    const state = (time: number, end: 'ours' | 'peer'): TraceEvent => ({
      kind: 'state',
      serial: 0,
      time,
      connection: 1,
      end,
      from: 'ESTABLISHED',
      to: 'FIN-WAIT-1',
      cause: 'CLOSE',
    });
    const peerKnown = { peerKnown: true };
    expect(steps([state(0, 'ours'), state(10, 'peer')], peerKnown)).toEqual(['connection', 'state']);
    expect(steps([state(0, 'ours'), state(10, 'ours')], peerKnown)).toEqual(['connection', 'state', 'state']);
    expect(steps([state(0, 'ours'), state(300_000, 'peer')], peerKnown)).toEqual([
      'connection',
      'state',
      'pause',
      'state',
    ]);
  });
});
