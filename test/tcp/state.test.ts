import { describe, expect, it } from 'vitest';
import {
  isLegal,
  isSynchronized,
  STATE_NAMES,
  type State,
  type StateName,
  setState,
  TRANSITIONS,
} from '../../src/tcp/state.ts';
import type { Tcb } from '../../src/tcp/tcb.ts';

const number = (name: StateName) => STATE_NAMES.indexOf(name) as State;

/** RFC 9293 figure 5, edge for edge, and its note 3 (aborts and resets) where the text of §3.10 has them. */
const FIGURE_5: readonly (readonly [StateName, readonly StateName[]])[] = [
  ['CLOSED', ['LISTEN', 'SYN-SENT']],
  ['LISTEN', ['SYN-RECEIVED', 'SYN-SENT', 'CLOSED']],
  ['SYN-SENT', ['SYN-RECEIVED', 'ESTABLISHED', 'CLOSED']],
  // §3.10.7.4, eighth: a FIN with the ACK of our SYN passes through ESTABLISHED to CLOSE-WAIT: both spellings are legal.
  ['SYN-RECEIVED', ['ESTABLISHED', 'FIN-WAIT-1', 'LISTEN', 'CLOSED']],
  ['ESTABLISHED', ['FIN-WAIT-1', 'CLOSE-WAIT', 'CLOSED']],
  ['FIN-WAIT-1', ['FIN-WAIT-2', 'CLOSING', 'TIME-WAIT', 'CLOSED']],
  ['FIN-WAIT-2', ['TIME-WAIT', 'CLOSED']],
  ['CLOSE-WAIT', ['LAST-ACK', 'CLOSED']],
  ['CLOSING', ['TIME-WAIT', 'CLOSED']],
  ['LAST-ACK', ['CLOSED']],
  ['TIME-WAIT', ['CLOSED']],
];
const TOLERATED = ['SYN-RECEIVED → CLOSE-WAIT'];

describe('RFC 9293 §3.3.2 the state table', () => {
  it('§3.3.2 has the arrows of figure 5 and no others', () => {
    const wanted = FIGURE_5.flatMap(([from, tos]) => tos.map((to) => `${from} → ${to}`)).sort();
    const has = TRANSITIONS.map((t) => `${STATE_NAMES[t.from]} → ${STATE_NAMES[t.to]}`)
      .filter((edge) => !TOLERATED.includes(edge))
      .sort();
    expect(has).toEqual(wanted);
  });

  it('has each arrow once, with a cause', () => {
    const edges = TRANSITIONS.map((t) => `${t.from} ${t.to}`);
    expect(new Set(edges).size).toBe(edges.length);
    for (const t of TRANSITIONS) expect(t.causes.length).toBeGreaterThan(0);
  });

  it('isLegal says what the table says, for all 121 pairs', () => {
    for (const from of STATE_NAMES.keys()) {
      for (const to of STATE_NAMES.keys()) {
        const listed = TRANSITIONS.some((t) => t.from === from && t.to === to);
        expect(isLegal(from as State, to as State)).toBe(listed);
      }
    }
  });

  it('setState writes, tells the trace, and refuses what is not in the table', () => {
    const told: unknown[] = [];
    const trace = { state: (_: unknown, ...rest: unknown[]) => told.push(rest) };
    const tcb = { state: number('ESTABLISHED'), env: { trace } } as unknown as Tcb;
    setState(tcb, number('FIN-WAIT-1'), 'CLOSE', 5);
    expect(tcb.state).toBe(number('FIN-WAIT-1'));
    expect(told).toEqual([[number('ESTABLISHED'), number('FIN-WAIT-1'), 'CLOSE', 5]]);
    expect(() => setState(tcb, number('ESTABLISHED'), 'rcv ACK of SYN', 6)).toThrow('FIN-WAIT-1 → ESTABLISHED');
    expect(tcb.state).toBe(number('FIN-WAIT-1'));
  });

  it('§3.5 synchronized are ESTABLISHED and later', () => {
    const synchronized = STATE_NAMES.filter((_, i) => isSynchronized(i as State));
    expect(synchronized).toEqual([
      'ESTABLISHED',
      'FIN-WAIT-1',
      'FIN-WAIT-2',
      'CLOSE-WAIT',
      'CLOSING',
      'LAST-ACK',
      'TIME-WAIT',
    ]);
  });
});
