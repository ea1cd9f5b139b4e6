import { ACK, RST, type Segment } from '../../wire/segment.ts';
import { add, seq } from '../../wire/seq.ts';

/**
 * RFC 9293 §3.10.7.1: a segment for no connection. Fills `reply` with the RST it is to be answered with, addressed back to its sender;
 * false where it is a RST itself, which is never answered (§3.5.2).
 */
export function resetFor(arrived: Segment, reply: Segment): boolean {
  if (arrived.has(RST)) return false;
  reply.clear();
  reply.sourcePort = arrived.destinationPort;
  reply.destinationPort = arrived.sourcePort;
  if (arrived.has(ACK)) {
    reply.seq = arrived.ack;
    reply.flags = RST;
  } else {
    reply.seq = seq(0);
    reply.ack = add(arrived.seq, arrived.len);
    reply.flags = RST | ACK;
  }
  return true;
}
