import { describe, expect, it } from 'vitest';
import type { Ffi } from '../../src/node/ffi.ts';
import { Moderation } from '../../src/node/moderation.ts';
import type { PollHandle } from '../../src/node/poll.ts';

const TIMER = 9;
const MIB = 1 << 20;

/** A moderation of 60 µs, and what it does: to the device's watch, to its timer, to the timer's watch. */
function moderated({ timer = TIMER } = {}) {
  const story: string[] = [];
  const watch = (name: string): PollHandle => {
    const says = (what: string) => () => void story.push(`${name} ${what}`);
    return { ref: says('ref'), unref: says('unref'), stop: says('stop'), start: says('start'), close: says('close') };
  };
  let spec: DataView | undefined;
  const system: Partial<Ffi> = {
    address: (bytes) => {
      spec = new DataView(bytes);
      return 4096;
    },
    timerfdCreate: () => timer,
    timerfdSettime: (fd, flags, value, old) => {
      expect([fd, flags, value, old]).toEqual([TIMER, 0, 4096, 0]);
      const [interval, seconds] = [
        spec!.getBigInt64(0, true) + spec!.getBigInt64(8, true),
        spec!.getBigInt64(16, true),
      ];
      expect([interval, seconds]).toEqual([0n, 0n]);
      story.push(`set ${spec!.getBigInt64(24, true)}`);
      return 0;
    },
    poll: (fd, callback) => {
      expect([fd, callback]).toEqual([TIMER, read]);
      return watch('timer');
    },
    close: (fd) => {
      story.push(`close ${fd}`);
      return 0;
    },
  };
  const read = () => {};
  const moderation = new Moderation(system as Ffi, watch('device'), read, 60);
  let now = 0;
  return {
    moderation,
    /** A batch, so many µs after the last one. What was done on it. */
    batch: (after: number, bytes: number, drained = true) => {
      now += after;
      moderation.batch(bytes, drained, now);
      return story.splice(0);
    },
    said: () => story.splice(0),
  };
}

describe('Moderation', () => {
  it('leaves the device to its watch while packets come slowly, or one alone is large', () => {
    const { moderation, batch } = moderated();
    expect(batch(5_000_000, MIB)).toEqual([]);
    for (let i = 0; i < 100; i++) expect(batch(100, 190_000)).toEqual([]);
    expect(moderation.waits).toBe(0);
  });

  it('has the timer call instead where they come fast, each time when the device is empty', () => {
    const { moderation, batch } = moderated();
    batch(1000, 0);
    for (let i = 0; i < 9; i++) expect(batch(100, 250_000)).toEqual([]);
    expect(batch(100, 250_000)).toEqual(['device stop', 'set 60000']);
    expect(batch(60, 500_000)).toEqual(['set 60000']);
    // There is more: it calls again in any case.
    expect(batch(60, MIB, false)).toEqual([]);
    expect(batch(20, 500_000)).toEqual(['set 60000']);
    expect(moderation.waits).toBe(3);
  });

  it('does not where there is always more than is read', () => {
    const { batch } = moderated();
    for (let i = 0; i < 50; i++) expect(batch(100, MIB, false)).toEqual([]);
  });

  it('goes back to the watch where they come slowly, or not at all, within two milliseconds', () => {
    const { batch } = moderated();
    batch(1000, 0);
    batch(1000, 3 * MIB);
    // Half as fast as it has to be to begin: still.
    for (let i = 0; i < 40; i++) expect(batch(100, 110_000)).toEqual(['set 60000']);
    const after: string[] = [];
    for (let i = 0; i < 20; i++) after.push(...batch(100, 0));
    expect(after.slice(-2)).toEqual(['set 0', 'device start']);
    expect(after.slice(0, -2).every((what) => what === 'set 60000')).toBe(true);
    // And again, with the same timer.
    batch(1000, 0);
    expect(batch(1000, 3 * MIB)).toEqual(['device stop', 'set 60000']);
  });

  it('reads packets as they come where the system has no timer left', () => {
    const { moderation, batch } = moderated({ timer: -1 });
    batch(1000, 0);
    for (let i = 0; i < 5; i++) expect(batch(1000, 3 * MIB)).toEqual([]);
    moderation.close();
    expect(moderation.waits).toBe(0);
  });

  it('keeps the process alive as the device does', () => {
    const { moderation, batch, said } = moderated();
    moderation.unref();
    batch(1000, 0);
    expect(batch(1000, 3 * MIB)).toEqual(['timer unref', 'device stop', 'set 60000']);
    moderation.ref();
    moderation.unref();
    expect(said()).toEqual(['timer ref', 'timer unref']);
  });

  it('closes its timer, once, and is over then', () => {
    const { moderation, batch, said } = moderated();
    batch(1000, 0);
    batch(1000, 3 * MIB);
    moderation.close();
    expect(said()).toEqual(['timer close', `close ${TIMER}`]);
    moderation.close();
    expect(said()).toEqual([]);
    for (let i = 0; i < 3; i++) expect(batch(1000, 3 * MIB)).toEqual([]);
  });
});
