import { describe, expect, it } from 'vitest';
import { WebHost } from '../../src/web/host.ts';

describe('WebHost', () => {
  it('has a clock of whole µs that does not go back', () => {
    const host = new WebHost();
    const first = host.now();
    expect(Number.isInteger(first)).toBe(true);
    expect(host.now()).toBeGreaterThanOrEqual(first);
  });

  it('fills any number of bytes with chance', () => {
    const bytes = new Uint8Array(200_000);
    new WebHost().random(bytes);
    expect(new Set(bytes).size).toBe(256);
    expect(new Set(bytes.subarray(-1000)).size).toBeGreaterThan(100);
  });

  it('wakes at the deadline, and not for those before', async () => {
    const host = new WebHost();
    const start = host.now();
    const woken: string[] = [];
    host.wakeAt(start + 5_000, () => woken.push('first'));
    host.wakeAt(start + 40_000, () => woken.push('second'));
    await new Promise((resolve) => setTimeout(resolve, 25));
    expect(woken).toEqual([]);
    await expect.poll(() => woken).toEqual(['second']);
    expect(host.now() - start).toBeGreaterThanOrEqual(40_000);
    host.wakeAt(host.now() + 5_000, () => woken.push('third'));
    host.wakeAt(Number.POSITIVE_INFINITY, () => {});
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(woken).toEqual(['second']);
  });

  it('calls back soon: after what runs now, in order, each in a turn of its own', async () => {
    const host = new WebHost();
    const seen: string[] = [];
    host.soon(() => {
      seen.push('first');
      Promise.resolve().then(() => seen.push('its promise'));
      host.soon(() => seen.push('third'));
    });
    host.soon(() => seen.push('second'));
    seen.push('now');
    await expect.poll(() => seen).toEqual(['now', 'first', 'its promise', 'second', 'third']);
  });
});
