import { type Device, Frame, type FrameSink } from '../link/device.ts';
import { FramePool } from '../link/pool.ts';
import { frameMemory } from '../wire/frame-memory.ts';
import { parseIp } from '../wire/ip.ts';
import { IpHeader, TCP } from '../wire/ip-header.ts';
import { FIN, RST, Segment, SYN } from '../wire/segment.ts';
import { parseTcp, verifyChecksum } from '../wire/tcp.ts';

/** A device with nobody on the other side: frames are put in by hand, and checked when they leave. */
export class FuzzDevice implements Device {
  readonly name = 'fuzz';
  readonly mtu = 1500;
  readonly offload = { checksum: false, maxGso: 0 };
  readonly pool = new FramePool(1024, frameMemory);
  sent = 0;
  lastSent: Uint8Array = new Uint8Array(0);
  #sink: FrameSink | null = null;

  attach(sink: FrameSink): void {
    this.#sink = sink;
  }

  deliver(packet: Uint8Array, now: number, checksum: number): void {
    const frame = new Frame(packet);
    frame.length = packet.length;
    frame.checksum = checksum;
    this.#sink!.receive(frame, now);
  }

  flush(now: number): void {
    this.#sink!.flush(now);
  }

  allocate(length: number): Frame {
    return this.pool.allocate(length);
  }

  transmit(frame: Frame): boolean {
    this.sent++;
    if (this.sent % 16 === 0) this.lastSent = frame.bytes.slice(frame.offset, frame.offset + frame.length);
    checkSent(frame);
    this.pool.release(frame);
    return true;
  }

  release(frame: Frame): void {
    this.pool.release(frame);
  }

  close(): void {
    this.#sink = null;
  }
}

/** Throws where what a stack sent is no packet that it may send. */
function checkSent(frame: Frame): void {
  const { bytes, offset, length } = frame;
  const header = new IpHeader();
  const reason = parseIp(bytes, offset, length, header);
  if (reason !== null) throw new Error(`sent what is no packet: ${reason}`);
  if (header.protocol !== TCP) return;
  const { payloadOffset, payloadLength } = header;
  const s = new Segment();
  const pseudo = header.pseudoSum(TCP, payloadLength);
  if (!verifyChecksum(bytes, payloadOffset, payloadLength, pseudo)) throw new Error('sent a wrong checksum');
  const bad = parseTcp(bytes, payloadOffset, payloadLength, s);
  if (bad !== null) throw new Error(`sent what is no segment: ${bad}`);
  if (s.flags & SYN && s.payloadLength > 0) throw new Error('sent text on a SYN');
  if (s.flags & FIN && s.flags & (SYN | RST)) throw new Error('sent FIN with SYN or RST');
}
