import { diff, type Seq, seq } from '../wire/seq.ts';
import { repeatLost } from './loss/repeat.ts';
import { LOST, type Scoreboard } from './loss/scoreboard.ts';
import { fixedHeaders, TIMESTAMPS_LENGTH } from './mss.ts';
import type { Tcb } from './tcb.ts';

/** Segments that must follow a probe, so that its loss shows by their acknowledgments. */
const FOLLOWERS = 4;
/** With a smaller window a probe would be too much of it (Linux: 11 segments). */
const LEAST_WINDOW = 11;

/**
 * Packetization-layer path MTU discovery (RFC 4821, RFC 8899): where no ICMP error tells that packets are too long, or none can be believed, text itself
 * is the probe. A segment longer than the others either arrives, and all may be so long, or gets lost, and that was no congestion. `tcp_mtu_probing`:
 * 1 begins when a connection seems to be in a black hole, 2 with every connection.
 */
export class MtuProbe {
  /** Packets of `low` bytes pass; those above `high` do not, or are not wanted. */
  low: number;
  high: number;
  /** What `high` begins with: all that both ends and our device can do. */
  most: number;
  /** The probe in flight: the bytes of its packet, 0 where there is none, and its text [start, end). */
  size = 0;
  start: Seq = seq(0);
  end: Seq = seq(0);
  /** When the search began, µs. */
  since: number;

  constructor(low: number, high: number, now: number) {
    this.low = low;
    this.high = high;
    this.most = high;
    this.since = now;
  }

  /** The path is another, of which at most packets of `mtu` bytes are expected: the search begins again, segments stay as long as they are meanwhile. */
  searchAgain(tcb: Tcb, mtu: number, now: number): void {
    this.most = Math.min(mtu, tcb.peerMss + headers(tcb));
    this.high = this.most;
    this.low = Math.min(this.most, tcb.config.tcp_base_mss + headers(tcb));
    this.since = now;
  }

  /** Text for a probe to be sent now, bytes; 0: none. `queued`: never sent; `pipe`: in the network. */
  text(tcb: Tcb, queued: number, pipe: number, now: number): number {
    const { config } = tcb;
    if (this.size > 0 || tcb.recovery !== 'open' || tcb.dupAcks > 0 || tcb.scoreboard.sackedBytes > 0) return 0;
    if (this.high - this.low < config.tcp_probe_threshold) {
      // Found. Paths change: once in a while the search begins again (RFC 8899 §5.1.1, PMTU_RAISE_TIMER).
      if (now - this.since < config.tcp_probe_interval || this.low >= this.most) return 0;
      this.high = this.most;
      this.since = now;
    }
    const options = tcb.timestamps ? TIMESTAMPS_LENGTH : 0;
    const mss = tcb.sndMss - options;
    const text = ((this.low + this.high + 1) >>> 1) - headers(tcb) - options;
    const needed = text + FOLLOWERS * mss;
    const usable = tcb.sndWnd - diff(tcb.sndNxt, tcb.sndUna);
    const room = tcb.cwnd - pipe;
    if (tcb.cwnd < LEAST_WINDOW * mss || queued < needed || usable < needed || room < text) return 0;
    return text;
  }

  /** A probe of `text` bytes has left, the last thing that did. */
  sent(tcb: Tcb, start: Seq, text: number): void {
    this.size = text + headers(tcb) + (tcb.timestamps ? TIMESTAMPS_LENGTH : 0);
    this.start = start;
    this.end = tcb.sndNxt;
  }

  /** SND.UNA has moved. */
  acked(tcb: Tcb): void {
    if (this.size === 0 || diff(tcb.sndUna, this.end) < 0) return;
    this.low = Math.max(this.low, this.size);
    this.size = 0;
    tcb.env.counters.TCPMTUPSuccess++;
    settle(tcb, this.low);
  }

  /**
   * Something was lost. True where it was the probe alone: then there is no congestion to answer (RFC 4821 §7.2), and its text goes out again in
   * shorter segments.
   */
  lost(tcb: Tcb): boolean {
    if (this.size === 0) return false;
    const { scoreboard } = tcb;
    const others = this.#lostBeyond(scoreboard);
    // Lost together with others, it proves nothing.
    if (tcb.sndUna !== this.start || others > 0) {
      this.size = 0;
      return false;
    }
    this.high = this.size - 1;
    this.size = 0;
    tcb.env.counters.TCPMTUPFail++;
    for (let i = 0; i < scoreboard.count; i++) {
      const range = scoreboard.at(i);
      if (diff(range.end, this.end) <= 0) scoreboard.markLost(range);
    }
    repeatLost(tcb);
    return true;
  }

  /** Bytes taken for lost behind the probe. */
  #lostBeyond(scoreboard: Scoreboard): number {
    let within = 0;
    for (let i = 0; i < scoreboard.count; i++) {
      const range = scoreboard.at(i);
      if (diff(range.end, this.end) <= 0 && (range.marks & LOST) !== 0) within += range.length;
    }
    return scoreboard.lostBytes - within;
  }
}

/** What begins a search. */
export interface MtuProbing {
  start(tcb: Tcb, now: number): void;
  suspectBlackHole(tcb: Tcb, now: number): void;
}

export const mtuProbing: MtuProbing = { start, suspectBlackHole };

function headers(tcb: Tcb): number {
  return fixedHeaders(tcb.localAddress.family);
}

/** The search begins: with segments that pass nearly everywhere (`tcp_base_mss`), or with what the route is known to carry. */
function start(tcb: Tcb, now: number): void {
  const most = Math.min(tcb.sndMss, tcb.pathMss) + headers(tcb);
  const known = tcb.env.pathMetrics?.(tcb).mtu ?? 0;
  const base = Math.min(most, Math.max(tcb.config.tcp_base_mss + headers(tcb), known));
  tcb.mtuProbe = new MtuProbe(base, most, now);
  settle(tcb, base);
}

/** Text was sent so often that the path may be a black hole for packets of this size (RFC 4821 §7.7): shorter ones, down to a floor. */
function suspectBlackHole(tcb: Tcb, now: number): void {
  const { config, mtuProbe } = tcb;
  if (config.tcp_mtu_probing === 0) return;
  if (mtuProbe === null) {
    start(tcb, now);
    return;
  }
  const mss = (mtuProbe.low - headers(tcb)) >>> 1;
  const next = Math.max(Math.min(mss, config.tcp_base_mss), config.tcp_mtu_probe_floor) + headers(tcb);
  mtuProbe.low = Math.min(mtuProbe.low, next);
  settle(tcb, mtuProbe.low);
}

/** All segments are at most so long from now on. */
function settle(tcb: Tcb, mtu: number): void {
  tcb.pathMss = mtu - headers(tcb);
  tcb.sndMss = tcb.pathMss;
}
