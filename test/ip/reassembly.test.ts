import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DATAGRAM_COST, PIECE_COST, Reassembly } from '../../src/ip/reassembly.ts';
import { IpAddress } from '../../src/wire/address.ts';
import { put32 } from '../../src/wire/bytes.ts';
import { finish, sum } from '../../src/wire/checksum.ts';
import { UDP } from '../../src/wire/ip-header.ts';
import { CE, ECT0, ECT1, NOT_ECT } from '../../src/wire/segment.ts';
import { packet, parsed, piece, pieces } from './support/packets.ts';

const FAMILIES = [4, 6] as const;
const SECOND = 1_000_000;

function text(length: number, seed = 0): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + (i >>> 8) * 7 + seed) & 255);
}

/** Accepts all, and gives what came out. */
function feed(into: Reassembly, list: readonly Uint8Array[], now = 0): Uint8Array[] {
  return list.map((p) => into.accept(p, 0, p.length, now)).filter((p) => p !== null);
}

function expectEmpty(of: Reassembly): void {
  expect([of.count, of.bytes, of.nextDeadline]).toEqual([0, 0, Number.POSITIVE_INFINITY]);
}

/** UDP, so that a first fragment of 8 bytes has its whole header. */
const whole = (family: 4 | 6, length: number, fields = {}) =>
  packet(family, text(length), { protocol: UDP, ...fields });

