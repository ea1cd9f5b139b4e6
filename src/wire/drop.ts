/** Why a packet was not even a segment. A closed list: each is counted by name. */
export const DROP_REASONS = [
  'IP version', // neither 4 nor 6
  'IP header truncated', // fewer bytes than the header says, or than the smallest header
  'IP header length', // IHL under 5 words
  'IP length', // total, or payload, length that the frame does not hold
  'IP header checksum', // RFC 1122 §3.2.1.2
  'IP fragment', // past 65535 bytes, or not the last and no multiple of 8 bytes
  'IPv6 extension header', // one that does not fit the packet, or hop-by-hop options that are not first (RFC 8200 §4)
  'IPv6 extension headers', // more of them than we walk
  'IPv6 option', // unrecognized, and its type says to discard (RFC 8200 §4.2)
  'IPv6 routing header', // with segments left for us to forward (RFC 8200 §4.4, RFC 5095)
  'TCP header truncated', // under 20 bytes
  'TCP header length', // data offset under 5 words, or past the end
  'TCP checksum', // RFC 9293 §3.1, MUST-3
  'UDP header truncated', // under 8 bytes
  'UDP length', // under 8, or more than there is
  'UDP checksum', // RFC 768; left out over IPv6 (RFC 8200 §8.1)
  'ICMP truncated',
  'ICMP checksum',
] as const;
export type DropReason = (typeof DROP_REASONS)[number];
