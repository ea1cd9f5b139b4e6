import { RST } from '../wire/segment.ts';
import { bytes, count, duration, facts, grouped, label, type Numbers, remarks, seconds } from './format.ts';
import { flow, noPaint, type Paint, paintSpans, type Role, type Span, span, width, wrapText } from './paint.ts';
import type { StateNote, Step, Tally } from './steps.ts';

/** Who stands at the two lifelines, in a word or two. */
export interface Names {
  readonly ours: string;
  readonly peer: string;
}

/** Draws the steps of a ladder as lines of text. */
export interface Renderer {
  lines(step: Step): string[];
  /** One short line for a run that is still going on. */
  progress(run: Step): string;
}

export interface BoxOptions {
  /** Columns, at least 60; more than 132 are not used: the eye would lose its way. Default 80. */
  readonly columns?: number;
  readonly names?: Names;
  readonly paint?: Paint;
  /** The peer's states are known, and not marked as inferred. */
  readonly peerKnown?: boolean;
  readonly numbers?: Numbers;
}

/** A drawing takes at least so many columns. */
export const LEAST_COLUMNS = 60;

/** Columns left of the first lifeline: the time, or the time since the segment before. */
const GUTTER = 12;

/** The ladder as a drawing: time on the left, a lifeline for each end, arrows between them, what they carry underneath. */
export class BoxRenderer implements Renderer {
  /** Columns between the lifelines. */
  readonly #inner: number;
  readonly #paint: Paint;
  readonly #names: Names;
  readonly #inferred: boolean;
  readonly #node: string;
  readonly #numbers: Numbers;

  constructor(options: BoxOptions = {}) {
    const columns = Math.min(Math.max(options.columns ?? 80, LEAST_COLUMNS), 132);
    this.#inner = columns - GUTTER - 2;
    this.#paint = options.paint ?? noPaint;
    this.#names = options.names ?? { ours: 'this end', peer: 'peer' };
    this.#inferred = !options.peerKnown;
    this.#node = options.peerKnown ? '●' : '○';
    this.#numbers = options.numbers ?? 'both';
  }

