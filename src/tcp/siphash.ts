/**
 * SipHash-2-4 (Aumasson and Bernstein, 2012): a keyed hash that is short, fast on short inputs, and not to be predicted without its key.
 * 64-bit words as pairs of int32: engines keep those as small integers, which a BigInt is not.
 */
export class SipHash {
  private readonly k0l: number;
  private readonly k0h: number;
  private readonly k1l: number;
  private readonly k1h: number;
  /** The high half of the last hash; `hash` returns the low one. */
  high = 0;

  /** `key`: 16 secret bytes. */
  constructor(key: Uint8Array) {
    if (key.length !== 16) throw new RangeError('a SipHash key has 16 bytes');
    const word = (i: number) => key[i]! | (key[i + 1]! << 8) | (key[i + 2]! << 16) | (key[i + 3]! << 24);
    this.k0l = word(0);
    this.k0h = word(4);
    this.k1l = word(8);
    this.k1h = word(12);
  }

  /** Hashes `words`, int32 in little-endian order; returns the low 32 bits as int32. */
  hash(words: ArrayLike<number>): number {
    let v0l = this.k0l ^ 0x70736575;
    let v0h = this.k0h ^ 0x736f6d65;
    let v1l = this.k1l ^ 0x6e646f6d;
    let v1h = this.k1h ^ 0x646f7261;
    let v2l = this.k0l ^ 0x6e657261;
    let v2h = this.k0h ^ 0x6c796765;
    let v3l = this.k1l ^ 0x79746573;
    let v3h = this.k1h ^ 0x74656462;
    const count = words.length;
    // Two rounds for each 64 bits, the last of which has the length; then four to finish. In one loop, without a closure: twice as fast.
    const rounds = ((count >>> 1) + 1) * 2;
    for (let r = 0; r < rounds + 4; r++) {
      const i = r & ~1;
      const last = i + 1 >= count;
      const ml = r < rounds && i < count ? words[i]! : 0;
      // The last word of the message has its length in bytes in the top byte.
      const mh = r >= rounds ? 0 : last ? (count * 4) << 24 : words[i + 1]!;
      if ((r & 1) === 0) {
        v3l ^= ml;
        v3h ^= mh;
      }
      if (r === rounds) v2l ^= 0xff;
      // A sum that is less than what was added has a carry.
      v0l = (v0l + v1l) | 0;
      v0h = (v0h + v1h + (v0l >>> 0 < v1l >>> 0 ? 1 : 0)) | 0;
      let t = (v1l << 13) | (v1h >>> 19);
      v1h = ((v1h << 13) | (v1l >>> 19)) ^ v0h;
      v1l = t ^ v0l;
      t = v0l;
      v0l = v0h;
      v0h = t;
      v2l = (v2l + v3l) | 0;
      v2h = (v2h + v3h + (v2l >>> 0 < v3l >>> 0 ? 1 : 0)) | 0;
      t = (v3l << 16) | (v3h >>> 16);
      v3h = ((v3h << 16) | (v3l >>> 16)) ^ v2h;
      v3l = t ^ v2l;
      v0l = (v0l + v3l) | 0;
      v0h = (v0h + v3h + (v0l >>> 0 < v3l >>> 0 ? 1 : 0)) | 0;
      t = (v3l << 21) | (v3h >>> 11);
      v3h = ((v3h << 21) | (v3l >>> 11)) ^ v0h;
      v3l = t ^ v0l;
      v2l = (v2l + v1l) | 0;
      v2h = (v2h + v1h + (v2l >>> 0 < v1l >>> 0 ? 1 : 0)) | 0;
      t = (v1l << 17) | (v1h >>> 15);
      v1h = ((v1h << 17) | (v1l >>> 15)) ^ v2h;
      v1l = t ^ v2l;
      t = v2l;
      v2l = v2h;
      v2h = t;
      if ((r & 1) === 1) {
        v0l ^= ml;
        v0h ^= mh;
      }
    }
    this.high = v0h ^ v1h ^ v2h ^ v3h;
    return v0l ^ v1l ^ v2l ^ v3l;
  }
}
