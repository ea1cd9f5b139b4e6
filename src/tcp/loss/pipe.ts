import { diff, type Seq } from '../../wire/seq.ts';
import type { Tcb } from '../tcb.ts';

/** FlightSize, in sequence numbers: sent and not cumulatively acknowledged. */
export function flightSize(tcb: Tcb): number {
  return diff(tcb.sndNxt, tcb.sndUna);
}

/** Where the text from `position` on lies in the send buffer, bytes. */
export function textOffset(tcb: Tcb, position: Seq): number {
  return diff(position, tcb.sndUna) - (tcb.synAcked ? 0 : 1);
}

/** Bytes queued and never sent. */
export function unsent(tcb: Tcb): number {
  return tcb.sendBuffer.length - (textOffset(tcb, tcb.sndNxt) - (tcb.finSent ? 1 : 0));
}

/**
 * Bytes taken to be in the network (RFC 6675 §4, SetPipe). It falls with every duplicate ACK, SACK or not: so the first two let new
 * text out, without a change of cwnd (limited transmit: RFC 3042 §2, RFC 6675 §5).
 */
export function pipe(tcb: Tcb): number {
  const { scoreboard } = tcb;
  return Math.max(
    0,
    flightSize(tcb) - scoreboard.sackedBytes - scoreboard.lostBytes + scoreboard.retransmittedBytes - tcb.dupAckBytes,
  );
}
