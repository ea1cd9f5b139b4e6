import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IpAddress } from '../../src/wire/address.ts';
import { get16, put16 } from '../../src/wire/bytes.ts';
import { finish, pseudoSum, sum } from '../../src/wire/checksum.ts';
import { buildIp, ipHeaderLength, parseIp } from '../../src/wire/ip.ts';
import { ICMPV6, IpHeader, NO_NEXT_HEADER, QUOTED, TCP, TRUST_CHECKSUM } from '../../src/wire/ip-header.ts';
import { parseIpv4 } from '../../src/wire/ipv4.ts';
import { addressPair } from '../support/arbitrary.ts';

const A4 = IpAddress.of('192.0.2.1');
const B4 = IpAddress.of('198.51.100.7');
const A6 = IpAddress.of('2001:db8::1');
const B6 = IpAddress.of('2001:db8::2');

it('shows an address as its text, in JSON and in what Node prints of it', () => {
  expect(JSON.stringify({ a: A4, b: A6 })).toBe('{"a":"192.0.2.1","b":"2001:db8::1"}');
  expect(inspect([A4, A6])).toBe('[ 192.0.2.1, 2001:db8::1 ]');
});

function header(source: IpAddress, destination: IpAddress, payloadLength: number): IpHeader {
  const out = new IpHeader();
  out.setAddresses(source, destination);
  out.protocol = TCP;
  out.payloadLength = payloadLength;
  return out;
}

function packet(from: IpHeader): Uint8Array {
  const bytes = new Uint8Array(ipHeaderLength(from.version) + from.payloadLength);
  buildIp(from, bytes, 0);
  return bytes;
}

describe('buildIp and parseIp', () => {
  it('are each other’s inverse, at any offset', () => {
    const parsed = new IpHeader();
    const small = fc.nat(255);
    fc.assert(
      fc.property(
        addressPair,
        fc.record({ hopLimit: small, dscp: fc.nat(63), ecn: fc.nat(3), payloadLength: fc.nat(70) }),
        fc.record({ id: fc.nat(65_535), dontFragment: fc.boolean(), moreFragments: fc.boolean() }),
        fc.nat(0x1f00),
        fc.nat(0xfffff),
        fc.nat(9),
        ([source, destination], both, four, pieces, flowLabel, at) => {
          const original = Object.assign(header(source, destination, 0), both);
          if (source.family === 4) {
            Object.assign(original, four, { fragmentOffset: pieces * 8 });
            if (four.moreFragments) original.payloadLength = (original.payloadLength & ~7) + 8;
          } else Object.assign(original, { flowLabel, dontFragment: true });
          const size = ipHeaderLength(original.version);
          const bytes = new Uint8Array(at + size + original.payloadLength + 4);
          expect(buildIp(original, bytes, at)).toBe(size);
          expect(parseIp(bytes, at, bytes.length - at, parsed)).toBeNull();
          expect({ ...parsed }).toEqual({ ...original, headerLength: size, payloadOffset: at + size });
          expect(parsed.sourceAddress().equals(source)).toBe(true);
          expect(parsed.destinationAddress().equals(destination)).toBe(true);
          expect(parsed.pseudoSum(6, 99)).toBe(pseudoSum(source, destination, 6, 99));
        },
      ),
      { numRuns: 5000 },
    );
  });

  it('take any bytes: never throw, never leave their range', () => {
    const into = new IpHeader();
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 120 }),
        fc.constantFrom(0x45, 0x46, 0x4f, 0x60, 0x60, undefined),
        fc.constantFrom(0, 43, 44, 60, 6, undefined),
        fc.boolean(),
        fc.constantFrom(0, TRUST_CHECKSUM, QUOTED),
        (bytes, first, next, fits, mode) => {
          if (bytes.length > 8) {
            if (first !== undefined) bytes[0] = first;
            if (fits) put16(bytes, first === 0x60 ? 4 : 2, Math.max(0, bytes.length - (first === 0x60 ? 40 : 0)));
            if (first === 0x60 && next !== undefined) bytes[6] = next;
          }
          if (parseIp(bytes, 0, bytes.length, into, mode) !== null) return;
          expect(into.headerLength).toBeGreaterThanOrEqual(ipHeaderLength(into.version));
          expect(into.payloadLength).toBeGreaterThanOrEqual(0);
          expect(into.payloadOffset + into.payloadLength).toBeLessThanOrEqual(bytes.length);
        },
      ),
      { numRuns: 40_000 },
    );
  });

  it('refuse a packet between two families', () => {
    expect(() => new IpHeader().setAddresses(A4, B6)).toThrow('no packet goes from 192.0.2.1 to 2001:db8::2');
  });
});

