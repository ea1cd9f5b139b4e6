import type { Tcb } from '../tcb.ts';

/**
 * What has been marked lost goes out again, and cwnd stays as it is: something else than congestion was the reason (RFC 8201 §5.4, RFC 4821 §7.2; Linux's
 * `tcp_non_congestion_loss_retransmit`).
 */
export function repeatLost(tcb: Tcb): void {
  tcb.recovery = 'timeout';
  tcb.recover = tcb.sndNxt;
  tcb.dupAcks = 0;
  tcb.dupAckBytes = 0;
  tcb.retransmitNow = true;
}
