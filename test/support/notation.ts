/**
 * Segments as text, in the manner of packetdrill: `P. 1:101 ack 1 win 1000 up 5 <mss 1460,sackOK,TS val 1 ecr 0,nop,wscale 7,sack 201:301>`.
 *
 * Flags: S F R P . (ACK) U E (ECE) W (CWR), A (AE), `-` for none. Sequence numbers are distances from the sender's initial one, `ack` and `sack` from the
 * other side's; `=5` is 5 on the wire. `win` is the field as it is on the wire; the IP header's ECN bits are `nect`, `ect1`, `ect0`, `ce`, before the options. The order of options and their padding are the wire's
 * affair: `nop` and `eol` are read over. In an expectation what is not written is not looked at: no `win`, no `up`, no `<…>`;
 * `<>` says no options, and `*` in `TS val * ecr *` any value.
 */

import { ACK, AE, CWR, ECE, FIN, PSH, RST, Segment, SYN, URG } from '../../src/wire/segment.ts';
import { add, diff, type Seq, seq, toUint32 } from '../../src/wire/seq.ts';

const FLAGS: readonly (readonly [string, number])[] = [
  ['S', SYN],
  ['F', FIN],
  ['R', RST],
  ['P', PSH],
  ['U', URG],
  ['E', ECE],
  ['W', CWR],
  ['A', AE],
  ['.', ACK],
];

export interface Options {
  mss?: number;
  wscale?: number;
  sackOK?: true;
  ts?: { val: number | '*'; ecr: number | '*' };
  sack?: readonly (readonly [Seq, Seq])[];
}

export interface Spec {
  readonly flags: number;
  readonly seq: Seq;
  readonly length: number;
  readonly ack: Seq | undefined;
  readonly win: number | undefined;
  readonly up: number | undefined;
  /** The IP header's ECN bits. */
  readonly ecn: number | undefined;
  readonly options: Options | undefined;
}

/** A number in the text: a distance from `base`, or after `=` itself. */
function number(text: string, base: Seq): Seq {
  return text.startsWith('=') ? seq(Number(text.slice(1))) : add(base, Number(text));
}

/** The IP header's ECN bits, by their number. */
const ECN: readonly string[] = ['nect', 'ect1', 'ect0', 'ce'];

const SHAPE =
  /^([SFRPUEWA.]+|-) (=?-?\d+):(=?-?\d+)(?:\(\d+\))?(?: ack (=?-?\d+))?(?: win (\d+))?(?: up (\d+))?(?: (nect|ect1|ect0|ce))?(?: <([^>]*)>)?$/;

/** `own` and `other`: the initial sequence numbers of who sends the segment and of who gets it. */
export function parse(text: string, own: Seq, other: Seq): Spec {
  const m = SHAPE.exec(text);
  if (m === null) throw new Error(`not a segment: ${text}`);
  let flags = 0;
  for (const letter of m[1]!) flags |= FLAGS.find(([name]) => name === letter)?.[1] ?? 0;
  const start = number(m[2]!, own);
  const length = diff(number(m[3]!, own), start);
  if (length < 0) throw new Error(`ends before it starts: ${text}`);
  if (((flags & ACK) !== 0) !== (m[4] !== undefined)) throw new Error(`'.' and 'ack' go together: ${text}`);
  return {
    flags,
    seq: start,
    length,
    ack: m[4] === undefined ? undefined : number(m[4], other),
    win: m[5] === undefined ? undefined : Number(m[5]),
    up: m[6] === undefined ? undefined : Number(m[6]),
    ecn: m[7] === undefined ? undefined : ECN.indexOf(m[7]),
    options: m[8] === undefined || m[8] === '...' ? undefined : parseOptions(m[8], other),
  };
}

function parseOptions(text: string, other: Seq): Options {
  const options: Options = {};
  for (const part of text.split(',').map((p) => p.trim())) {
    const [name, ...words] = part.split(' ');
    if (part === '' || name === 'nop' || name === 'eol') continue;
    if (name === 'mss') options.mss = Number(words[0]);
    else if (name === 'wscale') options.wscale = Number(words[0]);
    else if (name === 'sackOK') options.sackOK = true;
    else if (name === 'TS' && words[0] === 'val' && words[2] === 'ecr') {
      options.ts = { val: value(words[1]!), ecr: value(words[3]!) };
    } else if (name === 'sack') {
      options.sack = words.map((edges) => {
        const [left, right] = edges.split(':');
        return [number(left!, other), number(right!, other)] as const;
      });
    } else throw new Error(`not an option: ${part}`);
  }
  return options;
}

function value(text: string): number | '*' {
  return text === '*' ? '*' : Number(text);
}

/** A segment as recorded: a copy, with its text. */
export interface Recorded {
  readonly segment: Segment;
  readonly text: Uint8Array;
  /** µs. */
  readonly time: number;
}

export function record(segment: Segment, time: number): Recorded {
  const copy = new Segment();
  const { sack, fastOpenCookie: _, ...fields } = segment;
  // `len` and its like live on the prototype: the spread has the fields alone.
  Object.assign(copy, fields);
  for (let i = 0; i < sack.length; i++) copy.sack[i] = sack[i]!;
  const text = new Uint8Array(segment.payloadLength);
  segment.copyPayload(0, text.length, text, 0);
  copy.source = null;
  copy.bytes = text;
  copy.payloadOffset = 0;
  return { segment: copy, text, time };
}

