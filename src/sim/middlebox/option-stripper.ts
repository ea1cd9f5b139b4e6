import type { Frame } from '../../link/device.ts';
import { type Segment, SYN } from '../../wire/segment.ts';
import { rewrite, Sight } from '../packet.ts';
import type { Middlebox, Way } from './middlebox.ts';

export type StrippedOption = 'mss' | 'windowScale' | 'sack' | 'timestamps';

/** A box that takes options out of SYNs, as old or over-careful ones do: what both ends were to agree on falls away. */
export class OptionStripper implements Middlebox {
  readonly name = 'option stripper';
  readonly #options: readonly StrippedOption[];
  readonly #sight = new Sight();

  /** All four where none is given. */
  constructor(options: readonly StrippedOption[] = ['mss', 'windowScale', 'sack', 'timestamps']) {
    this.#options = options;
  }

  handle(frame: Frame, _direction: 'forward' | 'back', way: Way): void {
    const { segment } = this.#sight.look(frame);
    if (!segment?.has(SYN)) {
      way.forward(frame);
      return;
    }
    const stripped = rewrite(frame, (s) => this.#strip(s));
    way.free(frame);
    way.forward(stripped!);
  }

  #strip(segment: Segment): void {
    for (const option of this.#options) {
      if (option === 'mss') segment.mss = -1;
      else if (option === 'windowScale') segment.windowScale = -1;
      else if (option === 'sack') segment.sackPermitted = false;
      else segment.hasTimestamps = false;
    }
  }
}
