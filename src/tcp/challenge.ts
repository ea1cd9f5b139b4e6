import { emitAck } from './emit.ts';
import type { Tcb } from './tcb.ts';

/** ACKs in answer to what should not have come. Both kinds are limited: an attacker, or a peer that is as sure as we are, must not start a storm. */

/** RFC 5961 §7: a challenge ACK, within what the whole host may send (CVE-2016-5696: `env` decides how much that is). */
export function challengeAck(tcb: Tcb, now: number): void {
  if (!tcb.env.challengeAck(now)) return;
  tcb.env.counters.TCPChallengeACK++;
  emitAck(tcb, now);
}

/**
 * RFC 9293 §3.10.7.4, first: the ACK that an unacceptable segment gets. Segments with text or FIN are never limited: their sender
 * retransmits, and needs the answer; empty ones are, as `tcp_invalid_ratelimit` says (two ends out of step would answer each other for ever).
 */
export function answerUnacceptable(tcb: Tcb, hasText: boolean, now: number): void {
  if (!hasText) {
    if (now - tcb.lastInvalidAck < tcb.config.tcp_invalid_ratelimit) return;
    tcb.lastInvalidAck = now;
  }
  emitAck(tcb, now);
}
