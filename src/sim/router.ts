import type { Frame } from '../link/device.ts';
import type { IpAddress } from '../wire/address.ts';
import { decrementHops, Sight } from './packet.ts';
import type { Wire } from './wire.ts';

/** A node that has no TCP: it hands packets on, by their destination. */
export class SimRouter {
  readonly name: string;
  readonly #wire: Wire;
  readonly #sight = new Sight();
  readonly #routes = new Map<string, (frame: Frame) => void>();

  constructor(wire: Wire, name: string) {
    this.#wire = wire;
    this.name = name;
  }

  addRoute(destination: IpAddress, out: (frame: Frame) => void): void {
    const key = destination.toString();
    if (!this.#routes.has(key)) this.#routes.set(key, out);
  }

  arrives(frames: readonly Frame[]): void {
    for (const frame of frames) {
      const { ip, isIp } = this.#sight.look(frame);
      const out = isIp ? this.#routes.get(ip.destinationAddress().toString()) : undefined;
      if (out === undefined) this.#wire.lost(frame, `${this.name} knows no way there`, this.name);
      else if (!decrementHops(frame)) this.#wire.lost(frame, 'its hops are used up', this.name);
      else out(frame);
    }
  }
}
