/** A tick of the wheel: 1024 µs. */
const TICK = 1024;
const LEVEL_BITS = 5;
const SLOTS = 1 << LEVEL_BITS;
/** Seven levels of five bits hold 32-bit ticks; of the last, two bits remain. */
const LEVELS = 7;
/** Deadlines further ahead (38 days) are filed there and looked at again. */
const FARTHEST = 3 * 2 ** 30;
/** `next` looks at so many timers of a slot to be exact; of a fuller slot it takes the start. */
const LOOK = 16;

/** `where` of a timer that is filed nowhere; at or below HEAP: HEAP − its index in the heap; else its slot. */
const NOWHERE = -1;
const HEAP = -2;
const NONE = -1;
const NEVER = Number.POSITIVE_INFINITY;

/**
 * All timers of a stack: a hierarchical wheel for those to come (Varghese and Lauck, 1987), and a heap for those of this tick, so that they
 * fire in exact order at their microsecond.
 *
 * A timer that moves to a later time, as a retransmission timer does with every acknowledgment, is only written down (its deadline):
 * it stays filed where it was, and is filed anew when that time comes. A timer that is switched off likewise.
 */
export class TimerQueue<T> {
  /** Timers that are on. */
  armed = 0;
  #owners: (T | null)[] = [];
  #free: number[] = [];
  /** When the timer is to fire, µs; NEVER when off. */
  #deadline = new Float64Array(64);
  /** The deadline it was filed by: at or before `#deadline`. */
  #filed = new Float64Array(64);
  #where = new Int32Array(64);
  /** Neighbours in the list of its slot. */
  #after = new Int32Array(64);
  #before = new Int32Array(64);

  /** First timer of each slot, and for each level which slots have any. */
  readonly #heads = new Int32Array(LEVELS * SLOTS).fill(NONE);
  readonly #used = new Int32Array(LEVELS);
  /** The wheel stands at this tick (modulo 2^32), which starts at `#start` µs. Slots hold later ticks only; the heap the others. */
  #tick = 0;
  #start = 0;
  readonly #heap: number[] = [];

  #next = NEVER;
  #stale = false;

