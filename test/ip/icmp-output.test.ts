import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { Addresses } from '../../src/ip/addresses.ts';
import { type EchoRequest, icmpArrives } from '../../src/ip/icmp-input.ts';
import { IcmpLimit } from '../../src/ip/icmp-limit.ts';
import {
  HOST_UNREACHABLE,
  IcmpOutput,
  type IcmpProblem,
  MAX_ICMP_ERROR,
  PORT_UNREACHABLE,
  PROHIBITED,
  REASSEMBLY_TIME_EXCEEDED,
  unknownProtocol,
} from '../../src/ip/icmp-output.ts';
import { IpAddress } from '../../src/wire/address.ts';
import { buildEcho, fillIcmpChecksum, icmpProtocol, parseIcmp } from '../../src/wire/icmp.ts';
import { parseIp } from '../../src/wire/ip.ts';
import { IpHeader, TCP, UDP } from '../../src/wire/ip-header.ts';
import { HASH, packet, parsed, piece, THEM, US } from './support/packets.ts';

const of = IpAddress.of;
const FAMILIES = [4, 6] as const;
const NO_LIMIT = { rate: 1e9, burst: 1e9, destinationRate: 1e9, destinationBurst: 1e9 };
const RANDOM = { random: (bytes: Uint8Array) => void bytes.fill(1) };

let addresses: Addresses<string>;
let output: IcmpOutput;

beforeEach(() => {
  addresses = new Addresses();
  addresses.add(US[4], 24, 'tun0');
  addresses.add(US[6], 64, 'tun0');
  output = new IcmpOutput(addresses, new IcmpLimit(HASH, RANDOM, NO_LIMIT));
});

/** What `output.error` says about a packet: the answer's bytes, or null. */
function answer(what: IcmpProblem, about: Uint8Array, from?: IpAddress): Uint8Array | null {
  const target = new Uint8Array(MAX_ICMP_ERROR + 5);
  const length = output.error(what, parsed(about), about, 0, target, 5, 0, from ?? null);
  return length === 0 ? null : target.subarray(5, 5 + length);
}

/** The message in a packet of ours to THEM, checked. */
function message(bytes: Uint8Array) {
  const header = parsed(bytes);
  expect(header.destinationAddress()).toEqual(THEM[header.version]);
  expect(header.sourceAddress()).toEqual(US[header.version]);
  expect(header.protocol).toBe(icmpProtocol(header.version));
  expect(header.headerLength + header.payloadLength).toBe(bytes.length);
  const pseudo = header.version === 6 ? header.pseudoSum(header.protocol, header.payloadLength) : 0;
  return parseIcmp(header.version, bytes, header.payloadOffset, header.payloadLength, pseudo);
}

const udp = (family: 4 | 6, length = 8, fields = {}) =>
  packet(family, new Uint8Array(length), { protocol: UDP, ...fields });

