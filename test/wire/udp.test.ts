import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IpAddress } from '../../src/wire/address.ts';
import { buildIp, parseIp } from '../../src/wire/ip.ts';
import { IpHeader, UDP } from '../../src/wire/ip-header.ts';
import { buildUdp, Datagram, fillUdpChecksum, parseUdp } from '../../src/wire/udp.ts';

/** A packet with a datagram, complete. Returns where the datagram starts. */
function packet(family: 4 | 6, payload: Uint8Array): { bytes: Uint8Array; at: number; header: IpHeader } {
  const header = new IpHeader();
  const [from, to] = family === 4 ? ['10.0.0.1', '10.0.0.2'] : ['fd00::1', 'fd00::2'];
  header.setAddresses(IpAddress.of(from!), IpAddress.of(to!));
  header.protocol = UDP;
  header.hopLimit = 64;
  header.payloadLength = 8 + payload.length;
  const bytes = new Uint8Array(60 + payload.length);
  const at = buildIp(header, bytes, 0);
  const length = buildUdp(53, 1234, payload, bytes, at);
  fillUdpChecksum(bytes, at, length, header.pseudoSum(UDP, length));
  const whole = bytes.slice(0, at + length);
  expect(parseIp(whole, 0, whole.length, header)).toBeNull();
  return { bytes: whole, at, header };
}

describe('UDP', () => {
  it.each([4, 6] as const)('is read as it was written (IPv%d)', (family) => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (payload) => {
        const { bytes, header } = packet(family, payload);
        const datagram = new Datagram();
        expect(parseUdp(bytes, header, true, datagram)).toBeNull();
        expect(datagram).toMatchObject({ sourcePort: 53, destinationPort: 1234, payloadLength: payload.length });
        expect([...bytes.slice(datagram.payloadOffset)]).toEqual([...payload]);
      }),
    );
  });

  it('any flipped bit is noticed', () => {
    const { bytes, at, header } = packet(4, Uint8Array.of(1, 2, 3));
    for (let bit = at * 8; bit < bytes.length * 8; bit++) {
      const flipped = bytes.slice();
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      expect(parseUdp(flipped, header, true, new Datagram())).not.toBeNull();
    }
  });

  it('may leave the checksum out over IPv4 alone', () => {
    for (const family of [4, 6] as const) {
      const { bytes, at, header } = packet(family, Uint8Array.of(1));
      bytes[at + 6] = 0;
      bytes[at + 7] = 0;
      expect(parseUdp(bytes, header, true, new Datagram())).toBe(family === 4 ? null : 'UDP checksum');
    }
  });

  it('says what is none', () => {
    const { bytes, at, header } = packet(4, Uint8Array.of(1, 2, 3, 4));
    for (const [length, reason] of [
      [7, 'UDP length'],
      [13, 'UDP length'],
    ] as const) {
      bytes[at + 5] = length;
      expect(parseUdp(bytes, header, false, new Datagram())).toBe(reason);
    }
    header.payloadLength = 7;
    expect(parseUdp(bytes, header, false, new Datagram())).toBe('UDP header truncated');
  });
});
