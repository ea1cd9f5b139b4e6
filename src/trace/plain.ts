import { type Names, type Renderer, runFacts, runLabel } from './box.ts';
import { bytes, count, duration, facts, flagText, type Numbers, remarks, seconds } from './format.ts';
import { flow, noPaint, type Paint, paintSpans, type Role, type Span, span } from './paint.ts';
import type { StateNote, Step } from './steps.ts';

export interface PlainOptions {
  /** Where to begin a new, indented line; Infinity keeps each step on one line. Default 80. */
  readonly columns?: number;
  readonly names?: Names;
  readonly paint?: Paint;
  /** The peer's states are known, and not marked as inferred. */
  readonly peerKnown?: boolean;
  readonly numbers?: Numbers;
}

/** The ladder as sentences, one a step, in ASCII: for screen readers, logs and `grep`. */
export class PlainRenderer implements Renderer {
  readonly #columns: number;
  readonly #names: Names;
  readonly #paint: Paint;
  readonly #inferred: string;
  readonly #numbers: Numbers;

  constructor(options: PlainOptions = {}) {
    this.#columns = options.columns ?? 80;
    this.#names = options.names ?? { ours: 'this end', peer: 'peer' };
    this.#paint = options.paint ?? noPaint;
    this.#inferred = options.peerKnown ? '' : ' (inferred)';
    this.#numbers = options.numbers ?? 'both';
  }

  lines(step: Step): string[] {
    const { ours, peer } = this.#names;
    switch (step.kind) {
      case 'connection': {
        const again = step.again ? ', again' : '';
        return this.#sentence(null, [
          [span(`Connection ${step.id}${again}: ${ours} ${step.ours}`)],
          [span(`${peer} ${step.peer}`)],
        ]);
      }
      case 'segment': {
        const { segment, seen, direction } = step;
        const head: Span[] = [this.#who(direction), span(flagText(segment.flags), direction)];
        const words = remarks(segment, seen, step.remark);
        if (step.lost !== null) words.unshift(step.lost === 'lost' ? 'lost' : `lost (${step.lost})`);
        const notes = words.map((note) => [span(note, 'alert')]);
        const delta = step.delta > 0 ? [[span(`+${duration(step.delta)}`, 'faint')]] : [];
        return this.#sentence(step.time, [head, ...notes, ...facts(segment, seen, this.#numbers), ...delta]);
      }
      case 'run':
        return (['out', 'in'] as const).flatMap((direction) => {
          const t = step[direction];
          if (t.segments === 0) return [];
          const head: Span[] = [this.#who(direction), span(runLabel(t), direction)];
          return this.#sentence(step.time, [
            head,
            ...runFacts(t, this.#numbers),
            [span(`during ${duration(step.lasted)}`, 'faint')],
          ]);
        });
      case 'state':
        return [
          ...(step.ours === null ? [] : this.#sentence(step.time, stateWords(ours, step.ours, '', 'ours'))),
          ...(step.peer === null ? [] : this.#sentence(step.time, stateWords(peer, step.peer, this.#inferred, 'peer'))),
        ];
      case 'timer':
        return this.#sentence(step.time, [
          [span(`${this.#names[step.end]}: ${step.timer} timer ${timerDoes(step.due)}`, 'timer')],
        ]);
      case 'drop':
        return this.#sentence(step.time, [
          [span(`${this.#names[step.end]} did not process it: ${step.reason}`, 'alert')],
        ]);
      case 'note': {
        const note = step.ok === null ? 'Note' : step.ok ? 'As it should be' : 'NOT as it should be';
        const who = step.end === null ? note : this.#names[step.end];
        return this.#sentence(step.time, [[span(`${who}: ${step.text}`, 'timer')]]);
      }
      case 'pause':
        return this.#sentence(null, [[span(`Nothing for ${duration(step.lasted)}.`, 'faint')]]);
    }
  }

  progress(run: Step): string {
    if (run.kind !== 'run') return '';
    return `${count(run.out.segments + run.in.segments, 'segment')}, ${bytes(run.out.bytes + run.in.bytes)} ...`;
  }

  #who(direction: 'in' | 'out'): Span {
    const { ours, peer } = this.#names;
    return span(direction === 'out' ? `${ours} to ${peer}: ` : `${peer} to ${ours}: `);
  }

  #sentence(time: number | null, pieces: readonly (readonly Span[])[]): string[] {
    const clock = time === null ? '' : `${seconds(time)} s  `;
    const lines = flow(pieces, ', ', this.#columns - clock.length);
    return lines.map((line, i) => {
      // The comma that `flow` sets between pieces of a line is owed at the end of a broken one too.
      const text = `${paintSpans(line, this.#paint)}${i < lines.length - 1 ? ',' : ''}`;
      return ascii(`${i === 0 ? clock : ' '.repeat(clock.length)}${text}`);
    });
  }
}

function timerDoes(due: number | null): string {
  return due === null ? 'fires' : `runs, due in ${duration(due)}`;
}

function stateWords(name: string, note: StateNote, mark: string, role: Role): Span[][] {
  const from = note.from === null ? '' : `${note.from} to `;
  const words = [span(`${name} is in `), span(`${from}${note.state}`, role), span(mark)];
  return [words, ...(note.cause === null ? [] : [[span(note.cause, 'faint')]])];
}

const ASCII: Readonly<Record<string, string>> = { '×': 'x', '·': ',', '…': 'to', '–': '-', µ: 'u', '→': 'to' };

function ascii(text: string): string {
  return text.replace(/ · /g, ', ').replace(/[×·…–µ→]/g, (c) => ASCII[c]!);
}
