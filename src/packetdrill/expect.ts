import { describeFlags } from '../wire/describe.ts';
import { parseIp } from '../wire/ip.ts';
import { IpHeader, TCP, VERIFY } from '../wire/ip-header.ts';
import { ACK, FIN, PSH, Segment, SYN } from '../wire/segment.ts';
import { add, toUint32 } from '../wire/seq.ts';
import { parseTcp, TCP_HEADER, verifyChecksum } from '../wire/tcp.ts';
import { copySegment, type Numbers } from './numbers.ts';
import type { TcpOption, TcpPacket } from './script.ts';
import type { SentPacket } from './wire-end.ts';

/** A segment that the stack sent, with its place in time and its options as they stood on the wire. */
export interface Sent {
  readonly time: number;
  readonly header: IpHeader;
  readonly segment: Segment;
  /** In order, NOPs too. */
  readonly options: readonly TcpOption[];
}

/** How exactly what was sent must be what was expected. */
export interface Strictness {
  /** Options in the script's order, with its NOPs, and the window's value. */
  readonly exact: boolean;
}

/** Reads a packet that the stack sent; a string says why it is none, or none of TCP. */
export function readSent({ bytes, time, gsoSize }: SentPacket): Sent | string {
  const header = new IpHeader();
  const bad = parseIp(bytes, 0, bytes.length, header, VERIFY);
  if (bad !== null) return `no packet: ${bad}`;
  if (header.protocol !== TCP) return `no TCP: protocol ${header.protocol}`;
  const { payloadOffset: at, payloadLength: length } = header;
  if (!verifyChecksum(bytes, at, length, header.pseudoSum(TCP, length))) return 'a wrong TCP checksum';
  const parsed = new Segment();
  const none = parseTcp(bytes, at, length, parsed);
  if (none !== null) return `no segment: ${none}`;
  parsed.ecn = header.ecn;
  parsed.gsoSize = gsoSize;
  const headerLength = (bytes[at + 12]! >>> 4) * 4;
  return {
    time,
    header,
    segment: copySegment(parsed),
    options: readOptions(bytes, at + TCP_HEADER, at + headerLength),
  };
}

function readOptions(bytes: Uint8Array, from: number, to: number): TcpOption[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const options: TcpOption[] = [];
  for (let i = from; i < to; ) {
    const kind = bytes[i]!;
    if (kind === 0 || kind === 1) {
      options.push(kind === 0 ? { kind: 'eol', text: 'eol' } : { kind: 'nop', text: 'nop' });
      i++;
      continue;
    }
    const length = bytes[i + 1]!;
    if (kind === 2) options.push({ kind: 'mss', value: view.getUint16(i + 2) });
    else if (kind === 3) options.push({ kind: 'wscale', value: bytes[i + 2]! });
    else if (kind === 4) options.push({ kind: 'sackOK', text: 'sackOK' });
    else if (kind === 5) {
      const blocks: [number, number][] = [];
      for (let b = i + 2; b < i + length; b += 8) blocks.push([view.getUint32(b), view.getUint32(b + 4)]);
      options.push({ kind: 'sack', blocks });
    } else if (kind === 8) options.push({ kind: 'TS', val: view.getUint32(i + 2), ecr: view.getUint32(i + 6) });
    else if (kind === 34) options.push({ kind: 'FO', cookie: hex(bytes.subarray(i + 2, i + length)) });
    else options.push({ kind: 'unknown', text: `kind ${kind}` });
    i += Math.max(2, length);
  }
  return options;
}

function hex(bytes: Uint8Array): string {
  return [...bytes].map((b) => b.toString(16).padStart(2, '0')).join('');
}

/**
 * What is different, in words: the field, what was expected, what came; null where all fits. Numbers are the script's. Learns the stack's ISN from
 * its SYN, and its timestamps.
 */
export function differs(expected: TcpPacket, sent: Sent, numbers: Numbers, { exact }: Strictness): string | null {
  const { segment: s, header } = sent;
  const syn = s.has(SYN);
  if (syn && !numbers.localKnown) numbers.learnLocal(s.seq, expected.absolute ? 0 : (expected.seq ?? 0));
  if (s.flags !== expected.flags) return field('flags', describeFlags(expected.flags), describeFlags(s.flags));
  if (expected.seq !== null) {
    const seq = expected.absolute ? toUint32(s.seq) : numbers.fromLocal(s.seq, syn);
    if (seq !== expected.seq >>> 0) return field('seq', expected.seq, seq);
  }
  if (s.payloadLength !== expected.length) return field('length', expected.length, s.payloadLength);
  if (s.has(ACK) && expected.ack !== null) {
    const ack = numbers.fromRemote(s.ack, syn);
    if (ack !== expected.ack >>> 0) return field('ack', expected.ack, ack);
  }
  if (exact && expected.win !== null && s.wnd !== expected.win) return field('win', expected.win, s.wnd);
  if (
    !exact &&
    expected.win !== null &&
    (expected.win === 0) !== (s.wnd === 0) &&
    !s.has(SYN) &&
    expected.flags & ACK
  ) {
    // An open window in place of a closed one is no matter of its value alone. A RST's says nothing.
    if (!(s.flags & 4)) return field('win', expected.win, s.wnd);
  }
  if (expected.urg !== null && s.up !== expected.urg) return field('urg', expected.urg, s.up);
  if (s.reserved !== 0) return field('reserved bits', 0, s.reserved);
  return differsIp(expected, header) ?? differsOptions(expected, sent, numbers, exact);
}

