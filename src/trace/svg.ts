import type { StateName } from '../tcp/state.ts';
import { RST } from '../wire/segment.ts';
import { type Names, runFacts, runLabel } from './box.ts';
import type { End, Endpoints, TraceEvent } from './event.ts';
import { duration, facts, label, type Numbers, remarks, seconds } from './format.ts';
import { flow, type Span, span, wrapText } from './paint.ts';
import { type StateNote, type Step, Steps } from './steps.ts';

export interface SvgOptions {
  readonly names?: Names;
  /** The other end's states come from its own trace: nothing is inferred. */
  readonly peerKnown?: boolean;
  readonly numbers?: Numbers;
  /** For who cannot see it, and as a tool tip. */
  readonly title?: string;
  /** What stands at the bottom. */
  readonly footer?: string;
  /** A warning below that, in red. */
  readonly warning?: string;
}

/** Pixels. The lifelines, and where times end. */
const WIDTH = 800;
const OURS = 180;
const PEER = 690;
const CLOCK = 110;
const CENTRE = (OURS + PEER) / 2;
/** An arrow falls so much on its way: time goes down. */
const SLOPE = 9;
/** Characters of facts in a line between the lifelines. */
const ROOM = 78;

/** What a state is about, and so its colour. */
function phase(state: StateName): string {
  if (state === 'ESTABLISHED') return 'open';
  if (state === 'LISTEN' || state === 'SYN-SENT' || state === 'SYN-RECEIVED') return 'opening';
  if (state === 'CLOSED') return 'closed';
  return state === 'TIME-WAIT' ? 'waiting' : 'closing';
}

/** Of light and dark pages alike; `prefers-color-scheme` is the reader's choice. */
const STYLE = `
text { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace; fill: #1f2328; }
.page { fill: #ffffff; stroke: #d1d9e0; }
.name { font-size: 17px; font-weight: 700; }
.small { font-size: 10.5px; fill: #59636e; }
.label { font-size: 12.5px; font-weight: 600; }
.time { font-size: 11px; }
.pill { font-size: 11.5px; font-weight: 700; fill: #ffffff; }
.guess { font-size: 11.5px; font-weight: 600; }
.arrow { stroke-width: 1.8; fill: none; }
.band { fill-opacity: 0.13; stroke: none; }
.life { stroke-width: 3; }
.dashed { stroke-dasharray: 2 4; }
.hollow { fill: #ffffff; stroke-width: 1.5; stroke-dasharray: 3 2; }
.out { stroke: #0969da; } .out-f { fill: #0969da; }
.in { stroke: #1a7f37; } .in-f { fill: #1a7f37; }
.alert { stroke: #cf222e; } .alert-f { fill: #cf222e; }
.opening { stroke: #bf8700; } .opening-f { fill: #9a6700; }
.open { stroke: #1f883d; } .open-f { fill: #1f883d; }
.closing { stroke: #8250df; } .closing-f { fill: #8250df; }
.waiting { stroke: #bc4c00; } .waiting-f { fill: #bc4c00; }
.closed { stroke: #afb8c1; } .closed-f { fill: #6e7781; }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3; }
.page, .hollow { fill: #0d1117; } .page { stroke: #30363d; }
.small { fill: #8b949e; }
.pill { fill: #0d1117; }
.out { stroke: #58a6ff; } .out-f { fill: #58a6ff; }
.in { stroke: #3fb950; } .in-f { fill: #3fb950; }
.alert { stroke: #f85149; } .alert-f { fill: #f85149; }
.opening { stroke: #d29922; } .opening-f { fill: #d29922; }
.open { stroke: #3fb950; } .open-f { fill: #3fb950; }
.closing { stroke: #a371f7; } .closing-f { fill: #a371f7; }
.waiting { stroke: #f0883e; } .waiting-f { fill: #f0883e; }
.closed { stroke: #484f58; } .closed-f { fill: #8b949e; }
}`;

/** A connection as a picture: an SVG document, from the events of one connection. */
export function ladderSvg(events: readonly TraceEvent[], endpoints: Endpoints, options: SvgOptions = {}): string {
  return laddersSvg(
    events.map((event) => [event, endpoints]),
    options,
  );
}

/** The same of several connections, one below the other: events in order, with the connection of each. */
export function laddersSvg(events: readonly (readonly [TraceEvent, Endpoints])[], options: SvgOptions = {}): string {
  const steps = new Steps({ peerKnown: options.peerKnown ?? false, unfolded: 1 });
  const drawing = new Drawing(options);
  for (const [event, endpoints] of events) for (const step of steps.push(event, endpoints)) drawing.add(step);
  for (const step of steps.flush()) drawing.add(step);
  return drawing.finish();
}

