import type { Frame } from '../../link/device.ts';
import type { IpAddress } from '../../wire/address.ts';
import type { Random } from '../random.ts';

/** Where a packet may go on from a middlebox. Each frame is handed on, lost, or freed, once. */
export interface Way {
  /** µs. */
  readonly now: number;
  readonly random: Random;
  /** On, in its direction. */
  forward(frame: Frame): void;
  /** Out on the side where the packet came in. */
  back(frame: Frame): void;
  lose(frame: Frame, reason: string): void;
  /** It was used up: nothing is lost. */
  free(frame: Frame): void;
  /** Calls back at a time, µs. */
  at(time: number, callback: () => void): void;
}

/** Something on a link that does more than carry. The link's first node is its inside. Make one for each link. */
export interface Middlebox {
  readonly name: string;
  /** Addresses outside that lead to it. */
  readonly addresses?: readonly IpAddress[];
  handle(frame: Frame, direction: 'forward' | 'back', way: Way): void;
}
