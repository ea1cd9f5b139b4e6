import { flightSize } from '../tcp/output.ts';
import * as states from '../tcp/state.ts';
import type { Tcb } from '../tcp/tcb.ts';
import type { Names } from './code.ts';

const CONSTANTS: Readonly<Record<string, number>> = {
  TCP_CA_Open: 0,
  TCP_CA_Disorder: 1,
  TCP_CA_CWR: 2,
  TCP_CA_Recovery: 3,
  TCP_CA_Loss: 4,
  TCPI_OPT_TIMESTAMPS: 1,
  TCPI_OPT_SACK: 2,
  TCPI_OPT_WSCALE: 4,
  TCPI_OPT_ECN: 8,
  TCPI_OPT_ECN_SEEN: 16,
  TCPI_OPT_SYN_DATA: 32,
  TCP_INFINITE_SSTHRESH: 0x7fffffff,
};

/** Linux's and FreeBSD's names for states; the values are ours, which is all that a script can compare. */
const STATES: Readonly<Record<string, number>> = {
  CLOSED: states.CLOSED,
  CLOSE: states.CLOSED,
  LISTEN: states.LISTEN,
  SYN_SENT: states.SYN_SENT,
  SYN_RECEIVED: states.SYN_RECEIVED,
  SYN_RECV: states.SYN_RECEIVED,
  ESTABLISHED: states.ESTABLISHED,
  FIN_WAIT_1: states.FIN_WAIT_1,
  FIN_WAIT1: states.FIN_WAIT_1,
  FIN_WAIT_2: states.FIN_WAIT_2,
  FIN_WAIT2: states.FIN_WAIT_2,
  CLOSE_WAIT: states.CLOSE_WAIT,
  CLOSING: states.CLOSING,
  LAST_ACK: states.LAST_ACK,
  TIME_WAIT: states.TIME_WAIT,
};

/** The state alone, of a socket that has no connection. */
export function tellState(state: number, names: Names): void {
  for (const [name, value] of Object.entries(CONSTANTS)) if (!names.has(name)) names.set(name, value);
  for (const [name, value] of Object.entries(STATES)) {
    names.set(`TCP_${name}`, value);
    names.set(`TCPI_${name}`, value);
  }
  names.set('tcpi_state', state);
}

/** Puts what TCP_INFO tells of a connection into a script's names, in Linux's units: segments and µs. */
export function tellTcpInfo(tcb: Tcb, state: number, names: Names): void {
  tellState(state, names);
  const { scoreboard } = tcb;
  const mss = Math.max(1, tcb.sndMss - (tcb.timestamps ? 12 : 0));
  const segments = (bytes: number): number => Math.ceil(bytes / mss);
  const ca =
    tcb.recovery === 'fast'
      ? 3
      : tcb.recovery === 'timeout'
        ? 4
        : tcb.dupAcks > 0 || scoreboard.sackedBytes > 0
          ? 1
          : 0;
  const info: Record<string, number> = {
    ca_state: ca,
    options:
      (tcb.timestamps ? 1 : 0) | (tcb.sackOk ? 2 : 0) | (tcb.windowScaling ? 4 : 0) | (synTextTaken(tcb) ? 32 : 0),
    snd_wscale: tcb.sndWindScale,
    rcv_wscale: tcb.rcvWindScale,
    rto: tcb.rto,
    snd_mss: mss,
    rcv_mss: tcb.peerSegment,
    unacked: segments(flightSize(tcb)),
    sacked: segments(scoreboard.sackedBytes),
    lost: segments(scoreboard.lostBytes),
    retrans: segments(scoreboard.retransmittedBytes),
    retransmits: tcb.retries,
    probes: tcb.persistBackoff,
    backoff: tcb.retries,
    snd_cwnd: Math.floor(tcb.cwnd / mss),
    snd_ssthresh: tcb.ssthresh >= 0x7fffffff ? 0x7fffffff : Math.floor(tcb.ssthresh / mss),
    rtt: tcb.srtt,
    rttvar: tcb.rttvar,
    // Our SYN, or what of text came with it, counts for one.
    delivered:
      (tcb.synAcked ? 1 : 0) +
      segments(tcb.bytesAckedTotal - (tcb.fastOpen?.taken ? tcb.fastOpen.synText : 0)) +
      segments(scoreboard.sackedBytes),
    total_retrans: tcb.totalRetrans,
    bytes_acked: tcb.bytesAckedTotal,
    bytes_received: tcb.bytesReceived,
    segs_out: tcb.segsOut,
    segs_in: tcb.segsIn,
    reordering: tcb.rack.reordering,
    reord_seen: tcb.rack.reorderings,
    min_rtt: tcb.rack.minRtt,
    pmtu: tcb.pathMss + 40,
    advmss: tcb.rcvMss,
  };
  for (const [name, value] of Object.entries(info)) names.set(`tcpi_${name}`, value);
}

/** Text came on the SYN, and was taken. */
function synTextTaken({ fastOpen }: Tcb): boolean {
  return fastOpen !== null && (fastOpen.taken || fastOpen.accepted);
}