function differsIp({ ip }: TcpPacket, header: IpHeader): string | null {
  if (ip.ttl !== undefined && ip.ttl !== header.hopLimit) return field('TTL', ip.ttl, header.hopLimit);
  const tos = (header.dscp << 2) | header.ecn;
  if (ip.tos !== undefined && ip.tos !== tos) return field('TOS', ip.tos, tos);
  const names = ['noecn', 'ect1', 'ect0', 'ce'] as const;
  const ecn = names[header.ecn]!;
  if (ip.ecn === undefined || ip.ecn === ecn || (ip.ecn === 'ect01' && ecn.startsWith('ect'))) return null;
  return field('ECN', ip.ecn, ecn);
}

function differsOptions({ options }: TcpPacket, sent: Sent, numbers: Numbers, exact: boolean): string | null {
  if (options === null) return null;
  const clean = (list: readonly TcpOption[]): string[] => {
    // Where order and padding do not count, neither do they here.
    const words = list.filter((o) => exact || (o.kind !== 'nop' && o.kind !== 'eol')).map(describe);
    return exact ? words : words.sort();
  };
  const wanted: TcpOption[] = [];
  for (const option of options) {
    if (option.kind !== 'TS') {
      wanted.push(option);
      continue;
    }
    const live = sent.options.find((o) => o.kind === 'TS');
    if (live?.kind === 'TS') {
      if (option.val !== null) numbers.timestamps.set(option.val, live.val!);
      wanted.push({ kind: 'TS', val: live.val, ecr: option.ecr === null ? live.ecr : option.ecr >>> 0 });
    } else wanted.push(option);
  }
  const mine = sent.options.map((o): TcpOption => {
    if (o.kind !== 'sack') return o;
    // SACK blocks are of what the script sent. Numbers below its first are D-SACK's.
    return {
      kind: 'sack',
      blocks: o.blocks.map(([a, b]) => [numbers.fromRemote(a as never, false), numbers.fromRemote(b as never, false)]),
    };
  });
  const expected = clean(wanted).join(',');
  const actual = clean(mine).join(',');
  return expected === actual ? null : field('options', `<${expected}>`, `<${actual}>`);
}

function describe(option: TcpOption): string {
  switch (option.kind) {
    case 'mss':
      return `mss ${option.value}`;
    case 'wscale':
      return `wscale ${option.value}`;
    case 'TS':
      return `TS val ${option.val} ecr ${option.ecr}`;
    case 'sack':
      return `sack ${option.blocks.map(([a, b]) => `${a}:${b}`).join(' ')}`;
    case 'FO':
    case 'FOEXP':
      return `${option.kind} ${option.cookie ?? '?'}`;
    default:
      return option.text;
  }
}

function field(name: string, expected: unknown, actual: unknown): string {
  return `${name}: expected ${expected}, sent ${actual}`;
}

/**
 * Segments that follow each other as segmentation offload would have made them from one: the expected one may be all of them. Returns the merged
 * one, or null where the next does not go on from the last.
 */
export function merge(first: Sent, next: Sent): Sent | null {
  const a = first.segment;
  const b = next.segment;
  const follows = (toUint32(b.seq) - toUint32(a.seq)) >>> 0 === a.payloadLength;
  if (
    !follows ||
    b.payloadLength === 0 ||
    a.payloadLength === 0 ||
    a.flags & 0x07 ||
    toUint32(a.ack) !== toUint32(b.ack)
  )
    return null;
  const segment = copySegment(a);
  segment.flags = (a.flags & ~PSH) | b.flags;
  segment.payloadLength = a.payloadLength + b.payloadLength;
  return { ...first, segment };
}

/** A super-segment in two, the first with `length` bytes of text; each with PSH where it is more than one segment, or the last. */
export function cut(sent: Sent, length: number): readonly [Sent, Sent] {
  const pushes = sent.segment.flags & PSH;
  const part = (from: number, size: number, last: boolean): Sent => {
    const segment = copySegment(sent.segment);
    segment.seq = add(segment.seq, from);
    segment.payloadLength = size;
    if (!last) segment.flags &= ~FIN;
    if (!last && size <= segment.gsoSize) segment.flags &= ~pushes;
    return { ...sent, segment };
  };
  const rest = sent.segment.payloadLength - length;
  return [part(0, length, false), part(length, rest, true)];
}

/** A super-segment as the segments that a device without offload puts on the wire: PSH and FIN on the last. */
export function wireSegments(sent: Sent): Sent[] {
  const { segment } = sent;
  if (segment.gsoSize === 0) return [sent];
  const all: Sent[] = [];
  for (let from = 0; from < segment.payloadLength; from += segment.gsoSize) {
    const one = copySegment(segment);
    one.seq = add(segment.seq, from);
    one.payloadLength = Math.min(segment.gsoSize, segment.payloadLength - from);
    one.gsoSize = 0;
    if (from + one.payloadLength < segment.payloadLength) one.flags &= ~(PSH | FIN);
    all.push({ ...sent, segment: one });
  }
  return all;
}
