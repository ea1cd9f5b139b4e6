import { BoxRenderer, LEAST_COLUMNS, type Names, type Renderer } from './box.ts';
import type { Endpoints, TraceEvent } from './event.ts';
import type { Numbers } from './format.ts';
import type { Paint } from './paint.ts';
import { PlainRenderer } from './plain.ts';
import { Steps } from './steps.ts';

export interface LadderOptions {
  /** Columns of the terminal. Default 80. Below 60 a drawing has no room: then it is sentences. */
  readonly columns?: number;
  /** Sentences in ASCII instead of a drawing. */
  readonly plain?: boolean;
  /** Fold nothing. */
  readonly all?: boolean;
  readonly names?: Names;
  readonly paint?: Paint;
  /** The other end's states come from its own trace (`Recorder.peer`): nothing is inferred. */
  readonly peerKnown?: boolean;
  /** Both kinds where not given. */
  readonly numbers?: Numbers;
}

/**
 * A connection, or several, as a ladder in text, line by line as things happen.
 *
 * ```ts
 * const ladder = new Ladder({ columns: 80 });
 * recorder.onEvent = (event, connection) => print(ladder.push(event, connection));
 * // … and when the program has nothing to do: print(ladder.settle()); at the end: print(ladder.end())
 * ```
 */
export class Ladder {
  readonly #steps: Steps;
  readonly #renderer: Renderer;

  constructor(options: LadderOptions = {}) {
    const peerKnown = options.peerKnown ?? false;
    this.#steps = new Steps({ peerKnown, ...(options.all ? { unfolded: Number.POSITIVE_INFINITY } : {}) });
    const plain = options.plain || (options.columns ?? 80) < LEAST_COLUMNS;
    this.#renderer = plain ? new PlainRenderer(options) : new BoxRenderer(options);
  }

  /** The lines that are complete with this event. */
  push(event: TraceEvent, endpoints: Endpoints): string[] {
    return this.#draw(this.#steps.push(event, endpoints));
  }

  /** The lines that waited for what might have stood beside them. A run of data stays folded. */
  settle(): string[] {
    return this.#draw(this.#steps.settle());
  }

  /** The last lines. */
  end(): string[] {
    return this.#draw(this.#steps.flush());
  }

  /** A line to show, and to take away again, while data folds; empty when there is none. */
  get progress(): string {
    const run = this.#steps.run;
    return run === null ? '' : this.#renderer.progress(run);
  }

  #draw(steps: ReturnType<Steps['flush']>): string[] {
    return steps.flatMap((step) => this.#renderer.lines(step));
  }
}
