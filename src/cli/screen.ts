import { NodeHost } from '../node/host.ts';
import type { TraceEvent } from '../trace/event.ts';
import type { Ladder } from '../trace/ladder.ts';
import type { ConnectionTrace } from '../trace/recorder.ts';
import type { Terminal } from './terminal.ts';
import { after } from './wait.ts';

/** When nothing happens for so long, ms, lines that wait for company are drawn. */
const QUIET = 50;
/** The counting line changes at most so often, µs. */
const BLINK = 40_000;
const ERASE = '\r\u001b[K';

/** A ladder on a stream: line by line as things happen, and, on a terminal, a line that counts while data folds. */
export class LadderScreen {
  readonly #ladder: Ladder;
  readonly #stream: NodeJS.WriteStream;
  readonly #live: boolean;
  #cancel: () => void = () => {};
  #progress = '';
  readonly #clock = new NodeHost();
  #drawn = 0;

  constructor(ladder: Ladder, stream: NodeJS.WriteStream, terminal: Terminal) {
    this.#ladder = ladder;
    this.#stream = stream;
    this.#live = terminal.live;
  }

  push(event: TraceEvent, connection: ConnectionTrace): void {
    this.#draw(this.#ladder.push(event, connection));
    this.#cancel();
    this.#cancel = after(QUIET, () => this.#draw(this.#ladder.settle()));
  }

  end(): void {
    this.#cancel();
    this.#draw(this.#ladder.end());
  }

  #draw(lines: readonly string[]): void {
    const progress = this.#live ? this.#ladder.progress : '';
    const now = this.#clock.now();
    // The count is for eyes, and a terminal may be slow: it appears at once, and changes now and then.
    const early = this.#progress !== '' && now - this.#drawn < BLINK;
    if (lines.length === 0 && (progress === this.#progress || early)) return;
    this.#drawn = now;
    const erase = this.#progress === '' ? '' : ERASE;
    this.#stream.write(`${erase}${lines.map((line) => `${line}\n`).join('')}${progress}`);
    this.#progress = progress;
  }
}
