// Coverage-guided fuzzing: inputs that take a branch, or take one more often, than any before are kept, and are what others are made of (as AFL does it).

const INTERESTING = [0, 1, 2, 3, 16, 20, 31, 32, 63, 64, 100, 127, 128, 129, 192, 254, 255];
/** AFL's classes of how often: 1, 2, 3, 4–7, 8–15, 16–31, 32–127, more. */
const CLASS = Uint8Array.from({ length: 256 }, (_, n) =>
  n === 0 ? 0 : n <= 2 ? n : n === 3 ? 4 : n < 8 ? 8 : n < 16 ? 16 : n < 32 ? 32 : n < 128 ? 64 : 128,
);

const NOTHING = new Uint8Array(0);

export class Guided {
  executions = 0;
  corpus = [];
  #branches;
  #words;
  #seen;
  #target;
  #random;
  #most;
  /** The input that is being made, and how long it is so far. */
  #scratch;
  #length = 0;

  /** `branches`: the counters, whose length is a multiple of 4. `most`: the longest input, bytes. */
  constructor(target, branches, random, most) {
    this.#target = target;
    this.#branches = branches;
    this.#words = new Uint32Array(branches.buffer);
    this.#seen = new Uint8Array(branches.length);
    this.#random = random;
    this.#most = most;
    // One more piece fits, before it is cut off.
    this.#scratch = new Uint8Array(most + 512);
  }

  /** Branches that were taken. */
  get covered() {
    return this.#seen.reduce((n, classes) => n + (classes === 0 ? 0 : 1), 0);
  }

  isCovered(i) {
    return this.#seen[i] !== 0;
  }

  /** Runs an input; keeps it where it shows something new. What the target throws goes on to the caller. */
  try(input) {
    this.#branches.fill(0);
    this.executions++;
    this.#target.execute(input);
    const words = this.#words;
    const seen = this.#seen;
    const branches = this.#branches;
    let fresh = false;
    for (let w = 0; w < words.length; w++) {
      if (words[w] === 0) continue;
      for (let i = 4 * w; i < 4 * w + 4; i++) {
        const how = CLASS[branches[i]];
        if ((how & ~seen[i]) === 0) continue;
        seen[i] |= how;
        fresh = true;
      }
    }
    if (fresh) this.corpus.push(input.slice(0, this.#most));
    return fresh;
  }

  /** An input made of those that were kept: often of one of the last. Holds until the next one. */
  next() {
    const random = this.#random;
    const { corpus } = this;
    const recent = random.chance(0.3) ? Math.max(0, corpus.length - 50) : 0;
    const from = corpus[recent + random.below(corpus.length - recent)];
    this.#scratch.set(from);
    this.#length = from.length;
    for (let n = 1 << random.below(5); n > 0; n--) this.#mutate();
    return this.#scratch.subarray(0, Math.max(1, this.#length));
  }

  #mutate() {
    const random = this.#random;
    const bytes = this.#scratch;
    const at = random.below(this.#length + 1);
    switch (random.below(9)) {
      case 0:
        bytes[at] ^= 1 << random.below(8);
        break;
      case 1:
        bytes[at] = random.below(256);
        break;
      case 2:
        bytes[at] = random.pick(INTERESTING);
        break;
      case 3:
        bytes[at] += random.below(71) - 35;
        break;
      case 4:
        this.#splice(at, 1 + random.below(random.chance(0.8) ? 8 : 64), NOTHING);
        break;
      case 5: {
        const noise = new Uint8Array(1 + random.below(24));
        random.fill(noise);
        this.#splice(at, 0, noise);
        break;
      }
      case 6: {
        // A piece again, somewhere else.
        const from = random.below(this.#length + 1);
        this.#splice(at, 0, bytes.slice(from, Math.min(this.#length, from + 1 + random.below(48))));
        break;
      }
      case 7: {
        // A piece of another one.
        const other = random.pick(this.corpus);
        const from = random.below(other.length + 1);
        const piece = other.subarray(from, from + 1 + random.below(random.chance(0.7) ? 48 : 400));
        this.#splice(at, random.chance(0.5) ? piece.length : 0, piece);
        break;
      }
      default: {
        // A number of two or four bytes, a little more or less.
        let carry = random.below(33) - 16;
        for (let i = Math.min(at + (random.chance(0.5) ? 1 : 3), this.#length - 1); i >= at && carry !== 0; i--) {
          const sum = bytes[i] + carry;
          bytes[i] = sum;
          carry = sum >> 8;
        }
      }
    }
    if (at === this.#length && this.#length < this.#most) this.#length++;
  }

  /** `gone` bytes at `at` make way for others; what is too long is cut off. */
  #splice(at, gone, instead) {
    const bytes = this.#scratch;
    const rest = Math.min(this.#length, at + gone);
    bytes.copyWithin(at + instead.length, rest, this.#length);
    bytes.set(instead, at);
    this.#length = Math.min(this.#most, this.#length - (rest - at) + instead.length);
  }
}
