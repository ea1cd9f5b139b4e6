import { Frame } from '../link/device.ts';
import { HEADROOM } from '../link/pool.ts';
import { frameMemory } from '../wire/frame-memory.ts';
import { MAX_PACKET } from '../wire/ip-header.ts';
import type { Ffi } from './ffi.ts';

const PAGE = 4096;

/** Where a slot starts in its page: reads to the start of a page were measured four times slower than to its middle. */
const IN_PAGE = 2048;

/** Whole pages, so that every slot starts alike: 17, for headroom and the longest packet. */
const STRIDE = Math.ceil((HEADROOM + MAX_PACKET) / PAGE) * PAGE;

/** A frame whose memory the kernel can be given the address of. */
export class ArenaFrame extends Frame {
  /** Of `bytes[0]`. */
  readonly address: number;
  free = true;

  constructor(bytes: Uint8Array, address: number) {
    super(bytes);
    this.address = address;
  }
}

/**
 * Frames of one size, for packets of up to 65535 bytes, in memory that never moves. What is not touched costs no memory. Where all slots
 * are lent out (a receiver that keeps frames), another block of as many is added.
 */
export class Arena {
  readonly #ffi: Ffi;
  readonly #slots: number;
  readonly #free: ArenaFrame[] = [];
  #outstanding = 0;

  constructor(ffi: Ffi, slots: number) {
    this.#ffi = ffi;
    this.#slots = slots;
    this.#grow();
  }

  /** Frames lent out. */
  get outstanding(): number {
    return this.#outstanding;
  }

  take(length: number): ArenaFrame {
    if (!(length >= 0 && length <= MAX_PACKET)) throw new RangeError(`no frame holds a packet of ${length} bytes`);
    if (this.#free.length === 0) this.#grow();
    const frame = this.#free.pop()!;
    frame.free = false;
    frame.offset = HEADROOM;
    frame.length = 0;
    frame.checksum = 0;
    frame.gsoSize = 0;
    this.#outstanding++;
    return frame;
  }

  give(frame: Frame): void {
    if (!(frame instanceof ArenaFrame)) throw new Error('this frame is of another device');
    if (frame.free) throw new Error('this frame was handed back already');
    frame.free = true;
    this.#outstanding--;
    this.#free.push(frame);
  }

  #grow(): void {
    const memory = frameMemory(2 * PAGE + this.#slots * STRIDE);
    const base = this.#ffi.address(memory.buffer as ArrayBuffer) + memory.byteOffset;
    const first = (PAGE - (base % PAGE)) % PAGE;
    for (let i = this.#slots - 1; i >= 0; i--) {
      const at = first + IN_PAGE + i * STRIDE;
      this.#free.push(new ArenaFrame(memory.subarray(at, at + HEADROOM + MAX_PACKET), base + at));
    }
  }
}
