import type { Segment } from '../../wire/segment.ts';
import type { DropReason } from '../drop.ts';
import { CLOSED, LISTEN, SYN_SENT } from '../state.ts';
import type { Tcb } from '../tcb.ts';
import { segmentArrivesInListen } from './listen.ts';
import { takePredicted } from './predicted.ts';
import { segmentArrivesInSynSent } from './syn-sent.ts';
import { segmentArrivesSynchronized } from './synchronized.ts';

/**
 * RFC 9293 §3.10.7, SEGMENT ARRIVES: branches by state. `now`: when the segment arrived. Answers that cannot wait leave at once; the rest is for
 * the output pass. Returns why it was not processed to its end, or null.
 */
export function segmentArrives(tcb: Tcb, segment: Segment, now: number): DropReason | null {
  tcb.segsIn += segment.wireSegments;
  const reason = dispatch(tcb, segment, now);
  if (reason !== null) {
    tcb.env.counters.drops[reason]++;
    tcb.env.trace?.drop(tcb, segment, reason, now);
  }
  return reason;
}

function dispatch(tcb: Tcb, segment: Segment, now: number): DropReason | null {
  if (takePredicted(tcb, segment, now)) return null;
  switch (tcb.state) {
    case CLOSED:
      // Whoever holds a deleted TCB has no connection: `resetFor` is the answer, and the stack's to send.
      return 'closed';
    case LISTEN:
      return segmentArrivesInListen(tcb, segment, now);
    case SYN_SENT:
      return segmentArrivesInSynSent(tcb, segment, now);
    default:
      return segmentArrivesSynchronized(tcb, segment, now);
  }
}
