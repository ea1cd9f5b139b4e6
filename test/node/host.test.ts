import { describe, expect, it } from 'vitest';
import { NodeHost } from '../../src/node/host.ts';

function wake(host: NodeHost, after: number): Promise<number> {
  const deadline = host.now() + after;
  return new Promise((resolve) => host.wakeAt(deadline, () => resolve(host.now() - deadline)));
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function timers(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
}

describe('NodeHost', () => {
  it('tells whole microseconds that never go back', () => {
    const host = new NodeHost();
    let last = host.now();
    for (let i = 0; i < 10_000; i++) {
      const now = host.now();
      expect(Number.isSafeInteger(now) && now >= last).toBe(true);
      last = now;
    }
  });

  it('measures what passes as the wall clock does', async () => {
    const host = new NodeHost();
    const [wall, start] = [process.hrtime.bigint(), host.now()];
    await sleep(30);
    const passed = Number(process.hrtime.bigint() - wall) / 1000;
    expect(Math.abs(host.now() - start - passed)).toBeLessThan(1000);
  });

  it('fills with random bytes', () => {
    const [a, b] = [new Uint8Array(32), new Uint8Array(32)];
    new NodeHost().random(a);
    new NodeHost().random(b);
    expect(a).not.toEqual(new Uint8Array(32));
    expect(a).not.toEqual(b);
  });

  it('never wakes early, not by a microsecond, and soon after', async () => {
    const host = new NodeHost();
    for (const after of [-5000, 0, 1, 300, 999, 1000, 1001, 2500, 12_345]) {
      const late = await wake(host, after);
      expect(late).toBeGreaterThanOrEqual(0);
      expect(late).toBeLessThan(200_000);
    }
  });

  it('keeps one wake-up: a new one replaces the old, earlier or later', async () => {
    const host = new NodeHost();
    const woken: string[] = [];
    const start = host.now();
    host.wakeAt(start + 500_000, () => woken.push('late'));
    host.wakeAt(start + 10_000, () => woken.push('early'));
    host.wakeAt(start + 40_000, () => woken.push('middle'));
    await sleep(25);
    expect(woken).toEqual([]);
    await sleep(60);
    expect(woken).toEqual(['middle']);
    expect(host.now() - start).toBeLessThan(400_000);
  });

  it('does not wake for Infinity, nor once it is set', async () => {
    const host = new NodeHost();
    let woken = 0;
    host.wakeAt(host.now() + 5000, () => woken++);
    host.wakeAt(Number.POSITIVE_INFINITY, () => woken++);
    await sleep(30);
    expect(woken).toBe(0);
  });

  it('may be given the next deadline from inside the wake-up', async () => {
    const host = new NodeHost();
    await wake(host, 1000);
    expect(await wake(host, 1000)).toBeGreaterThanOrEqual(0);
  });

  it('waits for a deadline further away than setTimeout reaches', async () => {
    const host = new NodeHost();
    let woken = 0;
    host.wakeAt(host.now() + 2 ** 31 * 1000 * 3, () => woken++);
    await sleep(30);
    expect(woken).toBe(0);
    host.wakeAt(Number.POSITIVE_INFINITY, () => {});
  });

  it('holds the process only for a deadline, and only while referenced', () => {
    const before = timers();
    const host = new NodeHost();
    host.wakeAt(host.now() + 60_000_000, () => {});
    expect(timers()).toBe(before + 1);
    host.unref();
    expect(timers()).toBe(before);
    host.ref();
    expect(timers()).toBe(before + 1);
    host.wakeAt(Number.POSITIVE_INFINITY, () => {});
    expect(timers()).toBe(before);
    host.wakeAt(host.now() + 50_000_000, () => {});
    expect(timers()).toBe(before + 1);
    host.unref();
  });
});
