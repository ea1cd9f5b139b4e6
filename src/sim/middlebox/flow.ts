import type { Frame } from '../../link/device.ts';
import type { IpHeader } from '../../wire/ip-header.ts';
import { ACK, FIN, RST, Segment, SYN } from '../../wire/segment.ts';
import { add, seq } from '../../wire/seq.ts';
import { segmentFrame } from '../packet.ts';

/** The four-tuple of a segment as a key, its inside first. */
export function flowKey(ip: IpHeader, segment: Segment, direction: 'forward' | 'back'): string {
  const source = `${ip.sourceAddress()}|${segment.sourcePort}`;
  const destination = `${ip.destinationAddress()}|${segment.destinationPort}`;
  return direction === 'forward' ? `${source}|${destination}` : `${destination}|${source}`;
}

/** The reset that answers a segment as if from where it was going (RFC 9293 §3.10.7.1). */
export function resetInAnswer(ip: IpHeader, segment: Segment): Frame {
  const rst = new Segment();
  rst.sourcePort = segment.destinationPort;
  rst.destinationPort = segment.sourcePort;
  if (segment.has(ACK)) {
    rst.seq = segment.ack;
    rst.flags = RST;
  } else {
    rst.ack = add(segment.seq, segment.len);
    rst.flags = RST | ACK;
  }
  return segmentFrame(ip.destinationAddress(), ip.sourceAddress(), rst);
}

/** A reset that goes the same way as a segment, as if from its sender, at the number that its receiver waits for next. */
export function resetAlong(ip: IpHeader, segment: Segment): Frame {
  const rst = new Segment();
  rst.sourcePort = segment.sourcePort;
  rst.destinationPort = segment.destinationPort;
  rst.seq = add(segment.seq, segment.len);
  rst.ack = segment.has(ACK) ? segment.ack : seq(0);
  rst.flags = segment.has(ACK) ? RST | ACK : RST;
  return segmentFrame(ip.sourceAddress(), ip.destinationAddress(), rst);
}

/** Whether it opens a connection, and whether it ends (a direction of) one. */
export const opens = (segment: Segment): boolean => (segment.flags & (SYN | ACK)) === SYN;
export const ends = (segment: Segment): boolean => (segment.flags & (FIN | RST)) !== 0;
