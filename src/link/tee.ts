import type { Device, Frame, FrameSink, Offload } from './device.ts';

/** Seen from the stack: `in` is what the device received for it, `out` is what it sends. */
export type Direction = 'in' | 'out';

/** Is shown a frame before it is passed on. It may read the frame during the call, and must not change it. `now`: µs. */
export type Observer = (direction: Direction, frame: Frame, now: number) => void;

/** A device that shows an observer each frame, in both directions: a capture, a ladder, a counter. */
export class Tee implements Device {
  readonly name: string;
  readonly mtu: number;
  readonly offload: Offload;
  readonly #inner: Device;
  readonly #observer: Observer;
  readonly #clock: () => number;

  /** `clock`: µs, the one that stamps what the device receives; for frames on the way out. */
  constructor(inner: Device, observer: Observer, clock: () => number) {
    this.name = inner.name;
    this.mtu = inner.mtu;
    // What is shown is a packet that can say how long it is: what reads captures wants that.
    const { checksum, maxGso } = inner.offload;
    this.offload = { checksum, maxGso };
    this.#inner = inner;
    this.#observer = observer;
    this.#clock = clock;
  }

  get behind(): number {
    return this.#inner.behind ?? 0;
  }

  attach(sink: FrameSink): void {
    this.#inner.attach({
      receive: (frame, now) => {
        this.#observer('in', frame, now);
        sink.receive(frame, now);
      },
      flush: (now) => sink.flush(now),
    });
  }

  allocate(length: number): Frame {
    return this.#inner.allocate(length);
  }

  transmit(frame: Frame): boolean {
    this.#observer('out', frame, this.#clock());
    return this.#inner.transmit(frame);
  }

  release(frame: Frame): void {
    this.#inner.release(frame);
  }

  close(): void {
    this.#inner.close();
  }
}