  /** A new timer, off. `owner` is what `expire` names. */
  add(owner: T): number {
    const id = this.#free.pop() ?? this.#owners.push(null) - 1;
    if (id >= this.#deadline.length) this.#grow();
    this.#owners[id] = owner;
    this.#deadline[id] = NEVER;
    this.#where[id] = NOWHERE;
    return id;
  }

  /** Forgets the timer: its number may be given to another. */
  remove(id: number): void {
    this.arm(id, NEVER);
    this.#unlink(id);
    this.#owners[id] = null;
    this.#free.push(id);
  }

  /** Sets the timer to fire at `deadline` (µs), instead of when it was to fire before. NEVER: off. */
  arm(id: number, deadline: number): void {
    const before = this.#deadline[id]!;
    this.#deadline[id] = deadline;
    if (deadline === NEVER) {
      if (before !== NEVER) this.armed--;
      if (this.armed === 0) this.#next = NEVER;
      else if (this.#where[id] !== NOWHERE && this.#filed[id]! <= this.#next) this.#stale = true;
      return;
    }
    if (before === NEVER) this.armed++;
    if (this.#where[id] !== NOWHERE) {
      if (deadline >= this.#filed[id]!) {
        if (deadline < this.#next) this.#next = deadline;
        return;
      }
      this.#unlink(id);
    }
    this.#file(id);
  }

  owner(id: number): T {
    return this.#owners[id]!;
  }

  /** When it fires, NEVER when off. */
  deadline(id: number): number {
    return this.#deadline[id]!;
  }

  /** When to call `expire`: at or before the first deadline. NEVER where nothing is armed. */
  get next(): number {
    if (this.#stale) this.#findNext();
    return this.#next;
  }

  /**
   * Calls `fire` with the owner of each timer that is due at `now`, in order of their deadlines. Each is off then; `fire` may arm it, or any
   * other, anew.
   */
  expire(now: number, fire: (owner: T) => void): void {
    this.#turn(now);
    while (this.#heap.length > 0) {
      const id = this.#heap[0]!;
      if (this.#filed[id]! > now) break;
      this.#unlink(id);
      const deadline = this.#deadline[id]!;
      if (deadline === NEVER) continue;
      if (deadline !== this.#filed[id]) {
        this.#file(id);
        continue;
      }
      this.#deadline[id] = NEVER;
      this.armed--;
      fire(this.#owners[id]!);
    }
    this.#findNext();
  }

  /** Turns the wheel to `now`: the timers of every slot that it reaches are filed anew, nearer. */
  #turn(now: number): void {
    const ticks = Math.floor((now - this.#start) / TICK);
    if (ticks <= 0) return;
    let left = ticks;
    for (;;) {
      const slot = this.#firstSlot();
      if (slot < 0) break;
      const distance = this.#distance(slot);
      if (distance > left) break;
      left -= distance;
      this.#advance(distance);
      let id = this.#heads[slot]!;
      this.#heads[slot] = NONE;
      this.#markEmpty(slot);
      while (id !== NONE) {
        const after = this.#after[id]!;
        this.#where[id] = NOWHERE;
        if (this.#deadline[id] !== NEVER) this.#file(id);
        id = after;
      }
    }
    this.#advance(left);
  }

  #advance(ticks: number): void {
    this.#tick = (this.#tick + ticks) | 0;
    this.#start += ticks * TICK;
  }

  /** The slot that the wheel reaches next, −1 where all are empty. */
  #firstSlot(): number {
    for (let level = 0; level < LEVELS - 1; level++) {
      const used = this.#used[level]!;
      if (used !== 0) return level * SLOTS + (31 - Math.clz32(used & -used));
    }
    // The last level goes round: its slots come in the order after the one the wheel stands in.
    const used = this.#used[LEVELS - 1]!;
    for (let i = 1; used !== 0 && i <= 4; i++) {
      const digit = ((this.#tick >>> 30) + i) & 3;
      if ((used & (1 << digit)) !== 0) return (LEVELS - 1) * SLOTS + digit;
    }
    return -1;
  }

  /** Ticks until the wheel reaches the slot. */
  #distance(slot: number): number {
    const shift = (slot >>> LEVEL_BITS) * LEVEL_BITS;
    const above = shift + LEVEL_BITS >= 32 ? 0 : (this.#tick >>> (shift + LEVEL_BITS)) << (shift + LEVEL_BITS);
    const start = above | ((slot & (SLOTS - 1)) << shift);
    return (start - this.#tick) >>> 0;
  }

  /** Puts a timer that is on and nowhere where its deadline says. */
  #file(id: number): void {
    const deadline = this.#deadline[id]!;
    this.#filed[id] = deadline;
    if (deadline < this.#next) this.#next = deadline;
    const ahead = Math.floor((deadline - this.#start) / TICK);
    if (ahead <= 0) {
      this.#push(id);
      return;
    }
    const tick = (this.#tick + Math.min(ahead, FARTHEST)) | 0;
    const level = Math.floor((31 - Math.clz32(tick ^ this.#tick)) / LEVEL_BITS);
    const digit = (tick >>> (level * LEVEL_BITS)) & (SLOTS - 1);
    const slot = level * SLOTS + digit;
    const head = this.#heads[slot]!;
    this.#heads[slot] = id;
    this.#used[level] = this.#used[level]! | (1 << digit);
    this.#after[id] = head;
    this.#before[id] = NONE;
    if (head !== NONE) this.#before[head] = id;
    this.#where[id] = slot;
  }

  #unlink(id: number): void {
    const where = this.#where[id]!;
    if (where === NOWHERE) return;
    this.#where[id] = NOWHERE;
    if (where <= HEAP) {
      this.#pull(HEAP - where);
      return;
    }
    const after = this.#after[id]!;
    const before = this.#before[id]!;
    if (after !== NONE) this.#before[after] = before;
    if (before !== NONE) this.#after[before] = after;
    else {
      this.#heads[where] = after;
      if (after === NONE) this.#markEmpty(where);
    }
  }

  #markEmpty(slot: number): void {
    const level = slot >>> LEVEL_BITS;
    this.#used[level] = this.#used[level]! & ~(1 << (slot & (SLOTS - 1)));
  }

  /** Finds out when the first timer is due: exactly, or, where very many share its slot, the start of the slot. */
  #findNext(): void {
    this.#stale = false;
    this.#next = NEVER;
    if (this.armed === 0) return;
    while (this.#heap.length > 0) {
      const id = this.#heap[0]!;
      const deadline = this.#deadline[id]!;
      if (deadline === this.#filed[id]) {
        this.#next = deadline;
        return;
      }
      this.#unlink(id);
      if (deadline !== NEVER) this.#file(id);
    }
    for (;;) {
      const slot = this.#firstSlot();
      this.#next = NEVER;
      if (slot < 0) return;
      if (this.#lookInto(slot)) return;
    }
  }

  /** Sets `#next` from a slot. False where a timer in it was filed anew, so that another slot may come first. */
  #lookInto(slot: number): boolean {
    let first = NEVER;
    let id = this.#heads[slot]!;
    let moved = false;
    // Timers of the last level may be due far behind their slot, and behind timers of the next ones.
    const most = slot >= (LEVELS - 1) * SLOTS ? 0 : LOOK;
    for (let i = 0; id !== NONE; i++) {
      if (i === most) {
        first = this.#start + this.#distance(slot) * TICK;
        break;
      }
      const after = this.#after[id]!;
      const deadline = this.#deadline[id]!;
      if (deadline !== this.#filed[id]) {
        this.#unlink(id);
        if (deadline !== NEVER) this.#file(id);
        moved = true;
      } else if (deadline < first) first = deadline;
      id = after;
    }
    this.#next = first;
    return !moved;
  }

  #push(id: number): void {
    this.#heap.push(id);
    this.#up(this.#heap.length - 1, id);
  }

  /** Takes the timer at `index` out of the heap. */
  #pull(index: number): void {
    const last = this.#heap.pop()!;
    if (index === this.#heap.length) return;
    this.#where[last] = HEAP - index;
    this.#heap[index] = last;
    if (index > 0 && this.#earlier(last, this.#heap[(index - 1) >>> 1]!)) this.#up(index, last);
    else this.#down(index, last);
  }

  /** By deadline; of equal ones, always in the same order. */
  #earlier(a: number, b: number): boolean {
    const difference = this.#filed[a]! - this.#filed[b]!;
    return difference < 0 || (difference === 0 && a < b);
  }

  #up(from: number, id: number): void {
    let index = from;
    while (index > 0) {
      const parent = (index - 1) >>> 1;
      const other = this.#heap[parent]!;
      if (!this.#earlier(id, other)) break;
      this.#heap[index] = other;
      this.#where[other] = HEAP - index;
      index = parent;
    }
    this.#heap[index] = id;
    this.#where[id] = HEAP - index;
  }

  #down(from: number, id: number): void {
    let index = from;
    const length = this.#heap.length;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= length) break;
      if (child + 1 < length && this.#earlier(this.#heap[child + 1]!, this.#heap[child]!)) child++;
      const other = this.#heap[child]!;
      if (!this.#earlier(other, id)) break;
      this.#heap[index] = other;
      this.#where[other] = HEAP - index;
      index = child;
    }
    this.#heap[index] = id;
    this.#where[id] = HEAP - index;
  }

  #grow(): void {
    const size = this.#deadline.length * 2;
    const wider = <A extends Float64Array | Int32Array>(to: A, from: A): A => {
      to.set(from);
      return to;
    };
    this.#deadline = wider(new Float64Array(size), this.#deadline);
    this.#filed = wider(new Float64Array(size), this.#filed);
    this.#where = wider(new Int32Array(size), this.#where);
    this.#after = wider(new Int32Array(size), this.#after);
    this.#before = wider(new Int32Array(size), this.#before);
  }
}
