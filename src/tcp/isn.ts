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
    return seq(Math.floor(now / 4) + this.isn.hash(this.load(tuple)));
  }

  /** An offset for the timestamp clock of a connection (RFC 7323 §7.1): the same for all incarnations of a 4-tuple. */
  timestampOffset(tuple: FourTuple): number {
    return this.offsets.hash(this.load(tuple));
  }

  private load({ localAddress: l, remoteAddress: r, localPort, remotePort }: FourTuple): Int32Array {
    const w = this.words;
    w[0] = l.w0;
    w[1] = l.w1;
    w[2] = l.w2;
    w[3] = l.w3;
    w[4] = r.w0;
    w[5] = r.w1;
    w[6] = r.w2;
    w[7] = r.w3;
    w[8] = (localPort << 16) | remotePort;
    return w;
  }
}
