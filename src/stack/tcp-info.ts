import { BUSY, limitTime, RWND_LIMITED, SNDBUF_LIMITED } from '../tcp/chrono.ts';
import { ACC_ECN, NO_ECN } from '../tcp/ecn-mode.ts';
import { effectiveMss } from '../tcp/mss.ts';
import { unsent } from '../tcp/output.ts';
import type { StateName } from '../tcp/state.ts';
import { NEVER, type Tcb } from '../tcp/tcb.ts';
import { rcvWnd } from '../tcp/window.ts';
import { diff } from '../wire/seq.ts';

/** `tcpi_ca_state`: how the sender takes what it hears about losses. */
export type CaState = 'Open' | 'Disorder' | 'CWR' | 'Recovery' | 'Loss';

/**
 * What Linux tells of a connection by getsockopt(TCP_INFO), with its names and its units: times in µs where Linux has µs or ms, sizes in
 * bytes, cwnd, ssthresh and counts in segments of `tcpi_snd_mss`.
 */
export interface TcpInfo {
  readonly tcpi_state: StateName;
  readonly tcpi_ca_state: CaState;
  /** Retransmissions of the earliest text, in a row; zero-window probes and keep-alives not answered; back-offs of the time-out. */
  readonly tcpi_retransmits: number;
  readonly tcpi_probes: number;
  readonly tcpi_backoff: number;
  /** What the SYNs agreed on: of `timestamps`, `sack`, `wscale`, `ecn`, `accecn`; and `syn_data`: a SYN's text was taken (Fast Open). */
  readonly tcpi_options: readonly string[];
  readonly tcpi_snd_wscale: number;
  readonly tcpi_rcv_wscale: number;
  /** The retransmission time-out, and the most that an ACK is put off, µs. */
  readonly tcpi_rto: number;
  readonly tcpi_ato: number;
  readonly tcpi_snd_mss: number;
  readonly tcpi_rcv_mss: number;
  /** Segments sent and not acknowledged; of them by SACK, taken for lost, sent again. */
  readonly tcpi_unacked: number;
  readonly tcpi_sacked: number;
  readonly tcpi_lost: number;
  readonly tcpi_retrans: number;
  /** How long ago, µs. */
  readonly tcpi_last_data_sent: number;
  readonly tcpi_last_data_recv: number;
  readonly tcpi_last_ack_recv: number;
  readonly tcpi_pmtu: number;
  readonly tcpi_advmss: number;
  readonly tcpi_rtt: number;
  readonly tcpi_rttvar: number;
  /** 0 until it was measured. */
  readonly tcpi_min_rtt: number;
  /** Infinity until there was a loss. */
  readonly tcpi_snd_ssthresh: number;
  readonly tcpi_snd_cwnd: number;
  readonly tcpi_reordering: number;
  /** How often reordering was seen. */
  readonly tcpi_reord_seen: number;
  /** Room for text that we announce, and that the peer does. */
  readonly tcpi_rcv_space: number;
  readonly tcpi_snd_wnd: number;
  /** Retransmissions in the whole life. */
  readonly tcpi_total_retrans: number;
  /** Bytes a second; Infinity where the algorithm does not pace. */
  readonly tcpi_pacing_rate: number;
  readonly tcpi_bytes_sent: number;
  readonly tcpi_bytes_acked: number;
  readonly tcpi_bytes_received: number;
  /** Segments that the peer has, our SYN among them. */
  readonly tcpi_delivered: number;
  /**
   * µs in which something was queued or not acknowledged; and of them: the peer's window was in the way; all had been sent, and the application waited for
   * room in the send buffer.
   */
  readonly tcpi_busy_time: number;
  readonly tcpi_rwnd_limited: number;
  readonly tcpi_sndbuf_limited: number;
  /** Bytes queued that were never sent. */
  readonly tcpi_notsent_bytes: number;
  readonly tcpi_segs_out: number;
  readonly tcpi_segs_in: number;
  /** Of the algorithm: TCP_CONGESTION. */
  readonly tcpi_congestion: string;
}

const INFINITE_SSTHRESH = 0x7fffffff;

