import type { TcpInfo } from '../stack/tcp-info.ts';
import * as states from '../tcp/state.ts';
import type { Names } from './code.ts';

/** Linux's word for none. */
const INFINITE = 0x7fffffff;

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
  TCP_INFINITE_SSTHRESH: INFINITE,
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

/** Bits of `tcpi_options`. */
const OPTIONS: Readonly<Record<string, number>> = {
  timestamps: 1,
  sack: 2,
  wscale: 4,
  ecn: 8,
  accecn: 8,
  syn_data: 32,
};
const CA_STATES = ['Open', 'Disorder', 'CWR', 'Recovery', 'Loss'];
/** Linux tells these in milliseconds. */
const IN_MS = new Set(['tcpi_last_data_sent', 'tcpi_last_data_recv', 'tcpi_last_ack_recv']);

/** Puts what TCP_INFO tells of a connection into a script's names, in Linux's units: segments, µs, and ms for how long ago something was. */
export function tellTcpInfo(info: TcpInfo, state: number, names: Names): void {
  for (const [name, value] of Object.entries(info)) {
    if (typeof value !== 'number') continue;
    names.set(name, IN_MS.has(name) ? Math.floor(value / 1000) : Math.min(value, INFINITE));
  }
  names.set('tcpi_ca_state', CA_STATES.indexOf(info.tcpi_ca_state));
  names.set(
    'tcpi_options',
    info.tcpi_options.reduce((bits, option) => bits | OPTIONS[option]!, 0),
  );
  tellState(state, names);
}
