import { type Seq, seq } from '../wire/seq.ts';
import { SipHash } from './siphash.ts';
import type { FourTuple } from './trace.ts';

/**
 * Initial sequence numbers by RFC 6528 §3 (RFC 9293 §3.4.1, MUST-8, SHLD-1, MUST-9): M, a clock of 4 µs ticks, plus F, a keyed hash of the
 * 4-tuple. Each 4-tuple has a number space of its own that moves with time; without the key nobody can tell one from another.
 */
export class IsnGenerator {
  private readonly isn: SipHash;
  private readonly offsets: SipHash;
  private readonly words = new Int32Array(9);

  /** `key`: 32 secret bytes; for the life of the stack. */
  constructor(key: Uint8Array) {
    this.isn = new SipHash(key.subarray(0, 16));
    this.offsets = new SipHash(key.subarray(16, 32));
  }

  /** The number for a connection opened at `now`, µs. */
  initialSequence(tuple: FourTuple, now: number): Seq {
    return seq(Math.floor(now / 4) + this.isn.hash(tupleWords(tuple, this.words)));
  }

  /** An offset for the timestamp clock of a connection (RFC 7323 §7.1): the same for all incarnations of a 4-tuple. */
  timestampOffset(tuple: FourTuple): number {
    return this.offsets.hash(tupleWords(tuple, this.words));
  }
}

/** The nine words of a four-tuple, for a keyed hash: into the first places of `words`, which is returned. */
export function tupleWords(
  { localAddress: l, remoteAddress: r, localPort, remotePort }: FourTuple,
  words: Int32Array,
): Int32Array {
  words[0] = l.w0;
  words[1] = l.w1;
  words[2] = l.w2;
  words[3] = l.w3;
  words[4] = r.w0;
  words[5] = r.w1;
  words[6] = r.w2;
  words[7] = r.w3;
  words[8] = (localPort << 16) | remotePort;
  return words;
}