/** `now`: µs. */
export function tcpInfo(tcb: Tcb, state: StateName, now: number): TcpInfo {
  const { scoreboard, rack, config } = tcb;
  const mss = Math.max(1, effectiveMss(tcb));
  const rwnd = limitTime(tcb, RWND_LIMITED, now);
  const sndbuf = limitTime(tcb, SNDBUF_LIMITED, now);
  const segments = (bytes: number): number => Math.ceil(bytes / mss);
  return {
    tcpi_state: state,
    tcpi_ca_state: caState(tcb),
    tcpi_retransmits: tcb.retries,
    tcpi_probes: Math.max(tcb.persistBackoff, tcb.keepAliveSent),
    // While it is our own device that refuses, nothing backs off.
    tcpi_backoff: Math.max(tcb.retries, tcb.refusedSince === NEVER ? tcb.persistBackoff : 0),
    tcpi_options: options(tcb),
    tcpi_snd_wscale: tcb.sndWindScale,
    tcpi_rcv_wscale: tcb.rcvWindScale,
    tcpi_rto: tcb.rto,
    tcpi_ato: config.delayedAck,
    tcpi_snd_mss: mss,
    tcpi_rcv_mss: tcb.peerSegment,
    tcpi_unacked: segments(Math.max(0, diff(tcb.sndNxt, tcb.sndUna))),
    tcpi_sacked: segments(scoreboard.sackedBytes),
    tcpi_lost: segments(scoreboard.lostBytes),
    tcpi_retrans: segments(scoreboard.retransmittedBytes),
    tcpi_last_data_sent: Math.max(0, now - tcb.lastSendTime),
    tcpi_last_data_recv: Math.max(0, now - tcb.lastTextReceived),
    tcpi_last_ack_recv: Math.max(0, now - tcb.lastHeard),
    tcpi_pmtu: tcb.pathMss + (tcb.localAddress.family === 4 ? 40 : 60),
    tcpi_advmss: tcb.rcvMss,
    tcpi_rtt: tcb.srtt,
    tcpi_rttvar: tcb.rttvar,
    tcpi_min_rtt: Number.isFinite(rack.minRtt) ? rack.minRtt : 0,
    tcpi_snd_ssthresh: tcb.ssthresh >= INFINITE_SSTHRESH ? Number.POSITIVE_INFINITY : Math.floor(tcb.ssthresh / mss),
    tcpi_snd_cwnd: Math.floor(tcb.cwnd / mss),
    tcpi_reordering: rack.reordering,
    tcpi_reord_seen: rack.reorderings,
    tcpi_rcv_space: rcvWnd(tcb),
    tcpi_snd_wnd: tcb.sndWnd,
    tcpi_total_retrans: tcb.totalRetrans,
    tcpi_pacing_rate: tcb.paced ? tcb.pacingRate : Number.POSITIVE_INFINITY,
    tcpi_bytes_sent: tcb.bytesSent,
    tcpi_bytes_acked: tcb.bytesAckedTotal,
    tcpi_bytes_received: tcb.bytesReceived,
    // Our SYN, or what of text came with it, counts for one.
    tcpi_delivered:
      (tcb.synAcked ? 1 : 0) +
      segments(tcb.bytesAckedTotal - (tcb.fastOpen?.taken ? tcb.fastOpen.synText : 0)) +
      segments(scoreboard.sackedBytes),
    tcpi_busy_time: rwnd + sndbuf + limitTime(tcb, BUSY, now),
    tcpi_rwnd_limited: rwnd,
    tcpi_sndbuf_limited: sndbuf,
    tcpi_notsent_bytes: Math.max(0, unsent(tcb)),
    tcpi_segs_out: tcb.segsOut,
    tcpi_segs_in: tcb.segsIn,
    tcpi_congestion: tcb.congestionName,
  };
}

function caState(tcb: Tcb): CaState {
  if (tcb.recovery === 'fast') return 'Recovery';
  if (tcb.recovery === 'timeout') return 'Loss';
  if (tcb.inCwr) return 'CWR';
  return tcb.dupAcks > 0 || tcb.scoreboard.sackedBytes > 0 ? 'Disorder' : 'Open';
}

function options(tcb: Tcb): string[] {
  const agreed: string[] = [];
  if (tcb.timestamps) agreed.push('timestamps');
  if (tcb.sackOk) agreed.push('sack');
  if (tcb.windowScaling) agreed.push('wscale');
  if (tcb.ecn !== NO_ECN) agreed.push(tcb.ecn === ACC_ECN ? 'accecn' : 'ecn');
  if (tcb.fastOpen?.taken || tcb.fastOpen?.accepted) agreed.push('syn_data');
  return agreed;
}