describe('a super-segment of IPv4 beyond 65,535 bytes', () => {
  it('says that it has no length, and has that of its frame', () => {
    for (const [length, says] of [
      [65_535, 65_535],
      [65_536, 0],
      [262_144, 0],
    ] as const) {
      const bytes = packet(header(A4, B4, length - 20));
      expect(bytes.length).toBe(length);
      expect(get16(bytes, 2)).toBe(says);
      const into = new IpHeader();
      expect(parseIp(bytes, 0, length, into)).toBeNull();
      expect(into.payloadLength).toBe(length - 20);
    }
  });
});

describe('parseIpv4', () => {
  const into = new IpHeader();
  const parse = (bytes: Uint8Array, mode?: number) => parseIp(bytes, 0, bytes.length, into, mode);

  function changed(at: number, value: number, payload = 16): Uint8Array {
    const bytes = packet(header(A4, B4, payload));
    bytes[at] = value;
    put16(bytes, 10, 0);
    put16(bytes, 10, finish(sum(bytes, 0, 20)));
    return bytes;
  }

  it('names what is wrong: another version, too (RFC 1122 §3.2.1.1)', () => {
    expect(parse(new Uint8Array(0))).toBe('IP header truncated');
    expect(parse(Uint8Array.of(0x55))).toBe('IP version');
    expect(parseIpv4(packet(header(A6, B6, 0)), 0, 40, into)).toBe('IP version');
    expect(parse(packet(header(A4, B4, 0)).subarray(0, 19))).toBe('IP header truncated');
    expect(parse(changed(0, 0x44))).toBe('IP header length');
    expect(parse(changed(0, 0x4f))).toBe('IP header truncated');
    expect(parse(changed(3, 19))).toBe('IP length');
    expect(parse(changed(3, 37))).toBe('IP length');
    expect(parse(changed(3, 0))).toBe('IP length');
    expect(parse(changed(6, 0x20, 15))).toBe('IP fragment');
    expect(parse(changed(6, 0x1f, 300))).toBeNull();
    const ping = changed(6, 0x1f, 300);
    ping[7] = 0xff;
    expect(parse(ping, TRUST_CHECKSUM)).toBe('IP fragment');
  });

  it('verifies the header checksum unless told not to (RFC 1122 §3.2.1.2)', () => {
    const bytes = packet(header(A4, B4, 4));
    bytes[8]! ^= 1;
    expect(parse(bytes)).toBe('IP header checksum');
    expect(parse(bytes, TRUST_CHECKSUM)).toBeNull();
  });

  it('skips options (RFC 9293 MUST-50) and link padding', () => {
    const bytes = new Uint8Array(60);
    bytes.set(packet(header(A4, B4, 0)));
    bytes.set([0x47, 0, 0, 32], 0);
    bytes.set([0x94, 4, 0, 0, 77, 255, 1, 0], 20);
    put16(bytes, 10, 0);
    put16(bytes, 10, finish(sum(bytes, 0, 28)));
    expect(parse(bytes)).toBeNull();
    expect([into.headerLength, into.payloadOffset, into.payloadLength]).toEqual([28, 28, 4]);
  });

  it('has DF, MF and the offset', () => {
    expect(parse(changed(6, 0x40))).toBeNull();
    expect([into.dontFragment, into.isFragment]).toEqual([true, false]);
    expect(parse(changed(6, 0x20))).toBeNull();
    expect([into.moreFragments, into.isFragment, into.fragmentOffset]).toEqual([true, true, 0]);
    expect(parse(changed(7, 2))).toBeNull();
    expect([into.moreFragments, into.isFragment, into.fragmentOffset]).toEqual([false, true, 16]);
  });
});

