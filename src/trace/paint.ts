/** What a piece of text is, for whoever gives it a colour. Nothing is told by colour alone. */
export type Role =
  | 'out' // what this end sends
  | 'in' // what the peer sends
  | 'ours' // a state of this end
  | 'peer' // a state of the peer
  | 'line' // lifelines
  | 'faint' // absolute numbers, causes, times between
  | 'alert' // resets, retransmissions, drops
  | 'timer'
  | 'good'
  | 'bad'
  | 'title';

/** Colours text. It may add escape sequences and nothing that takes room. */
export type Paint = (role: Role, text: string) => string;

export const noPaint: Paint = (_, text) => text;

/** A piece of a line. */
export interface Span {
  readonly text: string;
  readonly role?: Role;
}

export function span(text: string, role?: Role): Span {
  return role === undefined ? { text } : { text, role };
}

/** Columns that the spans take. */
export function width(spans: readonly Span[]): number {
  let n = 0;
  for (const { text } of spans) n += textWidth(text);
  return n;
}

/** Han, Kana, Hangul and full-width forms take two columns of a terminal (UAX #11, W and F). */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/;

/** Columns that a text takes. */
export function textWidth(text: string): number {
  let n = text.length;
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) >= 0x1100 && WIDE.test(text[i]!)) n++;
  return n;
}

/** What may not begin a line (UAX #14, CL and EX, as far as it is used here). */
const CLOSING = /[,.;:!?)\]%’”、。，；：！？）》」』…]/;

/** Breaks prose into lines of at most `room` columns: at spaces, and between wide characters. A longer word stays whole. */
export function wrapText(text: string, room: number): string[] {
  const pieces = text.match(/ ?[\u2e80-\u9fff\uff00-\uffef]|\s*[^\s\u2e80-\u9fff\uff00-\uffef]+/g) ?? [];
  const lines: string[] = [];
  let line = '';
  for (const piece of pieces) {
    if (line !== '' && textWidth(line) + textWidth(piece) > room && !CLOSING.test(piece.trim()[0] ?? '')) {
      lines.push(line);
      line = piece.trimStart();
    } else line += line === '' ? piece.trimStart() : piece;
  }
  return line === '' ? lines : [...lines, line];
}

export function paintSpans(spans: readonly Span[], paint: Paint): string {
  return spans.map(({ text, role }) => (role === undefined || text.trim() === '' ? text : paint(role, text))).join('');
}

/**
 * Sets pieces one after the other with `separator` between them, and begins a new line where the next would go beyond `room` columns.
 * A piece longer than a line gets one of its own.
 */
export function flow(pieces: readonly (readonly Span[])[], separator: string, room: number): Span[][] {
  const lines: Span[][] = [];
  let line: Span[] = [];
  for (const piece of pieces) {
    if (line.length > 0 && width(line) + separator.length + width(piece) > room) {
      lines.push(line);
      line = [];
    }
    if (line.length > 0) line.push(span(separator, 'faint'));
    line.push(...piece);
  }
  if (line.length > 0) lines.push(line);
  return lines;
}
