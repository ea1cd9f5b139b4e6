import { add, diff, lt, type Seq } from '../wire/seq.ts';
import { ENDED, READABLE } from './notices.ts';
import type { Tcb } from './tcb.ts';

/** The receive sequence space: the only place that moves RCV.NXT. */

/** The peer's SYN: IRS and RCV.NXT (RFC 9293 §3.10.7.2, §3.10.7.3). */
export function startReceiving(tcb: Tcb, irs: Seq): void {
  // What our own SYN announced, if we sent one, counts from here.
  const announced = diff(tcb.rcvAdv, tcb.rcvNxt);
  tcb.irs = irs;
  tcb.rcvNxt = add(irs, 1);
  tcb.rcvAdv = add(tcb.rcvNxt, announced);
  tcb.rcvUp = tcb.rcvNxt;
  tcb.lastAckSent = tcb.rcvNxt;
}

/** Text at `at` bytes after RCV.NXT. Returns by how much RCV.NXT moved (0: out of order), or −1 where it could not be kept. */
export function takeText(tcb: Tcb, at: number, bytes: Uint8Array, offset: number, length: number): number {
  const moved = tcb.receiveBuffer.write(at, bytes, offset, length);
  if (moved > 0) {
    tcb.rcvNxt = add(tcb.rcvNxt, moved);
    tcb.bytesReceived += moved;
    tcb.lastTextReceived = tcb.lastHeard;
    tcb.notices |= READABLE;
    followEdge(tcb);
    // RCV.UP stays no further behind than the reader: 2^31 later it would look as if it were ahead.
    const read = add(tcb.rcvNxt, -tcb.receiveBuffer.readable);
    if (lt(tcb.rcvUp, read)) tcb.rcvUp = read;
  }
  return moved;
}

/** The peer's FIN, in order: it takes one number (§3.10.7.4, eighth). */
export function takeFin(tcb: Tcb): void {
  tcb.rcvNxt = add(tcb.rcvNxt, 1);
  tcb.finReceived = true;
  tcb.receiveBuffer.dropRuns();
  tcb.notices |= ENDED;
  followEdge(tcb);
}

/** RCV.NXT never passes the announced edge, but for a FIN behind a closed window: the edge goes along. */
function followEdge(tcb: Tcb): void {
  if (diff(tcb.rcvAdv, tcb.rcvNxt) < 0) tcb.rcvAdv = tcb.rcvNxt;
}
