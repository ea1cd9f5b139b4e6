import type { Host } from '../stack/host.ts';

/** The longest delay of a timer, ms; beyond it browsers fire at once. */
const LONGEST_DELAY = 2 ** 31 - 1;
/** A MessagePort. Node's keeps the process alive while it is told to. */
interface Bell {
  addEventListener(type: 'message', listener: () => void): void;
  postMessage(message: null): void;
  start(): void;
  ref?(): void;
  unref?(): void;
}

/** What `getRandomValues` gives at most in one call, bytes. */
const LARGEST_RANDOM = 65_536;

/**
 * The machine a stack runs on, as browsers, workers and their like give it. Nothing here is Node's.
 *
 * A stack moves its deadline with nearly every segment, mostly to a later time. A timer that is armed for an earlier time is therefore left
 * alone: when it fires it looks at the deadline, and sleeps again. A page in the background wakes about once a second: TCP takes that as a
 * slow network.
 */
export class WebHost implements Host {
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** When `#timer` is to fire, µs. */
  #firesAt = Number.POSITIVE_INFINITY;
  #deadline = Number.POSITIVE_INFINITY;
  #callback: () => void = nothing;
  readonly #soon: (() => void)[] = [];
  /** A message comes in a turn of its own, as a time-out of 0 would after 4 ms. */
  readonly #bell = new MessageChannel() as unknown as { readonly port1: Bell; readonly port2: Bell };

  constructor() {
    const { port1 } = this.#bell;
    port1.addEventListener('message', () => {
      if (this.#soon.length === 1) port1.unref?.();
      this.#soon.shift()?.();
    });
    port1.start();
    port1.unref?.();
  }

  now(): number {
    return Math.floor(performance.now() * 1000);
  }

  random(bytes: Uint8Array): void {
    // Views of shared memory are refused there.
    const dice = new Uint8Array(Math.min(bytes.length, LARGEST_RANDOM));
    for (let at = 0; at < bytes.length; at += dice.length) {
      crypto.getRandomValues(dice);
      bytes.set(dice.subarray(0, bytes.length - at), at);
    }
  }

  wakeAt(deadline: number, callback: () => void): void {
    this.#deadline = deadline;
    this.#callback = callback;
    if (this.#timer === undefined || deadline < this.#firesAt) this.#arm();
  }

  soon(callback: () => void): void {
    if (this.#soon.push(callback) === 1) this.#bell.port1.ref?.();
    this.#bell.port2.postMessage(null);
  }

  #arm(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#firesAt = Number.POSITIVE_INFINITY;
    if (this.#deadline === Number.POSITIVE_INFINITY) return;
    const now = this.now();
    const delay = Math.min(Math.max(1, Math.ceil((this.#deadline - now) / 1000)), LONGEST_DELAY);
    this.#firesAt = now + delay * 1000;
    this.#timer = setTimeout(this.#fire, delay);
  }

  readonly #fire = (): void => {
    this.#timer = undefined;
    // Early: the deadline moved, was beyond the longest delay, or the clock is coarse.
    if (this.now() < this.#deadline) {
      this.#arm();
      return;
    }
    const callback = this.#callback;
    this.#deadline = Number.POSITIVE_INFINITY;
    this.#firesAt = Number.POSITIVE_INFINITY;
    this.#callback = nothing;
    callback();
  };
}

function nothing(): void {}
