import { describe, expect, it } from 'vitest';
import { ScriptClock } from '../../src/packetdrill/clock.ts';

describe('the clock of a script', () => {
  it('stands still but for its steps', () => {
    const clock = new ScriptClock(1);
    const start = clock.now();
    const heard: number[] = [];
    clock.wakeAt(start + 500, () => heard.push(clock.now() - start));
    clock.settle();
    expect(heard).toEqual([]);
    expect(clock.step(start + 400)).toBe(false);
    expect(clock.now()).toBe(start + 400);
    expect(clock.step(start + 1000)).toBe(true);
    expect([heard, clock.now() - start]).toEqual([[500], 500]);
    expect(clock.step(start + 1000)).toBe(false);
    expect(clock.now() - start).toBe(1000);
  });
  it('does at once what is due, and what that asks for', () => {
    const clock = new ScriptClock(1);
    const heard: string[] = [];
    clock.soon(() => {
      heard.push('a');
      clock.soon(() => heard.push('c'));
    });
    clock.soon(() => heard.push('b'));
    clock.settle();
    expect(heard).toEqual(['a', 'b', 'c']);
  });
  it('is the same for the same seed', () => {
    const bytes = (seed: number) => {
      const out = new Uint8Array(8);
      new ScriptClock(seed).random(out);
      return [...out];
    };
    expect(bytes(1)).toEqual(bytes(1));
    expect(bytes(1)).not.toEqual(bytes(2));
  });
});
