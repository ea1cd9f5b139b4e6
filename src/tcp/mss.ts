import type { SynSide } from './options.ts';
import type { Tcb } from './tcb.ts';

/** Segment sizes: RFC 9293 §3.7.1 and RFC 6691. */

/** What a peer takes that announces nothing (MUST-15). */
export const DEFAULT_MSS_V4 = 536;
export const DEFAULT_MSS_V6 = 1220;
/** The smallest announced MSS that is honoured: less would let a peer make us send headers only (CVE-2019-11479). */
export const LEAST_MSS = 48;

/** Bytes of the IP and TCP headers, without options. */
export function fixedHeaders(family: 4 | 6): number {
  return family === 4 ? 40 : 60;
}

/** Bytes of the timestamps option with its padding (RFC 7323 appendix A). */
export const TIMESTAMPS_LENGTH = 12;

/** Length of the options of a non-SYN segment: a multiple of 4. */
export function optionLength(timestamps: boolean, sackBlocks: number): number {
  return (timestamps ? TIMESTAMPS_LENGTH : 0) + (sackBlocks > 0 ? 4 + 8 * sackBlocks : 0);
}

/** Eff.snd.MSS (MUST-16) for a segment without SACK blocks: the peer's MSS, or what our interface carries (RFC 1122 §3.3.3), less our options. */
export function effectiveMss(tcb: Tcb): number {
  return tcb.sndMss - (tcb.timestamps ? TIMESTAMPS_LENGTH : 0);
}

export function defaultMss(tcb: SynSide): number {
  return tcb.localAddress.family === 4 ? DEFAULT_MSS_V4 : DEFAULT_MSS_V6;
}

/** Takes the peer's MSS option, −1 for none, bounded by what our own path carries (MUST-16). */
export function agreeMss(tcb: SynSide, announced: number): void {
  const peer = announced < 0 ? defaultMss(tcb) : Math.max(announced, LEAST_MSS);
  tcb.peerMss = peer;
  tcb.sndMss = Math.min(peer, tcb.pathMss);
}

/** With `receiveBufferInSegments`: the receive buffer rounded up to whole segments, as FreeBSD has it. */
export function fitReceiveBuffer(tcb: SynSide): void {
  if (!tcb.config.receiveBufferInSegments) return;
  const { receiveBuffer } = tcb;
  receiveBuffer.capacity = Math.ceil(receiveBuffer.capacity / tcb.sndMss) * tcb.sndMss;
}
