/** A time: whole microseconds, or a number with its unit: `'20ms'`, `'2h'`. */
export type Duration = number | `${number}${'us' | 'ms' | 's' | 'min' | 'h' | 'd'}`;

/** Bits a second, or a number with its unit: `'10Mbit'`. */
export type Rate = number | `${number}${'bit' | 'kbit' | 'Mbit' | 'Gbit'}`;

const MICROSECONDS: Readonly<Record<string, number>> = {
  us: 1,
  ms: 1e3,
  s: 1e6,
  min: 60e6,
  h: 3600e6,
  d: 86_400e6,
};
const BITS: Readonly<Record<string, number>> = { bit: 1, kbit: 1e3, Mbit: 1e6, Gbit: 1e9 };

/** A duration in whole microseconds, 0 or more. Throws a RangeError for anything else. */
export function micros(duration: Duration): number {
  const value = scaled(duration, MICROSECONDS);
  if (value === null || !(value >= 0 && value <= Number.MAX_SAFE_INTEGER)) {
    throw new RangeError(
      `${duration} is no duration: give microseconds, or a number with us, ms, s, min, h or d ('20ms')`,
    );
  }
  return Math.round(value);
}

/** A rate in bits a second, more than 0. Throws a RangeError for anything else. */
export function bitsPerSecond(rate: Rate): number {
  const value = scaled(rate, BITS);
  if (value === null || !(value > 0)) {
    throw new RangeError(`${rate} is no rate: give bits a second, or a number with bit, kbit, Mbit or Gbit ('10Mbit')`);
  }
  return value;
}

function scaled(quantity: number | string, units: Readonly<Record<string, number>>): number | null {
  if (typeof quantity === 'number') return quantity;
  const match = /^(\d+(?:\.\d+)?)([A-Za-z]+)$/.exec(quantity);
  const unit = units[match?.[2] ?? ''];
  return match === null || unit === undefined ? null : Number(match[1]) * unit;
}
