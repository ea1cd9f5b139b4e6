import type { Frame } from '../../link/device.ts';
import { IpAddress } from '../../wire/address.ts';
import { rewrite, Sight } from '../packet.ts';
import { type Duration, micros } from '../units.ts';
import type { Middlebox, Way } from './middlebox.ts';

export interface NatOptions {
  /** The address that the outside sees. */
  readonly address: string;
  /** A mapping that was not used for so long is forgotten. 5 minutes where not given. */
  readonly idle?: Duration;
  /** A port that is free outside is kept, as most do (RFC 4787 §4.2.1). False where not given. */
  readonly keepPorts?: boolean;
  /** First and last port that it gives out. */
  readonly ports?: readonly [number, number];
}

interface Mapping {
  readonly inside: IpAddress;
  readonly insidePort: number;
  readonly outsidePort: number;
  used: number;
}

/** Network address and port translation (RFC 5382): many inside, one address outside. */
export class Nat implements Middlebox {
  readonly name = 'NAT';
  readonly addresses: readonly IpAddress[];
  readonly #address: IpAddress;
  readonly #idle: number;
  readonly #ports: readonly [number, number];
  readonly #keepPorts: boolean;
  readonly #byInside = new Map<string, Mapping>();
  readonly #byPort = new Map<number, Mapping>();
  readonly #sight = new Sight();
  #next: number;

  constructor(options: NatOptions) {
    this.#address = IpAddress.of(options.address);
    this.addresses = [this.#address];
    this.#idle = micros(options.idle ?? '5min');
    this.#ports = options.ports ?? [20_000, 29_999];
    this.#keepPorts = options.keepPorts ?? false;
    this.#next = this.#ports[0];
  }

  /** Mappings that it has. */
  get mappings(): number {
    return this.#byPort.size;
  }

  handle(frame: Frame, direction: 'forward' | 'back', way: Way): void {
    const { ip, segment } = this.#sight.look(frame);
    if (segment === null || ip.version !== this.#address.family) {
      way.forward(frame);
      return;
    }
    let translated: Frame | null;
    if (direction === 'forward') {
      const mapping = this.#map(ip.sourceAddress(), segment.sourcePort, way.now);
      if (mapping === null) {
        way.lose(frame, 'all its ports are in use');
        return;
      }
      translated = rewrite(frame, (s, header) => {
        header.setAddresses(this.#address, header.destinationAddress());
        s.sourcePort = mapping.outsidePort;
      });
    } else {
      const mapping = this.#byPort.get(segment.destinationPort);
      if (mapping === undefined || way.now - mapping.used >= this.#idle) {
        way.lose(frame, 'it has no mapping for it');
        return;
      }
      mapping.used = way.now;
      translated = rewrite(frame, (s, header) => {
        header.setAddresses(header.sourceAddress(), mapping.inside);
        s.destinationPort = mapping.insidePort;
      });
    }
    way.free(frame);
    way.forward(translated!);
  }

  #map(inside: IpAddress, insidePort: number, now: number): Mapping | null {
    const key = `${inside}|${insidePort}`;
    const there = this.#byInside.get(key);
    if (there !== undefined && now - there.used < this.#idle) {
      there.used = now;
      return there;
    }
    if (there !== undefined) this.#forget(there);
    if (this.#keepPorts) {
      const kept = this.#take(inside, insidePort, insidePort, now);
      if (kept !== null) return kept;
    }
    const [first, last] = this.#ports;
    for (let i = first; i <= last; i++) {
      const port = this.#next;
      this.#next = port === last ? first : port + 1;
      const mapping = this.#take(inside, insidePort, port, now);
      if (mapping !== null) return mapping;
    }
    return null;
  }

  /** Maps to this port, if nobody uses it. */
  #take(inside: IpAddress, insidePort: number, outsidePort: number, now: number): Mapping | null {
    const other = this.#byPort.get(outsidePort);
    if (other !== undefined && now - other.used < this.#idle) return null;
    if (other !== undefined) this.#forget(other);
    const mapping = { inside, insidePort, outsidePort, used: now };
    this.#byInside.set(`${inside}|${insidePort}`, mapping);
    this.#byPort.set(outsidePort, mapping);
    return mapping;
  }

  #forget(mapping: Mapping): void {
    this.#byInside.delete(`${mapping.inside}|${mapping.insidePort}`);
    this.#byPort.delete(mapping.outsidePort);
  }
}
