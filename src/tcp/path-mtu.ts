import { repeatLost } from './loss/repeat.ts';
import { SACKED } from './loss/scoreboard.ts';
import { fixedHeaders, TIMESTAMPS_LENGTH } from './mss.ts';
import { ESTABLISHED, SYN_SENT } from './state.ts';
import type { Tcb } from './tcb.ts';

/**
 * Path MTU discovery by ICMP (RFC 1191, RFC 8201; RFC 9293 §3.7.2): a router tells how large a packet it could have carried. As anybody can
 * tell so, it must be about something in flight (the stack has checked the number), say less than what we send, and not contradict what has been
 * acknowledged (RFC 5927 §7).
 */

/** RFC 1191 §7: likely MTUs, for routers that do not tell theirs. */
const PLATEAUS = [32_000, 17_914, 8166, 4352, 2002, 1492, 1006, 508, 296] as const;
/** Links of IPv6 carry at least this (RFC 8200 §5): less is no answer to our packets (RFC 8201 §4). */
export const LEAST_MTU_V6 = 1280;
/** And of IPv4 (RFC 1191 §3). */
const LEAST_MTU_V4 = 68;

/** RFC 1191 §3: an ICMP error says that a segment in flight is too long. `mtu`: of the next hop, 0 where it does not tell. Returns whether it was believed now. */
export function packetTooBig(tcb: Tcb, mtu: number, now: number): boolean {
  const { config } = tcb;
  const { family } = tcb.localAddress;
  const headers = fixedHeaders(family);
  if (config.ip_no_pmtu_disc || tcb.sndUna === tcb.sndNxt) return false;
  // Before the peer's SYN there is no word of it yet.
  const current = (tcb.state === SYN_SENT ? tcb.pathMss : Math.min(tcb.pathMss, tcb.sndMss)) + headers;
  const told = mtu > 0 ? mtu : (PLATEAUS.find((plateau) => plateau < current) ?? 0);
  if (told < (family === 4 ? LEAST_MTU_V4 : LEAST_MTU_V6)) return false;
  const next = family === 4 ? Math.max(told, config.min_pmtu) : told;
  const probe = tcb.mtuProbe;
  if (probe !== null && next >= current && next < probe.size) probe.high = Math.min(probe.high, next);
  if (next >= current) return false;
  const text = next - headers - (tcb.timestamps ? TIMESTAMPS_LENGTH : 0);
  if (text < tcb.provenText) {
    // Larger ones have come through: only if one gets lost now as well has the path changed (RFC 5927 §7.2).
    tcb.doubtedMtu = next;
    return false;
  }
  lowerPathMtu(tcb, next, now);
  return true;
}

/** The retransmission timer has expired: what an ICMP error said, and could not be believed, is likely true. */
export function believeDoubted(tcb: Tcb, now: number): void {
  if (tcb.doubtedMtu > 0) lowerPathMtu(tcb, tcb.doubtedMtu, now);
}

/** The route to the peer says another MTU than before. Longer packets are tried by probes where there are such, else sent. */
export function pathMtuChanged(tcb: Tcb, mtu: number, now: number): void {
  const pathMss = mtu - fixedHeaders(tcb.localAddress.family);
  if (tcb.mtuProbe !== null) tcb.mtuProbe.searchAgain(tcb, mtu, now);
  if (pathMss < tcb.pathMss) settlePathMtu(tcb, mtu);
  else if (tcb.mtuProbe === null) {
    tcb.pathMss = pathMss;
    tcb.sndMss = Math.min(tcb.peerMss, pathMss);
  }
}

/** From now on packets to there have at most `mtu` bytes, as an ICMP error said. */
function lowerPathMtu(tcb: Tcb, mtu: number, now: number): void {
  settlePathMtu(tcb, mtu);
  tcb.env.pathMtuLowered?.(tcb, mtu, now);
}

/** What is out and longer is lost; that is no congestion (RFC 8201 §5.4). */
function settlePathMtu(tcb: Tcb, mtu: number): void {
  tcb.doubtedMtu = 0;
  tcb.provenText = 0;
  tcb.pathMss = mtu - fixedHeaders(tcb.localAddress.family);
  tcb.sndMss = Math.min(tcb.sndMss, tcb.pathMss);
  if (tcb.mtuProbe !== null) {
    tcb.mtuProbe.high = Math.min(tcb.mtuProbe.high, mtu);
    tcb.mtuProbe.low = Math.min(tcb.mtuProbe.low, mtu);
  }
  if (tcb.config.announcePathMss) tcb.rcvMss = Math.min(tcb.rcvMss, tcb.pathMss);
  if (tcb.state < ESTABLISHED) return;
  const { scoreboard } = tcb;
  const room = tcb.sndMss - (tcb.timestamps ? TIMESTAMPS_LENGTH : 0);
  let lost = false;
  for (let i = 0; i < scoreboard.count; i++) {
    const range = scoreboard.at(i);
    if (Math.min(range.mss, range.length) <= room || (range.marks & SACKED) !== 0) continue;
    scoreboard.markLost(range);
    lost = true;
  }
  if (lost) repeatLost(tcb);
}
