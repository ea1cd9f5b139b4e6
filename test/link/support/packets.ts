import type { Device, Frame, FrameSink } from '../../../src/link/device.ts';
import { IpAddress } from '../../../src/wire/address.ts';
import { pseudoSum } from '../../../src/wire/checksum.ts';
import { buildIp } from '../../../src/wire/ip.ts';
import { IpHeader, TCP } from '../../../src/wire/ip-header.ts';
import { Segment } from '../../../src/wire/segment.ts';
import { seq } from '../../../src/wire/seq.ts';
import { buildTcp, fillChecksum, fillPseudoChecksum, tcpHeaderLength } from '../../../src/wire/tcp.ts';

export interface PacketFields {
  version?: 4 | 6;
  seq?: number;
  flags?: number;
  text?: Uint8Array;
  timestamps?: boolean;
  /** IPv4 identification. */
  id?: number;
  /** The checksum field is left with the pseudo-header's sum. */
  partial?: boolean;
}

/** One TCP packet from 10.0.0.1 to 10.0.0.2 (fd00::1 to fd00::2), whole. */
export function tcpPacket(fields: PacketFields): Uint8Array {
  const { version = 4, flags = 0x10, text = new Uint8Array(0), id = 0 } = fields;
  const [from, to] = (version === 4 ? ['10.0.0.1', '10.0.0.2'] : ['fd00::1', 'fd00::2']).map(IpAddress.of);
  const segment = new Segment();
  segment.sourcePort = 1000;
  segment.destinationPort = 80;
  segment.seq = seq(fields.seq ?? 0);
  segment.ack = seq(99);
  segment.flags = flags;
  segment.wnd = 5000;
  segment.bytes = text;
  segment.payloadLength = text.length;
  if (fields.timestamps) {
    segment.hasTimestamps = true;
    segment.tsVal = 1;
    segment.tsEcr = 2;
  }
  const ip = new IpHeader();
  ip.setAddresses(from!, to!);
  ip.protocol = TCP;
  ip.id = id;
  const length = tcpHeaderLength(segment) + text.length;
  ip.payloadLength = length;
  const bytes = new Uint8Array(40 + length);
  const at = buildIp(ip, bytes, 0);
  buildTcp(segment, bytes, at);
  const pseudo = pseudoSum(from!, to!, TCP, length);
  if (fields.partial) fillPseudoChecksum(bytes, at, pseudo);
  else fillChecksum(bytes, at, length, pseudo);
  return bytes.subarray(0, at + length);
}

/** Sends a packet in a frame of the device; true where the device took it. */
export function send(device: Device, packet: ArrayLike<number>, fields: Partial<Frame> = {}): boolean {
  const frame = device.allocate(packet.length);
  frame.bytes.set(packet, frame.offset);
  frame.length = packet.length;
  Object.assign(frame, fields);
  return device.transmit(frame);
}

export function packetOf(frame: Frame): Uint8Array {
  return frame.bytes.slice(frame.offset, frame.offset + frame.length);
}

/** A receiver that keeps a copy of every packet. */
export function collector(): FrameSink & { readonly packets: Uint8Array[]; flushes: number } {
  const packets: Uint8Array[] = [];
  return {
    packets,
    flushes: 0,
    receive: (frame) => void packets.push(packetOf(frame)),
    flush() {
      this.flushes++;
    },
  };
}
