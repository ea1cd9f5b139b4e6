import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Family, IpAddress } from '../../src/wire/address.ts';
import { pseudoSum } from '../../src/wire/checksum.ts';
import {
  buildEcho,
  buildIcmpError,
  fillIcmpChecksum,
  type IcmpErrorType,
  icmpErrorLength,
  icmpProtocol,
  parseIcmp,
} from '../../src/wire/icmp.ts';
import { buildIp, ipHeaderLength } from '../../src/wire/ip.ts';
import { IpHeader, TCP, UDP } from '../../src/wire/ip-header.ts';
import { Segment } from '../../src/wire/segment.ts';
import { seq } from '../../src/wire/seq.ts';
import { buildTcp } from '../../src/wire/tcp.ts';

const ENDS = {
  4: [IpAddress.of('192.0.2.1'), IpAddress.of('198.51.100.7')],
  6: [IpAddress.of('2001:db8::1'), IpAddress.of('2001:db8::2')],
} as const;
const FAMILIES = [4, 6] as const;

function pseudo(family: Family, length: number): number {
  return family === 4 ? 0 : pseudoSum(ENDS[6][0], ENDS[6][1], icmpProtocol(6), length);
}

/** A packet of ours with a segment of 1000 bytes of text. */
function offending(family: Family, protocol = TCP): Uint8Array {
  const size = ipHeaderLength(family);
  const header = new IpHeader();
  header.setAddresses(ENDS[family][0], ENDS[family][1]);
  header.protocol = protocol;
  header.payloadLength = 1020;
  const segment = new Segment();
  segment.sourcePort = 40_000;
  segment.destinationPort = 443;
  segment.seq = seq(0x89abcdef);
  segment.bytes = new Uint8Array(1000);
  segment.payloadLength = 1000;
  const bytes = new Uint8Array(size + 1020);
  buildIp(header, bytes, 0);
  buildTcp(segment, bytes, size);
  return bytes;
}

function error(family: Family, type: IcmpErrorType, code: number, value: number, packet: Uint8Array) {
  const bytes = new Uint8Array(2000);
  const length = buildIcmpError(family, type, code, value, packet, 0, packet.length, bytes, 3);
  expect(length).toBe(icmpErrorLength(family, packet.length));
  fillIcmpChecksum(bytes, 3, length, pseudo(family, length));
  return parseIcmp(family, bytes, 3, length, pseudo(family, length));
}

describe.each(FAMILIES)('ICMP for IPv%i', (family) => {
  it('round-trips echo messages', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('echo request', 'echo reply'),
        fc.nat(65_535),
        fc.nat(65_535),
        fc.uint8Array({ maxLength: 100 }),
        fc.nat(5),
        (type, id, sequence, data, at) => {
          const bytes = new Uint8Array(200);
          const length = buildEcho(family, type as 'echo reply', id, sequence, data, 0, data.length, bytes, at);
          fillIcmpChecksum(bytes, at, length, pseudo(family, length));
          const dataOffset = at + 8;
          const message = parseIcmp(family, bytes, at, length, pseudo(family, length));
          expect(message).toEqual({ type, id, sequence, dataOffset, dataLength: data.length });
          expect(bytes.subarray(dataOffset, dataOffset + data.length)).toEqual(data);
          bytes[at + (id % length)]! ^= 0x10;
          expect(parseIcmp(family, bytes, at, length, pseudo(family, length))).toBe('ICMP checksum');
        },
      ),
      { numRuns: 1000 },
    );
  });

  const quote = {
    source: ENDS[family][0],
    destination: ENDS[family][1],
    protocol: TCP,
    sourcePort: 40_000,
    destinationPort: 443,
    seq: seq(0x89abcdef),
  };

  it('round-trips every error with the segment it is about', () => {
    const packet = offending(family);
    const tooBigCode = family === 4 ? 4 : 0;
    const unreachable = family === 4 ? [0, 1, 2, 3, 5, 6, 9, 10, 13, 15] : [0, 1, 2, 3, 4, 5, 6, 7, 8];
    for (const code of unreachable) {
      expect(error(family, 'destination unreachable', code, 0, packet)).toEqual({
        type: 'destination unreachable',
        code,
        mtu: 0,
        pointer: 0,
        quote,
      });
    }
    expect(error(family, 'packet too big', tooBigCode, 1400, packet)).toEqual({
      type: 'packet too big',
      code: tooBigCode,
      mtu: 1400,
      pointer: 0,
      quote,
    });
    expect(error(family, 'time exceeded', 1, 0, packet)).toMatchObject({ type: 'time exceeded', code: 1, quote });
    expect(error(family, 'parameter problem', 0, 6, packet)).toMatchObject({ pointer: 6, mtu: 0, quote });
  });

  it('reads what little is quoted', () => {
    const packet = offending(family);
    const size = ipHeaderLength(family);
    const read = (length: number, from = packet) => {
      const message = error(family, 'time exceeded', 0, 0, from.subarray(0, length));
      return typeof message === 'object' && message.type === 'time exceeded' ? message.quote : undefined;
    };
    expect(read(size + 8)).toEqual(quote);
    expect(read(size + 7)).toEqual({ ...quote, seq: null });
    expect(read(size + 3)).toEqual({ ...quote, seq: null, sourcePort: -1, destinationPort: -1 });
    expect(read(size - 1)).toBeNull();
    expect(read(size + 8, offending(family, UDP))).toEqual({ ...quote, protocol: UDP, seq: null });
    expect(read(100, offending(family === 4 ? 6 : 4))).toBeNull();
  });

  it('quotes no more than the family allows', () => {
    expect(icmpErrorLength(family, 5000) + ipHeaderLength(family)).toBe(family === 4 ? 576 : 1280);
    expect(icmpErrorLength(family, 100)).toBe(108);
  });

  it('takes any bytes without throwing', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 90 }),
        fc.constantFrom(0, 1, 2, 3, 4, 5, 8, 11, 12, 128, 129, 135),
        fc.constantFrom(0x45, 0x4f, 0x60, 0x00),
        (bytes, type, first) => {
          if (bytes.length >= 9) {
            bytes[0] = type;
            bytes[8] = first;
            bytes[2] = 0;
            bytes[3] = 0;
            fillIcmpChecksum(bytes, 0, bytes.length, 0);
          }
          const message = parseIcmp(family, bytes, 0, bytes.length, 0);
          if (bytes.length < 8) expect(message).toBe('ICMP truncated');
          else if (bytes.length >= 9) expect(typeof message).toBe('object');
        },
      ),
      { numRuns: 20_000 },
    );
  });
});

describe('parseIcmp', () => {
  it('hands over types it does not know by number', () => {
    const bytes = new Uint8Array(8);
    bytes[0] = 5;
    bytes[1] = 1;
    fillIcmpChecksum(bytes, 0, 8, 0);
    expect(parseIcmp(4, bytes, 0, 8, 0)).toEqual({ type: 'other', number: 5, code: 1 });
  });
});
