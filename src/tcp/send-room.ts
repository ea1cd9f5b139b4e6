import { unsent } from './loss/pipe.ts';
import { effectiveMss } from './mss.ts';
import type { Tcb } from './tcb.ts';

/** How much the application may queue: by the size of the send buffer, and by how much of it has not been sent (`TCP_NOTSENT_LOWAT`). */

/** Headers of a frame that stands for several segments, at most: IPv6 and TCP with all its options. */
export const FRAME_HEADERS = 100;

/**
 * Bytes that the send buffer may hold. With the stack's memory used up no more than each connection is promised; where it gets short, what keeps two
 * windows going, so that those who came first leave some to the others (Linux's `sk_stream_moderate_sndbuf`).
 */
function bufferSize({ env, config, sendBufferSize, cwnd }: Tcb): number {
  if (env.memoryPressure === 2) return Math.min(config.tcp_wmem[0], sendBufferSize);
  if (env.memoryPressure === 1 && config.sendBuffer === 0) {
    return Math.min(sendBufferSize, Math.max(config.tcp_wmem[0], 2 * cwnd));
  }
  return sendBufferSize;
}

/** Bytes that SEND takes now, in one piece. What leaves then may make room for more. */
export function sendRoom(tcb: Tcb): number {
  const room = Math.max(0, bufferSize(tcb) - tcb.sendBuffer.length);
  const below = Math.max(tcb.notsentLowat, effectiveMss(tcb)) - unsent(tcb);
  if (!tcb.config.sendWholeBursts || !tcb.synAcked) return Math.min(room, Math.max(0, below));
  const burst = largestBurst(tcb);
  const begun = unsent(tcb) % burst;
  if (begun > 0) return burst - begun;
  return room > 0 && below > 0 ? burst : 0;
}

/** Whether the application is to be told that it may send again: a third of the buffer is free, and less than half of the low-water mark unsent, as with Linux. */
export function isWritable(tcb: Tcb): boolean {
  const queued = tcb.sendBuffer.length;
  return bufferSize(tcb) - queued >= Math.max(1, queued >>> 1) && 2 * unsent(tcb) < tcb.notsentLowat;
}

/** What one buffer of Linux's may hold (`tcp_xmit_size_goal`): what a device takes at once, at most half the peer's largest window. */
function largestBurst(tcb: Tcb): number {
  const mss = effectiveMss(tcb);
  const most = Math.min(tcb.gsoMax - FRAME_HEADERS, tcb.maxSndWnd >>> 1);
  return Math.max(1, Math.floor(most / mss)) * mss;
}