export function formatFlags(flags: number): string {
  return (
    FLAGS.filter(([, bit]) => flags & bit)
      .map(([name]) => name)
      .join('') || '-'
  );
}

function formatOptions(s: Segment, other: Seq): string {
  const parts: string[] = [];
  if (s.mss >= 0) parts.push(`mss ${s.mss}`);
  if (s.sackPermitted) parts.push('sackOK');
  if (s.hasTimestamps) parts.push(`TS val ${s.tsVal >>> 0} ecr ${s.tsEcr >>> 0}`);
  if (s.windowScale >= 0) parts.push(`wscale ${s.windowScale}`);
  if (s.sackCount > 0) {
    const blocks = Array.from(
      { length: s.sackCount },
      (_, i) => `${diff(s.sack[2 * i]!, other)}:${diff(s.sack[2 * i + 1]!, other)}`,
    );
    parts.push(`sack ${blocks.join(' ')}`);
  }
  return `<${parts.join(',')}>`;
}

/** A distance, or `=…` where the number has nothing to do with `base`. */
function relative(n: Seq, base: Seq): string {
  const d = diff(n, base);
  return Math.abs(d) < 1 << 28 ? `${d}` : `=${toUint32(n)}`;
}

export function format(s: Segment, own: Seq, other: Seq): string {
  let text = `${formatFlags(s.flags)} ${relative(s.seq, own)}:${relative(add(s.seq, s.payloadLength), own)}`;
  if (s.has(ACK)) text += ` ack ${relative(s.ack, other)}`;
  text += ` win ${s.wnd}`;
  if (s.has(URG)) text += ` up ${s.up}`;
  if (s.ecn !== 0) text += ` ${ECN[s.ecn]}`;
  return `${text} ${formatOptions(s, other)}`;
}

/** What differs, in words; nothing where `s` is as expected. */
export function differences(want: Spec, s: Segment, own: Seq, other: Seq): string[] {
  const found: string[] = [];
  const differ = (field: string, expected: unknown, got: unknown) => {
    if (expected !== got) found.push(`${field} is ${got}, expected ${expected}`);
  };
  differ('flags', formatFlags(want.flags), formatFlags(s.flags));
  differ('seq', relative(want.seq, own), relative(s.seq, own));
  differ('text length', want.length, s.payloadLength);
  if (want.ack !== undefined && s.has(ACK)) differ('ack', relative(want.ack, other), relative(s.ack, other));
  if (want.win !== undefined) differ('win', want.win, s.wnd);
  if (want.up !== undefined) differ('up', want.up, s.up);
  if (want.ecn !== undefined) differ('ECN', ECN[want.ecn], ECN[s.ecn]);
  const o = want.options;
  if (o === undefined) return found;
  differ('mss', o.mss ?? 'none', s.mss < 0 ? 'none' : s.mss);
  differ('wscale', o.wscale ?? 'none', s.windowScale < 0 ? 'none' : s.windowScale);
  differ('sackOK', o.sackOK ?? false, s.sackPermitted);
  differ('TS', o.ts !== undefined, s.hasTimestamps);
  if (o.ts !== undefined && s.hasTimestamps) {
    if (o.ts.val !== '*') differ('TS val', o.ts.val, s.tsVal >>> 0);
    if (o.ts.ecr !== '*') differ('TS ecr', o.ts.ecr, s.tsEcr >>> 0);
  }
  const blocks = (list: readonly (readonly [Seq, Seq])[]) =>
    list.map(([left, right]) => `${relative(left, other)}:${relative(right, other)}`).join(' ');
  const got = Array.from({ length: s.sackCount }, (_, i) => [s.sack[2 * i]!, s.sack[2 * i + 1]!] as const);
  differ('sack', blocks(o.sack ?? []), blocks(got));
  return found;
}

/** A segment to inject. Its text is filled in by the caller. */
export function build(spec: Spec, defaults: { win: number; ts: { val: number; ecr: number } | undefined }): Segment {
  const s = new Segment();
  s.flags = spec.flags;
  s.seq = spec.seq;
  s.ack = spec.ack ?? seq(0);
  s.wnd = spec.win ?? defaults.win;
  s.up = spec.up ?? 0;
  s.ecn = spec.ecn ?? 0;
  s.payloadLength = spec.length;
  s.bytes = new Uint8Array(spec.length);
  const o = spec.options;
  const ts = o === undefined ? defaults.ts : o.ts;
  if (ts !== undefined) {
    s.hasTimestamps = true;
    s.tsVal = Number(ts.val === '*' ? (defaults.ts?.val ?? 0) : ts.val) | 0;
    s.tsEcr = Number(ts.ecr === '*' ? (defaults.ts?.ecr ?? 0) : ts.ecr) | 0;
  }
  if (o === undefined) return s;
  s.mss = o.mss ?? -1;
  s.windowScale = o.wscale ?? -1;
  s.sackPermitted = o.sackOK ?? false;
  for (const [left, right] of o.sack ?? []) {
    s.sack[2 * s.sackCount] = left;
    s.sack[2 * s.sackCount + 1] = right;
    s.sackCount++;
  }
  return s;
}
