/**
 * The event interface of a connection: RFC 9293 §3.10's user calls, arriving segments and time-outs. Each call changes the TCB, then
 * makes one output pass, and leaves what the application must hear in `tcb.notices` and the next deadline in `nextDeadline(tcb)`.
 *
 * The contract, whoever drives it (a stack, the simulator, a test):
 * - `now` is the time of the event in µs, for a segment the time it arrived; it never runs backwards for a connection;
 * - after each call, wake `timeout` at `nextDeadline(tcb)`, and deliver and clear `tcb.notices`;
 * - nothing here throws on anything a peer does. A call that the state does not allow says so in what it returns.
 */
import { ACK_SOON, oweAck } from './ack-policy.ts';
import * as closing from './events/close.ts';
import { atEnd, receiveInto as fill, consume as show, receive as take, urgentLeft } from './events/receive.ts';
import { markUrgent, send as queue } from './events/send.ts';
import { output } from './output.ts';
import type { View } from './receive-buffer.ts';
import { isSynchronized, TIME_WAIT } from './state.ts';
import { NEVER, type Tcb } from './tcb.ts';
import { restartKeepAlive } from './timers.ts';

export { setCongestion } from './congestion/window.ts';
export { icmpError } from './events/icmp.ts';
export { openActive, openPassive } from './events/open.ts';
export { segmentArrives } from './events/segment-arrives.ts';
export { timeout } from './events/timeouts.ts';
export { output } from './output.ts';
export { nextDeadline } from './timers.ts';
export { atEnd, urgentLeft };

/** SEND, §3.10.2: see `events/send.ts`. With `copy` false, `bytes` must not change until acknowledged. */
export function send(tcb: Tcb, bytes: Uint8Array, copy: boolean, now: number): number {
  const { notsentLowat, config, cork } = tcb;
  let taken = queue(tcb, bytes, copy);
  if (taken > 0 && taken < bytes.length && (notsentLowat < NEVER || config.sendWholeBursts)) {
    // What leaves makes room for more, in full segments while there is more.
    tcb.cork = true;
    for (let more = taken; more > 0; taken += more) {
      output(tcb, now);
      more = queue(tcb, bytes.subarray(taken), copy);
    }
    tcb.cork = cork;
  }
  if (taken > 0) output(tcb, now);
  return taken;
}

/** SEND with the URGENT flag. */
export function sendUrgent(tcb: Tcb, bytes: Uint8Array, copy: boolean, now: number): number {
  const taken = queue(tcb, bytes, copy);
  if (taken > 0) {
    markUrgent(tcb);
    output(tcb, now);
  }
  return taken;
}

/** RECEIVE, §3.10.3: see `events/receive.ts`. Nothing can leave by it but the news of a window that it opened: an ACK that waits for the answer waits on. */
export function receive<T extends Uint8Array>(tcb: Tcb, max: number, now: number, as?: View<T>): T | null {
  const bytes = take(tcb, max, now, as);
  if (bytes !== null && tcb.ackOwed === ACK_SOON) output(tcb, now);
  return bytes;
}

/** RECEIVE of everything there is: see `events/receive.ts`. `take` may make any call on the connection. */
export function consume(tcb: Tcb, take: (bytes: Uint8Array) => void, now: number): number {
  try {
    return show(tcb, take, now);
  } finally {
    output(tcb, now);
  }
}

/** RECEIVE into `target`: see `events/receive.ts`. */
export function receiveInto(tcb: Tcb, target: Uint8Array, now: number): number {
  const length = fill(tcb, target, now);
  if (length > 0 && tcb.ackOwed === ACK_SOON) output(tcb, now);
  return length;
}

/** CLOSE, §3.10.4: half-close. */
export function close(tcb: Tcb, now: number): void {
  closing.close(tcb, now);
  output(tcb, now);
}

/** The application lets go: CLOSE, and no reading. */
export function release(tcb: Tcb, now: number): void {
  closing.release(tcb, now);
  output(tcb, now);
}

/** ABORT, §3.10.5. */
export function abort(tcb: Tcb, now: number): void {
  closing.abort(tcb, now);
}

/**
 * Sets how long text may stay unacknowledged, µs (§3.8.3, MUST-21); 0: as `tcp_retries2` says. The peer is told where the option is in use.
 */
export function setUserTimeout(tcb: Tcb, time: number, now: number): void {
  tcb.userTimeout = time;
  tcb.userTimeoutSet = time > 0;
  tcb.userTimeoutDue = tcb.config.userTimeoutOption && time > 0;
  if (!tcb.userTimeoutDue || !isSynchronized(tcb.state) || tcb.state === TIME_WAIT) return;
  oweAck(tcb);
  output(tcb, now);
}

/** Turns keep-alive on or off, or changes its times, µs (RFC 9293 §3.8.4: MAY-5, MUST-24, MUST-27). */
export function setKeepAlive(tcb: Tcb, on: boolean, now: number): void {
  tcb.keepAlive = on;
  tcb.keepAliveAt = NEVER;
  if (isSynchronized(tcb.state) && tcb.state !== TIME_WAIT) restartKeepAlive(tcb, now);
}
