import { get16 } from '../wire/bytes.ts';
import { ICMP, ICMPV6, TCP, UDP } from '../wire/ip-header.ts';
import { IPV4_HEADER } from '../wire/ipv4.ts';
import { IPV6_HEADER } from '../wire/ipv6.ts';
import type { Segment } from '../wire/segment.ts';
import type { Device, Frame, FrameSink, Offload } from './device.ts';

export interface ShardOptions {
  /** Which of the stacks this is, 0 … `count` − 1. */
  readonly index: number;
  readonly count: number;
  /** `ip_local_port_range` of all of them together. */
  readonly ports: readonly [number, number];
  /** Carries a packet to another stack, to its shard's `take`. It is valid during the call only. */
  pass(to: number, packet: Uint8Array, checksum: number, gsoSize: number): void;
}

/** Handled here; not known here, so everybody's. */
const HERE = -1;
const EVERYBODY = -2;

/**
 * One of several stacks that have one address: each reads a queue of its own of one interface, in a thread of its own. A connection that a peer
 * opens stays with the queue its SYN came by, as the kernel chooses queues by flow. One that is opened here may find its answers in another queue: each
 * stack has a part of the local ports, and what comes for another's is passed on. ICMP errors go to all: who does not know the connection leaves
 * them.
 */
export class Shard implements Device {
  readonly name: string;
  readonly mtu: number;
  readonly offload: Offload;
  /** Frames passed on to others, and taken from them. */
  passed = 0;
  taken = 0;
  readonly #inner: Device;
  readonly #options: ShardOptions;
  #sink: FrameSink | null = null;

  constructor(inner: Device, options: ShardOptions) {
    this.name = inner.name;
    this.mtu = inner.mtu;
    this.offload = inner.offload;
    this.#inner = inner;
    this.#options = options;
    // Throws where the numbers make no sense.
    portsOfShard(options.ports, options.index, options.count);
  }

  get behind(): number {
    return this.#inner.behind ?? 0;
  }

  attach(sink: FrameSink): void {
    this.#sink = sink;
    this.#inner.attach({
      receive: (frame, now) => this.#receive(frame, now),
      flush: (now) => this.#sink?.flush(now),
    });
  }

  /** A packet that came by another's queue. `now`: µs. */
  take(packet: Uint8Array, checksum: number, gsoSize: number, now: number): void {
    const sink = this.#sink;
    if (sink === null) return;
    this.taken++;
    const frame = this.#inner.allocate(packet.length);
    frame.bytes.set(packet, frame.offset);
    frame.length = packet.length;
    frame.checksum = checksum;
    frame.gsoSize = gsoSize;
    try {
      sink.receive(frame, now);
    } finally {
      this.#inner.release(frame);
    }
    sink.flush(now);
  }

  gather(segment: Segment): readonly Uint8Array[] | null {
    return this.#inner.gather?.(segment) ?? null;
  }

  allocate(length: number): Frame {
    return this.#inner.allocate(length);
  }

  transmit(frame: Frame): boolean {
    return this.#inner.transmit(frame);
  }

  release(frame: Frame): void {
    this.#inner.release(frame);
  }

  close(): void {
    this.#sink = null;
    this.#inner.close();
  }

  #receive(frame: Frame, now: number): void {
    const { index, count } = this.#options;
    const owner = this.#ownerOf(frame);
    if (owner === EVERYBODY) for (let i = 0; i < count; i++) if (i !== index) this.#pass(i, frame);
    if (owner < 0 || owner === index) this.#sink?.receive(frame, now);
    else this.#pass(owner, frame);
  }

  #pass(to: number, { bytes, offset, length, checksum, gsoSize }: Frame): void {
    this.passed++;
    this.#options.pass(to, bytes.subarray(offset, offset + length), checksum, gsoSize);
  }

  /** Whose the packet is. Fragments, and what is broken, are for whoever reads them. */
  #ownerOf({ bytes, offset, length }: Frame): number {
    if (length < IPV4_HEADER) return HERE;
    let at = offset + IPV6_HEADER;
    let protocol = bytes[offset + 6]!;
    if (bytes[offset]! >>> 4 === 4) {
      if ((get16(bytes, offset + 6) & 0x3fff) !== 0) return HERE;
      at = offset + ((bytes[offset]! & 15) << 2);
      protocol = bytes[offset + 9]!;
    }
    if (at + 4 > offset + length) return HERE;
    if (protocol === TCP || protocol === UDP) return this.#ownerOfPort(get16(bytes, at + 2));
    // Destination unreachable, source quench, time exceeded, parameter problem; the errors of ICMPv6.
    if (protocol === ICMP) return [3, 4, 11, 12].includes(bytes[at]!) ? EVERYBODY : HERE;
    return protocol === ICMPV6 && bytes[at]! < 128 ? EVERYBODY : HERE;
  }

  #ownerOfPort(port: number): number {
    const { count, ports } = this.#options;
    const [first, last] = ports;
    if (port < first || port > last) return HERE;
    const each = Math.floor((last - first + 1) / count);
    return Math.min(count - 1, Math.floor((port - first) / each));
  }
}

/**
 * The part of the local ports `first … last` that one of `count` stacks opens connections from: its `ip_local_port_range`. Throws a RangeError where
 * there are not as many ports, or no such stack.
 */
export function portsOfShard([first, last]: readonly [number, number], index: number, count: number): [number, number] {
  const each = Math.floor((last - first + 1) / count);
  if (!(Number.isInteger(count) && count >= 1 && each >= 1))
    throw new RangeError(`${count} stacks: 1 … ${last - first + 1}`);
  if (!(Number.isInteger(index) && index >= 0 && index < count)) throw new RangeError(`stack ${index} of ${count}`);
  const start = first + index * each;
  return [start, index === count - 1 ? last : start + each - 1];
}
