import { ACK, RST, type Segment, SYN } from '../../wire/segment.ts';
import { gt, seq } from '../../wire/seq.ts';
import type { Tcb } from '../tcb.ts';

/**
 * Whether a SYN may open a new incarnation of a connection in TIME-WAIT (RFC 9293 §3.10.7.4, MAY-2 and SHLD-4; RFC 6191 §2): when it cannot be an old
 * duplicate, by a newer timestamp or else by a sequence number beyond all that the old incarnation used.
 */
export function mayReopen(tcb: Pick<Tcb, 'timestamps' | 'tsRecent' | 'rcvNxt'>, segment: Segment): boolean {
  if ((segment.flags & (SYN | ACK | RST)) !== SYN) return false;
  if (tcb.timestamps && segment.hasTimestamps) {
    const newer = gt(seq(segment.tsVal), seq(tcb.tsRecent));
    return newer || (segment.tsVal === tcb.tsRecent && gt(segment.seq, tcb.rcvNxt));
  }
  return (!tcb.timestamps && segment.hasTimestamps) || gt(segment.seq, tcb.rcvNxt);
}
