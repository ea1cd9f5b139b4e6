import { diff } from '../../wire/seq.ts';
import { oweAck } from '../ack-policy.ts';
import { tuneReceiveBuffer } from '../autotune.ts';
import type { View } from '../receive-buffer.ts';
import { CLOSED, ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2 } from '../state.ts';
import type { Tcb } from '../tcb.ts';
import { windowUpdateDue } from '../window.ts';

/**
 * RFC 9293 §3.10.3, RECEIVE: the next bytes in order, at most `max`, or null where there are none now. Reading may open the window: then the
 * peer is told.
 */
export function receive<T extends Uint8Array>(tcb: Tcb, max: number, now: number, as?: View<T>): T | null {
  const bytes = tcb.receiveBuffer.read(max, as);
  if (bytes !== null) afterReading(tcb, now);
  return bytes;
}

/** RECEIVE of everything there is, chunk by chunk, each for the time of a call. Returns the number of bytes. */
export function consume(tcb: Tcb, take: (bytes: Uint8Array) => void, now: number): number {
  let total = 0;
  try {
    for (let n = tcb.receiveBuffer.consume(take); n > 0; n = tcb.receiveBuffer.consume(take)) total += n;
  } finally {
    afterReading(tcb, now);
  }
  return total;
}

/** RECEIVE into memory of the application's, as far as it has room. Returns the number of bytes. */
export function receiveInto(tcb: Tcb, target: Uint8Array, now: number): number {
  const length = tcb.receiveBuffer.readInto(target);
  if (length > 0) afterReading(tcb, now);
  return length;
}

function afterReading(tcb: Tcb, now: number): void {
  tuneReceiveBuffer(tcb, now);
  const open = tcb.state === ESTABLISHED || tcb.state === FIN_WAIT_1 || tcb.state === FIN_WAIT_2;
  if (open && !tcb.finReceived && windowUpdateDue(tcb)) oweAck(tcb);
}

/** How many of the bytes not read yet, or not even come, are urgent (§3.8.5, MUST-33): up to RCV.UP. */
export function urgentLeft(tcb: Tcb): number {
  return Math.max(0, diff(tcb.rcvUp, tcb.rcvNxt) + tcb.receiveBuffer.readable);
}

/** End of file: the peer's FIN was taken, or the connection is over, and everything before it has been read. */
export function atEnd(tcb: Tcb): boolean {
  return tcb.receiveBuffer.readable === 0 && (tcb.finReceived || tcb.state === CLOSED);
}
