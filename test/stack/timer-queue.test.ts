import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TimerQueue } from '../../src/stack/timer-queue.ts';

const NEVER = Number.POSITIVE_INFINITY;
const DAY = 86_400_000_000;

/** Delays of every size that the levels of the wheel have, and on their edges. */
const delay = fc.oneof(
  fc.nat(3000),
  fc.nat(40_000),
  fc.nat(2_000_000),
  fc.nat(2_000_000_000),
  fc.integer({ min: 0, max: 400 }).map((days) => days * DAY),
  fc.integer({ min: 0, max: 34 }).map((bits) => 2 ** bits * 1024),
);

type Step = { kind: 'arm' | 'off' | 'remove' | 'run'; timer: number; delay: number };
const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom('arm', 'arm', 'arm', 'off', 'remove', 'run'),
  timer: fc.nat(20),
  delay,
});

describe('TimerQueue', () => {
  it('fires what a sorted list would, in its order, and never asks to be woken late', () => {
    fc.assert(
      fc.property(fc.nat(DAY), fc.array(step, { size: 'max', maxLength: 120 }), (startTime, steps) => {
        const queue = new TimerQueue<number>();
        let now = startTime;
        const ids = new Map<number, number>();
        const model = new Map<number, number>();
        const runTo = (time: number) => {
          const due = [...model].filter(([, at]) => at <= time).sort((a, b) => a[1] - b[1]);
          const fired: [number, number][] = [];
          const at = new Map(model);
          queue.expire(time, (timer) => fired.push([timer, at.get(timer)!]));
          expect(fired.map(([, t]) => t)).toEqual(due.map(([, t]) => t));
          expect(new Set(fired.map(([n]) => n))).toEqual(new Set(due.map(([n]) => n)));
          for (const [n] of due) model.delete(n);
        };
        for (const s of steps) {
          const id = ids.get(s.timer);
          if (s.kind === 'arm') {
            const known = id ?? queue.add(s.timer);
            ids.set(s.timer, known);
            queue.arm(known, now + s.delay);
            model.set(s.timer, now + s.delay);
          } else if (s.kind === 'off' && id !== undefined) {
            queue.arm(id, NEVER);
            model.delete(s.timer);
          } else if (s.kind === 'remove' && id !== undefined) {
            queue.remove(id);
            ids.delete(s.timer);
            model.delete(s.timer);
          } else if (s.kind === 'run') {
            now += s.delay;
            runTo(now);
          }
          expect(queue.armed).toBe(model.size);
          expect(queue.next).toBeLessThanOrEqual(Math.min(NEVER, ...model.values()));
          if (model.size === 0) expect(queue.next).toBe(NEVER);
        }
        // Driven by `next` alone it comes to its end, each timer at its own microsecond.
        for (let wakes = 0; model.size > 0; wakes++) {
          expect(wakes).toBeLessThan(500);
          const at = queue.next;
          expect(at).toBeLessThan(NEVER);
          now = Math.max(now, at);
          runTo(now);
        }
        expect(queue.next).toBe(NEVER);
      }),
      { numRuns: 300 },
    );
  });

  it('wakes exactly where one timer is on, to the microsecond (RFC 6298 §4), however far', () => {
    const queue = new TimerQueue<string>();
    const id = queue.add('a');
    for (const at of [1, 1023, 1024, 123_456_789, 20 * DAY + 7]) {
      queue.arm(id, at);
      expect(queue.next).toBe(at);
      const fired: string[] = [];
      queue.expire(at - 1, (name) => fired.push(name));
      expect(fired).toEqual([]);
      queue.expire(at, (name) => fired.push(name));
      expect(fired).toEqual(['a']);
    }
  });

  it('lets a timer that fires arm itself and others, also for now', () => {
    const queue = new TimerQueue<number>();
    const a = queue.add(0);
    const b = queue.add(1);
    const log: number[] = [];
    queue.arm(a, 10);
    queue.expire(2000, (n) => {
      log.push(n);
      if (log.length < 3) queue.arm(n === 0 ? b : a, 2000);
    });
    expect(log).toEqual([0, 1, 0]);
    expect(queue.armed).toBe(0);
  });

  it('lets a timer that fires remove another that is due', () => {
    const queue = new TimerQueue<number>();
    const a = queue.add(0);
    const b = queue.add(1);
    queue.arm(a, 5);
    queue.arm(b, 6);
    const log: number[] = [];
    queue.expire(10, (n) => {
      log.push(n);
      if (n === 0) queue.remove(b);
    });
    expect(log).toEqual([0]);
  });

  it('takes few wake-ups for many timers of one time', () => {
    const queue = new TimerQueue<number>();
    for (let i = 0; i < 10_000; i++) queue.arm(queue.add(i), 7_200_000_000 + i);
    let wakes = 0;
    let fired = 0;
    while (queue.next !== NEVER && queue.next < 7_200_000_000) {
      wakes++;
      queue.expire(queue.next, () => fired++);
    }
    expect(wakes).toBeLessThan(8);
    expect(fired).toBe(0);
    queue.expire(7_200_010_000, () => fired++);
    expect(fired).toBe(10_000);
  });
});
