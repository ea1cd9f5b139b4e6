import { emitOwedAck, emitProbe, emitReset } from '../emit.ts';
import { fail, finish } from '../ending.ts';
import { afterTimeout, reorderTimeout } from '../loss/recovery.ts';
import { ADVICE } from '../notices.ts';
import { output, resendSyn, sendOverride, sendTailProbe } from '../output.ts';
import { believeDoubted } from '../path-mtu.ts';
import { backOff } from '../rtt.ts';
import { FIN_WAIT_2, SYN_RECEIVED, SYN_SENT, TIME_WAIT } from '../state.ts';
import { NEVER, type Tcb } from '../tcb.ts';
import { restartRetransmission } from '../timers.ts';

/** RFC 9293 §3.10.8: what happens when a timer of a connection is due. Fires everything that is due at `now`, then makes the output pass. */
export function timeout(tcb: Tcb, now: number): void {
  if (tcb.closeAt <= now) closeTimeout(tcb, now);
  if (tcb.reorderAt <= now) {
    tcb.reorderAt = NEVER;
    tcb.env.trace?.timer(tcb, 'reordering', now);
    reorderTimeout(tcb, now);
  }
  if (tcb.tlpAt <= now) tailProbeTimeout(tcb, now);
  if (tcb.retransmitAt <= now) retransmissionTimeout(tcb, now);
  if (tcb.persistAt <= now) persistTimeout(tcb, now);
  if (tcb.keepAliveAt <= now) keepAliveTimeout(tcb, now);
  // What waited for it leaves with the output pass.
  if (tcb.pacingAt <= now) tcb.pacingAt = NEVER;
  if (tcb.delayedAckAt <= now) {
    tcb.delayedAckAt = NEVER;
    tcb.conversing = false;
    tcb.env.trace?.timer(tcb, 'delayed ACK', now);
    tcb.env.counters.DelayedACKs++;
    emitOwedAck(tcb, now);
  }
  output(tcb, now);
}

/** TIME-WAIT TIMEOUT: the TCB is deleted. FIN-WAIT-2 of an orphan: nobody waits for the peer's FIN (`tcp_fin_timeout`). */
function closeTimeout(tcb: Tcb, now: number): void {
  tcb.closeAt = NEVER;
  if (tcb.state === TIME_WAIT) {
    tcb.env.trace?.timer(tcb, 'TIME-WAIT', now);
    finish(tcb, 'timeout', now);
  } else if (tcb.state === FIN_WAIT_2) {
    tcb.env.trace?.timer(tcb, 'FIN-WAIT-2', now);
    finish(tcb, 'timeout', now);
  }
}

/** RFC 8985 §7.3: the tail loss probe; whether one could be sent or not, it is the retransmission timer's turn then. */
function tailProbeTimeout(tcb: Tcb, now: number): void {
  tcb.tlpAt = NEVER;
  tcb.env.trace?.timer(tcb, 'tail loss probe', now);
  if (tcb.recovery === 'open') sendTailProbe(tcb, now);
  restartRetransmission(tcb, now);
}

/**
 * RETRANSMISSION TIMEOUT, RFC 6298 §5.4 to §5.7 (MUST-18): the earliest unacknowledged segment again, a SYN too (MUST-22), RTO doubled; after R2 the
 * end (MUST-20). */
function retransmissionTimeout(tcb: Tcb, now: number): void {
  tcb.retransmitAt = NEVER;
  tcb.env.trace?.timer(tcb, 'retransmission', now);
  tcb.env.counters.TCPTimeouts++;
  if (tcb.retries === 0) tcb.retriesSince = now - tcb.rto;
  const over = mayGiveUp(tcb, now);
  if (tcb.fastOpen !== null && tcb.fastOpen.synText > 0 && (tcb.retries === 2 || (over && tcb.retries < 2))) {
    tcb.env.counters.TCPFastOpenBlackhole++;
    tcb.env.fastOpenVanished?.(tcb, now);
  }
  if (over) {
    giveUp(tcb, now);
    return;
  }
  const opening = tcb.state === SYN_SENT || tcb.state === SYN_RECEIVED;
  if (!opening) {
    believeDoubted(tcb, now);
    // Whatever was lost, a probe among it proves nothing.
    if (tcb.mtuProbe !== null) tcb.mtuProbe.size = 0;
    if (tcb.retries >= tcb.config.tcp_retries1) tcb.env.extensions.mtuProbing?.suspectBlackHole(tcb, now);
    afterTimeout(tcb, now);
  }
  tcb.retries++;
  backOff(tcb);
  if (opening) resendSyn(tcb, now);
  tcb.retransmitAt = now + tcb.rto;
  const limit = timeLimit(tcb);
  if (limit > 0) tcb.retransmitAt = Math.min(tcb.retransmitAt, tcb.retriesSince + limit);
  if (tcb.retries === tcb.config.tcp_retries1 && !opening) {
    // MUST-20: advice to IP. SHLD-9: the application may learn that something is wrong before it is over.
    tcb.env.pathDoubted?.(tcb);
    tcb.softError = 'retransmitting';
    tcb.notices |= ADVICE;
  }
}

