import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pseudoSum } from '../../src/wire/checksum.ts';
import { TCP } from '../../src/wire/ip-header.ts';
import { ACK, AE, Segment, SYN } from '../../src/wire/segment.ts';
import { seq } from '../../src/wire/seq.ts';
import {
  buildTcp,
  fillChecksum,
  fillPseudoChecksum,
  parseTcp,
  tcpHeaderLength,
  verifyChecksum,
} from '../../src/wire/tcp.ts';
import { addressPair, fields, segment } from '../support/arbitrary.ts';

describe('buildTcp and parseTcp', () => {
  it('are each other’s inverse, at any offset', () => {
    const parsed = new Segment();
    fc.assert(
      fc.property(segment, fc.nat(9), (original, at) => {
        const length = tcpHeaderLength(original) + original.payloadLength;
        const target = new Uint8Array(at + length + 3).fill(0xee);
        expect(buildTcp(original, target, at)).toBe(length);
        expect([...target.subarray(0, at), ...target.subarray(at + length)]).toEqual(new Array(at + 3).fill(0xee));
        expect(parseTcp(target, at, length, parsed)).toBeNull();
        expect(fields(parsed)).toEqual(fields(original));
      }),
      { numRuns: 5000 },
    );
  });

  it('agree with the checksum, and one flipped bit does not (RFC 9293 MUST-2, MUST-3)', () => {
    fc.assert(
      fc.property(segment, addressPair, fc.nat(), (original, [source, destination], where) => {
        const target = new Uint8Array(200);
        const length = buildTcp(original, target, 1);
        const pseudo = pseudoSum(source, destination, TCP, length);
        fillChecksum(target, 1, length, pseudo);
        expect(verifyChecksum(target, 1, length, pseudo)).toBe(true);
        const bit = where % (8 * length);
        target[1 + (bit >> 3)]! ^= 1 << (bit & 7);
        expect(verifyChecksum(target, 1, length, pseudo)).toBe(false);
      }),
      { numRuns: 2000 },
    );
  });

  it('leave the pseudo-header’s sum, not inverted, to a device that finishes it', () => {
    const bytes = new Uint8Array(20);
    fillPseudoChecksum(bytes, 0, 0xabcd);
    expect([bytes[16], bytes[17]]).toEqual([0xab, 0xcd]);
  });

  it('RFC 9293 §3.1: carry nine flags; reserved bits are read, and sent as zero', () => {
    const one = new Segment();
    one.flags = AE | ACK;
    one.reserved = 5;
    const bytes = new Uint8Array(20);
    buildTcp(one, bytes, 0);
    expect([bytes[12], bytes[13]]).toEqual([0x51, 0x10]);
    bytes[12] = 0x5b;
    expect(parseTcp(bytes, 0, 20, one)).toBeNull();
    expect([one.reserved, one.flags]).toEqual([5, AE | ACK]);
  });

  it('copy the text from its source', () => {
    const one = new Segment();
    one.payloadOffset = 7;
    one.payloadLength = 3;
    one.source = {
      view: () => expect.fail('copied'),
      copy(from, length, target, at) {
        for (let i = 0; i < length; i++) target[at + i] = from + i;
      },
    };
    const bytes = new Uint8Array(23);
    expect(buildTcp(one, bytes, 0)).toBe(23);
    expect([...bytes.subarray(20)]).toEqual([7, 8, 9]);
  });

  it('clear what a reused segment held', () => {
    const one = new Segment();
    one.source = { copy() {}, view: () => new Uint8Array(0) };
    one.gsoSize = 100;
    one.ecn = 3;
    one.mss = 5;
    one.fastOpenLength = 4;
    const bytes = new Uint8Array(24);
    bytes[12] = 0x50;
    expect(parseTcp(bytes, 0, 24, one)).toBeNull();
    expect(one.source).toBeNull();
    expect([one.gsoSize, one.ecn, one.mss, one.fastOpenLength, one.payloadOffset, one.payloadLength]).toEqual([
      0, 0, -1, -1, 20, 4,
    ]);
  });
});

describe('parseTcp', () => {
  it('names what is wrong', () => {
    const into = new Segment();
    const bytes = new Uint8Array(64);
    expect(parseTcp(bytes, 0, 19, into)).toBe('TCP header truncated');
    bytes[12] = 0x40;
    expect(parseTcp(bytes, 0, 64, into)).toBe('TCP header length');
    bytes[12] = 0xf0;
    expect(parseTcp(bytes, 0, 59, into)).toBe('TCP header length');
    expect(parseTcp(bytes, 0, 60, into)).toBeNull();
  });

  it('takes any bytes: never throws, never leaves its range', () => {
    const into = new Segment();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(4), (bytes, offset) => {
        if (offset > bytes.length) return;
        if (bytes.length > offset + 12) bytes[offset + 12] = 0x50 | bytes[offset + 12]!;
        const length = bytes.length - offset;
        if (parseTcp(bytes, offset, length, into) !== null) return;
        expect(into.payloadOffset + into.payloadLength).toBe(bytes.length);
        expect(into.payloadLength).toBeLessThanOrEqual(length - 20);
        expect(into.sackCount).toBeLessThanOrEqual(4);
      }),
      { numRuns: 30_000 },
    );
  });

  it('reads a SYN of Linux', () => {
    const hex = '9c410050ecd9f34600000000a002faf010880000020405b40402080a0017a0d90000000001030307';
    const bytes = Uint8Array.from(hex.match(/../g)!, (pair) => Number.parseInt(pair, 16));
    const into = new Segment();
    expect(parseTcp(bytes, 0, bytes.length, into)).toBeNull();
    expect(into).toMatchObject({
      sourcePort: 40_001,
      destinationPort: 80,
      seq: seq(0xecd9f346),
      flags: SYN,
      wnd: 64_240,
      mss: 1460,
      sackPermitted: true,
      hasTimestamps: true,
      windowScale: 7,
      payloadLength: 0,
    });
    // And we write it the same way.
    const again = new Uint8Array(40);
    expect(buildTcp(into, again, 0)).toBe(40);
    again.set(bytes.subarray(16, 18), 16);
    expect(again).toEqual(bytes);
  });
});
