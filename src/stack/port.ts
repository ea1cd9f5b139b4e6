import type { Device, Frame, FrameSink } from '../link/device.ts';
import type { Input } from './input.ts';

/** A device as the stack sees it: what arrives goes to the stack's input, and connections remember it as their way out. */
export class Port implements FrameSink {
  readonly device: Device;
  /** Packets on it come from the stack itself. */
  readonly isLoopback: boolean;
  /** The owner of a TCB that belongs to no connection but leaves by this port. */
  readonly owner: { readonly port: Port } = { port: this };
  readonly #input: Input;

  constructor(device: Device, input: Input, isLoopback = false) {
    this.device = device;
    this.isLoopback = isLoopback;
    this.#input = input;
  }

  receive(frame: Frame, now: number): void {
    this.#input.receive(this, frame, now);
  }

  flush(now: number): void {
    this.#input.flush(now);
  }
}
