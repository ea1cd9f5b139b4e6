/** Something that is due. */
export class SimEvent {
  readonly time: number;
  /** Of two that are due at the same time, the one that was arranged first comes first. */
  readonly serial: number;
  /** Null once it has happened, or was cancelled. */
  callback: (() => void) | null;

  constructor(time: number, serial: number, callback: () => void) {
    this.time = time;
    this.serial = serial;
    this.callback = callback;
  }
}

/** Virtual time: what is due, in the order (time, serial). Nothing else decides what comes first, so a run can be repeated. */
export class EventQueue {
  /** µs. */
  now: number;
  /** Events that have happened. */
  happened = 0;
  #serial = 0;
  /** A binary heap. */
  readonly #heap: SimEvent[] = [];

  constructor(start = 0) {
    this.now = start;
  }

  /** Arranges for `callback` at `time`, µs; a time that has gone by means now. */
  at(time: number, callback: () => void): SimEvent {
    const event = new SimEvent(Math.max(time, this.now), this.#serial++, callback);
    const heap = this.#heap;
    let i = heap.length;
    heap.push(event);
    while (i > 0) {
      const parent = (i - 1) >> 1;
      const above = heap[parent]!;
      if (!before(event, above)) break;
      heap[i] = above;
      i = parent;
    }
    heap[i] = event;
    return event;
  }

  cancel(event: SimEvent | null): void {
    if (event !== null) event.callback = null;
  }

  /** When the next event is due, µs; Infinity where there is none. */
  get next(): number {
    const heap = this.#heap;
    while (heap.length > 0 && heap[0]!.callback === null) this.#pop();
    return heap.length > 0 ? heap[0]!.time : Number.POSITIVE_INFINITY;
  }

  /** Lets the next event happen, if it is due until `limit`. False where there is none. */
  step(limit = Number.POSITIVE_INFINITY): boolean {
    if (this.next > limit || this.#heap.length === 0) return false;
    const event = this.#pop();
    this.now = event.time;
    this.happened++;
    const { callback } = event;
    event.callback = null;
    callback!();
    return true;
  }

  #pop(): SimEvent {
    const heap = this.#heap;
    const first = heap[0]!;
    const last = heap.pop()!;
    const n = heap.length;
    if (n === 0) return first;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= n) break;
      if (child + 1 < n && before(heap[child + 1]!, heap[child]!)) child++;
      const below = heap[child]!;
      if (!before(below, last)) break;
      heap[i] = below;
      i = child;
    }
    heap[i] = last;
    return first;
  }
}

function before(a: SimEvent, b: SimEvent): boolean {
  return a.time < b.time || (a.time === b.time && a.serial < b.serial);
}