/** For how long the earliest segment may go unacknowledged, µs; 0: as long as the count of retransmissions makes it. */
function timeLimit(tcb: Tcb): number {
  if (tcb.userTimeout > 0 || tcb.state !== SYN_SENT) return tcb.userTimeout;
  return tcb.config.openTimeout;
}

/** R2 of §3.8.3, in its forms: retransmissions of a SYN, of anything, of an orphan's, or a user time-out (MUST-21). */
function mayGiveUp(tcb: Tcb, now: number): boolean {
  const { config } = tcb;
  const limit = timeLimit(tcb);
  if (limit > 0 && now - tcb.retriesSince >= limit) return true;
  if (tcb.state === SYN_SENT) return tcb.retries >= config.tcp_syn_retries;
  if (tcb.state === SYN_RECEIVED) return tcb.retries >= config.tcp_synack_retries;
  // A peer that answers, with its window closed, is alive (SHLD-17, MUST-37): until it has been silent for two of the longest intervals.
  if (tcb.sndWnd === 0 && now - tcb.lastHeard <= 2 * config.rtoMax) return false;
  return tcb.retries >= (tcb.orphan ? config.tcp_orphan_retries : config.tcp_retries2);
}

function giveUp(tcb: Tcb, now: number): void {
  const { counters } = tcb.env;
  if (tcb.state === SYN_SENT || tcb.state === SYN_RECEIVED) {
    counters.AttemptFails++;
    if (tcb.state === SYN_RECEIVED && tcb.config.resetOnSynAckGiveUp) emitReset(tcb, now);
  } else counters.TCPAbortOnTimeout++;
  fail(tcb, 'timed out', 'timeout', now);
}

/**
 * Zero-window probes (§3.8.6.1, MUST-36): the first after an RTO, then at doubling intervals (SHLD-29, SHLD-30), for as long as the peer answers
 * (MUST-37). With the window open it is the override of silly-window avoidance instead.
 */
function persistTimeout(tcb: Tcb, now: number): void {
  tcb.persistAt = NEVER;
  tcb.env.trace?.timer(tcb, 'persist', now);
  if (tcb.refusedSince !== NEVER) {
    awaitDevice(tcb, now);
    return;
  }
  if (tcb.sndWnd > 0 && sendOverride(tcb, now)) return;
  const silent = now - Math.max(tcb.lastHeard, tcb.lastSendTime);
  const limit = tcb.orphan ? tcb.config.tcp_orphan_retries : tcb.config.tcp_retries2;
  const unanswered = tcb.lastHeard < tcb.lastProbe;
  if ((tcb.persistBackoff >= limit && unanswered) || (tcb.userTimeout > 0 && unanswered && silent >= tcb.userTimeout)) {
    tcb.env.counters.TCPAbortOnTimeout++;
    fail(tcb, 'timed out', 'timeout', now);
    return;
  }
  tcb.persistBackoff++;
  tcb.lastProbe = now;
  emitProbe(tcb, now);
}

/** How often a device that refuses is tried, µs (Linux's TCP_RESOURCE_PROBE_INTERVAL), and for how long. */
const DEVICE_INTERVAL = 500_000;
const DEVICE_PATIENCE = 100_000_000;

/** New text waits for our own device: the output pass at the end of this tries it again. */
function awaitDevice(tcb: Tcb, now: number): void {
  if (now - tcb.refusedSince >= (tcb.userTimeout || DEVICE_PATIENCE)) {
    tcb.env.counters.TCPAbortOnTimeout++;
    fail(tcb, 'timed out', 'timeout', now);
    return;
  }
  tcb.persistBackoff++;
  tcb.persistAt = now + DEVICE_INTERVAL;
}

/**
 * Keep-alive (§3.8.4): after an idle time an empty segment at SND.NXT − 1 (SHLD-12); several unanswered ones are needed to give up
 * (MUST-29). Not while something of ours is outstanding (MUST-26): that has its own timer.
 */
function keepAliveTimeout(tcb: Tcb, now: number): void {
  tcb.keepAliveAt = NEVER;
  if (!tcb.keepAlive || tcb.retransmitAt !== NEVER || tcb.persistAt !== NEVER) {
    if (tcb.keepAlive) tcb.keepAliveAt = now + tcb.keepAliveTime;
    return;
  }
  tcb.env.trace?.timer(tcb, 'keep-alive', now);
  const silent = now - tcb.lastHeard;
  if (
    tcb.userTimeout > 0 ? tcb.keepAliveSent > 0 && silent >= tcb.userTimeout : tcb.keepAliveSent >= tcb.keepAliveProbes
  ) {
    emitReset(tcb, now);
    tcb.env.counters.TCPAbortOnTimeout++;
    fail(tcb, 'timed out', 'timeout', now);
    return;
  }
  tcb.keepAliveSent++;
  tcb.env.counters.TCPKeepAlive++;
  emitProbe(tcb, now);
  tcb.keepAliveAt = now + tcb.keepAliveInterval;
}
