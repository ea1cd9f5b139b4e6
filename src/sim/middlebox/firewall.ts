import type { Frame } from '../../link/device.ts';
import { Sight } from '../packet.ts';
import { type Duration, micros } from '../units.ts';
import { flowKey, opens, resetInAnswer } from './flow.ts';
import type { Middlebox, Way } from './middlebox.ts';

export interface FirewallOptions {
  /** A flow that was silent for so long is forgotten. 5 minutes where not given. */
  readonly idle?: Duration;
  /** What befalls a segment of a flow that it does not know: silence, or a RST to its sender. */
  readonly answer?: 'drop' | 'reset';
  /** Connections may be opened from outside, too. */
  readonly openOutside?: boolean;
}

/** A stateful firewall: lets in what belongs to a flow that it saw open, and forgets flows that are silent for long. */
export class Firewall implements Middlebox {
  readonly name = 'firewall';
  /** Lets everything through. */
  isOff = false;
  /** Flows that it forgot. */
  forgotten = 0;
  readonly #idle: number;
  readonly #answer: 'drop' | 'reset';
  readonly #openOutside: boolean;
  /** When each flow was last heard of. */
  readonly #flows = new Map<string, number>();
  readonly #sight = new Sight();

  constructor(options: FirewallOptions = {}) {
    this.#idle = micros(options.idle ?? '5min');
    this.#answer = options.answer ?? 'drop';
    this.#openOutside = options.openOutside ?? false;
  }

  handle(frame: Frame, direction: 'forward' | 'back', way: Way): void {
    const { ip, segment } = this.#sight.look(frame);
    if (segment === null || this.isOff) {
      way.forward(frame);
      return;
    }
    const key = flowKey(ip, segment, direction);
    const heard = this.#flows.get(key);
    const known = heard !== undefined && way.now - heard < this.#idle;
    if (heard !== undefined && !known) {
      this.#flows.delete(key);
      this.forgotten++;
    }
    if (known || (opens(segment) && (direction === 'forward' || this.#openOutside))) {
      this.#flows.set(key, way.now);
      way.forward(frame);
      return;
    }
    if (this.#answer === 'reset') way.back(resetInAnswer(ip, segment));
    way.lose(frame, heard === undefined ? 'it knows no such flow' : 'it has forgotten the flow');
  }
}