describe.each(FAMILIES)('reassembly of IPv%i', (family) => {
  it('gives back what was cut, in any order, with duplicates and padding', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 9, max: 3000 }),
        fc.array(fc.nat(375), { minLength: 1, maxLength: 40 }),
        fc.infiniteStream(fc.nat()),
        fc.nat(7),
        (length, cuts, order, pad) => {
          const original = whole(family, length);
          const cut = pieces(original, 0x1234, cuts);
          if (cut.length === 1) return;
          const rank = new Map(cut.map((p) => [p, order.next().value!]));
          const mixed = cut.toSorted((a, b) => rank.get(a)! - rank.get(b)!);
          // Each twice but the last, whose copy would begin the datagram anew.
          const sent = mixed.flatMap((p) => [p, p]).slice(0, -1);
          const reassembly = new Reassembly();
          const out: Uint8Array[] = [];
          for (const p of sent) {
            const framed = new Uint8Array(pad + p.length + pad).fill(0xee);
            framed.set(p, pad);
            const packetOut = reassembly.accept(framed, pad, p.length + pad, 0);
            framed.fill(0xdd); // it was the device's
            if (packetOut !== null) out.push(packetOut);
          }
          expect(out).toHaveLength(1);
          const back = parsed(out[0]!);
          expect(back.isFragment).toBe(false);
          expect(out[0]!.subarray(back.payloadOffset)).toEqual(text(length));
          if (family === 6) expect(out[0]).toEqual(original);
          else expect(sum(out[0]!, 0, 20)).toBe(0xffff);
          expect(reassembly.counters).toMatchObject({ ReasmOKs: 1, ReasmFails: 0, ReasmDuplicates: cut.length - 1 });
          expectEmpty(reassembly);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('keeps datagrams apart by their ends and identification', () => {
    const other = family === 4 ? IpAddress.of('198.51.100.8') : IpAddress.of('2001:db8:7::2');
    const a = pieces(whole(family, 40), 1, [2]);
    const b = pieces(packet(family, text(40, 9), { protocol: UDP }), 2, [2]);
    const c = pieces(packet(family, text(40, 5), { protocol: UDP, source: other }), 1, [2]);
    const out = feed(new Reassembly(), [a[0]!, b[1]!, c[0]!, c[1]!, b[0]!, a[1]!]);
    expect(out.map((p) => p[p.length - 1])).toEqual([text(40, 5)[39], text(40, 9)[39], text(40)[39]]);
  });

  it('takes a packet of the largest size, and drops one beyond it', () => {
    const size = family === 4 ? 65_515 : 65_535;
    const largest = whole(family, size);
    const cut = pieces(largest, 7, [1000, 3000, 5000, 8000]);
    expect(feed(new Reassembly(), cut.reverse())[0]!.length).toBe(largest.length);
    if (family === 6) {
      // The unfragmentable part counts too: 8 bytes of destination options before 65528 of text.
      const options = new Uint8Array(8 + 65_528);
      options.set([UDP, 0, 1, 4]);
      const long = packet(6, options, { protocol: 60 });
      expect(feed(new Reassembly(), pieces(long, 7, [1000], 48, 40))).toEqual([]);
    }
  });

  it.each([
    ['in the middle', 8, 24],
    ['inside another', 16, 24],
    ['around another', 0, 48],
    ['longer at the same place', 0, 40],
    ['shorter at the same place', 0, 24],
  ])('drops the whole datagram where a piece overlaps: %s (RFC 5722)', (_, from, to) => {
    const original = whole(family, 64);
    const reassembly = new Reassembly();
    const list = [piece(original, 3, 0, 32), piece(original, 3, from, to), piece(original, 3, 32, 64)];
    expect(feed(reassembly, list)).toEqual([]);
    expect(reassembly.counters).toMatchObject({ ReasmOverlaps: 1, ReasmFails: 1, ReasmOKs: 0 });
    // Nor do later pieces make one, until the time is over; nobody is told then.
    expect(feed(reassembly, pieces(original, 3, [2, 4, 6]))).toEqual([]);
    expect(reassembly.bytes).toBe(PIECE_COST);
    reassembly.expire(60 * SECOND, () => expect.unreachable());
    expectEmpty(reassembly);
    expect(feed(reassembly, pieces(original, 3, [2, 4, 6]))).toHaveLength(1);
  });

  it('drops a datagram with two ends, with text beyond its end, or with an end before its text', () => {
    const long = whole(family, 64);
    const short = whole(family, 40);
    for (const list of [
      [piece(short, 1, 32, 40), piece(long, 1, 48, 64)],
      [piece(short, 1, 32, 40), piece(long, 1, 40, 48)],
      [piece(long, 1, 48, 56), piece(short, 1, 32, 40)],
    ]) {
      const reassembly = new Reassembly();
      feed(reassembly, [...list, piece(long, 1, 0, 32)]);
      expect(reassembly.counters).toMatchObject({ ReasmOverlaps: 1, ReasmFails: 1 });
    }
  });

  it('merges ECN as RFC 3168 §5.3 has it', () => {
    const merged = (a: number, b: number) => {
      const [first] = pieces(whole(family, 40, { ecn: a }), 1, [2]);
      const [, second] = pieces(whole(family, 40, { ecn: b }), 1, [2]);
      const out = feed(new Reassembly(), [first!, second!]);
      return out.length === 0 ? null : parsed(out[0]!).ecn;
    };
    expect([merged(NOT_ECT, NOT_ECT), merged(ECT0, ECT0), merged(CE, CE)]).toEqual([NOT_ECT, ECT0, CE]);
    expect([merged(ECT0, CE), merged(CE, ECT0), merged(ECT1, CE), merged(CE, ECT1)]).toEqual([CE, CE, CE, CE]);
    expect([merged(NOT_ECT, CE), merged(CE, NOT_ECT), merged(NOT_ECT, ECT0)]).toEqual([null, null, null]);
  });

  it('gives up after its time, and hands out the first fragment', () => {
    const reassembly = new Reassembly();
    const limit = (family === 4 ? 30 : 60) * SECOND;
    const original = whole(family, 64);
    const first = piece(original, 1, 0, 32);
    feed(reassembly, [piece(original, 1, 48, 64)], 5);
    feed(reassembly, [first], 10 * SECOND);
    feed(reassembly, [piece(original, 2, 48, 64)], 11 * SECOND);
    expect(reassembly.nextDeadline).toBe(limit + 5);
    reassembly.expire(limit + 4);
    expect(reassembly.count).toBe(2);
    const expired: Uint8Array[] = [];
    reassembly.expire(limit + 5, (p) => expired.push(p));
    expect(expired).toEqual([first]);
    expect(reassembly.nextDeadline).toBe(limit + 11 * SECOND);
    // The other one lacks its first fragment: nobody to tell what it was.
    reassembly.expire(reassembly.nextDeadline, () => expect.unreachable());
    expect(reassembly.counters).toMatchObject({ ReasmTimeout: 2, ReasmFails: 2 });
    expectEmpty(reassembly);
  });

  it('drops a datagram of too many pieces', () => {
    const reassembly = new Reassembly({ maxPieces: 10 });
    const original = whole(family, 96);
    const cut = pieces(original, 1, [...Array(12).keys()]);
    expect(feed(reassembly, cut)).toEqual([]);
    expect(reassembly.counters.ReasmBad).toBe(1);
    expect(feed(reassembly, pieces(original, 2, [...Array(10).keys()]))).toHaveLength(1);
  });

  it('holds its limits against a flood, from one source and from many', () => {
    const long = whole(family, 65_400);
    const limits = { maxBytes: 200_000, maxSourceBytes: 60_000, maxSourceDatagrams: 16 };
    fc.assert(
      fc.property(fc.boolean(), fc.boolean(), fc.nat(8000), (spread, bad, at) => {
        const reassembly = new Reassembly(limits);
        for (let i = 0; i < 600; i++) {
          const list = [piece(long, i, at * 8, at * 8 + (i % 3 === 0 ? 1000 : 8))];
          // Overlapping: given up, but remembered, and that has a limit as well.
          if (bad) list.push(piece(long, i, Math.max(0, at - 1) * 8, at * 8 + 16));
          for (const p of list) if (spread) put32(p, 12, i);
          feed(reassembly, list, i);
          expect(reassembly.bytes).toBeLessThanOrEqual(spread ? limits.maxBytes : limits.maxSourceBytes);
          if (!spread) expect(reassembly.count).toBeLessThanOrEqual(limits.maxSourceDatagrams);
        }
        // In the middle of it an honest datagram comes through.
        expect(feed(reassembly, pieces(whole(family, 3000), 99_999, [185]), 600)).toHaveLength(1);
        reassembly.expire(120 * SECOND);
        expectEmpty(reassembly);
      }),
      { numRuns: 20 },
    );
  });

  it('spares the others where one source floods', () => {
    const reassembly = new Reassembly();
    const other = family === 4 ? IpAddress.of('203.0.113.9') : IpAddress.of('2001:db8:9::1');
    const [first, last] = pieces(whole(family, 3000, { source: other }), 1, [180]);
    feed(reassembly, [first!]);
    const flood = whole(family, 4000);
    for (let i = 0; i < 5000; i++) feed(reassembly, [piece(flood, i, 0, 1400)], 1);
    expect(feed(reassembly, [last!], 2)).toHaveLength(1);
  });

  it('takes a fragment in a time that does not grow with their number', () => {
    const reassembly = new Reassembly({ maxPieces: 10_000 });
    const original = whole(family, 64_000);
    // Every second unit, backwards: as many holes as there can be.
    for (let at = 63_992; at >= 16; at -= 16) feed(reassembly, [piece(original, 1, at, at + 8)]);
    expect(reassembly.bytes).toBeLessThan(4 << 20);
    expect(reassembly.counters.ReasmReqds).toBe(3999);
  });

  it('ignores what is no fragment', () => {
    const reassembly = new Reassembly();
    expect(feed(reassembly, [whole(family, 100), new Uint8Array(0), new Uint8Array(60)])).toEqual([]);
    expectEmpty(reassembly);
  });

  it('never throws, and forgets everything in time', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            id: fc.nat(2),
            from: fc.nat(20),
            units: fc.integer({ min: 1, max: 10 }),
            end: fc.boolean(),
            flips: fc.array(fc.tuple(fc.nat(90), fc.nat(255)), { maxLength: 3 }),
            cut: fc.nat(100),
          }),
          { maxLength: 60 },
        ),
        (list) => {
          const reassembly = new Reassembly();
          for (const [now, { id, from, units, end, flips, cut }] of list.entries()) {
            const size = 8 * (from + units);
            const p = piece(whole(family, end ? size : size + 8), id, 8 * from, size);
            for (const [at, bits] of flips) if (at < p.length) p[at]! ^= bits;
            const out = reassembly.accept(p, 0, cut > 10 ? p.length : Math.min(cut, p.length), now);
            if (out !== null) {
              expect(parsed(out).isFragment).toBe(false);
              if (family === 4) expect(finish(sum(out, 0, (out[0]! & 15) << 2))).toBe(0);
            }
          }
          reassembly.expire(1000 * SECOND);
          expectEmpty(reassembly);
        },
      ),
      { numRuns: 2000 },
    );
  });
});

