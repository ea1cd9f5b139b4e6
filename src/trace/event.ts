import type { DropReason } from '../tcp/drop.ts';
import type { Cause, StateName } from '../tcp/state.ts';
import type { TimerName } from '../tcp/trace.ts';
import { ACK, AE, CWR, ECE, FIN, PSH, RST, SYN, URG } from '../wire/segment.ts';

/** Whose doing: this stack's, or that of the machine at the other end. */
export type End = 'ours' | 'peer';

/** The options of a segment; a key is absent where the segment does not carry the option. */
export interface OptionsRecord {
  readonly mss?: number;
  /** The shift, 0 … 255 as it is on the wire; more than 14 counts as 14 (RFC 7323 §2.3). */
  readonly windowScale?: number;
  readonly sackPermitted?: true;
  /** TSval and TSecr, 0 … 2^32 − 1. */
  readonly timestamps?: readonly [number, number];
  /** Left and right edge of each block, 0 … 2^32 − 1. */
  readonly sack?: readonly (readonly [number, number])[];
  /** Milliseconds. */
  readonly userTimeout?: number;
  /** Length of the cookie in bytes; 0 is a request for one. */
  readonly fastOpen?: number;
  readonly signature?: true;
}

/** A segment as plain data. Numbers are as on the wire: sequence numbers 0 … 2^32 − 1, the window not scaled. */
export interface SegmentRecord {
  readonly seq: number;
  /** Meaningful where the ACK flag is set. */
  readonly ack: number;
  /** The bits of `wire/segment.ts`. */
  readonly flags: number;
  /** Text, in bytes. */
  readonly length: number;
  readonly window: number;
  readonly urgent: number;
  readonly options: OptionsRecord;
  /** How many segments on the wire it stands for: more than 1 with segmentation offload. */
  readonly wireSegments: number;
}

interface EventBase {
  /** Counts all events of a recorder, from 0. */
  readonly serial: number;
  /** µs of the stack's clock. */
  readonly time: number;
  /** Which connection: `ConnectionTrace.id`. */
  readonly connection: number;
}

export interface SegmentEvent extends EventBase {
  readonly kind: 'segment';
  readonly direction: 'in' | 'out';
  readonly segment: SegmentRecord;
  /** It never arrived, and why: known where the network is ours, too. */
  readonly lost?: string;
  /** What else the network did to it. */
  readonly remark?: string;
  /** Neither end made it: its numbers say nothing about the connection. */
  readonly forged?: true;
}

export interface StateEvent extends EventBase {
  readonly kind: 'state';
  readonly end: End;
  readonly from: StateName;
  readonly to: StateName;
  readonly cause: Cause;
}

export interface TimerEvent extends EventBase {
  readonly kind: 'timer';
  readonly end: End;
  readonly timer: TimerName;
  /** It does not fire: it runs, and is due in so many µs. */
  readonly due?: number;
}

export interface DropEvent extends EventBase {
  readonly kind: 'drop';
  readonly end: End;
  readonly reason: DropReason;
  readonly segment: SegmentRecord;
}

/** Something said beside the events: what an application does, or what is to be seen here. */
export interface NoteEvent extends EventBase {
  readonly kind: 'note';
  /** Whose it is; null: an explanation. */
  readonly end: End | null;
  readonly text: string;
  /** Something that has to hold here, and does or does not. */
  readonly ok?: boolean;
}

/** What a trace consists of: plain objects, as they are after a round trip through JSON. */
export type TraceEvent = SegmentEvent | StateEvent | TimerEvent | DropEvent | NoteEvent;

/** The four values that name a connection, as text and numbers. */
export interface Endpoints {
  readonly localAddress: string;
  readonly localPort: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
}

/** One end as `192.0.2.1:80` or `[2001:db8::1]:80`. */
export function endpoint(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

const FLAG_WORDS: readonly (readonly [number, string])[] = [
  [SYN, 'SYN'],
  [FIN, 'FIN'],
  [RST, 'RST'],
  [PSH, 'PSH'],
  [URG, 'URG'],
  [ACK, 'ACK'],
  [ECE, 'ECE'],
  [CWR, 'CWR'],
  [AE, 'AE'],
];

/** The flags by name, control flags first, as people say them: SYN, ACK. */
export function flagWords(flags: number): string[] {
  return FLAG_WORDS.filter(([bit]) => (flags & bit) !== 0).map(([, word]) => word);
}
