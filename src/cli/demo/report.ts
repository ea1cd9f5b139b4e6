import type { Check } from '../../trace/checks.ts';
import type { Paint } from '../../trace/paint.ts';

/** Columns of the names before what they say. */
const NAME = 14;

export interface ReportOptions {
  readonly columns: number;
  readonly plain: boolean;
  readonly paint: Paint;
}

/** `network      TUN device synfin0 …`: a heading line, wrapped under itself. */
export function headingLines(rows: readonly (readonly [string, string])[], options: ReportOptions): string[] {
  return rows.flatMap(([name, text]) => row('  ', name, text, 'title', 13, options));
}

/** One line for each check, and what did not fit below it. */
export function checkLines(checks: readonly Check[], options: ReportOptions): string[] {
  return checks.flatMap(({ name, ok, figure }) => {
    const mark = options.plain ? (ok ? 'ok      ' : 'NOT OK  ') : ok ? '  ✓ ' : '  ✗ ';
    return row(
      options.paint(ok ? 'good' : 'bad', mark),
      name,
      figure,
      ok ? 'title' : 'bad',
      NAME,
      options,
      mark.length,
    );
  });
}

function row(
  lead: string,
  name: string,
  text: string,
  role: 'title' | 'bad',
  width: number,
  { columns, plain, paint }: ReportOptions,
  leadWidth = lead.length,
): string[] {
  const indent = ' '.repeat(leadWidth + width);
  const [first = '', ...rest] = wrap(text, Math.max(20, Math.min(columns, 132) - indent.length));
  const lines = [`${lead}${paint(role, name.padEnd(width))}${first}`, ...rest.map((line) => `${indent}${line}`)];
  return plain ? lines.map(ascii) : lines;
}

/** Breaks text at spaces; a word longer than `room` stays whole. */
export function wrap(text: string, room: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > room) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}

const ASCII: Readonly<Record<string, string>> = { '·': ',', µ: 'u', '×': 'x', '–': '-', '…': '...' };

export function ascii(text: string): string {
  return text.replaceAll(' · ', ', ').replace(/[·µ×–…]/g, (c) => ASCII[c]!);
}
