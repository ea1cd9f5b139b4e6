import type { Random } from './random.ts';

/** Whether the next packet is lost. One may keep a memory: make one for each direction. */
export type LossModel = (random: Random) => boolean;

/** Each packet with the same probability, 0 … 1, whatever became of the others. */
export function randomLoss(probability: number): LossModel {
  check('a probability of loss', probability);
  return (random) => random.chance(probability);
}

export interface GilbertElliott {
  /** Probability, packet by packet, to fall from the good state into the bad one, and to come back. */
  readonly toBad: number;
  readonly toGood: number;
  /** Probability of loss in each. 0 and 1 where not given: Gilbert's model. */
  readonly goodLoss?: number;
  readonly badLoss?: number;
}

/** Losses that come in bursts (Gilbert 1960, Elliott 1963): `1 / toGood` packets long on average. */
export function gilbertElliott({ toBad, toGood, goodLoss = 0, badLoss = 1 }: GilbertElliott): () => LossModel {
  for (const p of [toBad, toGood, goodLoss, badLoss]) check("each number of gilbertElliott's", p);
  return () => {
    let bad = false;
    return (random) => {
      bad = bad ? !random.chance(toGood) : random.chance(toBad);
      return random.chance(bad ? badLoss : goodLoss);
    };
  };
}

function check(what: string, p: number): void {
  if (!(p >= 0 && p <= 1)) throw new RangeError(`${what} is 0 … 1, not ${p}`);
}
