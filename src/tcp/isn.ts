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
  private readonly words = new TupleWords(0);

  /** `key`: 32 secret bytes; for the life of the stack. */
  constructor(key: Uint8Array) {
    this.isn = new SipHash(key.subarray(0, 16));
    this.offsets = new SipHash(key.subarray(16, 32));
  }

  /** The number for a connection opened at `now`, µs. */
  initialSequence(tuple: FourTuple, now: number): Seq {
    return seq(Math.floor(now / 4) + this.isn.hash(this.words.of(tuple)));
  }

  /** An offset for the timestamp clock of a connection (RFC 7323 §7.1): the same for all incarnations of a 4-tuple. */
  timestampOffset(tuple: FourTuple): number {
    return this.offsets.hash(this.words.of(tuple));
  }
}

/** The words of four-tuples, for a keyed hash: three for IPv4, nine for IPv6, as each two take two rounds. `more` places are left behind them. */
export class TupleWords {
  private readonly v4: Int32Array;
  private readonly v6: Int32Array;

  constructor(more: number) {
    this.v4 = new Int32Array(3 + more);
    this.v6 = new Int32Array(9 + more);
  }

  /** They hold until the next call. */
  of({ localAddress: l, remoteAddress: r, localPort, remotePort }: FourTuple): Int32Array {
    const words = l.family === 4 ? this.v4 : this.v6;
    words[0] = (localPort << 16) | remotePort;
    words[1] = l.w3;
    words[2] = r.w3;
    if (l.family === 4) return words;
    words[3] = l.w0;
    words[4] = l.w1;
    words[5] = l.w2;
    words[6] = r.w0;
    words[7] = r.w1;
    words[8] = r.w2;
    return words;
  }
}