describe('parseIpv6', () => {
  const into = new IpHeader();
  const parse = (bytes: Uint8Array, mode?: number) => parseIp(bytes, 0, bytes.length, into, mode);

  /** A packet with a chain of headers: each [kind, ...bytes with a placeholder for the next kind first]. */
  function chain(links: readonly (readonly number[])[], last = TCP, text = 4): Uint8Array {
    const body = links.flatMap(([, ...rest], i) => [links[i + 1]?.[0] ?? last, ...rest.slice(1)]);
    const from = header(A6, B6, body.length + text);
    from.protocol = links[0]?.[0] ?? last;
    const bytes = packet(from);
    bytes.set(body, 40);
    return bytes;
  }

  const HOP = [0, 0, 0, 1, 4, 0, 0, 0, 0];
  const DESTINATION = [60, 0, 0, 5, 2, 0, 0, 0, 0];
  const ROUTING = [43, 0, 0, 4, 0, 0, 0, 0, 0];
  const ATOMIC = [44, 0, 0, 0, 0, 1, 2, 3, 4];
  const option = (type: number) => [60, 0, 0, type, 4, 0, 0, 0, 0];

  it('walks extension headers to the payload', () => {
    expect(parse(chain([HOP, DESTINATION, ROUTING, ATOMIC, DESTINATION]))).toBeNull();
    expect(into).toMatchObject({
      protocol: TCP,
      headerLength: 80,
      payloadLength: 4,
      payloadOffset: 80,
      id: 0x01020304,
    });
    expect(into.isFragment).toBe(false);
    expect(parse(chain([HOP], ICMPV6))).toBeNull();
    expect(into.protocol).toBe(ICMPV6);
    expect(parse(chain([HOP], NO_NEXT_HEADER, 0))).toBeNull();
    expect([into.protocol, into.payloadLength]).toEqual([NO_NEXT_HEADER, 0]);
    expect(parse(chain([], 50))).toBeNull();
    expect(into.protocol).toBe(50);
  });

  it('stops at a fragment', () => {
    expect(parse(chain([HOP, [44, 0, 0, 0, 1, 9, 9, 9, 9]], 60, 16))).toBeNull();
    expect(into).toMatchObject({
      isFragment: true,
      moreFragments: true,
      fragmentOffset: 0,
      fragmentHeader: 48,
      id: 0x09090909,
      protocol: 60,
      payloadOffset: 56,
      payloadLength: 16,
    });
    expect(parse(chain([[44, 0, 0, 0, 8, 255, 9, 9, 9]], TCP, 5))).toBeNull();
    expect([into.fragmentOffset, into.moreFragments, into.id]).toEqual([8, false, 0xff090909]);
    expect(parse(chain([[44, 0, 0, 0, 1, 9, 9, 9, 9]], TCP, 15))).toBe('IP fragment');
    expect([into.problemCode, into.problemPointer]).toEqual([0, 4]);
    expect(parse(chain([[44, 0, 0, 255, 0xf8, 9, 9, 9, 9]], TCP, 8))).toBe('IP fragment');
    expect([into.problemCode, into.problemPointer]).toEqual([0, 42]);
  });

  it('names what is wrong', () => {
    expect(parse(packet(header(A6, B6, 0)).subarray(0, 39))).toBe('IP header truncated');
    expect(parse(packet(header(A6, B6, 9)).subarray(0, 48))).toBe('IP length');
    expect(parse(chain([DESTINATION, HOP]))).toBe('IPv6 extension header');
    expect(parse(chain([[60, 0, 200, 0, 0, 0, 0, 0, 0]]))).toBe('IPv6 extension header');
    expect(parse(chain([[60, 0]], 60, 2))).toBe('IPv6 extension header');
    expect(parse(chain([[60, 0, 0, 1, 5, 0, 0, 0, 0]]))).toBe('IPv6 extension header');
    expect(parse(chain(new Array(8).fill(DESTINATION)))).toBeNull();
    expect(parse(chain(new Array(9).fill(DESTINATION)))).toBe('IPv6 extension headers');
    expect([into.problemCode, into.problemPointer]).toEqual([-1, -1]);
  });

  it('forwards nothing', () => {
    expect(parse(chain([[43, 0, 0, 0, 1, 0, 0, 0, 0]]))).toBe('IPv6 routing header');
    expect([into.problemCode, into.problemPointer]).toEqual([0, 42]);
  });

  it('does with unknown options what their type says', () => {
    expect(parse(chain([option(0x3e)]))).toBeNull();
    expect(parse(chain([option(0x7e)]))).toBe('IPv6 option');
    expect(into.problemCode).toBe(-1);
    for (const type of [0xbe, 0xfe]) {
      expect(parse(chain([option(type)]))).toBe('IPv6 option');
      expect([into.problemCode, into.problemPointer]).toEqual([2, 42]);
    }
    const multicast = chain([option(0xfe)]);
    multicast[24] = 0xff;
    expect(parse(multicast)).toBe('IPv6 option');
    expect(into.problemCode).toBe(-1);
  });

  it('reads a quoted packet that is cut short', () => {
    const bytes = chain([HOP], TCP, 100).subarray(0, 56);
    expect(parse(bytes)).toBe('IP length');
    expect(parse(bytes, QUOTED)).toBeNull();
    expect([into.payloadOffset, into.payloadLength]).toEqual([48, 8]);
  });
});