class Drawing {
  readonly #names: Names;
  readonly #inferred: boolean;
  readonly #numbers: Numbers;
  readonly #title: string;
  readonly #footer: string;
  readonly #warning: string;
  /** Lifelines lie below everything else. */
  readonly #below: string[] = [];
  readonly #above: string[] = [];
  #y = 24;
  /** A connection has been drawn. */
  #headed = false;
  /** Where each lifeline changed its colour last, and to what. */
  readonly #life: Record<End, { from: number; phase: string }> = {
    ours: { from: 0, phase: 'closed' },
    peer: { from: 0, phase: 'closed' },
  };

  constructor(options: SvgOptions) {
    this.#names = options.names ?? { ours: 'this end', peer: 'peer' };
    this.#inferred = !options.peerKnown;
    this.#numbers = options.numbers ?? 'both';
    this.#title = options.title ?? 'A TCP connection';
    this.#footer = options.footer ?? '';
    this.#warning = options.warning ?? '';
  }

  add(step: Step): void {
    switch (step.kind) {
      case 'connection':
        this.#heading(step);
        break;
      case 'state':
        this.#states(step.ours, step.peer);
        break;
      case 'segment': {
        const role = step.segment.flags & RST ? 'alert' : step.direction;
        const words = [label(step.segment), ...remarks(step.segment, step.seen, step.remark)].join(' · ');
        this.#arrow(seconds(step.time), step.direction, words, role, 0, step.lost !== null);
        const lost = step.lost === null ? [] : [[span(step.lost === 'lost' ? 'lost' : `lost: ${step.lost}`)]];
        this.#facts([...lost, ...facts(step.segment, step.seen, this.#numbers)]);
        break;
      }
      case 'run':
        this.#run(step);
        break;
      case 'timer':
        if (step.due === null) this.#clock(seconds(step.time), this.#y + 14);
        this.#beside(
          step.end,
          `${step.timer} timer ${step.due === null ? 'fires' : `runs, due in ${duration(step.due)}`}`,
          'small',
        );
        break;
      case 'drop':
        this.#beside(step.end, `not processed: ${step.reason}`, 'label alert-f');
        break;
      case 'note':
        this.#note(step.end, step.ok === null ? step.text : `${step.ok ? '✓' : '✗'} ${step.text}`);
        break;
      case 'pause':
        this.#pause(step.lasted);
        break;
    }
  }

  finish(): string {
    for (const end of ['ours', 'peer'] as const) this.#lifeline(end, this.#y + 6);
    this.#y += 22;
    this.#y += 10;
    for (const [text, style] of [
      [this.#footer, 'small'],
      [this.#warning, 'label alert-f'],
    ] as const) {
      for (const line of text === '' ? [] : wrapText(text, ROOM)) {
        this.#text(CENTRE, this.#y, line, style, 'middle');
        this.#y += 16;
      }
    }
    const height = Math.ceil(this.#y);
    return [
      `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">`,
      `<title>${markup(this.#title)}</title>`,
      `<style>${STYLE}</style>`,
      `<rect class="page" x="0.5" y="0.5" width="${WIDTH - 1}" height="${height - 1}" rx="10"/>`,
      ...this.#below,
      ...this.#above,
      '</svg>',
      '',
    ].join('\n');
  }

  #heading({ ours, peer }: Extract<Step, { kind: 'connection' }>): void {
    if (this.#headed) {
      for (const end of ['ours', 'peer'] as const) this.#lifeline(end, this.#y + 6);
      this.#y += 26;
    }
    this.#headed = true;
    this.#text(OURS, this.#y + 12, this.#names.ours, 'name', 'middle');
    this.#text(PEER, this.#y + 12, this.#names.peer, 'name', 'middle');
    this.#text(OURS, this.#y + 28, ours, 'small', 'middle');
    this.#text(PEER, this.#y + 28, peer, 'small', 'middle');
    this.#y += 40;
    for (const end of ['ours', 'peer'] as const) this.#life[end].from = this.#y;
  }

  #run(step: Extract<Step, { kind: 'run' }>): void {
    let clock = seconds(step.time);
    for (const direction of ['out', 'in'] as const) {
      const tally = step[direction];
      if (tally.segments === 0) continue;
      this.#arrow(clock, direction, runLabel(tally), direction, 14);
      this.#facts(runFacts(tally, this.#numbers));
      clock = '';
    }
  }

  #states(ours: StateNote | null, peer: StateNote | null): void {
    const y = this.#y + 15;
    if (ours !== null) this.#state('ours', ours, y);
    if (peer !== null) this.#state('peer', peer, y);
    this.#y += 30;
  }

  #state(end: End, { state, cause }: StateNote, y: number): void {
    const x = end === 'ours' ? OURS : PEER;
    const guess = end === 'peer' && this.#inferred;
    const now = phase(state);
    this.#lifeline(end, y);
    this.#life[end] = { from: y, phase: now };
    const text = guess ? `${state}?` : state;
    const half = (text.length * 7 + 18) / 2;
    const box = `x="${x - half}" y="${y - 10}" width="${2 * half}" height="20" rx="10"`;
    this.#above.push(`<rect class="${guess ? `hollow ${now}` : `${now}-f`}" ${box}/>`);
    this.#text(x, y + 4, text, guess ? `guess ${now}-f` : 'pill', 'middle');
    if (cause === null) return;
    if (end === 'ours') this.#text(x + half + 7, y + 4, cause, 'small', 'start');
    else this.#text(x - half - 7, y + 4, cause, 'small', 'end');
  }

  /** `thickness`: of a band below the arrow, for a run of segments. */
  #arrow(clock: string, direction: 'in' | 'out', words: string, role: string, thickness = 0, lost = false): void {
    this.#text(CENTRE, this.#y + 14, words, `label ${role}-f`, 'middle');
    const y = this.#y + 20;
    const out = direction === 'out';
    const [from, whole] = out ? [OURS + 3, PEER - 3] : [PEER - 3, OURS + 3];
    // One that is lost ends on its way, in a cross.
    const to = lost ? Math.round(from + 0.72 * (whole - from)) : whole;
    const back = out ? -8 : 8;
    this.#clock(clock, out ? y + 4 : y + SLOPE + thickness + 4);
    const end = y + SLOPE;
    for (const down of thickness > 0 ? [0, thickness] : [0]) {
      this.#above.push(`<path class="arrow ${role}" d="M${from} ${y + down}L${to} ${end + down}"/>`);
      if (lost) this.#above.push(`<path class="arrow alert" d="M${to - 5} ${end - 5}l10 10m0 -10l-10 10"/>`);
      else this.#above.push(`<path class="${role}-f" d="M${to} ${end + down}l${back} -5l0 9.5z"/>`);
    }
    if (thickness > 0) {
      const band = `M${from} ${y}L${to} ${end}v${thickness}L${from} ${y + thickness}z`;
      this.#above.push(`<path class="band ${role}-f" d="${band}"/>`);
    }
    this.#y = end + thickness;
  }

  #facts(pieces: readonly (readonly Span[])[]): void {
    this.#y += 3;
    for (const line of flow(pieces, ' · ', ROOM)) {
      this.#y += 13;
      this.#text(CENTRE, this.#y, line.map(({ text }) => text).join(''), 'small', 'middle');
    }
    this.#y += 7;
  }

  #note(end: End | null, text: string): void {
    for (const line of wrapText(text, end === null ? ROOM : 50)) {
      this.#y += 15;
      if (end === null) this.#text(CENTRE, this.#y, line, 'small', 'middle');
      else if (end === 'ours') this.#text(OURS + 12, this.#y, line, 'label', 'start');
      else this.#text(PEER - 12, this.#y, line, 'label', 'end');
    }
    this.#y += 8;
  }

  #beside(end: End, words: string, style: string): void {
    const y = this.#y + 14;
    const x = end === 'ours' ? OURS : PEER;
    const role = this.#life[end].phase;
    this.#above.push(`<circle class="hollow ${role}" style="stroke-dasharray:none" cx="${x}" cy="${y - 4}" r="4"/>`);
    if (end === 'ours') this.#text(x + 12, y, words, style, 'start');
    else this.#text(x - 12, y, words, style, 'end');
    this.#y += 22;
  }

  #pause(lasted: number): void {
    for (const end of ['ours', 'peer'] as const) {
      this.#lifeline(end, this.#y + 4);
      this.#life[end].from = this.#y + 30;
      const x = end === 'ours' ? OURS : PEER;
      const dots = `M${x} ${this.#y + 8}v20`;
      this.#below.push(
        `<path class="life ${this.#life[end].phase}" stroke-dasharray="0.1 6" stroke-linecap="round" d="${dots}"/>`,
      );
    }
    this.#text(CENTRE, this.#y + 21, `${duration(lasted)} go by`, 'small', 'middle');
    this.#y += 34;
  }

  /** Draws the lifeline from where it stands down to `y`. */
  #lifeline(end: End, y: number): void {
    const { from, phase: now } = this.#life[end];
    const x = end === 'ours' ? OURS : PEER;
    if (y > from) this.#below.push(`<path class="life ${now}" d="M${x} ${from}V${y}"/>`);
  }

  #clock(text: string, y: number): void {
    if (text !== '') this.#text(CLOCK, y, text, 'time', 'end');
  }

  #text(x: number, y: number, text: string, style: string, anchor: 'start' | 'middle' | 'end'): void {
    this.#above.push(`<text class="${style}" x="${x}" y="${y}" text-anchor="${anchor}">${markup(text)}</text>`);
  }
}

function markup(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
