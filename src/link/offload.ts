import { frameMemory } from '../wire/frame-memory.ts';
import { MAX_PACKET } from '../wire/ip-header.ts';
import { completeFrame } from './complete.ts';
import type { Device, Frame, FrameSink, Offload } from './device.ts';
import { FramePool } from './pool.ts';
import { Segmentation } from './segmentation.ts';

/**
 * A device that does in software what `inner` does not: completes checksums, and cuts a TCP super-segment into segments of `gsoSize`
 * bytes of text, as a network card would. What it receives passes as it is.
 */
export class SoftwareOffload implements Device {
  readonly name: string;
  readonly mtu: number;
  readonly offload: Offload = { checksum: true, maxGso: MAX_PACKET };
  /** Frames that could not be what their fields say: no TCP or UDP in them, or cut short. */
  malformed = 0;
  readonly #inner: Device;
  /** For packets longer than the inner device's own frames hold. */
  readonly #large = new FramePool(16, frameMemory);
  readonly #segmentation = new Segmentation();

  constructor(inner: Device) {
    this.name = inner.name;
    this.mtu = inner.mtu;
    this.#inner = inner;
  }

  /** Large frames lent to the stack; the small ones are the inner device's. */
  get outstanding(): number {
    return this.#large.outstanding;
  }

  get behind(): number {
    return this.#inner.behind ?? 0;
  }

  attach(sink: FrameSink): void {
    this.#inner.attach(sink);
  }

  allocate(length: number): Frame {
    return length > this.mtu ? this.#large.allocate(length) : this.#inner.allocate(length);
  }

  transmit(frame: Frame): boolean {
    if (frame.gsoSize > 0) {
      const sent = this.#segment(frame);
      this.release(frame);
      return sent;
    }
    if (!completeFrame(frame)) {
      this.malformed++;
      this.release(frame);
      return false;
    }
    if (!this.#large.owns(frame)) return this.#inner.transmit(frame);
    // Room for a long packet, and a short one in it: it goes in a frame of the inner device.
    const sent = frame.length <= this.mtu && this.#inner.transmit(this.#copy(frame, frame.length));
    this.release(frame);
    return sent;
  }

  release(frame: Frame): void {
    if (this.#large.owns(frame)) this.#large.release(frame);
    else this.#inner.release(frame);
  }

  close(): void {
    this.#inner.close();
  }

  /** Sends the segments that the frame stands for. False where none of them left. */
  #segment(frame: Frame): boolean {
    const segmentation = this.#segmentation;
    if (!segmentation.read(frame)) {
      this.malformed++;
      return false;
    }
    const { header, text } = segmentation;
    const { bytes, offset, gsoSize } = frame;
    // Some of it may be lost on the way out; none of it left only where all is.
    let sent = false;
    for (let from = 0, index = 0; from < text || index === 0; from += gsoSize, index++) {
      const length = Math.min(gsoSize, text - from);
      const out = this.#copy(frame, header, length);
      const at = offset + header + from;
      out.bytes.set(bytes.subarray(at, at + length), out.offset + header);
      segmentation.write(out, from, length, index);
      if (this.#inner.transmit(out)) sent = true;
    }
    return sent;
  }

  /** A frame of the inner device with the first `head` bytes of the packet, and room for `more`, which counts as its length. */
  #copy(frame: Frame, head: number, more = 0): Frame {
    const out = this.#inner.allocate(head + more);
    out.bytes.set(frame.bytes.subarray(frame.offset, frame.offset + head), out.offset);
    out.length = head + more;
    return out;
  }
}
