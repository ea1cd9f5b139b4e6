import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type IcmpAdvice, type IcmpFailure, icmpArrives } from '../../src/ip/icmp-input.ts';
import type { Failure } from '../../src/tcp/notices.ts';
import { IpAddress } from '../../src/wire/address.ts';
import { buildEcho, buildIcmpError, fillIcmpChecksum, type IcmpErrorType, icmpProtocol } from '../../src/wire/icmp.ts';
import { TCP, UDP } from '../../src/wire/ip-header.ts';
import { seq } from '../../src/wire/seq.ts';
import { type PacketFields, packet, parsed, THEM, US } from './support/packets.ts';

const FAMILIES = [4, 6] as const;

// What IP says is among what connections can fail with.
const failures = (f: IcmpFailure): Failure => f;
expect(failures('host unreachable')).toBe('host unreachable');

/** A segment of ours: port 40000 to 443, sequence number 0x89abcdef. */
const SEGMENT = Uint8Array.of(0x9c, 0x40, 1, 0xbb, 0x89, 0xab, 0xcd, 0xef, 0, 0, 0, 0, 0x50, 2, 0, 0, 0, 0, 0, 0);

function ours(family: 4 | 6, fields: PacketFields = {}): Uint8Array {
  return packet(family, SEGMENT, { source: US[family], destination: THEM[family], ...fields });
}

/** An ICMP packet from THEM to US with `message` as its body. */
function wrap(family: 4 | 6, message: Uint8Array, fields: PacketFields = {}): Uint8Array {
  const bytes = packet(family, message, { protocol: icmpProtocol(family), ...fields });
  const header = parsed(bytes);
  const pseudo = family === 6 ? header.pseudoSum(icmpProtocol(6), message.length) : 0;
  fillIcmpChecksum(bytes, header.payloadOffset, message.length, pseudo);
  return bytes;
}

function error(
  family: 4 | 6,
  type: IcmpErrorType,
  code: number,
  value = 0,
  about = ours(family),
  fields: PacketFields = {},
) {
  const message = new Uint8Array(1500);
  const length = buildIcmpError(family, type, code, value, about, 0, about.length, message, 0);
  const bytes = wrap(family, message.subarray(0, length), fields);
  return icmpArrives(parsed(bytes), bytes);
}

describe.each(FAMILIES)('ICMP for IPv%i arrives', (family) => {
  it('an error names the connection, from our side', () => {
    const advice = error(family, 'destination unreachable', family === 4 ? 3 : 4);
    expect(advice).toEqual({
      type: 'advice',
      failure: 'port unreachable',
      hard: true,
      refusal: true,
      mtu: 0,
      protocol: TCP,
      localAddress: US[family],
      localPort: 40_000,
      remoteAddress: THEM[family],
      remotePort: 443,
      seq: seq(0x89abcdef),
    });
  });

  it('a router that is too small says its MTU', () => {
    expect(error(family, 'packet too big', 0, 1400)).toMatchObject({
      failure: 'message too long',
      hard: false,
      mtu: 1400,
    });
    expect(error(family, 'packet too big', 0, 0)).toMatchObject({ failure: 'message too long', hard: false, mtu: 0 });
  });

  it('from any router on the way', () => {
    const source = family === 4 ? IpAddress.of('203.0.113.1') : IpAddress.of('2001:db8:99::1');
    expect(error(family, 'time exceeded', 0, 0, ours(family), { source })).toMatchObject({
      failure: 'host unreachable',
      hard: false,
    });
    expect(error(family, 'parameter problem', 0, 4)).toMatchObject({ hard: false });
  });

  it('but an error about a packet of another source is none of ours', () => {
    expect(error(family, 'destination unreachable', 1, 0, ours(family, { source: THEM[family] }))).toEqual({
      type: 'nothing',
    });
    const other = family === 4 ? IpAddress.of('192.0.2.2') : IpAddress.of('2001:db9::1');
    expect(error(family, 'destination unreachable', 1, 0, ours(family), { destination: other })).toEqual({
      type: 'nothing',
    });
  });

  it('nor is one that names no ports', () => {
    expect(error(family, 'destination unreachable', 1, 0, ours(family, { protocol: 99 }))).toEqual({ type: 'nothing' });
    expect(error(family, 'destination unreachable', 1, 0, ours(family).subarray(0, 10))).toEqual({ type: 'nothing' });
    const quoted = ours(family);
    expect(error(family, 'destination unreachable', 1, 0, quoted.subarray(0, quoted.length - 14))).toMatchObject({
      localPort: 40_000,
      seq: null,
    });
    expect(error(family, 'destination unreachable', 1, 0, ours(family, { protocol: UDP }))).toMatchObject({
      protocol: UDP,
      seq: null,
    });
  });

  it('echo requests are to be answered, replies are not', () => {
    const message = new Uint8Array(20);
    const at = family === 4 ? 28 : 48;
    buildEcho(family, 'echo request', 7, 8, new Uint8Array(12), 0, 12, message, 0);
    const bytes = wrap(family, message);
    const expected = { type: 'echo request', id: 7, sequence: 8, dataOffset: at, dataLength: 12 };
    expect(icmpArrives(parsed(bytes), bytes)).toEqual(expected);
    buildEcho(family, 'echo reply', 7, 8, new Uint8Array(12), 0, 12, message, 0);
    const reply = wrap(family, message);
    expect(icmpArrives(parsed(reply), reply)).toEqual({ type: 'nothing' });
    bytes[at]! ^= 1;
    expect(icmpArrives(parsed(bytes), bytes)).toBe('ICMP checksum');
  });

  it('other types ask nothing, nor does the other family’s ICMP', () => {
    const bytes = wrap(family, Uint8Array.of(family === 4 ? 5 : 134, 0, 0, 0, 0, 0, 0, 0));
    expect(icmpArrives(parsed(bytes), bytes)).toEqual({ type: 'nothing' });
    const other = packet(family, new Uint8Array(20), { protocol: icmpProtocol(family === 4 ? 6 : 4) });
    expect(icmpArrives(parsed(other), other)).toEqual({ type: 'nothing' });
    const short = packet(family, new Uint8Array(7), { protocol: icmpProtocol(family) });
    expect(icmpArrives(parsed(short), short)).toBe('ICMP truncated');
  });

  it('any bytes at all', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 120 }),
        fc.constantFrom(0, 1, 2, 3, 4, 8, 11, 12, 128),
        (body, type) => {
          body[0] = type;
          const bytes = wrap(family, body.length < 8 ? new Uint8Array(8) : body);
          const arrival = icmpArrives(parsed(bytes), bytes);
          expect(typeof arrival === 'object' || arrival.startsWith('ICMP')).toBe(true);
        },
      ),
      { numRuns: 2000 },
    );
  });
});

