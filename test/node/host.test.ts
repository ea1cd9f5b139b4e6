import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
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

type HostModule = typeof import('../../src/node/host.ts');

describe.each(['with', 'without'])('turns, %s what Node does between two of its callbacks', (which) => {
  const program = process as { _tickCallback?: () => void };
  const { _tickCallback } = program;
  let host: HostModule;
  let log: string[];

  beforeEach(async () => {
    log = [];
    vi.resetModules();
    if (which === 'without') delete program._tickCallback;
    host = await import('../../src/node/host.ts');
  });
  afterEach(() => {
    program._tickCallback = _tickCallback!;
  });

  async function turnsOver(): Promise<void> {
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
  }

  /** A turn that leaves something to ticks and promises, and those to each other. */
  function speak(name: string): void {
    log.push(name);
    void Promise.resolve().then(() => {
      log.push(`${name}: promise`);
      process.nextTick(() => void log.push(`${name}: tick of a promise`));
    });
    process.nextTick(() => {
      log.push(`${name}: tick`);
      void Promise.resolve().then(() => void log.push(`${name}: promise of a tick`));
    });
  }

  const said = (name: string): string[] =>
    ['', ': tick', ': promise', ': promise of a tick', ': tick of a promise'].map((what) => name + what);

  it('come in order, each with its ticks and promises', async () => {
    for (const name of ['a', 'b', 'c']) host.scopedTurn(speak, name);
    await turnsOver();
    expect(log).toEqual([...said('a'), ...said('b'), ...said('c')]);
  });

  it('that come up in a turn are for later, in order with immediates', async () => {
    host.scopedTurn(() => {
      log.push('a');
      setImmediate(() => log.push('immediate'));
      host.scopedTurn(() => log.push('of a'), null);
      setImmediate(() => log.push('another'));
    }, null);
    host.scopedTurn(() => log.push('b'), null);
    await turnsOver();
    expect(log).toEqual(['a', 'b', 'immediate', 'of a', 'another']);
  });

  it('are not lost where one throws, in itself or in a tick', async () => {
    const listeners = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.on('uncaughtException', (error) => log.push(error.message));
    try {
      host.scopedTurn(speak, 'a');
      host.scopedTurn(() => {
        throw new Error('thrown');
      }, null);
      host.scopedTurn(speak, 'b');
      host.scopedTurn(() => {
        process.nextTick(() => {
          throw new Error('thrown in a tick');
        });
      }, null);
      host.scopedTurn(speak, 'c');
      await turnsOver();
    } finally {
      process.removeAllListeners('uncaughtException');
      for (const listener of listeners) process.on('uncaughtException', listener);
    }
    expect(log).toEqual([...said('a'), 'thrown', ...said('b'), 'thrown in a tick', ...said('c')]);
  });

  it('let each scope have its own context, in its ticks and promises, too', async () => {
    const store = new AsyncLocalStorage<string>();
    const scopes = ['a', 'b', 'c'].map((name) => store.run(name, () => new AsyncResource('TEST')));
    const tell = (): void => {
      const note = (what: string) => void log.push(`${what} ${store.getStore()}`);
      note('turn');
      process.nextTick(note, 'tick');
      void Promise.resolve('promise').then(note);
    };
    store.run('nobody', () => {
      for (const scope of scopes) host.scopedTurn(() => scope.runInAsyncScope(tell), null);
    });
    await turnsOver();
    expect(log).toEqual(['a', 'b', 'c'].flatMap((name) => [`turn ${name}`, `tick ${name}`, `promise ${name}`]));
  });

  it('are over when those who wait for them hear of it, or their patience is', async () => {
    expect(host.afterTurns(() => log.push('never'), 1000)).toBe(false);
    host.scopedTurn(() => log.push('a'), null);
    host.scopedTurn(() => log.push('b'), null);
    expect(host.afterTurns(() => log.push('over'), 1000)).toBe(true);
    await turnsOver();
    expect(log).toEqual(['a', 'b', 'over']);
    for (const name of ['c', 'd']) {
      host.scopedTurn(() => {
        log.push(name);
        const from = performance.now();
        while (performance.now() - from < 5);
      }, null);
    }
    host.afterTurns(() => log.push('no patience'), 1);
    await turnsOver();
    expect(log.slice(3)).toEqual(['c', 'no patience', 'd']);
  });
});
