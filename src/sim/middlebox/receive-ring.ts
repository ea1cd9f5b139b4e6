import type { Frame } from '../../link/device.ts';
import type { EventQueue } from '../events.ts';
import { type Duration, micros } from '../units.ts';

export interface ReceiveRingOptions {
  /** Packets that it has room for. */
  readonly slots: number;
  /** From the first packet until the ring is emptied. */
  readonly every: Duration;
}

/** A network card's receive ring: emptied now and then, and what finds it full is lost without a trace on the wire. */
export class ReceiveRing {
  readonly #slots: number;
  readonly #every: number;
  readonly #events: EventQueue;
  readonly #take: (frames: Frame[]) => void;
  readonly #full: (frame: Frame) => void;
  #frames: Frame[] = [];

  constructor(
    options: ReceiveRingOptions,
    events: EventQueue,
    take: (frames: Frame[]) => void,
    full: (frame: Frame) => void,
  ) {
    if (!(options.slots >= 1)) throw new RangeError(`a receive ring has 1 slot or more, not ${options.slots}`);
    this.#slots = options.slots;
    this.#every = micros(options.every);
    this.#events = events;
    this.#take = take;
    this.#full = full;
  }

  add(frames: readonly Frame[]): void {
    for (const frame of frames) {
      if (this.#frames.length >= this.#slots) this.#full(frame);
      else {
        this.#frames.push(frame);
        if (this.#frames.length === 1) this.#events.at(this.#events.now + this.#every, this.#empty);
      }
    }
  }

  readonly #empty = (): void => {
    const frames = this.#frames;
    this.#frames = [];
    this.#take(frames);
  };
}
