import type { Tcb } from '../tcb.ts';

/**
 * F-RTO (RFC 5682): after a retransmission time-out only the first segment is sent again, then something new. If what comes next acknowledges
 * what was sent once only, the time-out was spurious: a delay, not a loss. The SACK-enhanced variant (§3) and the basic one (§2).
 */

/** What F-RTO waits for: the first ACK after the time-out; the output pass, to send new text; the second ACK. */
export type Frto = 'off' | 'first' | 'send new' | 'second';

/** The time-out (§2.1 step 1): not where a recovery was going on, whose retransmissions would be mistaken for originals. */
export function beginFrto(tcb: Tcb, reneged: boolean): void {
  const again = tcb.recovery === 'timeout' && tcb.retries > 0;
  tcb.frto = tcb.config.tcp_frto > 0 && !reneged && (tcb.recovery === 'open' || again) ? 'first' : 'off';
}

/**
 * An acknowledgment in the recovery that followed a time-out; `acked` bytes by number, not all of it. Returns true when the time-out was
 * spurious.
 */
export function stepFrto(tcb: Tcb, acked: number, duplicate: boolean, repeated: boolean): boolean {
  if (tcb.frto === 'off') return false;
  const { rack } = tcb;
  // §3.1 step 3b. Without SACK an ACK of both what was sent once and twice tells nothing: the receiver may have held the rest.
  if (rack.originalUpTo(tcb.recover) && (tcb.sackOk || !repeated)) {
    tcb.env.counters.TCPSpuriousRTOs++;
    return true;
  }
  if (tcb.frto === 'first') {
    // Step 2b; or 2a, a duplicate without news: conventional recovery.
    if (acked > 0) tcb.frto = 'send new';
    else if (duplicate && rack.fresh === 0) tcb.frto = 'off';
  } else if (duplicate || rack.fresh > 0) {
    // Step 3a: the loss was real.
    tcb.frto = 'off';
  }
  return false;
}
