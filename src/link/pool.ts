import { MAX_PACKET } from '../wire/ip-header.ts';
import { Frame } from './device.ts';

/** Room before the packet, in bytes, for what a device or a wrapper puts there (a virtio header, an Ethernet header). */
export const HEADROOM = 64;

/** Packets up to this long come in small frames. */
const SMALL = 2048;

class PooledFrame extends Frame {
  readonly pool: FramePool;
  free = false;

  constructor(pool: FramePool, memory: Uint8Array) {
    super(memory);
    this.pool = pool;
  }
}

/** Gives memory for a frame: `frameMemory`, or a plain array. */
type Memory = (length: number) => Uint8Array;

const plain: Memory = (length) => new Uint8Array(length);

/**
 * Frames in memory, in two sizes, used again and again: for every device but a real one. `outstanding` is what is lent out, and
 * must be 0 when a test has torn everything down.
 */
export class FramePool {
  readonly #small: PooledFrame[] = [];
  readonly #large: PooledFrame[] = [];
  /** Frames kept for reuse in each size. */
  readonly #keep: number;
  readonly #memory: Memory;
  #outstanding = 0;

  /** `memory`: `frameMemory` for devices whose frames have checksums; plain where not given. */
  constructor(keep = 1024, memory = plain) {
    this.#keep = keep;
    this.#memory = memory;
  }

  /** Frames that were allocated and not released yet. */
  get outstanding(): number {
    return this.#outstanding;
  }

  /** An empty frame with room for an IP packet of `length` bytes, 0 … 65535. */
  allocate(length: number): Frame {
    if (!(length >= 0 && length <= MAX_PACKET)) throw new RangeError(`no frame holds a packet of ${length} bytes`);
    const small = length <= SMALL;
    const list = small ? this.#small : this.#large;
    const frame = list.pop() ?? new PooledFrame(this, this.#memory(HEADROOM + (small ? SMALL : MAX_PACKET)));
    frame.free = false;
    frame.offset = HEADROOM;
    frame.length = 0;
    frame.checksum = 0;
    frame.gsoSize = 0;
    this.#outstanding++;
    return frame;
  }

  /** Whether the frame comes from this pool. */
  owns(frame: Frame): boolean {
    return frame instanceof PooledFrame && frame.pool === this;
  }

  /** Takes a frame back. One that is not lent out by this pool is the caller's mistake. */
  release(frame: Frame): void {
    this.check(frame);
    const pooled = frame as PooledFrame;
    pooled.free = true;
    this.#outstanding--;
    const list = pooled.bytes.length === HEADROOM + SMALL ? this.#small : this.#large;
    // A piece of something larger is given out once: it stays with us.
    if (list.length < this.#keep || pooled.bytes.length < pooled.bytes.buffer.byteLength) list.push(pooled);
  }

  /** Throws where the frame is not lent out by this pool. */
  check(frame: Frame): void {
    if (!(frame instanceof PooledFrame) || frame.pool !== this) throw new Error('this frame is of another device');
    if (frame.free) throw new Error('this frame was handed back already');
  }
}
