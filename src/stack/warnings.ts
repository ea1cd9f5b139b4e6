/** Something an operator should know of; the stack goes on. */
export interface StackWarning {
  readonly kind: 'time-wait overflow' | 'SYN flood' | 'too many orphans' | 'out of memory';
  /** What was reached; of a flood, the port. */
  readonly limit: number;
  /** How often since the last warning of this kind. */
  readonly times: number;
  /** One line that says what to do. */
  readonly message: string;
}

type Kind = StackWarning['kind'];

/** At most one of a kind in this time, µs: a flood must not become a flood of warnings. */
const INTERVAL = 5_000_000;

const MESSAGES: Readonly<Record<Kind, (times: number, limit: number) => string>> = {
  'time-wait overflow': (times, limit) =>
    `${times} connections closed without TIME-WAIT: ${limit} wait already (tcp_max_tw_buckets). ` +
    'Raise it, or let the clients close first.',
  'SYN flood': (times, port) =>
    `${times} SYNs to port ${port} found its SYN queue full (tcp_max_syn_backlog): a flood, or too many clients at once. ` +
    'They are answered by cookies unless tcp_syncookies is 0; of peers that never connected, as many as there is time for.',
  'too many orphans': (times, limit) =>
    `${times} closed connections were reset: ${limit} others have no application either (tcp_max_orphans). ` +
    'Raise it, or close less at once.',
  'out of memory': (times, limit) =>
    `${times} times more than ${limit} bytes were buffered (tcp_mem): text is dropped. Raise it, or read faster.`,
};

interface Pending {
  times: number;
  limit: number;
  lastTold: number;
}

/** Warnings, gathered while segments are processed and told afterwards. */
export class Warnings {
  listener: ((warning: StackWarning) => void) | null = null;
  readonly #kinds = new Map<Kind, Pending>();
  #now = 0;

  get pending(): boolean {
    if (this.listener === null) return false;
    for (const kind of this.#kinds.values()) if (this.#isDue(kind)) return true;
    return false;
  }

  add(kind: Kind, limit: number, now: number): void {
    this.#now = now;
    const pending = this.#kinds.get(kind);
    if (pending === undefined) this.#kinds.set(kind, { times: 1, limit, lastTold: Number.NEGATIVE_INFINITY });
    else {
      pending.times++;
      pending.limit = limit;
    }
  }

  deliver(): void {
    if (this.listener === null) return;
    for (const [kind, pending] of this.#kinds) {
      if (!this.#isDue(pending)) continue;
      const { times, limit } = pending;
      pending.times = 0;
      pending.lastTold = this.#now;
      this.listener({ kind, limit, times, message: MESSAGES[kind](times, limit) });
    }
  }

  #isDue({ times, lastTold }: Pending): boolean {
    return times > 0 && this.#now - lastTold >= INTERVAL;
  }
}
