import { get16 } from './bytes.ts';

/** One frame of a capture file. Its bytes are a view of the file's. */
export interface CaptureFrame {
  /** Whole µs since 1970, and the 0 … 999 ns beyond them. 0 where the file has no time. */
  readonly time: number;
  readonly nanoseconds: number;
  readonly linkType: number;
  readonly bytes: Uint8Array;
  /** Bytes the frame had on the wire, of which `bytes` may be the first. */
  readonly originalLength: number;
  /** Where the IP packet starts in `bytes`; −1 where the frame carries none. */
  readonly ipOffset: number;
  /** Index in `Capture.interfaces`. */
  readonly interface: number;
  readonly direction: Direction | null;
  readonly comment: string | null;
}

export type Direction = 'in' | 'out';

export interface CaptureInterface {
  readonly name: string | null;
  readonly linkType: number;
}

/** What a file holds. Where it is corrupt `error` says where and how, in one line, and everything before that place is there. */
export interface Capture {
  readonly frames: CaptureFrame[];
  readonly interfaces: CaptureInterface[];
  error: string | null;
}

/** Link types (tcpdump.org/linktypes.html) whose IP packets we find. */
export const LINKTYPE_NULL = 0;
export const LINKTYPE_ETHERNET = 1;
export const LINKTYPE_RAW = 101;
export const LINKTYPE_LOOP = 108;
export const LINKTYPE_LINUX_SLL = 113;
export const LINKTYPE_IPV4 = 228;
export const LINKTYPE_IPV6 = 229;
export const LINKTYPE_LINUX_SLL2 = 276;
/** What some systems write for LINKTYPE_RAW. */
const DLT_RAW = [12, 14];

const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_IPV6 = 0x86dd;
/** A VLAN tag: customer, service (IEEE 802.1Q). */
const VLAN_TAGS = [0x8100, 0x88a8];

/** Where the IP packet starts in a frame of a link type; −1 where there is none, or we do not know the type. */
export function ipOffset(linkType: number, frame: Uint8Array): number {
  switch (linkType) {
    case LINKTYPE_ETHERNET:
      return ethernet(frame);
    case LINKTYPE_LINUX_SLL:
      return byEthertype(frame, 14, 16);
    case LINKTYPE_LINUX_SLL2:
      return byEthertype(frame, 0, 20);
    case LINKTYPE_NULL:
    case LINKTYPE_LOOP:
      return byVersion(frame, 4);
    case LINKTYPE_RAW:
    case LINKTYPE_IPV4:
    case LINKTYPE_IPV6:
      return byVersion(frame, 0);
    default:
      return DLT_RAW.includes(linkType) ? byVersion(frame, 0) : -1;
  }
}

function ethernet(frame: Uint8Array): number {
  let at = 12;
  while (at + 6 <= frame.length && VLAN_TAGS.includes(get16(frame, at))) at += 4;
  return byEthertype(frame, at, at + 2);
}

function byEthertype(frame: Uint8Array, typeAt: number, packetAt: number): number {
  if (frame.length <= packetAt) return -1;
  const type = get16(frame, typeAt);
  return type === ETHERTYPE_IPV4 || type === ETHERTYPE_IPV6 ? packetAt : -1;
}

function byVersion(frame: Uint8Array, at: number): number {
  if (frame.length <= at) return -1;
  const version = frame[at]! >>> 4;
  return version === 4 || version === 6 ? at : -1;
}
