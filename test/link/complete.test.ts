import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { completeChecksum, completeFrame } from '../../src/link/complete.ts';
import { CHECKSUM_COMPLETE, CHECKSUM_PARTIAL, Frame } from '../../src/link/device.ts';
import { IpAddress } from '../../src/wire/address.ts';
import { put16 } from '../../src/wire/bytes.ts';
import { pseudoSum } from '../../src/wire/checksum.ts';
import { buildIp } from '../../src/wire/ip.ts';
import { IpHeader, UDP } from '../../src/wire/ip-header.ts';
import { buildUdp, fillUdpChecksum, UDP_CHECKSUM, UDP_HEADER } from '../../src/wire/udp.ts';
import { tcpPacket } from './support/packets.ts';

/** A datagram, whole or with the pseudo-header's sum for a checksum. */
function udpPacket(version: 4 | 6, text: Uint8Array, partial: boolean): Uint8Array {
  const [from, to] = (version === 4 ? ['10.0.0.1', '10.0.0.2'] : ['fd00::1', 'fd00::2']).map(IpAddress.of);
  const ip = new IpHeader();
  ip.setAddresses(from!, to!);
  ip.protocol = UDP;
  ip.payloadLength = UDP_HEADER + text.length;
  const bytes = new Uint8Array((version === 4 ? 20 : 40) + ip.payloadLength);
  const at = buildIp(ip, bytes, 0);
  buildUdp(53, 53, text, bytes, at);
  const pseudo = pseudoSum(from!, to!, UDP, ip.payloadLength);
  if (partial) put16(bytes, at + UDP_CHECKSUM, pseudo);
  else fillUdpChecksum(bytes, at, ip.payloadLength, pseudo);
  return bytes;
}

describe('completeChecksum', () => {
  const version = fc.constantFrom(4 as const, 6 as const);

  it('makes of the sum of the pseudo-header the checksum', () => {
    fc.assert(
      fc.property(version, fc.uint8Array({ maxLength: 100 }), fc.nat(7), (version, text, offset) => {
        for (const of of [
          (partial: boolean) => tcpPacket({ version, text, partial }),
          (partial: boolean) => udpPacket(version, text, partial),
        ]) {
          const packet = of(true);
          const bytes = new Uint8Array(offset + packet.length);
          bytes.set(packet, offset);
          expect(completeChecksum(bytes, offset, packet.length)).toBe(true);
          expect(bytes.subarray(offset)).toEqual(of(false));
        }
      }),
    );
  });

  it('writes a sum of zero over UDP as all ones (RFC 768)', () => {
    let zeros = 0;
    for (let n = 0; n < 65_536; n++) {
      const packet = udpPacket(4, Uint8Array.of(n >>> 8, n), true);
      completeChecksum(packet, 0, packet.length);
      if (packet[20 + UDP_CHECKSUM] === 0 && packet[21 + UDP_CHECKSUM] === 0) expect.fail(`no checksum: ${n}`);
      if (packet[20 + UDP_CHECKSUM] === 0xff && packet[21 + UDP_CHECKSUM] === 0xff) zeros++;
    }
    expect(zeros).toBe(1);
  });

  it('leaves what is neither, or a fragment, or broken', () => {
    const bad = [
      new Uint8Array(0),
      Uint8Array.of(0x45),
      tcpPacket({}).subarray(0, 30),
      tcpPacket({}).fill(1, 9, 10), // ICMP
      tcpPacket({}).fill(0x20, 6, 7), // more fragments
    ];
    for (const packet of bad) {
      const before = packet.slice();
      expect(completeChecksum(packet, 0, packet.length)).toBe(false);
      expect(packet).toEqual(before);
    }
  });
});

describe('completeFrame', () => {
  function frameOf(packet: Uint8Array, checksum: number): Frame {
    const frame = new Frame(packet.slice());
    frame.length = packet.length;
    frame.checksum = checksum;
    return frame;
  }

  it('completes what was left to a device, of TCP and of UDP, and nothing else', () => {
    const text = Uint8Array.from({ length: 30 }, (_, i) => i);
    for (const of of [
      (partial: boolean) => tcpPacket({ text, partial }),
      (partial: boolean) => udpPacket(4, text, partial),
    ]) {
      const partial = frameOf(of(true), CHECKSUM_PARTIAL);
      expect(completeFrame(partial)).toBe(true);
      expect([partial.bytes, partial.checksum]).toEqual([of(false), CHECKSUM_COMPLETE]);
      const complete = frameOf(of(true), CHECKSUM_COMPLETE);
      expect(completeFrame(complete)).toBe(true);
      expect(complete.bytes).toEqual(of(true));
    }
    const broken = frameOf(new Uint8Array(5), CHECKSUM_PARTIAL);
    expect([completeFrame(broken), broken.checksum]).toEqual([false, CHECKSUM_PARTIAL]);
  });
});
