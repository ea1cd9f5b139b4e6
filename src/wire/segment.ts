import { type Seq, seq } from './seq.ts';

/** Control bits (RFC 9293 §3.1; ECE and CWR from RFC 3168, AE from RFC 9768). */
export const FIN = 0x01;
export const SYN = 0x02;
export const RST = 0x04;
export const PSH = 0x08;
export const ACK = 0x10;
export const URG = 0x20;
export const ECE = 0x40;
export const CWR = 0x80;
export const AE = 0x100;

/** The two ECN bits of the IP header (RFC 3168 §5). */
export const NOT_ECT = 0;
export const ECT1 = 1;
export const ECT0 = 2;
export const CE = 3;

/** What an outgoing segment's text is copied from: a send buffer, by offset. */
export interface PayloadSource {
  /** Copies `length` bytes that start `from` bytes into the source to `target[at …]`. */
  copy(from: number, length: number, target: Uint8Array, at: number): void;
  /** As many of these bytes as lie in one place, there, to be read at once. */
  view(from: number, length: number): Uint8Array;
}

const NO_BYTES = new Uint8Array(0);

/**
 * One TCP segment, as fields. Parsers fill a reusable one, and the protocol fills a reusable one to send: it holds only until the
 * call it was passed to returns. With segmentation offload it may stand for several wire segments of the same flow in a row
 * (`gsoSize` > 0 is then the text length of each but the last).
 */
export class Segment {
  sourcePort = 0;
  destinationPort = 0;
  seq: Seq = seq(0);
  ack: Seq = seq(0);
  flags = 0;
  /** The window field as it is on the wire, 0 … 65535: not scaled. */
  wnd = 0;
  /** The urgent pointer field, 0 … 65535. */
  up = 0;
  /** The three reserved bits as received; sent as zero. */
  reserved = 0;

  /** Options. −1 (or false) where the segment does not carry one. */
  mss = -1;
  windowScale = -1;
  sackPermitted = false;
  hasTimestamps = false;
  /** TSval and TSecr as int32 (RFC 7323 §3.2). */
  tsVal = 0;
  tsEcr = 0;
  /** Number of SACK blocks, 0 … 4, and their edges: left0, right0, left1, right1, … (RFC 2018 §3). */
  sackCount = 0;
  readonly sack: Seq[] = [seq(0), seq(0), seq(0), seq(0), seq(0), seq(0), seq(0), seq(0)];
  /** User timeout in milliseconds (RFC 5482), −1 without. */
  userTimeout = -1;
  /** Fast Open cookie (RFC 7413): −1 without the option, 0 a request, 4 … 16 the length of `fastOpenCookie`. */
  fastOpenLength = -1;
  readonly fastOpenCookie: Uint8Array = new Uint8Array(16);
  /**
   * The AccECN option's counters, modulo 2^24 (RFC 9768 §3.2.3), of bytes that came with ECT(0), CE and ECT(1); −1 where it has none of that
   * kind. It is sent when the first is there.
   */
  accEcnE0b = -1;
  accEcnCeb = -1;
  accEcnE1b = -1;
  /** An MD5 (2385) or AO (5925) option was present. */
  hasSignature = false;
  /** Outgoing: a SYN's options stand as FreeBSD packs them, and not as Linux does. */
  packed = false;

  /** Text. Incoming: in `bytes`. Outgoing: in `source` when it is not null, else in `bytes`. */
  bytes: Uint8Array = NO_BYTES;
  payloadOffset = 0;
  payloadLength = 0;
  source: PayloadSource | null = null;

  /** The IP header's ECN bits. */
  ecn = NOT_ECT;
  /** 0: one wire segment. Else the text length of each wire segment but the last. */
  gsoSize = 0;

  /** SEG.LEN (RFC 9293 §3.3.1): text plus one for SYN and one for FIN. */
  get len(): number {
    return this.payloadLength + (this.flags & SYN ? 1 : 0) + (this.flags & FIN ? 1 : 0);
  }

  has(flag: number): boolean {
    return (this.flags & flag) !== 0;
  }

  /** Number of wire segments this one stands for, at least 1. */
  get wireSegments(): number {
    return this.gsoSize > 0 && this.payloadLength > this.gsoSize ? Math.ceil(this.payloadLength / this.gsoSize) : 1;
  }

  /** Copies `length` bytes of the text, from `from` on, to `target[at …]`. */
  copyPayload(from: number, length: number, target: Uint8Array, at: number): void {
    if (this.source !== null) this.source.copy(this.payloadOffset + from, length, target, at);
    else {
      const start = this.payloadOffset + from;
      target.set(this.bytes.subarray(start, start + length), at);
    }
  }

  /** Back to an empty segment without options or text. */
  clear(): void {
    this.sourcePort = 0;
    this.destinationPort = 0;
    this.seq = seq(0);
    this.ack = seq(0);
    this.flags = 0;
    this.wnd = 0;
    this.up = 0;
    this.reserved = 0;
    this.clearOptions();
    this.bytes = NO_BYTES;
    this.payloadOffset = 0;
    this.payloadLength = 0;
    this.source = null;
    this.ecn = NOT_ECT;
    this.gsoSize = 0;
  }

  clearOptions(): void {
    this.mss = -1;
    this.windowScale = -1;
    this.sackPermitted = false;
    this.hasTimestamps = false;
    this.tsVal = 0;
    this.tsEcr = 0;
    this.sackCount = 0;
    this.userTimeout = -1;
    this.fastOpenLength = -1;
    this.accEcnE0b = -1;
    this.accEcnCeb = -1;
    this.accEcnE1b = -1;
    this.hasSignature = false;
    this.packed = false;
  }
}
