/** A time of the last minute in 11 bits, for records that have no more to spare: what was longer ago comes round again, and does no harm. */

const MASK = 0x7ff;
/** A tick, µs: what goes round is a minute. */
const TICK = 31_250;

/** `time` µs as 1 … 2047; 0 for never. */
export function packRecent(time: number): number {
  if (time === Number.NEGATIVE_INFINITY) return 0;
  return Math.floor(time / TICK) & MASK || 1;
}

/** The time that was packed, as seen at `now`, µs: at most a tick early. */
export function unpackRecent(bits: number, now: number): number {
  if (bits === 0) return Number.NEGATIVE_INFINITY;
  const tick = Math.floor(now / TICK);
  return (tick - ((tick - bits) & MASK)) * TICK;
}
