import type { FourTuple, Trace } from '../tcp/trace.ts';
import { Recorder, type RecorderOptions, type SegmentFate } from '../trace/recorder.ts';
import type { SimGate } from './gate.ts';
import type { SimHost } from './host.ts';
import type { Network } from './network.ts';

/**
 * Records the connections of two hosts as seen from one of them, the left one, with both ends' states, and what the network lost where it
 * lost it.
 */
export function recordBetween(
  net: Network,
  left: SimHost | SimGate,
  right: SimHost | SimGate,
  options: RecorderOptions = {},
): Recorder {
  const recorder = new Recorder(options);
  const concerns = (tuple: FourTuple, host: SimHost | SimGate) =>
    host.addresses.some((a) => a.equals(tuple.remoteAddress));
  /** The packet that was just sent: its fate is known when the stack tells of it. */
  const fate = (): SegmentFate => {
    const { lost, changed } = net.fate;
    return { ...(lost !== null && { lost }), ...(changed !== null && { remark: changed }) };
  };
  left.trace = {
    segment: (direction, tuple, segment, now) =>
      recorder.segment(direction, tuple, segment, now, direction === 'out' ? fate() : {}),
    state: (tuple, from, to, cause, now) => recorder.state(tuple, from, to, cause, now),
    timer: (tuple, timer, now) => recorder.timer(tuple, timer, now),
    drop: (tuple, segment, reason, now) => recorder.drop(tuple, segment, reason, now),
  };
  const { peer } = recorder;
  const guarded: Trace = {
    segment: (direction, tuple, segment, now) => {
      if (direction === 'in' || !concerns(tuple, left)) return;
      const what = fate();
      if (what.lost !== undefined) recorder.missed(tuple, segment, now, what);
    },
    state: (tuple, from, to, cause, now) => {
      if (concerns(tuple, left)) peer.state(tuple, from, to, cause, now);
    },
    timer: (tuple, timer, now) => {
      if (concerns(tuple, left)) peer.timer(tuple, timer, now);
    },
    drop: (tuple, segment, reason, now) => {
      if (concerns(tuple, left)) peer.drop(tuple, segment, reason, now);
    },
  };
  right.trace = guarded;
  return recorder;
}
