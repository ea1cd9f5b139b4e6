import { get16, get32, put32 } from './bytes.ts';
import { type Segment, SYN } from './segment.ts';
import { type Seq, seq, toUint32 } from './seq.ts';

/** Option kinds (IANA, "TCP Option Kind Numbers") that are read into or written from a `Segment`. */
export const END_OF_OPTIONS = 0;
export const NO_OPERATION = 1;
export const MAXIMUM_SEGMENT_SIZE = 2;
export const WINDOW_SCALE = 3;
export const SACK_PERMITTED = 4;
export const SACK = 5;
export const TIMESTAMPS = 8;
export const MD5_SIGNATURE = 19;
export const USER_TIMEOUT = 28;
export const AUTHENTICATION = 29;
export const FAST_OPEN_COOKIE = 34;
/** RFC 9768 §3.2.3: the same three counters, from ECT(0)'s or from ECT(1)'s on. */
export const ACCURATE_ECN_0 = 172;
export const ACCURATE_ECN_1 = 174;
export const EXPERIMENT_1 = 253;
export const EXPERIMENT_2 = 254;

/** Most bytes of options: 15 words of header less the five fixed ones. */
export const MAX_OPTIONS = 40;

/** The experiment that Fast Open was before it had a kind of its own (RFC 7413 §8, RFC 6994). */
const FAST_OPEN_EXPERIMENT = 0xf989;

/** The IANA list. A kind that is not in it is unassigned. */
export const OPTION_NAMES: ReadonlyMap<number, string> = new Map([
  [END_OF_OPTIONS, 'End of Option List'],
  [NO_OPERATION, 'No-Operation'],
  [MAXIMUM_SEGMENT_SIZE, 'Maximum Segment Size'],
  [WINDOW_SCALE, 'Window Scale'],
  [SACK_PERMITTED, 'SACK Permitted'],
  [SACK, 'SACK'],
  [6, 'Echo'],
  [7, 'Echo Reply'],
  [TIMESTAMPS, 'Timestamps'],
  [9, 'Partial Order Connection Permitted'],
  [10, 'Partial Order Service Profile'],
  [11, 'CC'],
  [12, 'CC.NEW'],
  [13, 'CC.ECHO'],
  [14, 'TCP Alternate Checksum Request'],
  [15, 'TCP Alternate Checksum Data'],
  [16, 'Skeeter'],
  [17, 'Bubba'],
  [18, 'Trailer Checksum Option'],
  [MD5_SIGNATURE, 'MD5 Signature'],
  [20, 'SCPS Capabilities'],
  [21, 'Selective Negative Acknowledgements'],
  [22, 'Record Boundaries'],
  [23, 'Corruption experienced'],
  [24, 'SNAP'],
  [26, 'TCP Compression Filter'],
  [27, 'Quick-Start Response'],
  [USER_TIMEOUT, 'User Timeout'],
  [AUTHENTICATION, 'TCP Authentication Option'],
  [30, 'Multipath TCP'],
  [FAST_OPEN_COOKIE, 'TCP Fast Open Cookie'],
  [69, 'Encryption Negotiation'],
  [ACCURATE_ECN_0, 'Accurate ECN Order 0'],
  [ACCURATE_ECN_1, 'Accurate ECN Order 1'],
  [EXPERIMENT_1, 'Experiment 1'],
  [EXPERIMENT_2, 'Experiment 2'],
]);

/**
 * Reads the options in `bytes[offset … end)` into `into` (RFC 9293 §3.2): of any segment (MUST-5), at any alignment (MUST-64). End of list,
 * no-operation and MSS are what everybody knows (MUST-4); unknown kinds are skipped by their length, which all but the first two have (MUST-6,
 * MUST-68): so are Multipath TCP's (RFC 8684 §3) and, but for a mark, those of signatures (RFC 5925 §2, RFC 2385). An
 * illegal length ends the list: what stood before it counts, and the segment is processed as if the rest were not there (MUST-7).
 * An option of a kind we know with a length that it cannot have is skipped. Which options mean anything in which segment is TCP's business.
 */
export function parseOptions(bytes: Uint8Array, offset: number, end: number, into: Segment): void {
  into.clearOptions();
  let at = offset;
  // What nearly every segment of an established connection carries (RFC 7323, appendix A).
  if (end - offset === 12 && get32(bytes, offset) === 0x0101080a) {
    readTimestamps(bytes, offset + 2, into);
    return;
  }
  while (at < end) {
    const kind = bytes[at]!;
    if (kind === NO_OPERATION) {
      at++;
      continue;
    }
    if (kind === END_OF_OPTIONS || at + 1 >= end) return;
    const length = bytes[at + 1]!;
    if (length < 2 || at + length > end) return;
    parseOption(bytes, at, kind, length, into);
    at += length;
  }
}

