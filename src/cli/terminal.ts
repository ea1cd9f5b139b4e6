import colors from 'picocolors';
import { noPaint, type Paint, type Role } from '../trace/paint.ts';

/** How to write to a stream. */
export interface Terminal {
  readonly columns: number;
  /** Lines may be taken back, and coloured. */
  readonly live: boolean;
  readonly paint: Paint;
}

/** Colour only on a terminal, and never with NO_COLOR (no-color.org) or `plain`. */
export function terminal(stream: NodeJS.WriteStream, plain: boolean, env: NodeJS.ProcessEnv = process.env): Terminal {
  const dumb = env['TERM'] === 'dumb';
  const live = stream.isTTY === true && !plain && !dumb;
  const asked = Number(env['COLUMNS']);
  const columns = stream.columns ?? (Number.isInteger(asked) && asked > 0 ? asked : 80);
  const coloured = live && (env['NO_COLOR'] ?? '') === '';
  return { columns, live, paint: coloured ? paintWith(colors.createColors(true)) : noPaint };
}

function paintWith(c: ReturnType<typeof colors.createColors>): Paint {
  const styles: Readonly<Record<Role, (text: string) => string>> = {
    out: c.cyan,
    in: c.green,
    ours: (text) => c.bold(c.cyan(text)),
    peer: (text) => c.bold(c.green(text)),
    line: c.gray,
    faint: c.gray,
    alert: (text) => c.bold(c.red(text)),
    timer: c.yellow,
    good: (text) => c.bold(c.green(text)),
    bad: (text) => c.bold(c.red(text)),
    title: c.bold,
  };
  return (role, text) => styles[role](text);
}
