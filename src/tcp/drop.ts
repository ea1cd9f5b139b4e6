/** Why a segment was not processed to its end. A closed list: each is counted by name. */
export const DROP_REASONS = [
  'closed', // no connection; answered by RST unless it is one (RFC 9293 §3.10.7.1)
  'RST to LISTEN', // §3.10.7.2, first
  'ACK to LISTEN', // §3.10.7.2, second: answered by RST
  'no SYN to LISTEN', // §3.10.7.2, fourth
  'unacceptable ACK in SYN-SENT', // §3.10.7.3, first
  'RST without acceptable ACK', // §3.10.7.3, second
  'neither SYN nor RST in SYN-SENT', // §3.10.7.3, fifth
  'sequence number', // §3.10.7.4, first: outside the window
  'PAWS', // RFC 7323 §5.3
  'timestamp missing', // RFC 7323 §3.2
  'RST', // connection reset by it
  'RST not at RCV.NXT', // RFC 5961 §3.2: challenge ACK
  'RST outside window', // RFC 5961 §3.2: silence
  'RST in TIME-WAIT', // RFC 1337
  'SYN in a synchronized state', // RFC 5961 §4.2: challenge ACK
  'no ACK', // §3.10.7.4, fifth
  'unacceptable ACK in SYN-RECEIVED', // §3.10.7.4, fifth: answered by RST
  'ACK of something not yet sent', // §3.10.7.4, fifth: answered by ACK
  'ACK too old', // RFC 5961 §5.2
  'text after CLOSE', // §3.6.1, SHLD-3: nobody will read it; answered by RST
  'text after FIN', // §3.10.7.4, seventh
  'accept queue full', // the ACK that would complete a handshake: nobody accepts (Linux's ListenOverflows)
  'SYN queue full', // `tcp_max_syn_backlog`
  'accept deferred', // the handshake's ACK without text, to a listener that waits for text
  'out of buffer', // the reassembly queue is at its limit
] as const;
export type DropReason = (typeof DROP_REASONS)[number];