function parseOption(bytes: Uint8Array, at: number, kind: number, length: number, into: Segment): void {
  switch (kind) {
    case MAXIMUM_SEGMENT_SIZE:
      if (length === 4) into.mss = get16(bytes, at + 2);
      break;
    case WINDOW_SCALE:
      if (length === 3) into.windowScale = bytes[at + 2]!;
      break;
    case SACK_PERMITTED:
      if (length === 2) into.sackPermitted = true;
      break;
    case SACK:
      if (length >= 10 && (length - 2) % 8 === 0) readSack(bytes, at + 2, (length - 2) >>> 3, into);
      break;
    case TIMESTAMPS:
      if (length === 10) readTimestamps(bytes, at, into);
      break;
    case USER_TIMEOUT:
      if (length === 4) readUserTimeout(get16(bytes, at + 2), into);
      break;
    case FAST_OPEN_COOKIE:
      readCookie(bytes, at + 2, length - 2, into);
      break;
    case ACCURATE_ECN_0:
    case ACCURATE_ECN_1:
      readAccurateEcn(bytes, at + 2, length - 2, kind === ACCURATE_ECN_0, into);
      break;
    case EXPERIMENT_2:
      if (length >= 4 && get16(bytes, at + 2) === FAST_OPEN_EXPERIMENT) readCookie(bytes, at + 4, length - 4, into);
      break;
    case MD5_SIGNATURE:
      if (length === 18) into.hasSignature = true;
      break;
    case AUTHENTICATION:
      if (length >= 4) into.hasSignature = true;
      break;
  }
}

function readTimestamps(bytes: Uint8Array, at: number, into: Segment): void {
  into.hasTimestamps = true;
  into.tsVal = get32(bytes, at + 2);
  into.tsEcr = get32(bytes, at + 6);
}

/** RFC 2018 §3. Forty bytes hold no more than four blocks. */
function readSack(bytes: Uint8Array, at: number, count: number, into: Segment): void {
  into.sackCount = count;
  for (let i = 0; i < 2 * count; i++) into.sack[i] = seq(get32(bytes, at + 4 * i));
}

/** RFC 5482 §3: a granularity bit (1: minutes, 0: seconds) and 15 bits; zero must not be sent and means nothing. */
function readUserTimeout(field: number, into: Segment): void {
  const value = field & 0x7fff;
  if (value > 0) into.userTimeout = value * (field & 0x8000 ? 60_000 : 1000);
}

/** RFC 9768 §3.2.3: none to three counters of 24 bits. */
function readAccurateEcn(bytes: Uint8Array, at: number, length: number, ect0First: boolean, into: Segment): void {
  if (length > 9 || length % 3 !== 0) return;
  for (let i = 0; 3 * i < length; i++) {
    const counter = (get16(bytes, at + 3 * i) << 8) | bytes[at + 3 * i + 2]!;
    if (i === 1) into.accEcnCeb = counter;
    else if ((i === 0) === ect0First) into.accEcnE0b = counter;
    else into.accEcnE1b = counter;
  }
}

/** RFC 7413 §4.1.1: nothing (a request), or an even number of bytes from 4 to 16. */
function readCookie(bytes: Uint8Array, at: number, length: number, into: Segment): void {
  if (length !== 0 && (length < 4 || length > 16 || length % 2 !== 0)) return;
  into.fastOpenLength = length;
  for (let i = 0; i < length; i++) into.fastOpenCookie[i] = bytes[at + i]!;
}

/** Bytes of the options that `writeOptions` writes for `segment`, a multiple of four, at most 40: it writes them, as that takes no longer than counting. */
export function optionsLength(segment: Segment): number {
  return writeOptions(segment, scratch, 0);
}

/** SACK blocks that fit behind `used` bytes: three beside timestamps, else four (RFC 2018 §3). */
function sackBlocks(segment: Segment, used: number): number {
  return Math.min(segment.sackCount, (MAX_OPTIONS - used - 4) >> 3);
}

