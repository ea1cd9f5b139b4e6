import { ACK, type Segment } from '../wire/segment.ts';
import { add, diff, type Seq } from '../wire/seq.ts';
import { NO_ECN, RFC_3168 } from './ecn-mode.ts';
import type { Environment } from './environment.ts';
import { type HalfOpenRecord, thawHalfOpen } from './half-open.ts';
import { TupleWords } from './isn.ts';
import { SENT_TWICE } from './loss/scoreboard.ts';
import type { SynSide } from './options.ts';
import { SipHash } from './siphash.ts';
import type { Tcb } from './tcb.ts';
import { timestampTicks } from './timestamps.ts';
import type { FourTuple } from './trace.ts';
import { LARGEST_SHIFT } from './window.ts';

/**
 * SYN cookies (RFC 4987 §3.6, appendix A): under a flood of SYNs nothing is kept; what must be known when the handshake's third segment comes is in the
 * numbers that it brings back. ISS holds which of four MSS values, under a keyed hash of the four-tuple, the peer's ISN and the minute. With
 * timestamps, the low bits of TSval hold the peer's window shift, SACK and ECN; without them the connection has none of the three. As Linux does it.
 */

/** What the peer's MSS is rounded down to. */
const MSS_V4 = [536, 1300, 1440, 1460] as const;
const MSS_V6 = [1220, 1420, 1440, 8940] as const;

/** The clock in a cookie's top byte: a minute, µs. A cookie holds until the clock has moved on this often. */
const PERIOD = 60_000_000;
const LIFE = 2;
/** How long after the last cookie an ACK may bring one back, µs. */
export const COOKIE_LIFE = PERIOD * LIFE;

const MASK = 0xffffff;

const TS_BITS = 6;
const TS_SCALE = 0x0f;
const TS_SACK = 0x10;
const TS_ECN = 0x20;

export class SynCookies {
  private readonly base: SipHash;
  private readonly timed: SipHash;
  private readonly words = new TupleWords(2);

  /** `key`: 32 secret bytes. */
  constructor(key: Uint8Array) {
    this.base = new SipHash(key.subarray(0, 16));
    this.timed = new SipHash(key.subarray(16, 32));
  }

  /** The ISS that answers a SYN with number `irs`; `data`: 0 … 3. */
  make(tuple: FourTuple, irs: Seq, data: number, now: number): Seq {
    const count = Math.floor(now / PERIOD);
    const value = (this.hash(this.timed, tuple, irs, count) + data) & MASK;
    return add(irs, (this.hash(this.base, tuple, 0, 0) + (count << 24) + value) | 0);
  }

  /** `data` of a cookie that we made at most two minutes ago, −1 where we did not: 0 … 2^24 − 1. */
  check(tuple: FourTuple, irs: Seq, cookie: Seq, now: number): number {
    const count = Math.floor(now / PERIOD);
    const value = (diff(cookie, irs) - this.hash(this.base, tuple, 0, 0)) | 0;
    const age = (count - (value >>> 24)) & 0xff;
    if (age >= LIFE) return -1;
    return (value - this.hash(this.timed, tuple, irs, count - age)) & MASK;
  }

  /** Linux leaves `irs` out of it: a segment up to three numbers late then passes for the handshake's third, and the text before it is never read. */
  private hash(hash: SipHash, tuple: FourTuple, irs: Seq | 0, count: number): number {
    const w = this.words.of(tuple);
    w[w.length - 2] = irs as unknown as number;
    w[w.length - 1] = count;
    return hash.hash(w);
  }

  /** The cookie for a TCB, or a request, that has taken the options of a SYN. */
  sequence(tcb: SynSide & FourTuple & Pick<Tcb, 'irs'>, now: number): Seq {
    const values = table(tcb);
    let data = values.length - 1;
    while (data > 0 && values[data]! > tcb.sndMss) data--;
    return this.make(tcb, tcb.irs, data, now);
  }

  /** What a cookie cannot hold is not agreed on. Sets the TCB's timestamp offset so that TSval's low bits say what was. */
  limit(tcb: SynSide, now: number): void {
    if (!tcb.timestamps) {
      tcb.windowScaling = false;
      tcb.sndWindScale = 0;
      tcb.rcvWindScale = 0;
      tcb.sackOk = false;
      tcb.ecn = NO_ECN;
      return;
    }
    // A bit is room for RFC 3168 only: to a SYN that asks for AccECN its answer means just that (RFC 9768 §3.1.1, table 2).
    if (tcb.ecn !== NO_ECN) tcb.ecn = RFC_3168;
    tcb.accEcn = null;
    const bits =
      (tcb.windowScaling ? tcb.sndWindScale : TS_SCALE) |
      (tcb.sackOk ? TS_SACK : 0) |
      (tcb.ecn !== NO_ECN ? TS_ECN : 0);
    const ticks = timestampTicks(now);
    const value = ((ticks >> TS_BITS) << TS_BITS) | bits;
    // TSval never runs ahead of its clock: PAWS would drop what follows.
    tcb.tsOffset = (tcb.tsOffset + (value > ticks ? value - (1 << TS_BITS) : value) - ticks) | 0;
  }

  /**
   * The TCB in SYN-RECEIVED that an ACK to a listener belongs to, if it brings back a cookie of ours; else null. `tsOffset`: of this four-tuple.
   */
  thaw(env: Environment, tuple: FourTuple, segment: Segment, rcvMss: number, pathMss: number, now: number): Tcb | null {
    if (!segment.has(ACK)) return null;
    const irs = add(segment.seq, -1);
    const iss = add(segment.ack, -1);
    const mss = table(tuple)[this.check(tuple, irs, iss, now)];
    if (mss === undefined) return null;
    const { config } = env;
    const tsOffset = env.timestampOffset(tuple);
    const timestamps = config.tcp_timestamps && segment.hasTimestamps;
    const bits = timestamps ? segment.tsEcr - tsOffset : TS_SCALE;
    const shift = bits & TS_SCALE;
    // What we would not have agreed to, we did not say: the echo is made up.
    if (timestamps && shift !== TS_SCALE && (shift > LARGEST_SHIFT || !config.tcp_window_scaling)) return null;
    if (timestamps && (bits & TS_SACK) !== 0 && !config.tcp_sack) return null;
    const record: HalfOpenRecord = {
      irs,
      iss,
      sndWnd: segment.wnd,
      sndMss: mss,
      sndWindScale: shift === TS_SCALE ? -1 : shift,
      sackOk: (bits & TS_SACK) !== 0,
      timestamps,
      tsRecent: timestamps ? segment.tsVal : 0,
      tsOffset,
      ecn: bits & TS_ECN ? RFC_3168 : NO_ECN,
      synEcn: 0,
      retries: 0,
      retransmitted: false,
      deferred: false,
      retransmitAt: now + config.rtoInitial,
      lastInvalidAck: Number.NEGATIVE_INFINITY,
    };
    const tcb = thawHalfOpen(env, tuple, record, rcvMss, pathMss);
    // When the SYN,ACK was sent is not known: no round trip from it, but by its timestamp.
    tcb.scoreboard.first!.marks |= SENT_TWICE;
    return tcb;
  }
}

function table(tuple: FourTuple): readonly number[] {
  return tuple.localAddress.family === 4 ? MSS_V4 : MSS_V6;
}
