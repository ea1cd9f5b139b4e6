import { emitReset } from '../emit.ts';
import { fail, finish } from '../ending.ts';
import {
  CLOSE_WAIT,
  CLOSED,
  ESTABLISHED,
  FIN_WAIT_1,
  FIN_WAIT_2,
  LAST_ACK,
  LISTEN,
  SYN_RECEIVED,
  SYN_SENT,
  setState,
  TIME_WAIT,
} from '../state.ts';
import { NEVER, type Tcb } from '../tcb.ts';

/**
 * RFC 9293 §3.10.4, CLOSE: FIN after what is queued; receiving goes on. The state changes now, not when the FIN can leave, which may be behind a
 * closed window. A second CLOSE changes nothing ("connection closing").
 */
export function close(tcb: Tcb, now: number): void {
  switch (tcb.state) {
    case LISTEN:
    case SYN_SENT:
      finish(tcb, 'CLOSE', now);
      return;
    case SYN_RECEIVED:
      tcb.finQueued = true;
      // With text to send the FIN waits for ESTABLISHED (`queued for processing after entering ESTABLISHED state`).
      if (tcb.sendBuffer.length === 0) setState(tcb, FIN_WAIT_1, 'CLOSE', now);
      return;
    case ESTABLISHED:
      tcb.finQueued = true;
      setState(tcb, FIN_WAIT_1, 'CLOSE', now);
      return;
    case CLOSE_WAIT:
      tcb.finQueued = true;
      setState(tcb, LAST_ACK, 'CLOSE', now);
      return;
  }
}

/**
 * The application lets go of the connection: CLOSE, and nobody reads any more (§3.6.1, MAY-1). Text that was received and not read means that the peer's text was
 * lost to the application: it is told by a RST (§3.6.1, SHLD-3).
 */
export function release(tcb: Tcb, now: number): void {
  tcb.orphan = true;
  if (tcb.receiveBuffer.readable > 0 && tcb.state >= SYN_RECEIVED && tcb.state !== TIME_WAIT) {
    tcb.env.counters.TCPAbortOnClose++;
    abort(tcb, now);
    return;
  }
  close(tcb, now);
  if (tcb.state === FIN_WAIT_2 && tcb.closeAt === NEVER) tcb.closeAt = now + tcb.config.tcp_fin_timeout;
}

/** RFC 9293 §3.10.5, ABORT: queues flushed, and a RST in every state in which the peer knows of us. */
export function abort(tcb: Tcb, now: number): void {
  if (tcb.state === CLOSED) return;
  const known =
    tcb.state === SYN_RECEIVED ||
    tcb.state === ESTABLISHED ||
    tcb.state === FIN_WAIT_1 ||
    tcb.state === FIN_WAIT_2 ||
    tcb.state === CLOSE_WAIT;
  if (known) emitReset(tcb, now);
  fail(tcb, 'aborted', 'ABORT', now);
}
