import { add } from '../../wire/seq.ts';
import { sendRoom } from '../send-room.ts';
import { CLOSE_WAIT, ESTABLISHED, SYN_RECEIVED, SYN_SENT } from '../state.ts';
import type { Tcb } from '../tcb.ts';

/**
 * RFC 9293 §3.10.2, SEND: queues what the send buffer has room for and returns how much that is. Before ESTABLISHED the text waits for it. −1
 * where the connection takes no more: CLOSE was called, or there is none ("error: connection closing", "connection does not exist").
 */
export function send(tcb: Tcb, bytes: Uint8Array, copy: boolean): number {
  const open =
    tcb.state === ESTABLISHED || tcb.state === CLOSE_WAIT || tcb.state === SYN_SENT || tcb.state === SYN_RECEIVED;
  if (!open || tcb.finQueued) return -1;
  const taken = Math.min(sendRoom(tcb), bytes.length);
  tcb.sendBuffer.append(taken === bytes.length ? bytes : bytes.subarray(0, taken), copy);
  tcb.wantsWritable = taken < bytes.length;
  return taken;
}

/** The URGENT flag of SEND (§3.10.2, MUST-30): what is queued so far is urgent. SND.UP names the octet after it (MUST-62). */
export function markUrgent(tcb: Tcb): void {
  tcb.sndUp = add(tcb.sndUna, tcb.sendBuffer.length + (tcb.synAcked ? 0 : 1));
  tcb.urgentPending = true;
}
