import {
  CHECKSUM_COMPLETE,
  CHECKSUM_PARTIAL,
  type Device,
  Frame,
  type FrameSink,
  type Offload,
} from '../link/device.ts';
import { MAX_PACKET } from '../wire/ip-header.ts';

/** The end of a MessagePort that this needs: also a Worker, or a window's that speaks to one other alone. */
export interface PortLike {
  postMessage(message: unknown, transfer: ArrayBuffer[]): void;
  addEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): void;
  removeEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): void;
  /** MessagePort's alone: it holds messages back until then. */
  start?(): void;
}

export interface MessageLinkOptions {
  readonly name?: string;
  /** Largest IP packet, bytes. 65535 where not given: nothing here needs smaller ones. Both ends should agree. */
  readonly mtu?: number;
  /**
   * Packets pass without their checksums, as within one machine. True where not given; false where the other end hands them on to a network.
   */
  readonly offload?: boolean;
  /** µs, monotonic: the stack's host has it. */
  readonly clock: () => number;
}

/**
 * A link through a MessagePort: to a worker, another frame, another tab. Each packet is a message, whose memory changes hands without a copy;
 * `null` says that an end has closed.
 *
 * ```ts
 * const host = new WebHost();
 * const stack = new Stack({ host });
 * stack.addDevice(new MessageLink(port, { clock: () => host.now() }), [{ address: IpAddress.of('10.0.0.1'), prefixLength: 24 }]);
 * ```
 */
export class MessageLink implements Device {
  readonly name: string;
  readonly mtu: number;
  readonly offload: Offload;
  /** Called once when the other end closes. */
  onClosed: (() => void) | undefined;
  /** Messages that were no packets. */
  malformed = 0;
  readonly #port: PortLike;
  readonly #clock: () => number;
  readonly #incoming = new Frame(new Uint8Array(0));
  #sink: FrameSink | undefined;
  #closed = false;

  constructor(port: PortLike, { name = 'message', mtu = MAX_PACKET, offload = true, clock }: MessageLinkOptions) {
    if (!(Number.isInteger(mtu) && mtu >= 68 && mtu <= MAX_PACKET)) throw new RangeError(`mtu ${mtu}: 68 … 65535`);
    this.#port = port;
    this.name = name;
    this.mtu = mtu;
    this.offload = { checksum: offload, maxGso: 0 };
    this.#clock = clock;
  }

  attach(sink: FrameSink): void {
    if (this.#sink !== undefined) throw new Error(`${this.name} has a receiver already`);
    this.#sink = sink;
    this.#port.addEventListener('message', this.#receive);
    this.#port.start?.();
  }

  allocate(length: number): Frame {
    return new Frame(new Uint8Array(length));
  }

  transmit(frame: Frame): boolean {
    if (this.#closed || frame.length > this.mtu) return false;
    const packet = frame.bytes.subarray(frame.offset, frame.offset + frame.length);
    this.#port.postMessage(packet, [packet.buffer as ArrayBuffer]);
    return true;
  }

  release(): void {}

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#sink = undefined;
    this.#port.removeEventListener('message', this.#receive);
    this.#port.postMessage(null, []);
  }

  readonly #receive = ({ data }: { readonly data: unknown }): void => {
    if (data === null) {
      this.onClosed?.();
      this.onClosed = undefined;
      return;
    }
    if (!(data instanceof Uint8Array) || data.length > MAX_PACKET) {
      this.malformed++;
      return;
    }
    const frame = this.#incoming;
    frame.bytes = data;
    frame.offset = 0;
    frame.length = data.length;
    frame.checksum = this.offload.checksum ? CHECKSUM_PARTIAL : CHECKSUM_COMPLETE;
    const now = this.#clock();
    try {
      this.#sink?.receive(frame, now);
    } finally {
      this.#sink?.flush(now);
    }
  };
}
