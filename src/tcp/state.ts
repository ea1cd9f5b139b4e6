import type { Tcb } from './tcb.ts';

/** The eleven states of RFC 9293 §3.3.2. CLOSED is 0: a new TCB is in it. */
export const CLOSED = 0;
export const LISTEN = 1;
export const SYN_SENT = 2;
export const SYN_RECEIVED = 3;
export const ESTABLISHED = 4;
export const FIN_WAIT_1 = 5;
export const FIN_WAIT_2 = 6;
export const CLOSE_WAIT = 7;
export const CLOSING = 8;
export const LAST_ACK = 9;
export const TIME_WAIT = 10;
export type State = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10;

/** The RFC's spelling, by state. */
export const STATE_NAMES = [
  'CLOSED',
  'LISTEN',
  'SYN-SENT',
  'SYN-RECEIVED',
  'ESTABLISHED',
  'FIN-WAIT-1',
  'FIN-WAIT-2',
  'CLOSE-WAIT',
  'CLOSING',
  'LAST-ACK',
  'TIME-WAIT',
] as const;
export type StateName = (typeof STATE_NAMES)[number];

/** What can make a connection change state, as the arrows of RFC 9293 figure 5 are labelled. */
export type Cause =
  | 'passive OPEN'
  | 'active OPEN'
  | 'SEND'
  | 'CLOSE'
  | 'ABORT'
  | 'rcv SYN'
  | 'rcv SYN cookie'
  | 'rcv SYN,ACK'
  | 'rcv ACK of SYN'
  | 'rcv FIN'
  | 'rcv ACK of FIN'
  | 'rcv FIN,ACK of FIN'
  | 'rcv RST'
  | 'rcv SYN in window'
  | 'ICMP error'
  | 'timeout';

export interface Transition {
  readonly from: State;
  readonly to: State;
  readonly causes: readonly Cause[];
}

/**
 * Every legal transition: RFC 9293 §3.3.2 figure 5, plus the edges that the text of §3.10 has and the figure leaves out (its notes
 * 1 to 3: resets, aborts, and the time-outs). Tests, drawings and documents read this table; `setState` enforces it.
 */
export const TRANSITIONS: readonly Transition[] = [
  { from: CLOSED, to: LISTEN, causes: ['passive OPEN'] },
  { from: CLOSED, to: SYN_SENT, causes: ['active OPEN'] },
  { from: LISTEN, to: SYN_RECEIVED, causes: ['rcv SYN', 'rcv SYN cookie'] },
  { from: LISTEN, to: SYN_SENT, causes: ['SEND', 'active OPEN'] },
  { from: LISTEN, to: CLOSED, causes: ['CLOSE', 'ABORT'] },
  { from: SYN_SENT, to: SYN_RECEIVED, causes: ['rcv SYN'] },
  { from: SYN_SENT, to: ESTABLISHED, causes: ['rcv SYN,ACK'] },
  { from: SYN_SENT, to: CLOSED, causes: ['CLOSE', 'ABORT', 'rcv RST', 'ICMP error', 'timeout'] },
  { from: SYN_RECEIVED, to: ESTABLISHED, causes: ['rcv ACK of SYN'] },
  { from: SYN_RECEIVED, to: FIN_WAIT_1, causes: ['CLOSE'] },
  { from: SYN_RECEIVED, to: CLOSE_WAIT, causes: ['rcv FIN'] },
  { from: SYN_RECEIVED, to: LISTEN, causes: ['rcv RST', 'rcv SYN in window'] },
  { from: SYN_RECEIVED, to: CLOSED, causes: ['ABORT', 'rcv RST', 'ICMP error', 'timeout'] },
  { from: ESTABLISHED, to: FIN_WAIT_1, causes: ['CLOSE'] },
  { from: ESTABLISHED, to: CLOSE_WAIT, causes: ['rcv FIN'] },
  { from: ESTABLISHED, to: CLOSED, causes: ['ABORT', 'rcv RST', 'ICMP error', 'timeout'] },
  { from: FIN_WAIT_1, to: FIN_WAIT_2, causes: ['rcv ACK of FIN'] },
  { from: FIN_WAIT_1, to: CLOSING, causes: ['rcv FIN'] },
  { from: FIN_WAIT_1, to: TIME_WAIT, causes: ['rcv FIN,ACK of FIN'] },
  { from: FIN_WAIT_1, to: CLOSED, causes: ['ABORT', 'rcv RST', 'ICMP error', 'timeout'] },
  { from: FIN_WAIT_2, to: TIME_WAIT, causes: ['rcv FIN'] },
  { from: FIN_WAIT_2, to: CLOSED, causes: ['ABORT', 'rcv RST', 'ICMP error', 'timeout'] },
  { from: CLOSE_WAIT, to: LAST_ACK, causes: ['CLOSE'] },
  { from: CLOSE_WAIT, to: CLOSED, causes: ['ABORT', 'rcv RST', 'ICMP error', 'timeout'] },
  { from: CLOSING, to: TIME_WAIT, causes: ['rcv ACK of FIN'] },
  { from: CLOSING, to: CLOSED, causes: ['ABORT', 'rcv RST', 'ICMP error', 'timeout'] },
  { from: LAST_ACK, to: CLOSED, causes: ['rcv ACK of FIN', 'ABORT', 'rcv RST', 'ICMP error', 'timeout'] },
  { from: TIME_WAIT, to: CLOSED, causes: ['timeout', 'ABORT', 'rcv RST', 'rcv SYN', 'active OPEN'] },
];

/** LEGAL[from] has bit `to` set where the table has that arrow. */
const LEGAL = new Uint16Array(STATE_NAMES.length);
for (const { from, to } of TRANSITIONS) LEGAL[from] = LEGAL[from]! | (1 << to);

/** Whether the table has an arrow `from → to`. */
export function isLegal(from: State, to: State): boolean {
  return (LEGAL[from]! & (1 << to)) !== 0;
}

/**
 * The only writer of `tcb.state`. An arrow that the table does not have is a defect of this program and throws.
 */
export function setState(tcb: Tcb, to: State, cause: Cause, now: number): void {
  const from = tcb.state;
  if (!isLegal(from, to)) throw new Error(`no transition ${STATE_NAMES[from]} → ${STATE_NAMES[to]} (${cause})`);
  tcb.state = to;
  tcb.env.trace?.state(tcb, from, to, cause, now);
}

/** States in which both SYNs are acknowledged (RFC 9293 §3.5): ESTABLISHED and later. */
export function isSynchronized(state: State): boolean {
  return state >= ESTABLISHED;
}
