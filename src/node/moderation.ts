import type { Ffi } from './ffi.ts';
import type { PollHandle } from './poll.ts';

/** linux/time.h, linux/timerfd.h */
const CLOCK_MONOTONIC = 1;
const TFD_NONBLOCK = 0x800;
const TFD_CLOEXEC = 0x80000;
/** Where in a `struct itimerspec` `it_value.tv_nsec` is. What is before stays zero: once, in less than a second. */
const NANOSECONDS = 24;
/** Room for one, in bytes: smaller memory the engine may move. */
const ROOM = 128;

/** How often the rate is looked at, µs. */
const WINDOW = 1000;
/** Bytes a µs from which on packets wait for others, and below which they do no more, 16 and 8 Gbit/s: in 150 µs five of 64 KiB come at the one, and two at the other. */
const FAST = 2000;
const SLOW = 1000;

/**
 * Interrupt moderation, as network cards have it (`ethtool -C`: adaptive-rx, rx-usecs). Who is faster than his peer is woken for each packet, answers it, and finds no
 * other: both pay for a wake-up and an ACK for every 64 KiB. So while packets come fast, the device is not watched but read some microseconds after it was last found
 * empty. A timer of the kernel (timerfd) calls then, as libuv's own go by the millisecond; whatever else the event loop has to do goes on meanwhile.
 */
export class Moderation {
  /** How often packets were left to wait for others. */
  waits = 0;
  readonly #ffi: Ffi;
  readonly #device: PollHandle;
  readonly #read: () => void;
  readonly #wait: number;
  readonly #spec = new DataView(new ArrayBuffer(ROOM));
  readonly #address: number;
  /** The timer; none before it is needed first. */
  #fd = -1;
  #timer: PollHandle | undefined;
  #referenced = true;
  /** The timer calls, not the device. */
  #active = false;
  /** Closed, or the system has no timer for us: packets are read as they come. */
  #over = false;
  #since = 0;
  #bytes = 0;

  /** `device`: the watch on it; `read`: what reads a batch and says so; `wait`: µs, below a second. */
  constructor(ffi: Ffi, device: PollHandle, read: () => void, wait: number) {
    this.#ffi = ffi;
    this.#device = device;
    this.#read = read;
    this.#wait = wait;
    this.#address = ffi.address(this.#spec.buffer as ArrayBuffer);
  }

  /** A batch of `bytes` was read that began at `now`, µs. `drained`: it took all there was. */
  batch(bytes: number, drained: boolean, now: number): void {
    this.#bytes += bytes;
    const lasted = now - this.#since;
    if (lasted >= WINDOW) {
      const rate = this.#bytes / lasted;
      this.#since = now;
      this.#bytes = 0;
      // Who finds more than he can read has no need of it.
      if (!this.#active && drained && rate >= FAST) this.#begin();
      else if (this.#active && rate < SLOW) this.#end();
    }
    // Where packets are left the timer stays as it ran out, and calls again in the next turn of the event loop.
    if (this.#active && drained) this.#set(this.#wait);
  }

  ref(): void {
    this.#referenced = true;
    this.#timer?.ref();
  }

  unref(): void {
    this.#referenced = false;
    this.#timer?.unref();
  }

  close(): void {
    this.#over = true;
    this.#active = false;
    this.#timer?.close();
    this.#timer = undefined;
    if (this.#fd >= 0) this.#ffi.close(this.#fd);
    this.#fd = -1;
  }

  #begin(): void {
    if (this.#over) return;
    if (this.#timer === undefined) {
      this.#fd = this.#ffi.timerfdCreate(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
      this.#over = this.#fd < 0;
      if (this.#over) return;
      this.#timer = this.#ffi.poll(this.#fd, this.#read);
      if (!this.#referenced) this.#timer.unref();
    }
    this.#active = true;
    this.#device.stop();
  }

  #end(): void {
    this.#active = false;
    this.#set(0);
    this.#device.start();
  }

  /** Runs out once, in so many µs; 0: never. Until then nobody is called. */
  #set(wait: number): void {
    if (wait > 0) this.waits++;
    this.#spec.setUint32(NANOSECONDS, wait * 1000, true);
    this.#ffi.timerfdSettime(this.#fd, 0, this.#address, 0);
  }
}
