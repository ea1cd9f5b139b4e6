import { CHECKSUM_COMPLETE, CHECKSUM_PARTIAL, CHECKSUM_VERIFIED, type Frame } from '../link/device.ts';
import { get16 } from '../wire/bytes.ts';
import { TCP, UDP } from '../wire/ip-header.ts';
import { CWR } from '../wire/segment.ts';

/**
 * `struct virtio_net_hdr` (virtio 1.2 §5.1.6), ten bytes before each packet of a TUN device with IFF_VNET_HDR: flags, kind of
 * segmentation, header length, segment size, and where the checksum starts and goes. In the byte order of the machine, which is
 * little-endian on x64 and arm64.
 */
export const VNET_HEADER = 10;

const NEEDS_CSUM = 1;
const DATA_VALID = 2;

const GSO_NONE = 0;
const GSO_TCPV4 = 1;
const GSO_TCPV6 = 4;
const GSO_ECN = 0x80;

const IPV6_HEADER = 40;
const TCP_CHECKSUM = 16;
const UDP_CHECKSUM = 6;

/** Reads the header before the packet into the frame's `checksum` and `gsoSize`. */
export function readVnetHeader(frame: Frame): void {
  const { bytes } = frame;
  const at = frame.offset - VNET_HEADER;
  const flags = bytes[at]!;
  frame.checksum = flags & NEEDS_CSUM ? CHECKSUM_PARTIAL : flags & DATA_VALID ? CHECKSUM_VERIFIED : CHECKSUM_COMPLETE;
  const kind = bytes[at + 1]! & ~GSO_ECN;
  frame.gsoSize = kind === GSO_TCPV4 || kind === GSO_TCPV6 ? bytes[at + 4]! | (bytes[at + 5]! << 8) : 0;
}

/**
 * Writes the header before the packet, from the frame's `checksum` and `gsoSize`. False where the packet is not what these fields
 * say: a partial checksum needs TCP or UDP, segmentation needs TCP. `link`: bytes of the frame before its IP packet.
 */
export function writeVnetHeader(frame: Frame, link = 0): boolean {
  const { bytes } = frame;
  const at = frame.offset - VNET_HEADER;
  const offset = frame.offset + link;
  const length = frame.length - link;
  // One by one: `fill` is a call out of compiled code.
  for (let i = at; i < at + VNET_HEADER; i++) bytes[i] = 0;
  const partial = frame.checksum === CHECKSUM_PARTIAL;
  if (!partial && frame.gsoSize === 0) return true;

  const version = bytes[offset]! >>> 4;
  const protocol = version === 4 ? bytes[offset + 9]! : bytes[offset + 6]!;
  const start = version === 4 ? (bytes[offset]! & 15) << 2 : IPV6_HEADER;
  if ((protocol !== TCP && protocol !== UDP) || start + 8 > length) return false;

  if (partial) {
    bytes[at] = NEEDS_CSUM;
    put16le(bytes, at + 6, link + start);
    put16le(bytes, at + 8, protocol === TCP ? TCP_CHECKSUM : UDP_CHECKSUM);
  }
  if (frame.gsoSize === 0) return true;

  if (protocol !== TCP || start + 20 > length) return false;
  const header = start + ((bytes[offset + start + 12]! >>> 4) << 2);
  if (length - header <= frame.gsoSize) return true; // one segment after all
  const cwr = get16(bytes, offset + start + 12) & CWR ? GSO_ECN : GSO_NONE;
  bytes[at + 1] = (version === 4 ? GSO_TCPV4 : GSO_TCPV6) | cwr;
  put16le(bytes, at + 2, link + header);
  put16le(bytes, at + 4, frame.gsoSize);
  return true;
}

function put16le(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
}
