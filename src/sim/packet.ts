import { completeFrame } from '../link/complete.ts';
import { CHECKSUM_COMPLETE, Frame } from '../link/device.ts';
import { HEADROOM } from '../link/pool.ts';
import type { IpAddress } from '../wire/address.ts';
import { get16, put16 } from '../wire/bytes.ts';
import { finish, sum } from '../wire/checksum.ts';
import { buildIp, ipHeaderLength, parseIp } from '../wire/ip.ts';
import { IpHeader, TCP, TRUST_CHECKSUM } from '../wire/ip-header.ts';
import { NOT_ECT, Segment } from '../wire/segment.ts';
import { buildTcp, fillChecksum, parseTcp, TCP_CHECKSUM, tcpHeaderLength, verifyChecksum } from '../wire/tcp.ts';

/** What a frame holds, taken apart when somebody asks. One serves all frames: it holds until the next `look`. */
export class Sight {
  readonly ip = new IpHeader();
  readonly #segment = new Segment();
  #hasIp = false;
  #hasSegment = false;

  /** Takes a frame apart. */
  look(frame: Frame): this {
    const { ip } = this;
    const { bytes, offset, length } = frame;
    this.#hasIp = parseIp(bytes, offset, length, ip, TRUST_CHECKSUM) === null;
    this.#hasSegment =
      this.#hasIp &&
      ip.protocol === TCP &&
      !ip.isFragment &&
      parseTcp(bytes, ip.payloadOffset, ip.payloadLength, this.#segment) === null;
    if (this.#hasSegment) this.#segment.ecn = ip.ecn;
    return this;
  }

  get isIp(): boolean {
    return this.#hasIp;
  }

  /** The frame's segment, or null where it is none. */
  get segment(): Segment | null {
    return this.#hasSegment ? this.#segment : null;
  }
}

/** A new frame for a segment, outside any pool. */
export function segmentFrame(from: IpAddress, to: IpAddress, segment: Segment, hopLimit = 64): Frame {
  const headerLength = ipHeaderLength(from.family);
  const length = tcpHeaderLength(segment) + segment.payloadLength;
  const frame = new Frame(new Uint8Array(HEADROOM + headerLength + length));
  const ip = new IpHeader();
  ip.setAddresses(from, to);
  ip.protocol = TCP;
  ip.hopLimit = hopLimit;
  ip.dontFragment = true;
  ip.ecn = segment.ecn;
  ip.payloadLength = length;
  frame.offset = HEADROOM;
  frame.length = headerLength + length;
  const start = frame.offset + buildIp(ip, frame.bytes, frame.offset);
  buildTcp(segment, frame.bytes, start);
  fillChecksum(frame.bytes, start, length, ip.pseudoSum(TCP, length));
  return frame;
}

/** The same frame again, outside any pool. */
export function copyFrame(frame: Frame): Frame {
  const copy = new Frame(new Uint8Array(HEADROOM + frame.length));
  copy.offset = HEADROOM;
  copy.length = frame.length;
  copy.checksum = frame.checksum;
  copy.gsoSize = frame.gsoSize;
  copy.bytes.set(frame.bytes.subarray(frame.offset, frame.offset + frame.length), HEADROOM);
  return copy;
}

/**
 * A new frame like this one, with a segment (and addresses) that `change` has changed. A checksum that was wrong stays wrong: whoever rewrites
 * headers brings it up to date and does not vouch for the text. Null where it holds no segment.
 */
export function rewrite(frame: Frame, change: (segment: Segment, ip: IpHeader) => void): Frame | null {
  const sight = new Sight().look(frame);
  const { segment, ip } = sight;
  if (segment === null) return null;
  const { payloadOffset, payloadLength } = ip;
  const isWrong =
    frame.checksum === CHECKSUM_COMPLETE &&
    !verifyChecksum(frame.bytes, payloadOffset, payloadLength, ip.pseudoSum(TCP, payloadLength));
  segment.bytes = segment.bytes.slice(segment.payloadOffset, segment.payloadOffset + segment.payloadLength);
  segment.payloadOffset = 0;
  change(segment, ip);
  const changed = segmentFrame(ip.sourceAddress(), ip.destinationAddress(), segment, ip.hopLimit);
  if (isWrong) {
    const at = changed.offset + ipHeaderLength(ip.version) + TCP_CHECKSUM;
    changed.bytes[at] = changed.bytes[at]! ^ 0xff;
  }
  return changed;
}

/** Turns one bit of the packet behind the IP header over: the checksum is to find that. */
export function flipBit(frame: Frame, dice: number): void {
  completeFrame(frame);
  const headerLength = frame.bytes[frame.offset]! >>> 4 === 6 ? 40 : 20;
  const bits = Math.max(1, 8 * (frame.length - headerLength));
  const bit = Math.floor(dice * bits);
  const at = frame.offset + headerLength + (bit >> 3);
  frame.bytes[at] = frame.bytes[at]! ^ (1 << (bit & 7));
}

/** The two ECN bits of a packet (RFC 3168 §5). */
export function ecnOf({ bytes, offset, length }: Frame): number {
  if (length < 20) return NOT_ECT;
  return bytes[offset]! >>> 4 === 6 ? (bytes[offset + 1]! >>> 4) & 3 : bytes[offset + 1]! & 3;
}

/** Says that it met congestion. */
export function markCe({ bytes, offset }: Frame): void {
  if (bytes[offset]! >>> 4 === 6) {
    bytes[offset + 1] = bytes[offset + 1]! | 0x30;
    return;
  }
  bytes[offset + 1] = bytes[offset + 1]! | 3;
  refreshIpv4(bytes, offset);
}

/** One hop further. False where the packet has come too far. */
export function decrementHops({ bytes, offset }: Frame): boolean {
  const at = bytes[offset]! >>> 4 === 6 ? offset + 7 : offset + 8;
  if (bytes[at]! <= 1) return false;
  bytes[at] = bytes[at]! - 1;
  if (bytes[offset]! >>> 4 === 4) refreshIpv4(bytes, offset);
  return true;
}

function refreshIpv4(bytes: Uint8Array, offset: number): void {
  put16(bytes, offset + 10, 0);
  const length = (bytes[offset]! & 15) * 4;
  put16(bytes, offset + 10, finish(sum(bytes, offset, length)));
  if (get16(bytes, offset + 10) === 0) put16(bytes, offset + 10, 0xffff);
}
