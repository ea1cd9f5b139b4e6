import type { Segment } from '../wire/segment.ts';
import type { Seq } from '../wire/seq.ts';
import type { TcpConfig } from './config.ts';
import type { MoreCongestion } from './congestion/algorithms.ts';
import type { Counters } from './counters.ts';
import type { Extensions } from './extensions.ts';
import type { Allocator } from './receive-buffer.ts';
import type { Tcb } from './tcb.ts';
import type { FourTuple, Trace } from './trace.ts';

/** What is known of the way to a peer before any packet has gone it. */
export interface PathMetrics {
  /** Packets of so many bytes pass. */
  readonly mtu?: number;
  /** Initial window, segments. */
  readonly initcwnd?: number;
}

/**
 * Everything the protocol needs from outside, and its only exits: the protocol itself has no clock, no randomness and no I/O.
 */
export interface Environment {
  readonly config: TcpConfig;
  readonly counters: Counters;
  trace: Trace | null;
  /** Congestion control beyond Reno and CUBIC. */
  readonly congestion?: MoreCongestion;
  readonly extensions: Extensions;
  /** How `tcp_mem` is filled: 0 enough, 1 no buffer may grow, 2 no more than each connection is promised. */
  readonly memoryPressure?: 0 | 1 | 2;
  /** Sends a segment of this connection. `segment` is reused after the call. `now`: µs. False: the device refused it, and nothing of it left. */
  // biome-ignore lint/suspicious/noConfusingVoidType: whoever says nothing has sent it
  emit(tcb: Tcb, segment: Segment, now: number): boolean | void;
  /** The initial sequence number for a connection (RFC 6528 §3). */
  initialSequence(tuple: FourTuple, now: number): Seq;
  /** An offset for the timestamp clock of a connection (RFC 7323 §7.1), int32. */
  timestampOffset(tuple: FourTuple): number;
  /** Takes one from this second's challenge ACKs; false when there is none left (RFC 5961 §7, CVE-2016-5696). */
  challengeAck(now: number): boolean;
  /** What the route to the peer says of its path. */
  pathMetrics?(tuple: FourTuple): PathMetrics;
  /** The path to the peer carries packets of at most `mtu` bytes. */
  pathMtuLowered?(tcb: Tcb, mtu: number, now: number): void;
  /** R1 retransmissions: what is known of the path may not hold any more (RFC 9293 §3.8.3, MUST-20). */
  pathDoubted?(tcb: Tcb): void;
  /** A SYN,ACK answers a SYN of ours with the Fast Open option (RFC 7413 §4.1.3). */
  fastOpenAnswered?(tcb: Tcb, synAck: Segment, now: number): void;
  /** A connection that sent text on its SYN hears nothing any more. */
  fastOpenVanished?(tcb: Tcb, now: number): void;
  /** For received text. */
  readonly memory: Allocator;
}
