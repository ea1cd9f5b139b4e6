/** How many times `shrink` asks at most, where not given. */
const TRIES = 3000;

/**
 * The least of `parts` with which something still fails: none of what is returned can be left out alone (Zeller and Hildebrandt, "Simplifying and
 * isolating failure-inducing input", 2002: ddmin). `fails` must give the same answer for the same parts. First whole groups are left out
 * (`group` names one), which is where most of a schedule goes; then ever smaller pieces.
 */
export async function shrink<T>(
  parts: readonly T[],
  fails: (parts: readonly T[]) => boolean | Promise<boolean>,
  options: { readonly group?: (part: T) => string; readonly tries?: number } = {},
): Promise<T[]> {
  let left = options.tries ?? TRIES;
  const stillFails = async (some: readonly T[]): Promise<boolean> => left-- > 0 && (await fails(some));
  if (parts.length === 0 || (await stillFails([]))) return [];
  let rest = [...parts];
  const { group } = options;
  if (group !== undefined) {
    for (const name of new Set(parts.map(group))) {
      const without = rest.filter((part) => group(part) !== name);
      if (without.length > 0 && without.length < rest.length && (await stillFails(without))) rest = without;
    }
  }
  let pieces = 2;
  while (rest.length > 1 && left > 0) {
    const size = Math.ceil(rest.length / pieces);
    let found: T[] | null = null;
    for (let at = 0; at < rest.length && found === null; at += size) {
      const piece = rest.slice(at, at + size);
      if (pieces <= 2 && piece.length < rest.length && (await stillFails(piece))) {
        found = piece;
        pieces = 1;
      }
    }
    for (let at = 0; at < rest.length && found === null; at += size) {
      const without = [...rest.slice(0, at), ...rest.slice(at + size)];
      if (without.length > 0 && (await stillFails(without))) found = without;
    }
    if (found !== null) {
      rest = found;
      pieces = Math.max(2, pieces - 1);
    } else if (size === 1) break;
    else pieces = Math.min(rest.length, 2 * pieces);
  }
  return rest;
}
