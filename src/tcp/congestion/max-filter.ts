/**
 * The largest of the samples of the last `length` rounds, in constant space (Kathleen Nichols' windowed filter): the best, and the best of
 * what came after it, twice.
 */
export class MaxFilter {
  private readonly length: number;
  private readonly values = [0, 0, 0];
  private readonly rounds = [0, 0, 0];

  constructor(length: number) {
    this.length = length;
  }

  get best(): number {
    return this.values[0]!;
  }

  update(value: number, round: number): void {
    const { values, rounds, length } = this;
    if (value >= values[0]! || round - rounds[2]! > length) {
      this.put(0, value, round);
      return;
    }
    if (value >= values[1]!) this.put(1, value, round);
    else if (value >= values[2]!) this.put(2, value, round);
    const age = round - rounds[0]!;
    if (age > length) {
      // The best is too old: the next best takes its place.
      this.drop();
      this.values[2] = value;
      this.rounds[2] = round;
      if (round - rounds[0]! > length) {
        this.drop();
        this.values[2] = value;
        this.rounds[2] = round;
      }
    } else if (rounds[1] === rounds[0] && age > length / 4) this.put(1, value, round);
    else if (rounds[2] === rounds[1] && age > length / 2) this.put(2, value, round);
  }

  /** From place `i` on, all are this one. */
  private put(i: number, value: number, round: number): void {
    for (let k = i; k < 3; k++) {
      this.values[k] = value;
      this.rounds[k] = round;
    }
  }

  private drop(): void {
    this.values[0] = this.values[1]!;
    this.rounds[0] = this.rounds[1]!;
    this.values[1] = this.values[2]!;
    this.rounds[1] = this.rounds[2]!;
  }
}
