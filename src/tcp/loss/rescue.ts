import { ge } from '../../wire/seq.ts';
import type { Tcb } from '../tcb.ts';
import { flightSize, unsent } from './pipe.ts';
import { RACK_ON } from './rack.ts';
import type { Sent } from './scoreboard.ts';

/**
 * RFC 6675 §4, NextSeg rules 3 and 4, for connections without RACK: in recovery, where neither something lost nor anything new can be sent, what may be
 * lost is sent again, so that ACKs keep coming and no time-out is needed. First what lies below something SACKed and was sent once; then, once in a
 * recovery, the last segment, if nobody has SACKed it: when it is lost nothing else would tell.
 */

/** What is to be sent again so; undefined where nothing is. A `rescue` is the once. */
export function nextRescue(tcb: Tcb): { readonly range: Sent; readonly rescue: boolean } | undefined {
  const { scoreboard } = tcb;
  if (tcb.recovery !== 'fast' || !tcb.sackOk || (tcb.config.tcp_recovery & RACK_ON) !== 0) return undefined;
  if (scoreboard.nextLost() !== undefined || (unsent(tcb) > 0 && flightSize(tcb) < tcb.sndWnd)) return undefined;
  if (scoreboard.sackedBytes > 0) {
    for (let i = 0; i < scoreboard.count; i++) {
      const range = scoreboard.at(i);
      if (ge(range.start, scoreboard.highestSacked)) break;
      if (range.marks === 0) return { range, rescue: false };
    }
  }
  const { last } = scoreboard;
  // What was sent after recovery began is none of it, and what was sent again just now need not be once more.
  if (tcb.rescued || last === undefined || last.marks !== 0 || ge(last.start, tcb.recover)) return undefined;
  return { range: last, rescue: true };
}
