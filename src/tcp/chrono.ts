import { pipe, unsent } from './loss/pipe.ts';
import { effectiveMss } from './mss.ts';
import { sendRoom } from './send-room.ts';
import type { Tcb } from './tcb.ts';

/**
 * What sending waits for, and for how long: Linux's chronographs, which `tcp_info` tells. Where a connection is slow they say whose matter it is: the peer's
 * (its window), ours (the send buffer), else the path's or the application's.
 */
export const IDLE = 0;
/** Something is queued or not acknowledged. */
export const BUSY = 1;
/** … and the peer's window does not let the next segment out. */
export const RWND_LIMITED = 2;
/** … and all of it has been sent, while the application waits for room in the send buffer. */
export const SNDBUF_LIMITED = 3;
export type Limit = typeof IDLE | typeof BUSY | typeof RWND_LIMITED | typeof SNDBUF_LIMITED;

const TIMES = { [BUSY]: 'busyTime', [RWND_LIMITED]: 'rwndLimited', [SNDBUF_LIMITED]: 'sndbufLimited' } as const;

/** After each output pass, and at the end. */
export function noteLimit(tcb: Tcb, now: number): void {
  const limit = limitOf(tcb);
  if (limit === tcb.limit) return;
  if (tcb.limit !== IDLE) tcb[TIMES[tcb.limit]] += now - tcb.limitSince;
  tcb.limit = limit;
  tcb.limitSince = limit === IDLE ? 0 : now;
}

function limitOf(tcb: Tcb): Limit {
  if (tcb.sendBuffer.length === 0) return tcb.finSent && !tcb.finAcked ? BUSY : IDLE;
  const waiting = unsent(tcb);
  const room = tcb.cwnd - pipe(tcb);
  if (waiting === 0) return tcb.wantsWritable && room > 0 && sendRoom(tcb) === 0 ? SNDBUF_LIMITED : BUSY;
  const next = Math.min(waiting, effectiveMss(tcb));
  return tcb.synAcked && room >= next && next > tcb.sndWnd - (tcb.sendBuffer.length - waiting) ? RWND_LIMITED : BUSY;
}

/** µs so far with this limit. */
export function limitTime(tcb: Tcb, limit: Exclude<Limit, typeof IDLE>, now: number): number {
  return tcb[TIMES[limit]] + (tcb.limit === limit ? now - tcb.limitSince : 0);
}
