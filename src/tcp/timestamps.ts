import { RST, type Segment } from '../wire/segment.ts';
import { le, lt, seq } from '../wire/seq.ts';
import type { Tcb } from './tcb.ts';

/** RFC 7323 §3–§5: the timestamps option, round trips by it, and PAWS. The clock ticks once a millisecond (§5.4). */

const TICK = 1000;
/** After 24 days without a segment, TS.Recent says nothing (§5.5). µs. */
const STALE = 24 * 86_400 * 1_000_000;

/** The timestamp clock (§5.4), int32, before a connection's offset. */
export function timestampTicks(now: number): number {
  return Math.floor(now / TICK) | 0;
}

/** TSval for a segment sent now. */
export function timestampNow(tcb: Pick<Tcb, 'tsOffset'>, now: number): number {
  return (timestampTicks(now) + tcb.tsOffset) | 0;
}

/** PAWS (§5.3 R1): an older timestamp than the last one in order, from a peer heard lately, on anything but a RST. */
export function isOldDuplicate(tcb: Tcb, segment: Segment, now: number): boolean {
  return (
    tcb.timestamps &&
    segment.hasTimestamps &&
    !segment.has(RST) &&
    lt(seq(segment.tsVal), seq(tcb.tsRecent)) &&
    now - tcb.tsRecentAge < STALE
  );
}

/** §4.3 (2): TS.Recent follows segments that start at or before Last.ACK.sent and are not older. */
export function updateRecent(tcb: Tcb, segment: Segment, now: number): void {
  if (!tcb.timestamps || !segment.hasTimestamps) return;
  if (
    le(segment.seq, tcb.lastAckSent) &&
    (le(seq(tcb.tsRecent), seq(segment.tsVal)) || now - tcb.tsRecentAge >= STALE)
  ) {
    tcb.tsRecent = segment.tsVal;
    tcb.tsRecentAge = now;
  }
}

/**
 * Whether a SYN,ACK echoes a timestamp that no SYN of ours had: then it answers another one, whatever number it acknowledges, and is taken as one that
 * acknowledges another (as Linux does; §3.2 has TSecr echo the SYN's).
 */
export function echoesOther(tcb: Tcb, segment: Segment, now: number): boolean {
  if (!tcb.config.tcp_timestamps || !segment.hasTimestamps || segment.tsEcr === 0) return false;
  const age = (timestampNow(tcb, now) - segment.tsEcr) | 0;
  if (age >= 0 && age <= timestampTicks(now) - timestampTicks(tcb.openedAt)) return false;
  tcb.env.counters.PAWSActive++;
  return true;
}

/** §4.1: the round-trip time that an acknowledgment of new text echoes, µs; −1 where it echoes nothing sensible. */
export function echoedRtt(tcb: Tcb, segment: Segment, now: number): number {
  if (!tcb.timestamps || !segment.hasTimestamps || segment.tsEcr === 0) return -1;
  const ticks = (timestampNow(tcb, now) - segment.tsEcr) | 0;
  return ticks < 0 || ticks > STALE / TICK ? -1 : ticks * TICK;
}