/** With its padding; 0 where it does not fit: a SYN without a cookie is a plain SYN. */
function cookieLength(segment: Segment, used: number): number {
  if (segment.fastOpenLength < 0) return 0;
  const length = (2 + segment.fastOpenLength + 3) & ~3;
  return used + length <= MAX_OPTIONS ? length : 0;
}

/**
 * Writes the segment's options at `target[at …]` in the order and with the padding that Linux uses, so that no middlebox meets a layout
 * it does not know, and four-byte fields are aligned; each is padded to a word, so that nothing is left that would have to be zero (MUST-69). MSS (MUST-65), window scale, SACK-permitted and a Fast Open cookie go only
 * with a SYN, and SACK blocks only without; what does not fit in 40 bytes is left out. Signatures are not written. Returns the bytes written.
 */
export function writeOptions(segment: Segment, target: Uint8Array, at: number): number {
  const syn = (segment.flags & SYN) !== 0;
  if (syn && segment.packed) return packOptions(segment, target, at);
  let next = at;
  if (syn && segment.mss >= 0) next = word(target, next, (MAXIMUM_SEGMENT_SIZE << 24) | (4 << 16) | segment.mss);
  const sackPermitted = syn && segment.sackPermitted;
  if (segment.hasTimestamps) {
    const before = sackPermitted ? (SACK_PERMITTED << 8) | 2 : PADDING;
    next = word(target, next, (before << 16) | (TIMESTAMPS << 8) | 10);
    next = word(target, next, segment.tsVal);
    next = word(target, next, segment.tsEcr);
  } else if (sackPermitted) next = word(target, next, (PADDING << 16) | (SACK_PERMITTED << 8) | 2);
  if (syn && segment.windowScale >= 0) {
    next = word(target, next, (NO_OPERATION << 24) | (WINDOW_SCALE << 16) | (3 << 8) | segment.windowScale);
  }
  if (segment.userTimeout >= 0) {
    next = word(target, next, (USER_TIMEOUT << 24) | (4 << 16) | userTimeoutField(segment.userTimeout));
  }
  if (segment.accEcnE0b >= 0) next = writeAccurateEcn(segment, target, next);
  if (!syn) return writeSack(segment, target, next, next - at) - at;
  if (cookieLength(segment, next - at) > 0) next = writeCookie(segment, target, next);
  return next - at;
}

const scratch = new Uint8Array(MAX_OPTIONS);

/**
 * A SYN's options as FreeBSD has them: window scale before SACK-permitted and timestamps, no padding but what aligns a field, and after the
 * last an end-of-options, zeros to the word (MUST-69).
 */
function packOptions(segment: Segment, target: Uint8Array, at: number): number {
  let next = at;
  if (segment.mss >= 0) next = word(target, next, (MAXIMUM_SEGMENT_SIZE << 24) | (4 << 16) | segment.mss);
  if (segment.windowScale >= 0) {
    next = word(target, next, (NO_OPERATION << 24) | (WINDOW_SCALE << 16) | (3 << 8) | segment.windowScale);
  }
  if (segment.sackPermitted) {
    target[next++] = SACK_PERMITTED;
    target[next++] = 2;
  }
  if (segment.hasTimestamps) {
    while (((next - at) & 3) !== 2) target[next++] = NO_OPERATION;
    target[next++] = TIMESTAMPS;
    target[next++] = 10;
    next = word(target, next, segment.tsVal);
    next = word(target, next, segment.tsEcr);
  }
  const { fastOpenLength } = segment;
  if (fastOpenLength >= 0 && next - at + 2 + fastOpenLength <= MAX_OPTIONS) {
    target[next++] = FAST_OPEN_COOKIE;
    target[next++] = 2 + fastOpenLength;
    for (let i = 0; i < fastOpenLength; i++) target[next++] = segment.fastOpenCookie[i]!;
  }
  while (((next - at) & 3) !== 0) target[next++] = END_OF_OPTIONS;
  return next - at;
}

/** Two no-operations. */
const PADDING = (NO_OPERATION << 8) | NO_OPERATION;

function word(target: Uint8Array, at: number, value: number): number {
  put32(target, at, value);
  return at + 4;
}

/** In order 0. */
function writeAccurateEcn(segment: Segment, target: Uint8Array, at: number): number {
  const { accEcnE0b, accEcnCeb, accEcnE1b } = segment;
  let next = word(target, at, (NO_OPERATION << 24) | (ACCURATE_ECN_0 << 16) | (11 << 8) | ((accEcnE0b >>> 16) & 255));
  next = word(target, next, ((accEcnE0b & 0xffff) << 16) | ((accEcnCeb >>> 8) & 0xffff));
  return word(target, next, ((accEcnCeb & 255) << 24) | (accEcnE1b & 0xff_ffff));
}

