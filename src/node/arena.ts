import { Frame } from '../link/device.ts';
import { HEADROOM } from '../link/pool.ts';
import { frameMemory } from '../wire/frame-memory.ts';
import { MAX_PACKET } from '../wire/ip-header.ts';
import type { Ffi } from './ffi.ts';

const PAGE = 4096;
const CACHE_LINE = 64;

/**
 * Where a slot starts in its page: reads to the start of a page were measured four times slower than to its middle. The text of a packet of IPv4
 * with timestamps, 52 bytes behind the headroom, then starts where a cache line does: the kernel's copy is a fifteenth faster.
 */
const IN_PAGE = 2048 + 12;

/** Frames that receivers keep at once, of one device. Beyond that they copy. */
const MOST_KEPT = 32;

/** What a frame is at: in the arena, lent out, lent out to read into, or kept by a receiver. */
const FREE = 0;
const LENT = 1;
const INCOMING = 2;
const KEPT = 3;

/** A frame whose memory the kernel can be given the address of. */
export class ArenaFrame extends Frame {
  /** Of `bytes[0]`. */
  readonly address: number;
  readonly arena: Arena;
  use = FREE;

  constructor(arena: Arena, bytes: Uint8Array, address: number) {
    super(bytes);
    this.arena = arena;
    this.address = address;
  }

  get free(): boolean {
    return this.use === FREE;
  }

  /** Whether a receiver has kept it: then another one is to be read into. */
  get isKept(): boolean {
    return this.use === KEPT;
  }

  override keep(): boolean {
    if (this.use !== INCOMING || this.arena.kept >= MOST_KEPT) return false;
    this.use = KEPT;
    this.arena.kept++;
    return true;
  }

  override giveBack(): void {
    if (this.use !== KEPT) super.giveBack();
    this.arena.kept--;
    this.use = INCOMING;
    this.arena.give(this);
  }
}

/**
 * Frames of one size, for packets of up to `size` bytes, in memory that never moves. What is not touched costs no memory. The one that came back
 * last is the next to go: the processor has it at hand. Where all slots are lent out (a receiver that keeps frames), another block of as many is added.
 */
export class Arena {
  readonly #ffi: Ffi;
  readonly #slots: number;
  readonly #size: number;
  readonly #free: ArenaFrame[] = [];
  #outstanding = 0;
  /** Frames that receivers keep. */
  kept = 0;

  /** `size`: bytes; where not given, of the longest packet there is. */
  constructor(ffi: Ffi, slots: number, size = MAX_PACKET) {
    this.#ffi = ffi;
    this.#slots = slots;
    this.#size = size;
    this.#grow();
  }

  /** Frames lent out, with those that are kept. */
  get outstanding(): number {
    return this.#outstanding;
  }

  take(length: number): ArenaFrame {
    if (!(length >= 0 && length <= this.#size)) throw new RangeError(`no frame holds a packet of ${length} bytes`);
    if (this.#free.length === 0) this.#grow();
    const frame = this.#free.pop()!;
    frame.use = LENT;
    frame.offset = HEADROOM;
    frame.length = 0;
    frame.checksum = 0;
    frame.gsoSize = 0;
    frame.text = null;
    this.#outstanding++;
    return frame;
  }

  /** One to read into, which a receiver may keep. */
  takeIncoming(): ArenaFrame {
    const frame = this.take(0);
    frame.use = INCOMING;
    return frame;
  }

  give(frame: Frame): void {
    if (!(frame instanceof ArenaFrame)) throw new Error('this frame is of another device');
    if (frame.use === FREE) throw new Error('this frame was handed back already');
    if (frame.use === KEPT) throw new Error('this frame is kept: its keeper gives it back');
    frame.use = FREE;
    this.#outstanding--;
    this.#free.push(frame);
  }

  #grow(): void {
    const length = HEADROOM + this.#size;
    // Whole pages, so that every slot starts alike; short ones side by side: they would have the same few places in the processor's caches, and a page each.
    const unit = length < PAGE ? CACHE_LINE : PAGE;
    const stride = Math.ceil(length / unit) * unit;
    const memory = frameMemory(2 * PAGE + this.#slots * stride);
    const base = this.#ffi.address(memory.buffer as ArrayBuffer) + memory.byteOffset;
    const first = (PAGE - (base % PAGE)) % PAGE;
    for (let i = this.#slots - 1; i >= 0; i--) {
      const at = first + IN_PAGE + i * stride;
      this.#free.push(new ArenaFrame(this, memory.subarray(at, at + length), base + at));
    }
  }
}
