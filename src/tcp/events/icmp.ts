import { fail } from '../ending.ts';
import { ADVICE, type Failure } from '../notices.ts';
import { output, repeatSyn } from '../output.ts';
import { packetTooBig } from '../path-mtu.ts';
import { CLOSED, LISTEN, SYN_RECEIVED, SYN_SENT } from '../state.ts';
import type { Tcb } from '../tcb.ts';

/** An ICMP error about a segment of this connection, as the IP layer read and checked it (RFC 5927 §4: it quotes a number in flight). */
export interface IcmpError {
  readonly failure: Failure;
  /** RFC 1122 §4.2.3.9: a condition that may pass (false) or one that will not. */
  readonly hard: boolean;
  /** Tells of a refusal, by the peer or on the way: what ends an attempt to connect with FreeBSD. */
  readonly refusal?: boolean;
  /** For 'message too long': the MTU of the next hop, bytes, 0 where the router did not tell. */
  readonly mtu?: number;
}

/**
 * RFC 9293 §3.9.2.2: acts on an ICMP error (MUST-54). While opening one may end the attempt (`icmpWhileOpening`, RFC 5461 §4); later none does
 * (RFC 5927 §5.2: hard errors are treated as soft), and the application may hear of it (SHLD-25, MUST-56).
 */
export function icmpError(tcb: Tcb, error: IcmpError, now: number): void {
  if (tcb.state === CLOSED || tcb.state === LISTEN) return;
  if (error.failure === 'message too long') {
    if (!packetTooBig(tcb, error.mtu ?? 0, now)) return;
    // It was the text on our SYN that made it too long.
    if (tcb.state === SYN_SENT && (tcb.fastOpen?.synText ?? 0) > 0) repeatSyn(tcb, now);
    output(tcb, now);
    return;
  }
  const ours = tcb.state === SYN_SENT || (tcb.state === SYN_RECEIVED && (!tcb.passive || isQueued(tcb)));
  if (ours && endsOpening(tcb, error)) {
    tcb.env.counters.AttemptFails++;
    const { failure, hard } = error;
    // FreeBSD says so of what a filter prohibits, too.
    const filtered = hard && tcb.config.icmpWhileOpening === 'refusal';
    const refused = filtered || failure === 'port unreachable' || failure === 'protocol unreachable';
    fail(tcb, refused ? 'refused' : failure, 'ICMP error', now);
    return;
  }
  tcb.softError = error.failure;
  tcb.notices |= ADVICE;
}

/** Accepted by Fast Open, and no application has it yet: whoever takes it learns that it failed, as with Linux. */
function isQueued({ fastOpen }: Tcb): boolean {
  return fastOpen?.accepted === true && !fastOpen.inHand;
}

function endsOpening(tcb: Tcb, { hard, refusal = false }: IcmpError): boolean {
  switch (tcb.config.icmpWhileOpening) {
    case 'any':
      return tcb.state === SYN_SENT || isQueued(tcb) || hard;
    case 'hard':
      return hard;
    case 'refusal':
      return refusal;
    case 'none':
      return false;
  }
}
