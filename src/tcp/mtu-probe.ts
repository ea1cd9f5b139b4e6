import { diff, type Seq, seq } from '../wire/seq.ts';
import { repeatLost } from './loss/repeat.ts';
import { LOST } from './loss/scoreboard.ts';
import { fixedHeaders, TIMESTAMPS_LENGTH } from './mss.ts';
import type { Tcb } from './tcb.ts';

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
}

/** Segments that must follow a probe, so that its loss shows by their acknowledgments. */
const FOLLOWERS = 4;
/** With a smaller window a probe would be too much of it (Linux: 11 segments). */
const LEAST_WINDOW = 11;

function headers(tcb: Tcb): number {
  return fixedHeaders(tcb.localAddress.family);
}

/** The search begins: with segments that pass nearly everywhere (`tcp_base_mss`), or with what the route is known to carry. */
export function startProbing(tcb: Tcb, now: number): void {
  const most = Math.min(tcb.sndMss, tcb.pathMss) + headers(tcb);
  const known = tcb.env.pathMetrics?.(tcb).mtu ?? 0;
  const base = Math.min(most, Math.max(tcb.config.tcp_base_mss + headers(tcb), known));
  tcb.mtuProbe = new MtuProbe(base, most, now);
  settle(tcb, base);
}

/** The path is another, of which at most packets of `mtu` bytes are expected: the search begins again, segments stay as long as they are meanwhile. */
export function searchAgain(tcb: Tcb, probe: MtuProbe, mtu: number, now: number): void {
  probe.most = Math.min(mtu, tcb.peerMss + headers(tcb));
  probe.high = probe.most;
  probe.low = Math.min(probe.most, tcb.config.tcp_base_mss + headers(tcb));
  probe.since = now;
}

/** Text was sent so often that the path may be a black hole for packets of this size (RFC 4821 §7.7): shorter ones, down to a floor. */
export function suspectBlackHole(tcb: Tcb, now: number): void {
  const { config, mtuProbe } = tcb;
  if (config.tcp_mtu_probing === 0) return;
  if (mtuProbe === null) {
    startProbing(tcb, now);
    return;
  }
  const mss = (mtuProbe.low - headers(tcb)) >>> 1;
  const next = Math.max(Math.min(mss, config.tcp_base_mss), config.tcp_mtu_probe_floor) + headers(tcb);
  mtuProbe.low = Math.min(mtuProbe.low, next);
  settle(tcb, mtuProbe.low);
}

/** Text for a probe to be sent now, bytes; 0: none. `queued`: never sent; `pipe`: in the network. */
export function probeText(tcb: Tcb, probe: MtuProbe, queued: number, pipe: number, now: number): number {
  const { config } = tcb;
  if (probe.size > 0 || tcb.recovery !== 'open' || tcb.dupAcks > 0 || tcb.scoreboard.sackedBytes > 0) return 0;
  if (probe.high - probe.low < config.tcp_probe_threshold) {
    // Found. Paths change: once in a while the search begins again (RFC 8899 §5.1.1, PMTU_RAISE_TIMER).
    if (now - probe.since < config.tcp_probe_interval || probe.low >= probe.most) return 0;
    probe.high = probe.most;
    probe.since = now;
  }
  const options = tcb.timestamps ? TIMESTAMPS_LENGTH : 0;
  const mss = tcb.sndMss - options;
  const text = ((probe.low + probe.high + 1) >>> 1) - headers(tcb) - options;
  const needed = text + FOLLOWERS * mss;
  const usable = tcb.sndWnd - diff(tcb.sndNxt, tcb.sndUna);
  const room = tcb.cwnd - pipe;
  if (tcb.cwnd < LEAST_WINDOW * mss || queued < needed || usable < needed || room < text) return 0;
  return text;
}

/** A probe of `text` bytes has left, the last thing that did. */
export function probeSent(tcb: Tcb, probe: MtuProbe, start: Seq, text: number): void {
  probe.size = text + headers(tcb) + (tcb.timestamps ? TIMESTAMPS_LENGTH : 0);
  probe.start = start;
  probe.end = tcb.sndNxt;
}

/** SND.UNA has moved. */
export function probeAcked(tcb: Tcb, probe: MtuProbe): void {
  if (probe.size === 0 || diff(tcb.sndUna, probe.end) < 0) return;
  probe.low = Math.max(probe.low, probe.size);
  probe.size = 0;
  tcb.env.counters.TCPMTUPSuccess++;
  settle(tcb, probe.low);
}

/**
 * Something was lost. True where it was the probe alone: then there is no congestion to answer (RFC 4821 §7.2), and its text goes out again in
 * shorter segments.
 */
export function probeLost(tcb: Tcb, probe: MtuProbe): boolean {
  if (probe.size === 0) return false;
  const { scoreboard } = tcb;
  const others = lostBeyond(tcb, probe);
  // Lost together with others, it proves nothing.
  if (tcb.sndUna !== probe.start || others > 0) {
    probe.size = 0;
    return false;
  }
  probe.high = probe.size - 1;
  probe.size = 0;
  tcb.env.counters.TCPMTUPFail++;
  for (let i = 0; i < scoreboard.count; i++) {
    const range = scoreboard.at(i);
    if (diff(range.end, probe.end) <= 0) scoreboard.markLost(range);
  }
  repeatLost(tcb);
  return true;
}

/** Bytes taken for lost behind the probe. */
function lostBeyond(tcb: Tcb, probe: MtuProbe): number {
  let within = 0;
  for (let i = 0; i < tcb.scoreboard.count; i++) {
    const range = tcb.scoreboard.at(i);
    if (diff(range.end, probe.end) <= 0 && (range.marks & LOST) !== 0) within += range.length;
  }
  return tcb.scoreboard.lostBytes - within;
}

/** All segments are at most so long from now on. */
function settle(tcb: Tcb, mtu: number): void {
  tcb.pathMss = mtu - headers(tcb);
  tcb.sndMss = tcb.pathMss;
}
