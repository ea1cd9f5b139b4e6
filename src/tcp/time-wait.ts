import { add, diff, type Seq } from '../wire/seq.ts';
import type { Environment } from './environment.ts';
import { TIME_WAIT } from './state.ts';
import { Tcb } from './tcb.ts';
import type { FourTuple } from './trace.ts';

/** All that a connection in TIME-WAIT needs to answer as RFC 9293 §3.10.7.4 asks: kept small, as there may be very many. */
export interface TimeWaitRecord {
  sndNxt: Seq;
  rcvNxt: Seq;
  /** The window as last announced, in bytes, and its shift. */
  rcvWnd: number;
  rcvWindScale: number;
  timestamps: boolean;
  tsRecent: number;
  tsOffset: number;
  /** When the 2 MSL are over, µs. */
  closeAt: number;
  /** When an unacceptable segment was last answered, µs: two ends out of step must not answer each other for ever (`tcp_invalid_ratelimit`). */
  lastInvalidAck: number;
}

/** What is to be kept of a TCB that is in TIME-WAIT. */
export function freeze(tcb: Tcb): TimeWaitRecord {
  return {
    sndNxt: tcb.sndNxt,
    rcvNxt: tcb.rcvNxt,
    rcvWnd: Math.max(0, diff(tcb.rcvAdv, tcb.rcvNxt)),
    rcvWindScale: tcb.rcvWindScale,
    timestamps: tcb.timestamps,
    tsRecent: tcb.tsRecent,
    tsOffset: tcb.tsOffset,
    closeAt: tcb.closeAt,
    lastInvalidAck: tcb.lastInvalidAck,
  };
}

/**
 * A TCB in TIME-WAIT made from its record, for as long as one segment is processed: so TIME-WAIT has the same code as every other state,
 * and costs no TCB while it waits. Both FINs are acknowledged, and nobody reads.
 */
export function thaw(env: Environment, tuple: FourTuple, record: TimeWaitRecord, now: number): Tcb {
  const tcb = new Tcb(env, tuple);
  tcb.state = TIME_WAIT;
  tcb.sndUna = record.sndNxt;
  tcb.sndNxt = record.sndNxt;
  tcb.sndUp = record.sndNxt;
  tcb.rcvNxt = record.rcvNxt;
  tcb.rcvUp = record.rcvNxt;
  tcb.lastAckSent = record.rcvNxt;
  tcb.rcvAdv = add(record.rcvNxt, record.rcvWnd);
  tcb.rcvWindScale = record.rcvWindScale;
  tcb.windowScaling = record.rcvWindScale > 0;
  tcb.timestamps = record.timestamps;
  tcb.tsRecent = record.tsRecent;
  tcb.tsRecentAge = now;
  tcb.tsOffset = record.tsOffset;
  tcb.closeAt = record.closeAt;
  tcb.lastInvalidAck = record.lastInvalidAck;
  tcb.synAcked = true;
  tcb.finQueued = true;
  tcb.finSent = true;
  tcb.finAcked = true;
  tcb.finReceived = true;
  tcb.orphan = true;
  return tcb;
}
