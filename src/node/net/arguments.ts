/** Node's argument forms of `connect` and `listen`: (options, cb), (port[, host], cb), (path, cb), (handle, cb). */

export type Callback = (...args: never[]) => void;
/** Options, and the callback that was last; marked, so that they are taken as they are when passed on. */
export type Normalized = [options: Record<string, unknown>, callback: Callback | null] & { [marked]?: true };

const marked = Symbol('normalized arguments');

export function normalize(args: readonly unknown[]): Normalized {
  if (isNormalized(args[0])) return args[0];
  const [first, second] = args;
  let options: Record<string, unknown>;
  if (args.length === 0) options = {};
  else if (typeof first === 'object' && first !== null) options = first as Record<string, unknown>;
  else if (isPath(first)) options = { path: first };
  else {
    options = { port: first };
    if (args.length > 1 && typeof second === 'string') options['host'] = second;
  }
  const last = args.at(-1);
  const out: Normalized = [options, typeof last === 'function' ? (last as Callback) : null];
  out[marked] = true;
  return out;
}

function isNormalized(value: unknown): value is Normalized {
  return Array.isArray(value) && (value as Partial<Normalized>)[marked] === true;
}

/** A name that is no number is a path. */
function isPath(value: unknown): boolean {
  if (typeof value !== 'string') return false;
  const number = Number(value);
  return !(number >= 0) || value.trim() === '';
}