  lines(step: Step): string[] {
    switch (step.kind) {
      case 'connection':
        return this.#heading(step);
      case 'segment':
        return this.#segment(step);
      case 'run':
        return this.#run(step);
      case 'state':
        return [this.#state(step.ours, step.peer)];
      case 'timer': {
        const name = span(` ${step.timer} timer`, 'timer');
        if (step.due !== null) {
          const due = span(` runs, due in ${duration(step.due)}`, 'faint');
          return [this.#attached('', step.end, '◷', [name, due], 'timer')];
        }
        return [this.#attached(seconds(step.time), step.end, '╌╌', [name, span(' fires', 'faint')], 'timer')];
      }
      case 'drop':
        return [this.#attached('', step.end, '✕', [span(` not processed: ${step.reason}`, 'alert')], 'alert')];
      case 'note':
        return this.#note(step.end, step.text, step.ok);
      case 'pause':
        return [this.#pause(step.lasted)];
    }
  }

  progress(run: Step): string {
    if (run.kind !== 'run') return '';
    const { out, in: back } = run;
    const what = `${count(out.segments + back.segments, 'segment')}, ${bytes(out.bytes + back.bytes)} …`;
    return `${' '.repeat(GUTTER)}${this.#paint('line', '│')}  ${this.#paint('faint', what)}`;
  }

  #heading(step: Extract<Step, { kind: 'connection' }>): string[] {
    const sides = (left: Span, right: Span): string => {
      const gap = ' '.repeat(Math.max(1, this.#inner + 2 - left.text.length - right.text.length));
      return `${' '.repeat(GUTTER)}${this.#spans([left, span(gap), right])}`;
    };
    const again = step.again ? ', again' : '';
    const names = sides(span(this.#names.ours, 'title'), span(this.#names.peer, 'title'));
    const first = step.id === 1 && !step.again ? [] : [`${' '.repeat(GUTTER)}connection ${step.id}${again}`];
    return [
      '',
      ...first,
      ...(step.again ? [] : [names]),
      sides(span(step.ours, 'out'), span(step.peer, 'in')),
      this.#row('', []),
    ];
  }

  #segment(step: Extract<Step, { kind: 'segment' }>): string[] {
    const { segment, seen, direction } = step;
    const role = segment.flags & RST ? 'alert' : direction;
    const notes = remarks(segment, seen, step.remark);
    const noteRole = (note: string) => (note === seen.landmark ? 'title' : seen.retransmission ? 'alert' : 'faint');
    const text = [
      span(label(segment), role),
      ...notes.flatMap((note) => [span(' · ', 'faint'), span(note, noteRole(note))]),
    ];
    const lines = [this.#arrow(seconds(step.time), direction, '─', text, role, step.lost !== null)];
    const lost =
      step.lost === null ? [] : [[span('✕ lost', 'alert'), span(step.lost === 'lost' ? '' : `: ${step.lost}`)]];
    const details = flow([...lost, ...facts(segment, seen, this.#numbers)], ' · ', this.#inner - 4);
    details.forEach((line, i) => {
      const gutter = i === 0 && step.delta > 0 ? `+${duration(step.delta)}` : '';
      lines.push(this.#row(gutter, [span('  '), ...line]));
    });
    return lines;
  }

  #run(step: Extract<Step, { kind: 'run' }>): string[] {
    const lines: string[] = [];
    let clock = seconds(step.time);
    let gutter = `+${duration(step.lasted)}`;
    for (const direction of ['out', 'in'] as const) {
      const t = step[direction];
      if (t.segments === 0) continue;
      lines.push(this.#arrow(clock, direction, '═', [span(runLabel(t), direction)], direction));
      for (const line of flow(runFacts(t, this.#numbers), ' · ', this.#inner - 4)) {
        lines.push(this.#row(gutter, [span('  '), ...line]));
        gutter = '';
      }
      clock = '';
    }
    return lines;
  }

  #state(ours: StateNote | null, peer: StateNote | null): string {
    const left: Span[] = ours === null ? [] : [span(' '), ...stateWords(ours, false, 'ours')];
    const right: Span[] = peer === null ? [] : [...stateWords(peer, this.#inferred, 'peer'), span(' ')];
    const gap = this.#inner - width(left) - width(right);
    // Both do not fit with their causes on a narrow terminal: the names alone do.
    if (gap < 1)
      return this.#state(ours && { ...ours, cause: null, from: null }, peer && { ...peer, cause: null, from: null });
    const nodes = [ours === null ? '│' : '●', peer === null ? '│' : this.#node] as const;
    const leftNode = span(nodes[0], ours === null ? 'line' : 'ours');
    const rightNode = span(nodes[1], peer === null ? 'line' : 'peer');
    return `${' '.repeat(GUTTER)}${this.#spans([leftNode, ...left, span(' '.repeat(gap)), ...right, rightNode])}`;
  }

  /** `│◀──── SYN, ACK ─────│`: the text in the middle of the line, and the line broken for it. */
  #arrow(
    clock: string,
    direction: 'in' | 'out',
    stroke: string,
    text: readonly Span[],
    role: Role,
    lost = false,
  ): string {
    if (lost) return this.#broken(clock, direction, stroke, text, role);
    const free = this.#inner - width(text) - 2;
    const before = Math.max(1, Math.floor(free / 2));
    const after = Math.max(1, free - before);
    const left = direction === 'in' ? `◀${stroke.repeat(before - 1)}` : stroke.repeat(before);
    const right = direction === 'out' ? `${stroke.repeat(after - 1)}▶` : stroke.repeat(after);
    return this.#row(clock, [span(left, role), span(' '), ...text, span(' '), span(right, role)], false);
  }

  /** An arrow that ends on its way: `│──── SYN ────✕        │`. */
  #broken(clock: string, direction: 'in' | 'out', stroke: string, text: readonly Span[], role: Role): string {
    const room = this.#inner - width(text) - 2;
    const gap = span(' '.repeat(Math.max(0, Math.min(Math.floor(this.#inner / 6), room - 3))));
    const free = Math.max(2, room - gap.text.length - 1);
    const before = span(stroke.repeat(Math.max(1, Math.floor(free / 2))), role);
    const after = span(stroke.repeat(Math.max(1, Math.ceil(free / 2))), role);
    const words = [before, span(' '), ...text, span(' '), after];
    const end = span('✕', 'alert');
    return this.#row(clock, direction === 'out' ? [...words, end, gap] : [gap, end, ...words], false);
  }

  /** What an application does stands at its side; an explanation in the middle, set apart by a bar. */
  #note(end: 'ours' | 'peer' | null, text: string, ok: boolean | null): string[] {
    if (end !== null) {
      const room = Math.max(20, Math.floor(this.#inner * 0.7));
      return wrapText(text, room).map((line, i) =>
        this.#attached('', end, i === 0 ? (end === 'ours' ? '▶' : '◀') : ' ', [span(` ${line}`, 'title')], 'title'),
      );
    }
    const role = ok === null ? 'timer' : ok ? 'good' : 'bad';
    const mark = ok === null ? '' : ok ? '✓ ' : '✗ ';
    return wrapText(mark + text, this.#inner - 8).map((line) => this.#row('', [span('   ▏ ', role), span(line, role)]));
  }

  /** Something that happens at one end and goes nowhere. */
  #attached(clock: string, end: 'ours' | 'peer', symbol: string, text: readonly Span[], role: Role): string {
    if (end === 'ours') return this.#row(clock, [span(symbol, role), ...text], false);
    const used = width(text) + symbol.length + 1;
    return this.#row(
      clock,
      [span(' '.repeat(Math.max(0, this.#inner - used))), ...text, span(` ${symbol}`, role)],
      false,
    );
  }

  #pause(lasted: number): string {
    const text = ` ${duration(lasted)} `;
    const before = Math.floor((this.#inner - text.length) / 2);
    const after = this.#inner - text.length - before;
    const spans = [
      span('┊', 'line'),
      span(' '.repeat(before)),
      span(text, 'faint'),
      span(' '.repeat(after)),
      span('┊', 'line'),
    ];
    return `${' '.repeat(GUTTER)}${this.#spans(spans)}`;
  }

  /** A row between the lifelines; `faintGutter` where the gutter has a time between and not a time. */
  #row(gutter: string, content: readonly Span[], faintGutter = true): string {
    const line = span('│', 'line');
    const pad = span(' '.repeat(Math.max(0, this.#inner - width(content))));
    const clock = span(`${gutter.padStart(GUTTER - 2)}  `, faintGutter ? 'faint' : 'title');
    return this.#spans([clock, line, ...content, pad, line]);
  }

  #spans(spans: readonly Span[]): string {
    return paintSpans(spans, this.#paint);
  }
}

function stateWords(note: StateNote, inferred: boolean, role: Role): Span[] {
  const words = [span(inferred ? `(${note.state}?)` : note.state, role)];
  if (note.from !== null) words.unshift(span(`${note.from} → `, 'faint'));
  if (note.cause !== null) words.push(span(` · ${note.cause}`, 'faint'));
  return words;
}

/** `×42 segments · 60,816 bytes`, or `×17 ACKs`. */
export function runLabel(t: Tally): string {
  return t.bytes > 0 ? `×${count(t.segments, 'segment')} · ${bytes(t.bytes)}` : `×${count(t.segments, 'ACK')}`;
}

export function runFacts(t: Tally, numbers: Numbers = 'both'): Span[][] {
  const show = (relative: number, raw: number) => (numbers === 'absolute' ? String(raw) : grouped(relative));
  const pieces: Span[][] = [];
  if (t.bytes > 0) pieces.push([span(`seq ${show(t.from, t.rawFrom)} … ${show(t.to, t.rawTo)}`)]);
  if (t.ack !== null) pieces.push([span(`${t.bytes > 0 ? '' : 'up to '}ack ${show(t.ack, t.rawAck)}`)]);
  pieces.push([span(t.least === t.most ? `win ${grouped(t.least)}` : `win ${grouped(t.least)} … ${grouped(t.most)}`)]);
  return pieces;
}
