import { effectiveMss } from './mss.ts';
import type { SynSide } from './options.ts';
import type { Tcb } from './tcb.ts';

/**
 * Buffers as large as a connection can use: the receive buffer by dynamic right-sizing (Fisk and Feng, 2001; Linux's `tcp_moderate_rcvbuf`), the send
 * buffer by cwnd. Only where the configuration leaves their sizes open, and while the stack's memory allows (`tcp_mem`).
 */

/** Connections that receive less than this need no tuning, and keep no record of it. */
const WORTH_TUNING = 16 * 1024;

/** How much the application reads in a round trip. */
export class ReceiveSpace {
  /** Bytes read in the last round trip, the most so far. */
  most: number;
  /** The round trip that is being measured: when it began, µs, and how much had been read then. */
  since: number;
  read: number;

  constructor(most: number, since: number, read: number) {
    this.most = most;
    this.since = since;
    this.read = read;
  }
}

/** Whether the receive buffer's size is ours to choose. */
export function tunesReceiveBuffer(tcb: SynSide): boolean {
  return tcb.config.tcp_moderate_rcvbuf && tcb.config.receiveBuffer === 0;
}

/** The largest that the receive buffer may become: the window scale has to do for it. */
export function largestReceiveBuffer(tcb: SynSide): number {
  const { capacity } = tcb.receiveBuffer;
  return tunesReceiveBuffer(tcb) ? Math.max(capacity, tcb.config.tcp_rmem[2]) : capacity;
}

/**
 * The application has read. Once in a round trip: where it read more than ever before, the sender may be held back by our window, so that the
 * buffer becomes twice what was read, and more where it grows fast (a sender in slow start doubles in the next round trip again).
 */
export function tuneReceiveBuffer(tcb: Tcb, now: number): void {
  const { receiveBuffer, config } = tcb;
  const read = tcb.bytesReceived - receiveBuffer.readable;
  if (read < WORTH_TUNING || receiveBuffer.capacity >= config.tcp_rmem[2]) return;
  const space = tcb.receiveSpace;
  if (space === null) {
    if (tunesReceiveBuffer(tcb)) tcb.receiveSpace = new ReceiveSpace(config.initialWindow * tcb.rcvMss, now, read);
    return;
  }
  // Without a round trip of our own: a window's worth of text takes one at least.
  const passed = tcb.srtt > 0 ? now - space.since >= tcb.srtt : read - space.read >= receiveBuffer.capacity >>> 1;
  if (!passed) return;
  const copied = read - space.read;
  if (copied > space.most) {
    const window = 2 * copied + 16 * tcb.rcvMss;
    const size = window + (2 * window * (copied - space.most)) / space.most;
    space.most = copied;
    if (size > receiveBuffer.capacity && (tcb.env.memoryPressure ?? 0) === 0) {
      receiveBuffer.capacity = Math.min(config.tcp_rmem[2], Math.floor(size));
    }
  }
  space.read = read;
  space.since = now;
}

/** The application has more to send than the buffer holds, and ACKs come: room for two windows, or three (Linux's `tcp_sndbuf_expand`). */
export function tuneSendBuffer(tcb: Tcb): void {
  const { config } = tcb;
  if (config.sendBuffer !== 0 || (tcb.env.memoryPressure ?? 0) > 0) return;
  const windows = tcb.congestion.bufferedWindows ?? 2;
  const wanted = windows * Math.max(tcb.cwnd, config.initialWindow * effectiveMss(tcb));
  if (wanted > tcb.sendBufferSize) tcb.sendBufferSize = Math.min(config.tcp_wmem[2], wanted);
}

/** Whether text that arrives can be kept: with the stack's memory used up only what is in order, and as much of it as each connection is promised. */
export function hasMemoryFor(tcb: Tcb, at: number): boolean {
  if (tcb.env.memoryPressure !== 2) return true;
  return at === 0 && tcb.receiveBuffer.readable < tcb.config.tcp_rmem[0];
}
