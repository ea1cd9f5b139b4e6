import { completeFrame } from '../link/complete.ts';
import { Frame } from '../link/device.ts';
import type { FourTuple, Trace } from '../tcp/trace.ts';
import type { IpAddress } from '../wire/address.ts';
import { Sight } from './packet.ts';
import type { Wire } from './wire.ts';

/**
 * Where the simulated network ends and another one begins, which is not simulated: a host of the network to all others, without a stack. What
 * arrives is handed out, what is handed in goes onto the link, and both are told to `trace` as a stack would tell them.
 */
export class SimGate {
  readonly name: string;
  readonly addresses: readonly IpAddress[];
  trace: Trace | null = null;
  /** Nothing gets in or out: to the network the host behind it is without power. */
  isDown = false;
  /** Takes what arrives: an IP packet whose checksums are complete. Holds during the call only. */
  onPacket: (packet: Uint8Array) => void = () => {};
  /** Onto the link; set when that is there. */
  out: (frame: Frame) => void = () => {};
  readonly #wire: Wire;
  readonly #sight = new Sight();

  constructor(wire: Wire, name: string, addresses: readonly IpAddress[]) {
    this.#wire = wire;
    this.name = name;
    this.addresses = addresses;
  }

  /** A packet from outside, which is copied. What is none of IP, or is for nobody of this network, is dropped in silence. */
  send(packet: Uint8Array): void {
    const wire = this.#wire;
    const frame = new Frame(packet.slice());
    frame.length = packet.length;
    const sight = this.#sight.look(frame);
    if (this.isDown || !sight.isIp || sight.ip.destinationAddress().isMulticast) return;
    wire.touched = true;
    wire.send(frame, this.name, this.out);
    // The link may have changed or freed the frame: what was sent is in the copy.
    const sent = new Frame(packet);
    sent.length = packet.length;
    this.#tell('out', sent);
  }

  arrives(frames: readonly Frame[]): void {
    const wire = this.#wire;
    for (const frame of frames) {
      if (this.isDown) {
        wire.lost(frame, `${this.name} is down`, this.name);
        continue;
      }
      completeFrame(frame);
      wire.touched = true;
      wire.delivered(frame, this.name);
      this.#tell('in', frame);
      this.onPacket(frame.bytes.subarray(frame.offset, frame.offset + frame.length));
      wire.free(frame);
    }
  }

  #tell(direction: 'in' | 'out', frame: Frame): void {
    const { trace } = this;
    if (trace === null) return;
    const { segment, ip } = this.#sight.look(frame);
    if (segment === null) return;
    const [source, destination] = [ip.sourceAddress(), ip.destinationAddress()];
    const tuple: FourTuple =
      direction === 'out'
        ? {
            localAddress: source,
            localPort: segment.sourcePort,
            remoteAddress: destination,
            remotePort: segment.destinationPort,
          }
        : {
            localAddress: destination,
            localPort: segment.destinationPort,
            remoteAddress: source,
            remotePort: segment.sourcePort,
          };
    trace.segment(direction, tuple, segment, Math.floor(this.#wire.events.now));
  }
}
