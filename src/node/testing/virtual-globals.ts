import { AsyncResource } from 'node:async_hooks';
import { createRequire, syncBuiltinESMExports } from 'node:module';
import type { Network } from '../../sim/network.ts';

/** What Node gives when nothing is replaced. */
const real = { setImmediate: globalThis.setImmediate, Date: globalThis.Date };
/** setTimeout's longest delay, ms: whoever asks for it means never. */
const LONGEST_DELAY = 2 ** 31 - 1;
/** 2030-01-01T00:00:00Z, ms: when every simulation begins. */
const BEGINNING = 1_893_456_000_000;

/** Fulfilled when promises and `process.nextTick` have nothing left to do. */
export function settled(): Promise<void> {
  return new Promise((resolve) => real.setImmediate(resolve));
}

type Callback = (...args: never[]) => void;

/** What a virtual `setTimeout` returns: of Node's `Timeout` what is public. */
class VirtualTimer {
  readonly #net: Network;
  readonly #callback: () => void;
  readonly #delay: number;
  readonly #repeat: boolean;
  #cancel: () => void = () => {};
  #ref = true;

  constructor(net: Network, callback: () => void, delay: number, repeat: boolean) {
    this.#net = net;
    this.#callback = AsyncResource.bind(callback);
    this.#delay = delay;
    this.#repeat = repeat;
    this.#arm();
  }

  /** Starts anew. */
  refresh(): this {
    this.#cancel();
    this.#arm();
    return this;
  }

  close(): this {
    this.#cancel();
    return this;
  }

  ref(): this {
    this.#ref = true;
    return this;
  }

  unref(): this {
    this.#ref = false;
    return this;
  }

  hasRef(): boolean {
    return this.#ref;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #arm(): void {
    if (this.#delay >= LONGEST_DELAY) return;
    this.#cancel = this.#net.schedule(this.#net.now + 1000 * this.#delay, () => {
      if (this.#repeat) this.#arm();
      this.#callback();
    });
  }
}

let installed = false;

/**
 * Puts virtual time under everything in this process that asks for time: `setTimeout` and its kin, `node:timers`, `node:timers/promises`, `Date` and
 * `performance.now`. Returns what takes it away again. One network at a time.
 */
export function installVirtualTime(net: Network): () => void {
  if (installed) {
    throw new Error(
      'another simulation runs in this process: simulations cannot run concurrently (await the first one)',
    );
  }
  installed = true;
  const replaced: (() => void)[] = [];
  const replace = (target: object, name: string, value: unknown): void => {
    const before = Object.getOwnPropertyDescriptor(target, name);
    Object.defineProperty(target, name, {
      value,
      configurable: true,
      writable: true,
      enumerable: before?.enumerable ?? false,
    });
    // What was inherited is found again once ours is gone.
    if (before === undefined) replaced.push(() => void Reflect.deleteProperty(target, name));
    else replaced.push(() => void Object.defineProperty(target, name, before));
  };

  const timer =
    (repeat: boolean) =>
    (callback: Callback, delay?: number, ...args: unknown[]) =>
      new VirtualTimer(
        net,
        () => Reflect.apply(callback, undefined, args),
        Math.max(1, Math.trunc(Number(delay)) || 1),
        repeat,
      );
  const immediate = (callback: Callback, ...args: unknown[]) =>
    new VirtualTimer(net, () => Reflect.apply(callback, undefined, args), 0, false);
  const clear = (handle: unknown): void => {
    if (handle instanceof VirtualTimer) handle.close();
  };
  const timers = {
    setTimeout: timer(false),
    setInterval: timer(true),
    setImmediate: immediate,
    clearTimeout: clear,
    clearInterval: clear,
    clearImmediate: clear,
  };
  const require = createRequire(import.meta.url);
  for (const [name, value] of Object.entries(timers)) {
    replace(globalThis, name, value);
    replace(require('node:timers'), name, value);
  }
  const promises = require('node:timers/promises');
  replace(promises, 'setTimeout', (delay?: number, value?: unknown, options?: { signal?: AbortSignal }) =>
    waiting(net, Math.max(1, delay ?? 1), value, options?.signal),
  );
  replace(promises, 'setImmediate', (value?: unknown, options?: { signal?: AbortSignal }) =>
    waiting(net, 0, value, options?.signal),
  );
  const now = () => BEGINNING + net.elapsed / 1000;
  replace(globalThis, 'Date', virtualDate(now));
  replace(globalThis.performance, 'now', () => net.elapsed / 1000);
  syncBuiltinESMExports();

  return () => {
    for (const restore of replaced.reverse()) restore();
    syncBuiltinESMExports();
    installed = false;
  };
}

function waiting(net: Network, delay: number, value: unknown, signal: AbortSignal | undefined): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      cancel();
      reject(signal!.reason);
    };
    const cancel = net.schedule(net.now + 1000 * delay, () => {
      signal?.removeEventListener('abort', stop);
      resolve(value);
    });
    if (signal?.aborted) stop();
    else signal?.addEventListener('abort', stop, { once: true });
  });
}

/** A `Date` that reads the virtual clock where it is asked for the present. */
function virtualDate(now: () => number): DateConstructor {
  return new Proxy(real.Date, {
    construct: (Real, args, newTarget) => Reflect.construct(Real, args.length === 0 ? [now()] : args, newTarget),
    apply: (Real) => new Real(now()).toString(),
    get: (Real, name, receiver) =>
      name === 'now' ? () => Math.floor(now()) : (Reflect.get(Real, name, receiver) as unknown),
  });
}