describe('what ends an attempt to connect with FreeBSD', () => {
  it.each([
    [4, 'destination unreachable', 0, false],
    [4, 'destination unreachable', 2, true],
    [4, 'destination unreachable', 3, true],
    [4, 'destination unreachable', 6, false],
    [4, 'destination unreachable', 9, true],
    [4, 'destination unreachable', 10, true],
    [4, 'destination unreachable', 13, true],
    [4, 'destination unreachable', 14, false],
    [4, 'time exceeded', 0, true],
    [4, 'time exceeded', 1, false],
    [4, 'parameter problem', 1, false],
    [6, 'destination unreachable', 0, false],
    [6, 'destination unreachable', 1, true],
    [6, 'destination unreachable', 4, true],
    [6, 'time exceeded', 0, true],
    [6, 'time exceeded', 1, false],
    [6, 'parameter problem', 1, true],
    [6, 'parameter problem', 2, false],
  ] as const)('IPv%i, %s, code %i: %s', (family, type, code, refusal) => {
    expect(error(family, type, code)).toMatchObject({ refusal });
  });

  it('an unknown next header is soft all the same (MUST-56)', () => {
    expect(error(6, 'parameter problem', 1)).toMatchObject({ failure: 'protocol unreachable', hard: false });
  });
});

describe('hard and soft (RFC 9293 §3.9.2.2)', () => {
  const of = (family: 4 | 6, code: number) => {
    const { failure, hard } = error(family, 'destination unreachable', code) as IcmpAdvice;
    return `${failure}, ${hard ? 'hard' : 'soft'}`;
  };

  it.each([
    [0, 'network unreachable, soft'],
    [1, 'host unreachable, soft'],
    [2, 'protocol unreachable, hard'],
    [3, 'port unreachable, hard'],
    [4, 'message too long, soft'],
    [5, 'host unreachable, soft'],
    [6, 'network unreachable, hard'],
    [9, 'network unreachable, hard'],
    [11, 'network unreachable, soft'],
    [12, 'host unreachable, soft'],
    [13, 'host unreachable, hard'],
    [15, 'host unreachable, hard'],
    [200, 'host unreachable, soft'],
  ])('ICMPv4 code %i: %s', (code, expected) => expect(of(4, code)).toBe(expected));

  it.each([
    [0, 'network unreachable, soft'],
    [1, 'host unreachable, hard'],
    [3, 'host unreachable, soft'],
    [4, 'port unreachable, hard'],
    [6, 'network unreachable, hard'],
    [200, 'host unreachable, soft'],
  ])('ICMPv6 code %i: %s', (code, expected) => expect(of(6, code)).toBe(expected));
});
