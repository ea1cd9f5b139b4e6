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

/** Columns that the spans take. Every character used here takes one. */
export function width(spans: readonly Span[]): number {
  let n = 0;
  for (const { text } of spans) n += text.length;
  return n;
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
