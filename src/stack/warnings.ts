/** Something an operator should know of; the stack goes on. */
export interface StackWarning {
  readonly kind: 'time-wait overflow';
  /** What was reached. */
  readonly limit: number;
  /** How often since the last warning of this kind. */
  readonly times: number;
  /** One line that says what to do. */
  readonly message: string;
}

/** At most one of a kind in this time, µs: a flood must not become a flood of warnings. */
const INTERVAL = 5_000_000;

/** Warnings, gathered while segments are processed and told afterwards. */
export class Warnings {
  listener: ((warning: StackWarning) => void) | null = null;
  #times = 0;
  #limit = 0;
  #lastTold = Number.NEGATIVE_INFINITY;
  #now = 0;

  get pending(): boolean {
    return this.listener !== null && this.#times > 0 && this.#now - this.#lastTold >= INTERVAL;
  }

  add(_kind: StackWarning['kind'], limit: number, now: number): void {
    this.#times++;
    this.#limit = limit;
    this.#now = now;
  }

  deliver(): void {
    if (!this.pending) return;
    const times = this.#times;
    this.#times = 0;
    this.#lastTold = this.#now;
    const message =
      `${times} connections closed without TIME-WAIT: ${this.#limit} wait already (tcp_max_tw_buckets). ` +
      'Raise it, or let the clients close first.';
    this.listener?.({ kind: 'time-wait overflow', limit: this.#limit, times, message });
  }
}
