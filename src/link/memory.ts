import { MAX_PACKET } from '../wire/ip-header.ts';
import type { Device, Frame, FrameSink, Offload } from './device.ts';
import type { FramePool } from './pool.ts';

/** How an in-memory link is made. */
export interface MemoryLinkOptions {
  /** Largest IP packet, bytes. 1500 where not given. */
  readonly mtu?: number;
  /** Frames with a partial checksum are carried as they are, as between two machines of one host. False where not given. */
  readonly checksum?: boolean;
  /** Largest packet with `gsoSize` > 0 that is carried whole, bytes, 0 … 65535. 0, none, where not given. */
  readonly maxGso?: number;
  /** Frames that wait in one direction; a further one is lost. 4096 where not given. */
  readonly queueLimit?: number;
  /**
   * Called when frames begin to wait, once until the next `pump`: a caller in real time arranges for one, soon (never from inside this
   * call). A deterministic caller leaves it out and pumps when it likes.
   */
  readonly onPending?: () => void;
}

/** What carries the frames of one link: the queues of its ends, emptied by `pump`. */
export class MemoryLink {
  readonly pool: FramePool;
  readonly #onPending: (() => void) | undefined;
  readonly #ends: MemoryDevice[] = [];
  #pumping = false;
  #announced = false;

  constructor(onPending: (() => void) | undefined, pool: FramePool) {
    this.pool = pool;
    this.#onPending = onPending;
  }

  /** Frames that wait to be delivered, over all ends. */
  get pending(): number {
    let n = 0;
    for (const end of this.#ends) n += end.waiting;
    return n;
  }

  /**
   * Delivers the frames that wait now, each end's as one batch with a `flush` after it; what is transmitted meanwhile waits for the
   * next call. True where anything was delivered or lost, so `while (link.pump(now));` runs until all is quiet.
   * From inside a delivery it does nothing.
   */
  pump(now: number): boolean {
    if (this.#pumping) return false;
    this.#announced = false;
    this.#pumping = true;
    let moved = false;
    try {
      const counts = this.#ends.map((end) => end.waiting);
      for (const [i, end] of this.#ends.entries()) {
        if (end.deliver(counts[i]!, now)) moved = true;
      }
    } finally {
      this.#pumping = false;
      this.announce();
    }
    return moved;
  }

  addEnd(end: MemoryDevice): void {
    this.#ends.push(end);
  }

  announce(): void {
    if (this.#announced || this.#pumping || this.#onPending === undefined || this.pending === 0) return;
    this.#announced = true;
    this.#onPending();
  }
}

/** One end of an in-memory link. Frames change hands without a copy: `transmit` takes the frame away from its sender. */
export class MemoryDevice implements Device {
  readonly name: string;
  readonly mtu: number;
  readonly offload: Offload;
  /** Frames lost here: the queue was full, the packet too long, or nobody was attached. */
  dropped = 0;
  readonly #link: MemoryLink;
  readonly #queueLimit: number;
  /** Frames on the way to this end. */
  #queue: Frame[] = [];
  #peer: MemoryDevice = this;
  #sink: FrameSink | undefined;
  #closed = false;

  constructor(link: MemoryLink, name: string, options: MemoryLinkOptions) {
    const { mtu = 1500, checksum = false, maxGso = 0, queueLimit = 4096 } = options;
    if (!(Number.isInteger(mtu) && mtu >= 68 && mtu <= MAX_PACKET)) throw new RangeError(`mtu ${mtu}: 68 … 65535`);
    if (!(maxGso >= 0 && maxGso <= MAX_PACKET)) throw new RangeError(`maxGso ${maxGso}: 0 … 65535`);
    this.name = name;
    this.mtu = mtu;
    this.offload = { checksum, maxGso };
    this.#link = link;
    this.#queueLimit = queueLimit;
    link.addEnd(this);
  }

  /** Names the end that receives what this one sends; without, its own. */
  connect(peer: MemoryDevice): void {
    this.#peer = peer;
  }

  /** Frames that wait to be delivered to this end. */
  get waiting(): number {
    return this.#queue.length;
  }

  attach(sink: FrameSink): void {
    if (this.#sink !== undefined) throw new Error(`${this.name} has a receiver already`);
    this.#sink = sink;
  }

  allocate(length: number): Frame {
    return this.#link.pool.allocate(length);
  }

  transmit(frame: Frame): boolean {
    this.#link.pool.check(frame);
    const limit = frame.gsoSize > 0 ? this.offload.maxGso : this.mtu;
    const peer = this.#peer;
    if (this.#closed || peer.#closed || frame.length > limit || peer.#queue.length >= peer.#queueLimit) {
      this.dropped++;
      this.#link.pool.release(frame);
      // That nobody is at the other end any more cannot be seen from here.
      return peer.#closed && !this.#closed;
    }
    peer.#queue.push(frame);
    this.#link.announce();
    return true;
  }

  release(frame: Frame): void {
    this.#link.pool.release(frame);
  }

  close(): void {
    this.#closed = true;
    this.#sink = undefined;
    for (const frame of this.#queue.splice(0)) this.#link.pool.release(frame);
  }

  /** Hands the first `count` waiting frames to the receiver. For `MemoryLink.pump`. */
  deliver(count: number, now: number): boolean {
    if (count === 0 || this.#queue.length === 0) return false;
    const batch = this.#queue;
    this.#queue = batch.splice(count);
    // Not by `entries()`: its pairs were a fifth of what a segment allocates.
    for (let i = 0; i < batch.length; i++) {
      const frame = batch[i]!;
      try {
        // Looked up anew for each: the receiver may close the device while it handles one.
        if (this.#sink === undefined) this.dropped++;
        else this.#sink.receive(frame, now);
      } catch (error) {
        // An application's callback failed. The frames behind this one are not its business.
        this.#queue.unshift(...batch.slice(i + 1));
        throw error;
      } finally {
        this.#link.pool.release(frame);
      }
    }
    this.#sink?.flush(now);
    return true;
  }
}
