import { add, type Seq } from '../wire/seq.ts';
import type { TcpConfig } from './config.ts';
import { ACC_ECN, type EcnMode } from './ecn-mode.ts';
import type { Environment } from './environment.ts';
import { fitReceiveBuffer, optionLength } from './mss.ts';
import type { SynSide } from './options.ts';
import { SYN_RECEIVED } from './state.ts';
import { Tcb } from './tcb.ts';
import type { FourTuple } from './trace.ts';
import { chooseWindowScale } from './window.ts';

/**
 * All that a connection in SYN-RECEIVED which a peer began needs to go on as RFC 9293 §3.10.7.4 asks: kept small, as anybody can begin
 * very many.
 */
export interface HalfOpenRecord {
  irs: Seq;
  iss: Seq;
  /** The window field of the peer's SYN. */
  sndWnd: number;
  /** The peer's. */
  sndMss: number;
  /** −1 where no scaling was agreed on. */
  sndWindScale: number;
  sackOk: boolean;
  timestamps: boolean;
  tsRecent: number;
  tsOffset: number;
  ecn: EcnMode;
  /** With AccECN: the ECN bits with which the SYN arrived. */
  synEcn: number;
  /** How often the retransmission timer has fired, and whether the SYN,ACK was sent again for whatever reason. */
  retries: number;
  retransmitted: boolean;
  /** The handshake's ACK came, and was left aside until there is text (`tcp_defer_accept`). */
  deferred: boolean;
  /** When the SYN,ACK is sent again, µs. */
  retransmitAt: number;
  lastInvalidAck: number;
}

/** The retransmission time-out of a SYN,ACK that has been sent again `retries` times, µs (RFC 6298 §2.1, §5.5). */
export function synAckTimeout(config: TcpConfig, retries: number): number {
  return Math.min(config.rtoMax, config.rtoInitial * 2 ** retries);
}

/** The window that a SYN,ACK announces: never scaled, with nothing received yet. */
export function synAckWindow(tcb: SynSide): number {
  return Math.min(0xffff, tcb.receiveBuffer.capacity);
}

/** What is to be kept of a request, or of a TCB that is in SYN-RECEIVED. */
export function freezeHalfOpen(
  tcb: SynSide & Pick<Tcb, 'irs' | 'iss' | 'sndWnd' | 'retransmitAt' | 'lastInvalidAck'>,
  deferred: boolean,
): HalfOpenRecord {
  return {
    irs: tcb.irs,
    iss: tcb.iss,
    sndWnd: tcb.sndWnd,
    sndMss: tcb.peerMss,
    sndWindScale: tcb.windowScaling ? tcb.sndWindScale : -1,
    sackOk: tcb.sackOk,
    timestamps: tcb.timestamps,
    tsRecent: tcb.tsRecent,
    tsOffset: tcb.tsOffset,
    ecn: tcb.ecn,
    synEcn: tcb.accEcn?.synEcn ?? 0,
    retries: tcb.retries,
    retransmitted: tcb.synRetransmitted,
    deferred,
    retransmitAt: tcb.retransmitAt,
    lastInvalidAck: tcb.lastInvalidAck,
  };
}

/**
 * A TCB in SYN-RECEIVED made from its record, for one segment or time-out: so it has the same code as every other state. The third
 * segment of the handshake makes it a connection; else its record is brought up to date, and it is forgotten.
 */
export function thawHalfOpen(
  env: Environment,
  tuple: FourTuple,
  record: HalfOpenRecord,
  rcvMss: number,
  pathMss: number,
): Tcb {
  const tcb = new Tcb(env, tuple);
  tcb.state = SYN_RECEIVED;
  tcb.passive = true;
  tcb.pathMss = pathMss;
  tcb.rcvMss = rcvMss;
  tcb.iss = record.iss;
  tcb.sndUna = record.iss;
  tcb.sndNxt = add(record.iss, 1);
  tcb.sndUp = record.iss;
  tcb.sndSml = record.iss;
  tcb.sndWnd = record.sndWnd;
  tcb.maxSndWnd = record.sndWnd;
  tcb.sndWl1 = record.irs;
  tcb.irs = record.irs;
  tcb.rcvNxt = add(record.irs, 1);
  tcb.rcvUp = tcb.rcvNxt;
  tcb.lastAckSent = tcb.rcvNxt;
  tcb.rcvAdv = add(tcb.rcvNxt, synAckWindow(tcb));
  tcb.peerMss = record.sndMss;
  tcb.sndMss = Math.min(record.sndMss, pathMss);
  fitReceiveBuffer(tcb);
  tcb.peerSegment = Math.min(tcb.sndMss, rcvMss) - optionLength(record.timestamps, 0);
  tcb.windowScaling = record.sndWindScale >= 0;
  if (tcb.windowScaling) {
    tcb.sndWindScale = record.sndWindScale;
    tcb.rcvWindScale = chooseWindowScale(tcb);
  }
  tcb.sackOk = record.sackOk;
  tcb.timestamps = record.timestamps;
  tcb.tsOffset = record.tsOffset;
  tcb.tsRecent = record.tsRecent;
  tcb.ecn = record.ecn;
  if (record.ecn === ACC_ECN) tcb.accEcn = env.extensions.accEcn!(record.synEcn);
  tcb.retries = record.retries;
  tcb.rto = synAckTimeout(tcb.config, record.retries);
  const sentAt = record.retransmitAt - tcb.rto;
  tcb.retriesSince = sentAt;
  tcb.lastHeard = sentAt;
  tcb.tsRecentAge = sentAt;
  tcb.scoreboard.push(tcb.iss, tcb.sndNxt, sentAt);
  tcb.synRetransmitted = record.retransmitted;
  if (record.retransmitted) tcb.scoreboard.retransmitted(tcb.scoreboard.first!, sentAt);
  tcb.retransmitAt = record.retransmitAt;
  tcb.lastInvalidAck = record.lastInvalidAck;
  return tcb;
}
