import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Internals } from '../../../src/node/net/internals.ts';

describe("a socket's time-out", () => {
  let fired: number[];
  let internals: Internals;
  const socket = { _onTimeout: () => void fired.push(performance.now()) };

  beforeEach(() => {
    vi.useFakeTimers();
    fired = [];
    internals = new Internals();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  /** Milliseconds from now on until it fired. */
  function firesAfter(within: number): number[] {
    const from = performance.now();
    vi.advanceTimersByTime(within);
    const after = fired.map((time) => time - from);
    fired = [];
    return after;
  }

  it('comes once, after its delay', () => {
    internals.time(100, socket);
    expect(firesAfter(99)).toEqual([]);
    expect(firesAfter(1000)).toEqual([1]);
  });

  it('does not come where it was taken back, and starts anew with the same timer', () => {
    internals.time(100, socket);
    const { timer } = internals;
    for (let i = 0; i < 5; i++) {
      vi.advanceTimersByTime(60);
      internals.timing = false;
      vi.advanceTimersByTime(20);
      internals.time(100, socket);
      expect(internals.timer).toBe(timer);
    }
    expect(firesAfter(1000)).toEqual([100]);
    internals.time(100, socket);
    internals.timing = false;
    expect(firesAfter(1000)).toEqual([]);
    internals.time(100, socket);
    expect(firesAfter(1000)).toEqual([100]);
  });

  it('has the delay that was asked for last', () => {
    internals.time(100, socket);
    internals.time(30, socket);
    expect(firesAfter(1000)).toEqual([30]);
    internals.time(200, socket);
    expect(firesAfter(1000)).toEqual([200]);
    expect(vi.getTimerCount()).toBe(0);
  });
});
