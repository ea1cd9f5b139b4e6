import type { Frame } from '../link/device.ts';
import { CE, ECT0, ECT1 } from '../wire/segment.ts';
import { ecnOf, markCe } from './packet.ts';

/** A packet that waits, and since when, µs. */
export interface Waiting {
  readonly frame: Frame;
  readonly since: number;
}

/** What stands before a link that is slower than what comes: decides what waits, what is marked, and what is lost. */
export interface Queue {
  /** Bytes that wait. */
  readonly backlog: number;
  readonly length: number;
  /** Takes a packet, or gives back the reason why it does not. */
  enqueue(frame: Frame, now: number): string | null;
  /** The next one to send; null where none waits. What is thrown away meanwhile goes to `lose`. */
  dequeue(now: number, lose: (frame: Frame, reason: string) => void): Frame | null;
}

export interface DropTailOptions {
  /** Most packets, and most bytes, that wait. */
  readonly packets?: number;
  readonly bytes?: number;
  /** From so many waiting bytes on, packets that allow it are marked Congestion Experienced (RFC 3168, as DCTCP does). */
  readonly markAt?: number;
}

/** First in, first out; what does not fit is lost. */
export class DropTail implements Queue {
  backlog = 0;
  readonly #packets: number;
  readonly #bytes: number;
  readonly #markAt: number;
  #waiting: Waiting[] = [];
  #first = 0;

  constructor(options: DropTailOptions = {}) {
    this.#packets = options.packets ?? 1000;
    this.#bytes = options.bytes ?? Number.POSITIVE_INFINITY;
    this.#markAt = options.markAt ?? Number.POSITIVE_INFINITY;
  }

  get length(): number {
    return this.#waiting.length - this.#first;
  }

  enqueue(frame: Frame, now: number): string | null {
    if (this.length >= this.#packets || this.backlog + frame.length > this.#bytes) return 'the queue is full';
    if (this.backlog >= this.#markAt && mayMark(frame)) markCe(frame);
    this.#waiting.push({ frame, since: now });
    this.backlog += frame.length;
    return null;
  }

  dequeue(): Frame | null {
    return this.shift()?.frame ?? null;
  }

  shift(): Waiting | null {
    if (this.length === 0) return null;
    const waiting = this.#waiting[this.#first++]!;
    this.backlog -= waiting.frame.length;
    if (this.#first > 64 && 2 * this.#first > this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#first);
      this.#first = 0;
    }
    return waiting;
  }
}

export interface CoDelOptions {
  /** How long a packet may wait when things are well, µs. 5 ms where not given. */
  readonly target?: number;
  /** How long it may be worse than that, µs. 100 ms where not given. */
  readonly interval?: number;
  readonly packets?: number;
  /** Mark packets that allow it instead of dropping them. */
  readonly ecn?: boolean;
}

const MTU = 1514;

/** Controlled Delay (RFC 8289): packets are lost, or marked, for how long they waited and not for how many wait. */
export class CoDel implements Queue {
  readonly #fifo: DropTail;
  readonly #target: number;
  readonly #interval: number;
  readonly #ecn: boolean;
  #firstAbove = 0;
  #dropNext = 0;
  #count = 0;
  #lastCount = 0;
  #dropping = false;

  constructor({ target = 5000, interval = 100_000, packets = 1000, ecn = false }: CoDelOptions = {}) {
    this.#fifo = new DropTail({ packets });
    this.#target = target;
    this.#interval = interval;
    this.#ecn = ecn;
  }

  get backlog(): number {
    return this.#fifo.backlog;
  }

  get length(): number {
    return this.#fifo.length;
  }

  enqueue(frame: Frame, now: number): string | null {
    return this.#fifo.enqueue(frame, now);
  }

  /** RFC 8289 §5.5. */
  dequeue(now: number, lose: (frame: Frame, reason: string) => void): Frame | null {
    let waiting = this.#fifo.shift();
    let okToDrop = this.#tooLong(waiting, now);
    if (this.#dropping) {
      if (!okToDrop) this.#dropping = false;
      while (this.#dropping && waiting !== null && now >= this.#dropNext) {
        this.#count++;
        if (this.#marked(waiting.frame)) {
          this.#dropNext = this.#control(this.#dropNext);
          break;
        }
        lose(waiting.frame, 'CoDel: it waited too long');
        waiting = this.#fifo.shift();
        okToDrop = this.#tooLong(waiting, now);
        if (okToDrop) this.#dropNext = this.#control(this.#dropNext);
        else this.#dropping = false;
      }
    } else if (okToDrop && waiting !== null) {
      if (!this.#marked(waiting.frame)) {
        lose(waiting.frame, 'CoDel: it waited too long');
        waiting = this.#fifo.shift();
        this.#tooLong(waiting, now);
      }
      this.#dropping = true;
      const delta = this.#count - this.#lastCount;
      this.#count = delta > 1 && now - this.#dropNext < 16 * this.#interval ? delta : 1;
      this.#dropNext = this.#control(now);
      this.#lastCount = this.#count;
    }
    return waiting?.frame ?? null;
  }

  #tooLong(waiting: Waiting | null, now: number): boolean {
    if (waiting === null || now - waiting.since < this.#target || this.#fifo.backlog <= MTU) {
      this.#firstAbove = 0;
      return false;
    }
    if (this.#firstAbove === 0) {
      this.#firstAbove = now + this.#interval;
      return false;
    }
    return now >= this.#firstAbove;
  }

  #control(time: number): number {
    return time + this.#interval / Math.sqrt(this.#count);
  }

  #marked(frame: Frame): boolean {
    if (!this.#ecn || !mayMark(frame)) return false;
    markCe(frame);
    return true;
  }
}

function mayMark(frame: Frame): boolean {
  const ecn = ecnOf(frame);
  return ecn === ECT0 || ecn === ECT1 || ecn === CE;
}
