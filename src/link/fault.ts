import { parseIp } from '../wire/ip.ts';
import { IpHeader, TCP, TRUST_CHECKSUM } from '../wire/ip-header.ts';
import { Segment } from '../wire/segment.ts';
import { parseTcp } from '../wire/tcp.ts';
import type { Device, Frame, FrameSink, Offload } from './device.ts';
import type { Direction } from './tee.ts';

/** A frame on its way past a `Fault`. Valid during the call only. */
export interface Passing {
  /** Seen from the stack: `in` is on its way to it, `out` comes from it. */
  direction: Direction;
  frame: Frame;
  /** The frame's IP header, where it is IP. */
  ip: IpHeader | null;
  /** The frame's segment, where it is TCP and not a fragment. */
  segment: Segment | null;
}

export type Verdict = 'pass' | 'drop';

/** Decides about a frame, or leaves it (undefined) to the next rule. Each rule is asked about every frame until one decides. */
export type FaultRule = (passing: Passing) => Verdict | undefined;

export type FaultPredicate = (passing: Passing) => boolean;

/** Drops every frame that matches. */
export function drop(matches: FaultPredicate): FaultRule {
  return (passing) => (matches(passing) ? 'drop' : undefined);
}

/** Drops the `nth` frame that matches, counted from 1, and the `count − 1` matching ones after it. */
export function dropNth(nth: number, matches: FaultPredicate, count = 1): FaultRule {
  let seen = 0;
  return (passing) => {
    if (!matches(passing)) return undefined;
    seen++;
    return seen >= nth && seen < nth + count ? 'drop' : undefined;
  };
}

/** Lets every frame that matches pass, whatever the rules after it say. */
export function pass(matches: FaultPredicate): FaultRule {
  return (passing) => (matches(passing) ? 'pass' : undefined);
}

/** Matches segments of a direction whose control bits under `mask` are exactly `flags`. */
export function segmentWith(direction: Direction, flags: number, mask: number = flags): FaultPredicate {
  return (passing) =>
    passing.direction === direction && passing.segment !== null && (passing.segment.flags & mask) === flags;
}

/**
 * A device that loses frames by an ordered list of rules: the third ACK, a FIN, everything from a certain moment on. The first rule
 * that decides wins; without one the frame passes. What is dropped on the way out counts as sent: the stack is not told.
 */
export class Fault implements Device {
  readonly name: string;
  readonly mtu: number;
  readonly offload: Offload;
  /** Asked in this order; may be changed at any time. */
  rules: FaultRule[];
  /** Frames dropped by a rule. */
  dropped = 0;
  readonly #inner: Device;
  readonly #ip = new IpHeader();
  readonly #segment = new Segment();

  constructor(inner: Device, rules: readonly FaultRule[]) {
    this.name = inner.name;
    this.mtu = inner.mtu;
    this.offload = inner.offload;
    this.rules = [...rules];
    this.#inner = inner;
  }

  get behind(): number {
    return this.#inner.behind ?? 0;
  }

  attach(sink: FrameSink): void {
    this.#inner.attach({
      receive: (frame, now) => {
        if (this.#passes('in', frame)) sink.receive(frame, now);
      },
      flush: (now) => sink.flush(now),
    });
  }

  allocate(length: number): Frame {
    return this.#inner.allocate(length);
  }

  transmit(frame: Frame): boolean {
    if (this.#passes('out', frame)) return this.#inner.transmit(frame);
    this.#inner.release(frame);
    return true;
  }

  release(frame: Frame): void {
    this.#inner.release(frame);
  }

  close(): void {
    this.#inner.close();
  }

  #passes(direction: Direction, frame: Frame): boolean {
    const passing = this.#look(direction, frame);
    for (const rule of this.rules) {
      const verdict = rule(passing);
      if (verdict === undefined) continue;
      if (verdict === 'drop') this.dropped++;
      return verdict === 'pass';
    }
    return true;
  }

  #look(direction: Direction, frame: Frame): Passing {
    const ip = this.#ip;
    const segment = this.#segment;
    const { bytes, offset, length } = frame;
    if (parseIp(bytes, offset, length, ip, TRUST_CHECKSUM) !== null) {
      return { direction, frame, ip: null, segment: null };
    }
    const isTcp =
      ip.protocol === TCP && !ip.isFragment && parseTcp(bytes, ip.payloadOffset, ip.payloadLength, segment) === null;
    if (isTcp) {
      segment.ecn = ip.ecn;
      segment.gsoSize = frame.gsoSize;
    }
    return { direction, frame, ip, segment: isTcp ? segment : null };
  }
}
