import { ACK, FIN, SYN } from '../wire/segment.ts';
import type { SegmentEvent, SegmentRecord } from './event.ts';

/** A segment in the terms of its connection. Sequence numbers count from the SYN, which is 0, and do not wrap. */
export interface Seen {
  readonly seq: number;
  /** The number after the last one it occupies: SEG.SEQ + SEG.LEN. */
  readonly end: number;
  /** null without the ACK flag. */
  readonly ack: number | null;
  /** Bytes: scaled where both SYNs carried the option (RFC 7323 §2.2). */
  readonly window: number;
  readonly sack: readonly (readonly [number, number])[];
  /** It starts with something that was sent before. */
  readonly retransmission: boolean;
  /** The first to acknowledge the other end's SYN, or its FIN. */
  readonly acksSyn: boolean;
  readonly acksFin: boolean;
  /**
   * What a textbook calls the numbers of a handshake and a close: x and y are those of the first and the other SYN, u and v those of the
   * first and the other FIN. `seq = y, ack = x+1`; empty for every other segment.
   */
  readonly landmark: string;
}

/** The numbers one end sends. */
class Direction {
  known = false;
  #lastRaw = 0;
  #lastRelative = 0;
  /** One past the highest number sent, and the highest acknowledged by the other end; relative. */
  high = 0;
  acked = 0;
  /** One past the FIN; −1 before it. */
  finEnd = -1;
  windowScale = -1;
  /** x or y, and u or v; empty where that SYN or FIN was not seen. */
  synName = '';
  finName = '';

  start(raw: number, relative: number): void {
    this.known = true;
    this.#lastRaw = raw;
    this.#lastRelative = relative;
    this.high = relative;
    this.acked = relative;
    this.finEnd = -1;
    this.synName = '';
    this.finName = '';
  }

  /** Relative to the SYN, by the shortest way from the number seen last. */
  relative(raw: number): number {
    const n = this.#lastRelative + ((raw - this.#lastRaw) | 0);
    this.#lastRaw = raw;
    this.#lastRelative = n;
    return n;
  }

  /** `relative` without taking it for a place the connection has come to. */
  peek(raw: number): number {
    return this.#lastRelative + ((raw - this.#lastRaw) | 0);
  }
}

/** Length in sequence numbers (RFC 9293 §3.3.1, SEG.LEN). */
export function sequenceLength(segment: SegmentRecord): number {
  return segment.length + (segment.flags & SYN ? 1 : 0) + (segment.flags & FIN ? 1 : 0);
}

/** Follows the segments of one connection in order, and tells of each what it means there. */
export class Follower {
  readonly #sent = { out: new Direction(), in: new Direction() };
  #lastSyn = { out: -1, in: -1 };

  /** Both SYNs carried the window scale option. */
  get windowScaling(): boolean {
    return this.#sent.out.windowScale >= 0 && this.#sent.in.windowScale >= 0;
  }

  /** One that neither end sent: in the terms of the connection, which does not take notice. */
  #glance(segment: SegmentRecord, direction: 'in' | 'out'): Seen {
    const own = this.#sent[direction];
    const other = this.#sent[direction === 'out' ? 'in' : 'out'];
    const seq = own.peek(segment.seq);
    return {
      seq,
      end: seq + sequenceLength(segment),
      ack: segment.flags & ACK ? other.peek(segment.ack) : null,
      window: segment.window,
      sack: [],
      retransmission: false,
      acksSyn: false,
      acksFin: false,
      landmark: '',
    };
  }

  see(event: SegmentEvent): Seen {
    const { segment, direction } = event;
    if (event.forged && this.#sent[direction].known) return this.#glance(segment, direction);
    const own = this.#sent[direction];
    const other = this.#sent[direction === 'out' ? 'in' : 'out'];
    const isSyn = (segment.flags & SYN) !== 0;
    const isFin = (segment.flags & FIN) !== 0;
    if (isSyn && this.#lastSyn[direction] !== segment.seq) {
      this.#lastSyn[direction] = segment.seq;
      own.start(segment.seq, 0);
      own.windowScale = Math.min(segment.options.windowScale ?? -1, 14);
      own.synName = other.synName === 'x' ? 'y' : 'x';
    } else if (!own.known) {
      // The SYN was not seen: the first number counts as 1, as if it had been.
      own.start(segment.seq, 1);
    }
    const seq = own.relative(segment.seq);
    const length = sequenceLength(segment);
    const retransmission = length > 0 && seq < own.high;
    const end = seq + length;
    own.high = Math.max(own.high, end);
    if (isFin) {
      own.finEnd = end;
      own.finName ||= other.finName === '' ? 'u' : 'v';
    }

    let ack: number | null = null;
    let acksSyn = false;
    let acksFin = false;
    if (segment.flags & ACK) {
      if (!other.known) other.start(segment.ack, 1);
      ack = other.peek(segment.ack);
      acksSyn = other.acked < 1 && ack >= 1;
      acksFin = other.finEnd >= 0 && other.acked < other.finEnd && ack >= other.finEnd;
      other.acked = Math.max(other.acked, ack);
    }
    const shift = this.windowScaling && !isSyn ? own.windowScale : 0;
    return {
      seq,
      end,
      ack,
      window: segment.window * 2 ** shift,
      sack: (segment.options.sack ?? []).map(([left, right]) => [other.peek(left), other.peek(right)]),
      retransmission,
      acksSyn,
      acksFin,
      landmark: isSyn || isFin || acksSyn || acksFin ? landmark(segment, own, seq, other, ack) : '',
    };
  }
}

/** Names the numbers of a segment that opens or closes. Those of a FIN with text before it is not SEG.SEQ, and is said so. */
function landmark(segment: SegmentRecord, own: Direction, seq: number, other: Direction, ack: number | null): string {
  const text = segment.flags & FIN ? segment.length : 0;
  const names = [
    numberName(text > 0 ? 'FIN' : 'seq', own, seq + text),
    ack === null ? '' : numberName('ack', other, ack),
  ];
  return names.filter((name) => name !== '').join(', ');
}

/** `seq = x+1` where the number is that of the SYN or the FIN of `sender`, or the one after it; else empty. */
function numberName(field: string, sender: Direction, number: number): string {
  const { synName, finName, finEnd } = sender;
  if (finName !== '' && number === finEnd) return `${field} = ${finName}+1`;
  if (finName !== '' && number === finEnd - 1) return `${field} = ${finName}`;
  if (synName !== '' && (number === 0 || number === 1)) return `${field} = ${synName}${number === 0 ? '' : '+1'}`;
  return '';
}