describe.each(FAMILIES)('ICMP errors of IPv%i', (family) => {
  it('quote the packet they are about', () => {
    const segment = Uint8Array.of(0x9c, 0x40, 1, 0xbb, 1, 2, 3, 4);
    const about = packet(family, segment);
    for (const what of [
      PORT_UNREACHABLE[family],
      HOST_UNREACHABLE[family],
      PROHIBITED[family],
      REASSEMBLY_TIME_EXCEEDED,
    ]) {
      expect(message(answer(what, about)!)).toMatchObject({
        type: what.type,
        code: what.code,
        quote: {
          source: THEM[family],
          destination: US[family],
          protocol: TCP,
          sourcePort: 40_000,
          destinationPort: 443,
        },
      });
    }
    expect(output.counters.OutErrors).toBe(4);
  });

  it('are at most 576 or 1280 bytes long', () => {
    expect(answer(PORT_UNREACHABLE[family], udp(family, 5000))!.length).toBe(family === 4 ? 576 : 1280);
    expect(answer(PORT_UNREACHABLE[family], udp(family, 30))!.length).toBe(family === 4 ? 20 + 8 + 50 : 40 + 8 + 70);
  });

  it('are never about ICMP errors, only about what asks (RFC 1122 §3.2.2)', () => {
    const types = family === 4 ? [3, 4, 5, 11, 12, 40, 255] : [1, 2, 3, 4, 100, 127, 137];
    const about = (type: number) => {
      const body = new Uint8Array(8);
      body[0] = type;
      return packet(family, body, { protocol: icmpProtocol(family) });
    };
    for (const type of types) expect(answer(HOST_UNREACHABLE[family], about(type)), `${type}`).toBe(null);
    for (const type of family === 4 ? [0, 8, 13] : [128, 129, 135]) {
      expect(answer(HOST_UNREACHABLE[family], about(type)), `${type}`).not.toBe(null);
    }
    expect(
      answer(HOST_UNREACHABLE[family], packet(family, new Uint8Array(0), { protocol: icmpProtocol(family) })),
    ).toBe(null);
  });

  it('are about the first fragment only (RFC 1122 §3.2.2)', () => {
    const whole = udp(family, 64);
    expect(answer(REASSEMBLY_TIME_EXCEEDED, piece(whole, 1, 0, 32))).not.toBe(null);
    if (family === 4) expect(answer(REASSEMBLY_TIME_EXCEEDED, piece(whole, 1, 32, 64))).toBe(null);
    const echo = packet(
      family,
      Uint8Array.from({ length: 64 }, () => 128),
      { protocol: icmpProtocol(family) },
    );
    expect(answer(REASSEMBLY_TIME_EXCEEDED, piece(echo, 1, 32, 64))).toBe(null);
  });

  it('are never about packets from or to several hosts, or from nobody (RFC 1122 §3.2.2)', () => {
    const bad =
      family === 4 ? ['0.0.0.0', '255.255.255.255', '192.0.2.255', '224.0.0.5', '127.0.0.1'] : ['::', 'ff02::1', '::1'];
    for (const source of bad)
      expect(answer(PORT_UNREACHABLE[family], udp(family, 8, { source: of(source) })), source).toBe(null);
    const groups = family === 4 ? ['255.255.255.255', '192.0.2.255', '224.0.0.5'] : ['ff02::1'];
    for (const to of groups) {
      expect(answer(PORT_UNREACHABLE[family], udp(family, 8, { destination: of(to) }), US[family]), to).toBe(null);
    }
    expect(answer(PORT_UNREACHABLE[family], udp(family, 8, { destination: THEM[family] }))).toBe(null);
    expect(output.counters).toEqual({ OutEchoReps: 0, OutErrors: 0, RateLimited: 0 });
  });

  it('are limited', () => {
    output = new IcmpOutput(addresses, new IcmpLimit(HASH, RANDOM));
    const answers = Array.from({ length: 10 }, () => answer(PORT_UNREACHABLE[family], udp(family)));
    expect(answers.filter((a) => a !== null)).toHaveLength(6);
    expect(output.counters).toMatchObject({ OutErrors: 6, RateLimited: 4 });
  });

  it('say of a protocol nobody speaks that it is unknown, of UDP that its port is closed', () => {
    const about = (protocol: number) => {
      const bytes = packet(family, new Uint8Array(8), { protocol });
      return message(answer(unknownProtocol(parsed(bytes), bytes, 0), bytes)!);
    };
    expect(about(UDP)).toMatchObject({ type: 'destination unreachable', code: family === 4 ? 3 : 4 });
    expect(about(132)).toMatchObject(
      family === 4 ? { type: 'destination unreachable', code: 2 } : { type: 'parameter problem', code: 1, pointer: 6 },
    );
  });

  it('come back to us as advice', () => {
    const bytes = answer(PORT_UNREACHABLE[family], packet(family, new Uint8Array(20)))!;
    expect(icmpArrives(parsed(bytes), bytes)).toMatchObject({ type: 'advice', failure: 'port unreachable' });
  });

  it('never throw, whatever they are about', () => {
    const target = new Uint8Array(MAX_ICMP_ERROR);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), fc.nat(3), (bytes, offset) => {
        if (bytes.length > offset) bytes[offset] = family === 4 ? 0x45 : 0x60;
        const header = new IpHeader();
        const length = bytes.length - offset;
        if (length < 0) return;
        const reason = parseIp(bytes, offset, length, header);
        if (reason === null) output.error(unknownProtocol(header, bytes, offset), header, bytes, offset, target, 0, 0);
        else output.parameterProblem(header, bytes, offset, length, target, 0, 0);
      }),
      { numRuns: 3000 },
    );
  });
});

