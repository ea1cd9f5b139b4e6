import { FIN, RST, SYN } from '../wire/segment.ts';
import { flagWords, type SegmentRecord } from './event.ts';
import type { Seen } from './follow.ts';
import { type Span, span } from './paint.ts';

/** 1048576 → `1,048,576`. Grouped by hand: the same on every machine. */
export function grouped(n: number): string {
  return String(n).replace(/\B(?=(\d{3})+(?!\d))/g, ',');
}

/** µs → seconds with all six places: `0.000061`. */
export function seconds(time: number): string {
  return (time / 1e6).toFixed(6);
}

/** µs as a person would say it: `61 µs`, `1.2 ms`, `1.003 s`. */
export function duration(time: number): string {
  if (time < 1000) return `${Math.round(time)} µs`;
  if (time < 1e6) return `${(time / 1000).toFixed(time < 1e5 ? 1 : 0)} ms`;
  return `${(time / 1e6).toFixed(time < 1e8 ? 3 : 1)} s`;
}

export function bytes(n: number): string {
  return n === 1 ? '1 byte' : `${grouped(n)} bytes`;
}

export function count(n: number, what: string): string {
  return `${grouped(n)} ${what}${n === 1 ? '' : 's'}`;
}

/** `SYN, ACK`; `no flags` for a segment without one. */
export function flagText(flags: number): string {
  const words = flagWords(flags);
  return words.length === 0 ? 'no flags' : words.join(', ');
}

/** The flags and, where there is any, the amount of text: what stands on the arrow. */
export function label(segment: SegmentRecord): string {
  const text = segment.length > 0 ? ` · ${bytes(segment.length)}` : '';
  return `${flagText(segment.flags)}${text}`;
}

/** Words beside the label where a segment is not a plain one. */
export function remarks(segment: SegmentRecord, seen: Seen, remark: string | null = null): string[] {
  const out: string[] = [];
  if (remark !== null) out.push(remark);
  if (seen.landmark !== '') out.push(seen.landmark);
  if (seen.retransmission) out.push(segment.flags & (SYN | FIN) || segment.length > 1 ? 'sent again' : 'probe');
  if (segment.wireSegments > 1) out.push(`×${segment.wireSegments} on the wire`);
  if (segment.window === 0 && !(segment.flags & RST)) out.push('window closed');
  return out;
}

/** Sequence numbers as they count from the SYN, as they are on the wire, or both. */
export type Numbers = 'both' | 'relative' | 'absolute';

function number(name: string, relative: number, absolute: number, numbers: Numbers): Span[] {
  if (numbers === 'absolute') return [span(`${name} ${absolute}`)];
  const first = span(`${name} ${grouped(relative)}`);
  return numbers === 'relative' ? [first] : [first, span(` (${absolute})`, 'faint')];
}

/** Everything about a segment, piece by piece: sequence numbers, length, window in bytes, options. */
export function facts(segment: SegmentRecord, seen: Seen, numbers: Numbers = 'both'): Span[][] {
  const pieces: Span[][] = [number('seq', seen.seq, segment.seq, numbers)];
  if (seen.ack !== null) pieces.push(number('ack', seen.ack, segment.ack, numbers));
  pieces.push([span(`len ${grouped(segment.length)}`)], [span(`win ${grouped(seen.window)}`)]);
  if (segment.urgent !== 0) pieces.push([span(`urgent ${grouped(segment.urgent)}`)]);
  pieces.push(...optionFacts(segment, seen, numbers).map((text) => [span(text)]));
  return pieces;
}

/** The options in words, in the order of the segment's record. */
export function optionFacts(segment: SegmentRecord, seen: Seen, numbers: Numbers = 'both'): string[] {
  const { options } = segment;
  const out: string[] = [];
  if (options.mss !== undefined) out.push(`MSS ${grouped(options.mss)}`);
  if (options.windowScale !== undefined) {
    out.push(`WS ${options.windowScale} (×${2 ** Math.min(options.windowScale, 14)})`);
  }
  if (options.sackPermitted) out.push('SACK permitted');
  if (options.timestamps !== undefined) out.push(`TS ${options.timestamps[0]}/${options.timestamps[1]}`);
  const absolute = numbers === 'absolute';
  for (const [left, right] of absolute ? (options.sack ?? []) : seen.sack) {
    out.push(absolute ? `SACK ${left}–${right}` : `SACK ${grouped(left)}–${grouped(right)}`);
  }
  if (options.userTimeout !== undefined) out.push(`UTO ${duration(options.userTimeout * 1000)}`);
  if (options.fastOpen !== undefined) {
    out.push(options.fastOpen === 0 ? 'TFO cookie request' : `TFO cookie of ${options.fastOpen} bytes`);
  }
  if (options.signature) out.push('signed');
  return out;
}
