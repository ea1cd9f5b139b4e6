import type { Random } from './random.ts';
import { type Duration, micros } from './units.ts';

/** Draws a time, µs: what a delay adds, packet by packet. */
export type Distribution = (random: Random) => number;

/** Anything between the two, each as likely. */
export function uniform(least: Duration, most: Duration): Distribution {
  const low = micros(least);
  const span = micros(most) - low;
  if (span < 0) throw new RangeError(`uniform(${least}, ${most}): the first is to be the smaller one`);
  return (random) => low + span * random.next();
}

/** Bell-shaped around `mean`, never below 0 (Box and Muller's method). */
export function normal(mean: Duration, deviation: Duration): Distribution {
  const middle = micros(mean);
  const width = micros(deviation);
  return (random) => {
    const radius = Math.sqrt(-2 * Math.log(1 - random.next()));
    return Math.max(0, middle + width * radius * Math.cos(2 * Math.PI * random.next()));
  };
}

/** Mostly short, now and then long: a queue that others use, too. */
export function exponential(mean: Duration): Distribution {
  const middle = micros(mean);
  return (random) => -middle * Math.log(1 - random.next());
}

/** A long tail: at least `least`; the smaller `shape` (1 or more), the longer the tail. At most a thousand times `least`. */
export function pareto(least: Duration, shape = 2): Distribution {
  const low = micros(least);
  if (!(shape >= 1)) throw new RangeError(`pareto's shape ${shape} is to be 1 or more`);
  return (random) => Math.min(1000 * low, low / (1 - random.next()) ** (1 / shape));
}
