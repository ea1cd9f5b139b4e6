import { CHECKSUM_COMPLETE, type Device, Frame, type FrameSink } from '../link/device.ts';
import { FramePool } from '../link/pool.ts';
import { frameMemory } from '../wire/frame-memory.ts';
import { MAX_PACKET } from '../wire/ip-header.ts';

export interface SentPacket {
  readonly time: number;
  readonly bytes: Uint8Array;
  /** Of a super-segment: the text of each segment but the last. Else 0. */
  readonly gsoSize: number;
}

/** The device under the stack: what leaves is kept for the script to look at, and the script puts in what arrives. */
export class WireEnd implements Device {
  readonly name = 'packetdrill';
  readonly mtu: number;
  readonly offload: { readonly checksum: false; maxGso: number };
  readonly sent: SentPacket[] = [];
  /** Its queue is full: nothing leaves. */
  refuses = false;
  readonly #pool = new FramePool(1024, frameMemory);
  readonly #clock: () => number;
  #sink: FrameSink | null = null;

  /** `segments`: it takes super-segments, as the tool's own device does on Linux. */
  constructor(mtu: number, segments: boolean, clock: () => number) {
    this.mtu = mtu;
    this.offload = { checksum: false, maxGso: segments ? MAX_PACKET : 0 };
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
    if (this.refuses) {
      this.#pool.release(frame);
      return false;
    }
    const bytes = frame.bytes.slice(frame.offset, frame.offset + frame.length);
    this.sent.push({ time: this.#clock(), bytes, gsoSize: frame.gsoSize });
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
