import { get16, get32, put16, put32 } from '../wire/bytes.ts';
import { finish, sum } from '../wire/checksum.ts';
import { frameMemory } from '../wire/frame-memory.ts';
import { parseIp } from '../wire/ip.ts';
import { IpHeader, MAX_PACKET, TCP, TRUST_CHECKSUM } from '../wire/ip-header.ts';
import { IPV6_HEADER } from '../wire/ipv6.ts';
import { CWR, FIN, PSH } from '../wire/segment.ts';
import { TCP_CHECKSUM, TCP_HEADER } from '../wire/tcp.ts';
import {
  CHECKSUM_COMPLETE,
  CHECKSUM_PARTIAL,
  type Device,
  type Frame,
  type FrameSink,
  type Offload,
} from './device.ts';
import { FramePool } from './pool.ts';

/** Where the control bits FIN … CWR stand in the TCP header. */
const FLAGS = 13;

/**
 * A device that does in software what `inner` does not: completes checksums, and cuts a TCP super-segment into segments of `gsoSize`
 * bytes of text, as a network card would. What it receives passes as it is.
 */
export class SoftwareOffload implements Device {
  readonly name: string;
  readonly mtu: number;
  readonly offload: Offload = { checksum: true, maxGso: MAX_PACKET };
  /** Frames that could not be what their fields say: no TCP in them, or cut short. */
  malformed = 0;
  readonly #inner: Device;
  /** For packets longer than the inner device's own frames hold. */
  readonly #large = new FramePool(16, frameMemory);
  readonly #ip = new IpHeader();

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
    if (frame.checksum === CHECKSUM_PARTIAL && !this.#complete(frame)) {
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

  /** Reads the packet's headers. Returns the length of the TCP header, or 0 where there is none. */
  #headers(frame: Frame): number {
    const ip = this.#ip;
    const known = parseIp(frame.bytes, frame.offset, frame.length, ip, TRUST_CHECKSUM) === null;
    if (known && ip.protocol === TCP && !ip.isFragment && ip.payloadLength >= TCP_HEADER) {
      const length = (frame.bytes[ip.payloadOffset + 12]! >>> 4) << 2;
      if (length >= TCP_HEADER && length <= ip.payloadLength) return length;
    }
    this.malformed++;
    return 0;
  }

  #complete(frame: Frame): boolean {
    if (this.#headers(frame) === 0) return false;
    const { payloadOffset, payloadLength } = this.#ip;
    // The field holds the pseudo-header's sum, so summing over it adds that in.
    put16(frame.bytes, payloadOffset + TCP_CHECKSUM, finish(sum(frame.bytes, payloadOffset, payloadLength)));
    frame.checksum = CHECKSUM_COMPLETE;
    return true;
  }

  /** Sends the segments that the frame stands for. False where none of them left. */
  #segment(frame: Frame): boolean {
    const tcpLength = this.#headers(frame);
    if (tcpLength === 0) return false;
    const { bytes, offset, gsoSize } = frame;
    const { payloadOffset, payloadLength } = this.#ip;
    const tcpAt = payloadOffset - offset;
    const header = tcpAt + tcpLength;
    const text = payloadLength - tcpLength;
    const flags = bytes[payloadOffset + FLAGS]!;
    const firstSeq = get32(bytes, payloadOffset + 4);
    // Some of it may be lost on the way out; none of it left only where all is.
    let sent = false;
    for (let from = 0, index = 0; from < text || index === 0; from += gsoSize, index++) {
      const length = Math.min(gsoSize, text - from);
      const out = this.#copy(frame, header, length);
      out.bytes.set(bytes.subarray(offset + header + from, offset + header + from + length), out.offset + header);
      const tcp = out.offset + tcpAt;
      put32(out.bytes, tcp + 4, firstSeq + from);
      // As network cards do: what ends the text is said at its end, what answers the peer's ECE is said once.
      let kept = flags;
      if (from + length < text) kept &= ~(FIN | PSH);
      if (index > 0) kept &= ~CWR;
      out.bytes[tcp + FLAGS] = kept;
      this.#setLength(out, index);
      put16(out.bytes, tcp + TCP_CHECKSUM, 0);
      const pseudo = this.#ip.pseudoSum(TCP, tcpLength + length);
      put16(out.bytes, tcp + TCP_CHECKSUM, finish(sum(out.bytes, tcp, tcpLength + length, pseudo)));
      if (this.#inner.transmit(out)) sent = true;
    }
    return sent;
  }

  /** Makes the IP header that of a packet of the frame's length, the `index`-th of a run. */
  #setLength(frame: Frame, index: number): void {
    const { bytes, offset, length } = frame;
    if (this.#ip.version === 6) {
      put16(bytes, offset + 4, length - IPV6_HEADER);
      return;
    }
    put16(bytes, offset + 2, length);
    put16(bytes, offset + 4, get16(bytes, offset + 4) + index);
    put16(bytes, offset + 10, 0);
    put16(bytes, offset + 10, finish(sum(bytes, offset, this.#ip.headerLength)));
  }

  /** A frame of the inner device with the first `head` bytes of the packet, and room for `more`, which counts as its length. */
  #copy(frame: Frame, head: number, more = 0): Frame {
    const out = this.#inner.allocate(head + more);
    out.bytes.set(frame.bytes.subarray(frame.offset, frame.offset + head), out.offset);
    out.length = head + more;
    return out;
  }
}