describe('parameter problems (RFC 8200 §4)', () => {
  /** What is answered to a packet that the parser drops. */
  function problem(bytes: Uint8Array, from?: IpAddress) {
    const header = new IpHeader();
    expect(parseIp(bytes, 0, bytes.length, header)).not.toBe(null);
    const target = new Uint8Array(MAX_ICMP_ERROR);
    const length = output.parameterProblem(header, bytes, 0, bytes.length, target, 0, 0, from ?? null);
    return length === 0 ? null : message(target.subarray(0, length));
  }

  const option = (type: number, fields = {}) =>
    packet(6, Uint8Array.of(UDP, 0, type, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), { protocol: 60, ...fields });

  it('say where an unknown option is, to those who ask', () => {
    const expected = { type: 'parameter problem', code: 2, pointer: 42 };
    expect(problem(option(0x9e))).toMatchObject(expected);
    expect(problem(option(0xde))).toMatchObject(expected);
    expect(problem(option(0x5e))).toBe(null);
  });

  it('for a group only where the option insists and we have an address to say it from', () => {
    const destination = of('ff02::1');
    expect(problem(option(0x9e, { destination }), US[6])).toMatchObject({ code: 2 });
    expect(problem(option(0xde, { destination }), US[6])).toBe(null);
    expect(problem(option(0x9e, { destination }))).toBe(null);
  });

  it('say that a fragment is no multiple of 8 bytes', () => {
    const bytes = piece(udp(6, 64), 1, 0, 36);
    expect(problem(bytes)).toMatchObject({ code: 0, pointer: 4 });
  });

  it('do not exist for a packet that is merely broken', () => {
    expect(problem(udp(6).subarray(0, 45))).toBe(null);
    expect(problem(udp(4).fill(0, 10, 12))).toBe(null);
  });
});

describe.each(FAMILIES)('echo of IPv%i', (family) => {
  function request(data: Uint8Array, fields = {}): Uint8Array {
    const body = new Uint8Array(8 + data.length);
    buildEcho(family, 'echo request', 0x1234, 0xffff, data, 0, data.length, body, 0);
    const bytes = packet(family, body, { protocol: icmpProtocol(family), dscp: 46, ...fields });
    const header = parsed(bytes);
    const pseudo = family === 6 ? header.pseudoSum(header.protocol, body.length) : 0;
    fillIcmpChecksum(bytes, header.payloadOffset, body.length, pseudo);
    return bytes;
  }

  it('comes back with the same data', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), (data) => {
        const bytes = request(data);
        const header = parsed(bytes);
        const length = output.echoReplyLength(header);
        const target = new Uint8Array(length);
        expect(output.echoReply(header, bytes, icmpArrives(header, bytes) as EchoRequest, target, 0)).toBe(length);
        const reply = message(target);
        expect(reply).toMatchObject({ type: 'echo reply', id: 0x1234, sequence: 0xffff, dataLength: data.length });
        expect(target.subarray(length - data.length)).toEqual(data);
        expect(parsed(target)).toMatchObject({ dscp: 46, hopLimit: 64 });
      }),
    );
  });

  it('is not answered to or from several hosts', () => {
    const group = family === 4 ? ['224.0.0.1', '192.0.2.255', '255.255.255.255'] : ['ff02::1'];
    const list = [
      ...group.map((text) => request(new Uint8Array(4), { destination: of(text) })),
      ...group.map((text) => request(new Uint8Array(4), { source: of(text) })),
      request(new Uint8Array(4), { destination: THEM[family] }),
    ];
    for (const bytes of list) {
      const header = parsed(bytes);
      expect(output.echoReplyLength(header)).toBe(0);
      const arrival = icmpArrives(header, bytes) as EchoRequest;
      expect(output.echoReply(header, bytes, arrival, new Uint8Array(100), 0)).toBe(0);
    }
  });
});