describe('reassembly', () => {
  it('takes any bytes at all', () => {
    const reassembly = new Reassembly({ maxBytes: 50_000 });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), fc.nat(9), fc.integer(), (bytes, offset, now) => {
        if (bytes.length < offset) return;
        if (bytes.length > offset) bytes[offset] = bytes[offset]! & 1 ? 0x45 : 0x60;
        reassembly.accept(bytes, offset, bytes.length - offset, now);
        expect(reassembly.bytes).toBeLessThanOrEqual(50_000);
      }),
      { numRuns: 5000 },
    );
  });

  it('expires each family by its own time (RFC 1122 §3.3.2)', () => {
    const reassembly = new Reassembly();
    feed(reassembly, [piece(whole(6, 64), 1, 0, 32)], 0);
    feed(reassembly, [piece(whole(4, 64), 1, 0, 32)], 10 * SECOND);
    expect(reassembly.nextDeadline).toBe(40 * SECOND);
    reassembly.expire(40 * SECOND);
    expect([reassembly.count, reassembly.nextDeadline]).toEqual([1, 60 * SECOND]);
  });

  it('evicts the oldest of either family', () => {
    const reassembly = new Reassembly({ maxBytes: 3 * (DATAGRAM_COST + PIECE_COST + 1000), maxPieces: 4 });
    const begin = (family: 4 | 6, id: number, now: number) =>
      feed(reassembly, [piece(whole(family, 2000), id, 8, 1000)], now);
    begin(6, 1, 0);
    begin(4, 2, 1);
    begin(6, 3, 2);
    expect(reassembly.counters.ReasmEvicted).toBe(0);
    begin(4, 4, 3);
    begin(4, 5, 4);
    expect(reassembly.counters).toMatchObject({ ReasmEvicted: 2, ReasmFails: 2 });
    expect(reassembly.nextDeadline).toBe(30 * SECOND + 3);
  });

  it('keeps the options of an IPv4 header, and reaches 65535 bytes with them no more', () => {
    const plain = packet(4, text(48), { protocol: UDP });
    const first = new Uint8Array(24 + 16);
    first.set(piece(plain, 1, 0, 16).subarray(0, 20));
    first.set([1, 1, 1, 0], 20);
    first.set(text(48).subarray(0, 16), 24);
    first[0] = 0x46;
    first[3] = 40;
    const [out] = feed(new Reassembly(), [piece(plain, 1, 16, 48), first]);
    expect(parsed(out!).headerLength).toBe(24);
    expect(out!.subarray(24)).toEqual(text(48));
    const long = piece(whole(4, 65_515), 1, 16, 65_515);
    const reassembly = new Reassembly();
    expect(feed(reassembly, [long, first])).toEqual([]);
    expect(reassembly.counters).toMatchObject({ ReasmBad: 1, ReasmFails: 1 });
    expectEmpty(reassembly);
  });

  it('keeps the unfragmentable part of an IPv6 packet (RFC 8200 §4.5)', () => {
    const body = new Uint8Array(8 + 200);
    body.set([UDP, 0, 1, 4]); // destination options, padding only
    body.set(text(200), 8);
    const original = packet(6, body, { protocol: 60 });
    const cut = pieces(original, 77, [3, 9], 48, 40);
    expect(parsed(cut[0]!).fragmentHeader).toBe(48);
    expect(feed(new Reassembly(), cut.reverse())).toEqual([original]);
  });

  it('drops an IPv6 datagram whose first fragment does not reach the upper layer (RFC 7112)', () => {
    const body = new Uint8Array(24 + 100);
    body.set([UDP, 2, 1, 4]); // 24 bytes of destination options, of which the first fragment has 8
    const reassembly = new Reassembly();
    expect(feed(reassembly, pieces(packet(6, body, { protocol: 60 }), 1, [1]))).toEqual([]);
    expect(reassembly.counters.ReasmBad).toBe(1);
    expect(feed(new Reassembly(), pieces(packet(6, text(100)), 1, [2]))).toEqual([]); // 16 bytes of TCP
    expect(feed(new Reassembly(), pieces(packet(6, new Uint8Array(100).fill(0x50, 12, 13)), 1, [3]))).toHaveLength(1);
  });

  it('tells IPv4 protocols apart, and IPv6 does not (RFC 8200 §4.5)', () => {
    const mixed = (family: 4 | 6) => {
      const udp = pieces(whole(family, 40), 1, [2]);
      const other = pieces(packet(family, text(40), { protocol: 99 }), 1, [2]);
      return feed(new Reassembly(), [udp[0]!, other[1]!]).length;
    };
    expect([mixed(4), mixed(6)]).toEqual([0, 1]);
  });
});
