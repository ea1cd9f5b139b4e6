/**
 * What the application is to be told, gathered as bits of `tcb.notices` during an event and delivered after output (rule: notify
 * last): a callback never sees a half-processed TCB.
 */
export const CONNECTED = 1 << 0;
/** There is text to read. */
export const READABLE = 1 << 1;
/** Space in the send buffer after a `send` that did not take everything. */
export const WRITABLE = 1 << 2;
/** The peer's FIN is in order: end of file once everything is read. */
export const ENDED = 1 << 3;
/** The connection is over for the application: CLOSED or TIME-WAIT entered. `tcb.failure` says whether it failed, and how (MUST-12). */
export const OVER = 1 << 4;
/** Urgent data appeared, or the urgent pointer advanced (RFC 9293 §3.8.5, MUST-32). */
export const URGENT = 1 << 5;
/** A soft ICMP error, or R1 retransmissions (RFC 9293 §3.9.1.8, MUST-47): nothing is lost yet. `tcb.softError` says which. */
export const ADVICE = 1 << 6;

/** How a connection failed. `node/errors.ts` turns these into Node's codes. */
export type Failure =
  | 'refused' // RST in answer to our SYN
  | 'reset' // RST later
  | 'timed out' // R2 retransmissions, a dead peer by keep-alive, a user time-out
  | 'aborted' // by this application
  | 'host unreachable'
  | 'network unreachable'
  | 'port unreachable'
  | 'protocol unreachable'
  | 'message too long';