function writeSack(segment: Segment, target: Uint8Array, at: number, used: number): number {
  const blocks = sackBlocks(segment, used);
  if (blocks <= 0) return at;
  let next = word(target, at, (PADDING << 16) | (SACK << 8) | (2 + 8 * blocks));
  for (let i = 0; i < 2 * blocks; i++) next = word(target, next, toUint32(segment.sack[i]!));
  return next;
}

function writeCookie(segment: Segment, target: Uint8Array, at: number): number {
  let next = at;
  target[next++] = FAST_OPEN_COOKIE;
  target[next++] = 2 + segment.fastOpenLength;
  for (let i = 0; i < segment.fastOpenLength; i++) target[next++] = segment.fastOpenCookie[i]!;
  while (((next - at) & 3) !== 0) target[next++] = NO_OPERATION;
  return next;
}

/** The least value that is no shorter than `ms` (RFC 5482 §3). */
function userTimeoutField(ms: number): number {
  const seconds = Math.max(1, Math.ceil(ms / 1000));
  return seconds <= 0x7fff ? seconds : 0x8000 | Math.min(0x7fff, Math.ceil(seconds / 60));
}

/** One option of a list, where it stands in the array it was read from. */
export interface OptionView {
  readonly kind: number;
  /** The IANA name, or `Unassigned`. */
  readonly name: string;
  readonly offset: number;
  /** Bytes in all; 1 for the two kinds without a length. */
  readonly length: number;
  /** The length is illegal: the list is unreadable from here on. */
  readonly malformed: boolean;
}

/** Each option in `bytes[offset … end)`, known or not, for tools; it ends after the end-of-options or a malformed one. */
export function* listOptions(bytes: Uint8Array, offset: number, end: number): Generator<OptionView, void, undefined> {
  let at = offset;
  while (at < end) {
    const kind = bytes[at]!;
    const name = OPTION_NAMES.get(kind) ?? 'Unassigned';
    const single = kind === NO_OPERATION || kind === END_OF_OPTIONS;
    const length = single ? 1 : at + 1 < end ? bytes[at + 1]! : 0;
    const malformed = !single && (length < 2 || at + length > end);
    yield { kind, name, offset: at, length, malformed };
    if (malformed || kind === END_OF_OPTIONS) return;
    at += length;
  }
}

/**
 * The options of a segment in tcpdump's words: `['mss 1460', 'sackOK', 'TS val 1 ecr 0', 'wscale 7']`. Sequence numbers in SACK
 * blocks are shown less `ackBase`.
 */
export function describeOptions(segment: Segment, ackBase: Seq = seq(0)): string[] {
  const out: string[] = [];
  if (segment.mss >= 0) out.push(`mss ${segment.mss}`);
  if (segment.sackPermitted) out.push('sackOK');
  if (segment.hasTimestamps) out.push(`TS val ${segment.tsVal >>> 0} ecr ${segment.tsEcr >>> 0}`);
  if (segment.windowScale >= 0) out.push(`wscale ${segment.windowScale}`);
  if (segment.userTimeout >= 0) out.push(`uto ${segment.userTimeout / 1000}s`);
  if (segment.sackCount > 0) {
    const edge = (i: number) => (toUint32(segment.sack[i]!) - toUint32(ackBase)) >>> 0;
    const blocks = Array.from({ length: segment.sackCount }, (_, i) => `{${edge(2 * i)}:${edge(2 * i + 1)}}`);
    out.push(`sack ${segment.sackCount} ${blocks.join('')}`);
  }
  if (segment.fastOpenLength === 0) out.push('tfo cookiereq');
  else if (segment.fastOpenLength > 0) {
    const cookie = segment.fastOpenCookie.subarray(0, segment.fastOpenLength);
    out.push(`tfo cookie ${Array.from(cookie, (byte) => byte.toString(16).padStart(2, '0')).join('')}`);
  }
  if (segment.accEcnE0b >= 0 || segment.accEcnE1b >= 0) {
    const counters = [segment.accEcnE0b, segment.accEcnCeb, segment.accEcnE1b].map((n) => (n < 0 ? '-' : n));
    out.push(`accecn e0b ${counters[0]} ceb ${counters[1]} e1b ${counters[2]}`);
  }
  if (segment.hasSignature) out.push('signature');
  return out;
}
