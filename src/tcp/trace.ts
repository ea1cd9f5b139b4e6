import type { IpAddress } from '../wire/address.ts';
import type { Segment } from '../wire/segment.ts';
import type { DropReason } from './drop.ts';
import type { Cause, State } from './state.ts';

/** What identifies a connection (RFC 9293 §3.1, "socket pair"). A `Tcb` is one. */
export interface FourTuple {
  readonly localAddress: IpAddress;
  readonly localPort: number;
  readonly remoteAddress: IpAddress;
  readonly remotePort: number;
}

/** The timers of a connection, by name. */
export type TimerName =
  | 'retransmission'
  | 'tail loss probe'
  | 'reordering'
  | 'persist'
  | 'delayed ACK'
  | 'keep-alive'
  | 'TIME-WAIT'
  | 'FIN-WAIT-2'
  | 'user';

/**
 * An observer of what the stack does, in order. Arguments hold only during the call; an observer copies what it keeps, changes nothing and
 * does not throw. Times are in µs of the stack's clock.
 */
export interface Trace {
  /** A segment that is about to be processed, or has been handed to the device. */
  segment(direction: 'in' | 'out', tuple: FourTuple, segment: Segment, now: number): void;
  /** A transition; `segment` calls before it on the same connection are its reason. */
  state(tuple: FourTuple, from: State, to: State, cause: Cause, now: number): void;
  /** A timer that fired. */
  timer(tuple: FourTuple, timer: TimerName, now: number): void;
  /** A segment that was not processed to its end, and why. */
  drop(tuple: FourTuple, segment: Segment, reason: DropReason, now: number): void;
}
