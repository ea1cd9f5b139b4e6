import type { Frame } from '../link/device.ts';
import type { IpHeader } from '../wire/ip-header.ts';
import { ACK, FIN, RST, type Segment, SYN } from '../wire/segment.ts';
import { Sight } from './packet.ts';
import { type Duration, micros } from './units.ts';

/** A packet that enters a link. Holds during the call only. */
export interface Sighting {
  /** The hosts whose addresses it bears, by name; empty for an address of nobody. */
  readonly from: string;
  readonly to: string;
  readonly link: string;
  /** µs. */
  readonly now: number;
  readonly ip: IpHeader;
  /** Null where it is no TCP segment. */
  readonly segment: Segment | null;
}

/** What is to become of it. */
export type Verdict =
  | { readonly kind: 'pass' }
  | { readonly kind: 'drop'; readonly reason: string }
  | { readonly kind: 'delay'; readonly by: number }
  | { readonly kind: 'duplicate'; readonly after: number }
  | { readonly kind: 'hold'; readonly hold: Hold }
  | { readonly kind: 'corrupt' }
  | { readonly kind: 'mutate'; readonly change: (segment: Segment, ip: IpHeader) => void };

/** Decides about a packet, or leaves it (undefined) to the next rule. */
export type Rule = (sighting: Sighting) => Verdict | undefined;

/** Which packets are meant. What is not given may be anything; all that is given must hold. */
export interface Pattern {
  /** Names of hosts. */
  readonly from?: string;
  readonly to?: string;
  readonly link?: string;
  readonly syn?: boolean;
  readonly ack?: boolean;
  readonly fin?: boolean;
  readonly rst?: boolean;
  /** With text, or without. */
  readonly text?: boolean;
  /** A port at either end. */
  readonly port?: number;
  readonly where?: (segment: Segment) => boolean;
}

/** A predicate, or a pattern to be made into one. Only TCP segments match. */
export type Matcher = Pattern | ((sighting: Sighting) => boolean);

/** Which of the packets that match. */
export interface Which {
  /** The first that is meant, counted from 1. 1 where not given. */
  readonly nth?: number;
  /** So many from there on. All where not given; one where `nth` is. */
  readonly count?: number;
}

/** Packets that were stopped, until they are let go. */
export class Hold {
  readonly held: Frame[] = [];
  #release: (frame: Frame) => void = () => {};

  /** Lets them go, in order. */
  release(): void {
    for (const frame of this.held.splice(0)) this.#release(frame);
  }

  /** For the link. */
  take(frame: Frame, release: (frame: Frame) => void): void {
    this.#release = release;
    this.held.push(frame);
  }
}

/** The network's rules: asked in order about each packet that enters a link; the first that decides wins. */
export class Rules {
  list: Rule[] = [];
  readonly #sight = new Sight();

  /** Adds a rule of your own at the end. */
  add(rule: Rule): Rule {
    this.list.push(rule);
    return rule;
  }

  remove(rule: Rule): void {
    this.list = this.list.filter((other) => other !== rule);
  }

  clear(): void {
    this.list = [];
  }

  /** These are lost. */
  drop(matcher: Matcher = {}, which: Which = {}): Rule {
    return this.add(when(matcher, which, () => ({ kind: 'drop', reason: 'lost' })));
  }

  /** These pass, whatever the rules after this one say. */
  pass(matcher: Matcher = {}, which: Which = {}): Rule {
    return this.add(when(matcher, which, () => ({ kind: 'pass' })));
  }

  /** These take so much longer, and may be overtaken. */
  delay(matcher: Matcher, by: Duration, which: Which = {}): Rule {
    const extra = micros(by);
    return this.add(when(matcher, which, () => ({ kind: 'delay', by: extra })));
  }

  /** These arrive, and a copy of them so much later. */
  duplicate(matcher: Matcher, after: Duration = 0, which: Which = {}): Rule {
    const extra = micros(after);
    return this.add(when(matcher, which, () => ({ kind: 'duplicate', after: extra })));
  }

  /** These are changed on the way. The checksum is made right again. */
  mutate(matcher: Matcher, change: (segment: Segment, ip: IpHeader) => void, which: Which = {}): Rule {
    return this.add(when(matcher, which, () => ({ kind: 'mutate', change })));
  }

  /** One bit of these arrives turned over: the checksum is to find that. */
  corrupt(matcher: Matcher, which: Which = {}): Rule {
    return this.add(when(matcher, which, () => ({ kind: 'corrupt' })));
  }

  /** These are stopped until `release()` of what is returned. */
  hold(matcher: Matcher, which: Which = {}): Hold {
    const hold = new Hold();
    this.add(when(matcher, which, () => ({ kind: 'hold', hold })));
    return hold;
  }

  /** What is to become of a frame; undefined where no rule decides. For links. */
  judge(
    frame: Frame,
    link: string,
    now: number,
    nameOf: (ip: IpHeader, source: boolean) => string,
  ): Verdict | undefined {
    if (this.list.length === 0) return undefined;
    const sight = this.#sight.look(frame);
    if (!sight.isIp) return undefined;
    const { ip, segment } = sight;
    const sighting = { from: nameOf(ip, true), to: nameOf(ip, false), link, now, ip, segment };
    for (const rule of this.list) {
      const verdict = rule(sighting);
      if (verdict !== undefined) return verdict;
    }
    return undefined;
  }
}

/** A predicate from a pattern. */
export function matches(matcher: Matcher): (sighting: Sighting) => boolean {
  if (typeof matcher === 'function') return matcher;
  const { from, to, link, text, port, where } = matcher;
  let mask = 0;
  let wanted = 0;
  const flags = [
    [SYN, matcher.syn],
    [ACK, matcher.ack],
    [FIN, matcher.fin],
    [RST, matcher.rst],
  ] as const;
  for (const [bit, value] of flags) {
    if (value === undefined) continue;
    mask |= bit;
    if (value) wanted |= bit;
  }
  return (s) => {
    const { segment } = s;
    return (
      segment !== null &&
      (from === undefined || s.from === from) &&
      (to === undefined || s.to === to) &&
      (link === undefined || s.link === link) &&
      (segment.flags & mask) === wanted &&
      (text === undefined || segment.payloadLength > 0 === text) &&
      (port === undefined || segment.sourcePort === port || segment.destinationPort === port) &&
      (where === undefined || where(segment))
    );
  };
}

function when(matcher: Matcher, which: Which, verdict: () => Verdict): Rule {
  const meant = matches(matcher);
  const { nth = 1, count = which.nth === undefined ? Number.POSITIVE_INFINITY : 1 } = which;
  let seen = 0;
  return (sighting) => {
    if (!meant(sighting)) return undefined;
    seen++;
    return seen >= nth && seen < nth + count ? verdict() : undefined;
  };
}
