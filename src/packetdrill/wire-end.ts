import { CHECKSUM_COMPLETE, type Device, Frame, type FrameSink } from '../link/device.ts';
import { FramePool } from '../link/pool.ts';

export interface SentPacket {
  readonly time: number;
  readonly bytes: Uint8Array;
}

/** The device under the stack: what leaves is kept for the script to look at, and the script puts in what arrives. */
export class WireEnd implements Device {
  readonly name = 'packetdrill';
  readonly mtu: number;
  readonly offload = { checksum: false, maxGso: 0 };
  readonly sent: SentPacket[] = [];
  readonly #pool = new FramePool();
  readonly #clock: () => number;
  #sink: FrameSink | null = null;

  constructor(mtu: number, clock: () => number) {
    this.mtu = mtu;
    this.#clock = clock;
  }

  attach(sink: FrameSink): void {
    this.#sink = sink;
  }

  /** A packet arrives, in a batch of its own. It may be longer than the MTU, as what a real device has merged. */
  deliver(packet: Uint8Array): void {
    const frame = new Frame(packet);
    frame.length = packet.length;
    frame.checksum = CHECKSUM_COMPLETE;
    const now = this.#clock();
    this.#sink!.receive(frame, now);
    this.#sink!.flush(now);
  }

  allocate(length: number): Frame {
    return this.#pool.allocate(length);
  }

  transmit(frame: Frame): boolean {
    this.sent.push({ time: this.#clock(), bytes: frame.bytes.slice(frame.offset, frame.offset + frame.length) });
    this.#pool.release(frame);
    return true;
  }

  release(frame: Frame): void {
    this.#pool.release(frame);
  }

  close(): void {
    this.#sink = null;
  }
}
