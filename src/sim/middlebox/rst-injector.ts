import type { Frame } from '../../link/device.ts';
import type { Segment } from '../../wire/segment.ts';
import { Sight } from '../packet.ts';
import { resetAlong, resetInAnswer } from './flow.ts';
import type { Middlebox, Way } from './middlebox.ts';

/** Something that reads along and ends connections by forged resets to both ends: a censor, or an intrusion detector. */
export class RstInjector implements Middlebox {
  readonly name = 'RST injector';
  /** Connections that it shot at. */
  fired = 0;
  readonly #matches: (segment: Segment, text: string) => boolean;
  readonly #sight = new Sight();
  readonly #decoder = new TextDecoder('latin1');

  /** `matches` looks at each segment with text. */
  constructor(matches: (segment: Segment, text: string) => boolean) {
    this.#matches = matches;
  }

  handle(frame: Frame, _direction: 'forward' | 'back', way: Way): void {
    const { ip, segment } = this.#sight.look(frame);
    if (segment !== null && segment.payloadLength > 0) {
      const from = segment.payloadOffset;
      const text = this.#decoder.decode(segment.bytes.subarray(from, from + segment.payloadLength));
      if (this.#matches(segment, text)) {
        this.fired++;
        const [along, back] = [resetAlong(ip, segment), resetInAnswer(ip, segment)];
        way.forward(frame);
        way.forward(along);
        way.back(back);
        return;
      }
    }
    way.forward(frame);
  }
}
