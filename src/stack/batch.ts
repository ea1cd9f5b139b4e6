/**
 * What is gathered in a turn, and done at its end. An array whose `length` is set to 0 gives its memory away and has it allocated anew with the next
 * element, by calls into the engine; one that begins as `[]` changes its type with the first element, and what was compiled for it is compiled again.
 */
export class Batch<T> {
  count = 0;
  readonly #items: (T | null)[] = [null];

  add(item: T): void {
    const items = this.#items;
    // A store that may be beyond the end is a call into the engine, wherever it is, once one was.
    if (this.count === items.length) items.push(item);
    else items[this.count] = item;
    this.count++;
  }

  /** `i`: 0 … `count` − 1. */
  at(i: number): T {
    return this.#items[i]!;
  }

  /** Forgets the first `n`. */
  drop(n: number): void {
    const items = this.#items;
    const { count } = this;
    for (let i = n; i < count; i++) items[i - n] = items[i]!;
    this.count = count - n;
    for (let i = this.count; i < count; i++) items[i] = null;
  }
}
