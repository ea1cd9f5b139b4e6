import { randomFillSync } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { Batch } from '../stack/batch.ts';
import type { Host } from '../stack/host.ts';
import { REAL_ZERO } from '../tcp/real.ts';

/** The longest delay `setTimeout` takes, in ms; beyond it Node fires at once. */
const LONGEST_DELAY = 2 ** 31 - 1;

/** What a host's clock said last, ms: in a turn that sends or receives, what it said then. No variable: V8 would make an object for each number. */
const clock = { latest: REAL_ZERO };

/** What to add to a time of `NodeHost.now` for µs since 1970. */
export const EPOCH = Math.round(performance.timeOrigin * 1000);

/**
 * The machine a stack runs on, as Node gives it: the one place of this package, beside the browser's, that reads a real clock, real
 * randomness and sets a real timer.
 *
 * A stack moves its deadline with nearly every segment, mostly to a later time. A timer that is armed for an earlier time is
 * therefore left alone: when it fires it looks at the deadline, and sleeps again.
 */
export class NodeHost implements Host {
  #timer: NodeJS.Timeout | undefined;
  /** When `#timer` is to fire, µs. */
  #firesAt = Number.POSITIVE_INFINITY;
  #deadline = Number.POSITIVE_INFINITY;
  #callback: () => void = nothing;
  #keepAlive = true;

  now(): number {
    const time = performance.now();
    clock.latest = time;
    return Math.floor(time * 1000);
  }

  random(bytes: Uint8Array): void {
    randomFillSync(bytes);
  }

  wakeAt(deadline: number, callback: () => void): void {
    this.#deadline = deadline;
    this.#callback = callback;
    if (this.#timer === undefined || deadline < this.#firesAt) this.#arm();
    else this.#hold();
  }

  soon(callback: () => void): void {
    afterPoll(callback);
  }

  /** A wake-up that is due in future keeps the process alive (the default). */
  ref(): this {
    this.#keepAlive = true;
    this.#hold();
    return this;
  }

  /** A wake-up that is due in future does not keep the process alive. */
  unref(): this {
    this.#keepAlive = false;
    this.#hold();
    return this;
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
    this.#hold();
  }

  /** The event loop is held open by a timer that stands for a deadline, not by one that was left armed. */
  #hold(): void {
    if (this.#timer === undefined) return;
    const wanted = this.#keepAlive && this.#deadline !== Number.POSITIVE_INFINITY;
    if (wanted !== this.#timer.hasRef()) {
      if (wanted) this.#timer.ref();
      else this.#timer.unref();
    }
  }

  readonly #fire = (): void => {
    this.#timer = undefined;
    // Early: the deadline moved, was beyond the longest delay, or Node rounded the delay down to its own millisecond.
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

/** Calls back in this turn of the event loop, once what waited for input has been told of it; before it waits again. */
export function afterPoll(callback: () => void): void {
  setImmediate(callback);
}

function nothing(): void {}

/** Turns that were asked for, and those of them that have begun. */
let asked = 0;
let begun = 0;
/** Who waits until which of them has run; or until what time of `performance.now`, ms. */
const waiting: { readonly turn: number; readonly time: number; readonly callback: () => void }[] = [];

/** Calls `callback(argument)` as a turn of its own: what it leaves to `process.nextTick` and to promises is done before the next one. */
export function turn<T>(callback: (argument: T) => void, argument: T): void {
  asked++;
  setImmediate(runTurn<T>, callback, argument);
}

/**
 * What Node does between two callbacks of its own, in all versions so far: ticks, promises, and rejections that nobody handles. It has this name only for
 * programs that know it; there is no other way to have it done.
 */
const betweenTurns = (process as { _tickCallback?: () => void })._tickCallback;

/** What is to be called, and what with, one after the other. */
type Turns = Batch<unknown>;

/** Those to come, and what arranged for them: who puts a `setImmediate` of his own in its place, as tests do, may forget what waits there. */
let coming: Turns | null = null;
let arranged = setImmediate;
let spare: Turns | null = null;

/**
 * The same for who has an async scope of its own and enters it: this one runs in anybody's. All such turns that wait share an immediate, which is dearer
 * than what a turn itself takes.
 */
export function scopedTurn<T>(callback: (argument: T) => void, argument: T): void {
  if (betweenTurns === undefined) {
    turn(callback, argument);
    return;
  }
  if (coming === null || arranged !== setImmediate) arrange();
  asked++;
  coming!.add(callback);
  coming!.add(argument);
}

function arrange(): void {
  coming = spare ?? new Batch();
  spare = null;
  arranged = setImmediate;
  setImmediate(runTurns, coming);
}

/** Turns that come up meanwhile are for an immediate later, as immediates are. */
function runTurns(turns: Turns): void {
  if (coming === turns) coming = null;
  let next = 0;
  try {
    while (next < turns.count) {
      if (next > 0) betweenTurns!();
      next += 2;
      runTurn(turns.at(next - 2) as (argument: unknown) => void, turns.at(next - 1));
    }
  } finally {
    turns.drop(next);
    // Where one throws the others are not lost.
    if (turns.count > 0) setImmediate(runTurns, turns);
    else spare = turns;
  }
}

function runTurn<T>(callback: (argument: T) => void, argument: T): void {
  begun++;
  const before = clock.latest;
  try {
    callback(argument);
  } finally {
    if (waiting.length > 0) tellWaiting(before);
  }
}

/** `before`: what the clock had said last before the turn. */
function tellWaiting(before: number): void {
  if (clock.latest === before) clock.latest = performance.now();
  while (waiting.length > 0 && (waiting[0]!.turn <= begun || waiting[0]!.time <= clock.latest)) {
    waiting.shift()!.callback();
  }
}

/**
 * Calls back when the turns that wait now have run; where they take more than `patience` ms, after the one that says so: it sent or received later than
 * that, or did neither. Returns false, and never calls back, where none waits.
 */
export function afterTurns(callback: () => void, patience: number): boolean {
  if (asked === begun) return false;
  waiting.push({ turn: asked, time: performance.now() + patience, callback });
  return true;
}

/** Calls back after `delay` ms, 1 … 2^31 − 1. */
export function after(delay: number, callback: () => void): NodeJS.Timeout {
  return setTimeout(callback, delay);
}

/** Keeps the process alive while somebody holds it, as open sockets of the kernel do. */
export class Hold {
  #count = 0;
  #timer: NodeJS.Timeout | undefined;

  take(): void {
    if (this.#count++ > 0) return;
    if (this.#timer === undefined) this.#timer = setInterval(nothing, LONGEST_DELAY);
    else this.#timer.ref();
  }

  give(): void {
    if (--this.#count === 0) this.#timer?.unref();
  }
}
