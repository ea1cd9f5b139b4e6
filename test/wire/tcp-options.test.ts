import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ACK, Segment, SYN } from '../../src/wire/segment.ts';
import { seq } from '../../src/wire/seq.ts';
import {
  describeOptions,
  listOptions,
  OPTION_NAMES,
  optionsLength,
  parseOptions,
  writeOptions,
} from '../../src/wire/tcp-options.ts';
import { segment } from '../support/arbitrary.ts';

function parse(...bytes: number[]): Segment {
  const into = new Segment();
  // Bytes past the end that would change the result if they were read.
  parseOptions(Uint8Array.of(...bytes, 2, 4, 0x11, 0x11), 0, bytes.length, into);
  return into;
}

function write(change: Partial<Segment>): number[] {
  const target = new Uint8Array(60).fill(0xee);
  const from = Object.assign(new Segment(), change);
  const length = writeOptions(from, target, 4);
  expect(length).toBe(optionsLength(from));
  expect(length % 4).toBe(0);
  expect([...target.subarray(4 + length)].every((byte) => byte === 0xee)).toBe(true);
  return [...target.subarray(4, 4 + length)];
}

describe('parseOptions', () => {
  it('reads every option we use', () => {
    expect(parse(2, 4, 5, 0xb4).mss).toBe(1460);
    expect(parse(3, 3, 14).windowScale).toBe(14);
    expect(parse(3, 3, 255).windowScale).toBe(255);
    expect(parse(4, 2).sackPermitted).toBe(true);
    const stamped = parse(8, 10, 0x80, 0, 0, 1, 0, 0, 0, 2);
    expect([stamped.hasTimestamps, stamped.tsVal, stamped.tsEcr]).toEqual([true, -0x7fffffff, 2]);
    const sacked = parse(1, 1, 5, 18, 0, 0, 0, 1, 0, 0, 0, 2, 255, 255, 255, 255, 0, 0, 0, 4);
    expect(sacked.sackCount).toBe(2);
    expect(sacked.sack.slice(0, 4)).toEqual([seq(1), seq(2), seq(-1), seq(4)]);
    expect(parse(28, 4, 0, 30).userTimeout).toBe(30_000);
    expect(parse(28, 4, 0x80, 2).userTimeout).toBe(120_000);
    expect(parse(28, 4, 0x80, 0).userTimeout).toBe(-1);
    expect(parse(34, 2).fastOpenLength).toBe(0);
    const cookie = parse(34, 6, 9, 8, 7, 6);
    expect([cookie.fastOpenLength, ...cookie.fastOpenCookie.subarray(0, 4)]).toEqual([4, 9, 8, 7, 6]);
    expect(parse(34, 18, ...new Array(16).fill(3)).fastOpenLength).toBe(16);
    expect(parse(254, 4, 0xf9, 0x89).fastOpenLength).toBe(0);
    expect(parse(254, 8, 0xf9, 0x89, 1, 2, 3, 4).fastOpenLength).toBe(4);
    expect(parse(254, 4, 0xf9, 0x88).fastOpenLength).toBe(-1);
    expect(parse(19, 18, ...new Array(16).fill(0)).hasSignature).toBe(true);
    expect(parse(29, 16, ...new Array(14).fill(0)).hasSignature).toBe(true);
  });

  it('reads the AccECN option in both orders, whole or cut short (RFC 9768 §3.2.3)', () => {
    const counters = (s: Segment) => [s.accEcnE0b, s.accEcnCeb, s.accEcnE1b];
    expect(counters(parse(172, 11, 0, 0, 1, 0, 1, 0, 255, 255, 255))).toEqual([1, 256, 0xff_ffff]);
    expect(counters(parse(174, 11, 0, 0, 1, 0, 1, 0, 255, 255, 255))).toEqual([0xff_ffff, 256, 1]);
    expect(counters(parse(172, 8, 0, 0, 1, 0, 1, 0))).toEqual([1, 256, -1]);
    expect(counters(parse(174, 5, 0, 0, 1))).toEqual([-1, -1, 1]);
    expect(counters(parse(172, 2))).toEqual([-1, -1, -1]);
  });

  it('writes the AccECN option as it reads it, and SACK blocks in the room that it leaves', () => {
    const written = write({ flags: ACK, accEcnE0b: 0x123456, accEcnCeb: 0x789abc, accEcnE1b: 0xdef012 });
    expect(written).toEqual([1, 172, 11, 0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0, 0x12]);
    const crowded = write({ flags: ACK, hasTimestamps: true, accEcnE0b: 1, accEcnCeb: 0, accEcnE1b: 1, sackCount: 3 });
    expect(parse(...crowded).sackCount).toBe(1);
  });

  it('skips kinds it does not use, by their length (RFC 9293 MUST-6, MUST-68; Multipath TCP: RFC 8684 §3)', () => {
    const used = [0, 1, 2, 3, 4, 5, 8, 19, 28, 29, 34, 172, 174];
    for (let kind = 0; kind < 256; kind++) {
      if (used.includes(kind)) continue;
      const one = parse(kind, 5, 2, 4, 9, 3, 3, 7);
      expect({ ...one, windowScale: -1 }).toEqual({ ...new Segment() });
      expect(one.windowScale).toBe(7);
    }
  });

  it('skips a known kind with a length it cannot have', () => {
    const wrong = [
      [2, 3, 0],
      [3, 4, 0, 0],
      [4, 3, 0],
      [5, 9, 0, 0, 0, 0, 0, 0, 0],
      [5, 2],
      [8, 9, 0, 0, 0, 0, 0, 0, 0],
      [28, 3, 0],
      [34, 4, 1, 1],
      [172, 4, 1, 1],
      [174, 14, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1],
      [34, 7, 1, 1, 1, 1, 1],
      [19, 4, 0, 0],
      [29, 3, 0],
    ];
    for (const option of wrong) {
      const one = parse(...option, 2, 4, 2, 24);
      expect(one.mss).toBe(536);
      expect({ ...one, mss: -1 }).toEqual({ ...new Segment() });
    }
  });

  it('stops at an illegal length and keeps what stood before it (MUST-7)', () => {
    for (const rest of [[3, 0, 7], [3, 1, 7], [3], [3, 4, 7], [99, 0, 2, 4, 9, 9], [8, 255]]) {
      const one = parse(2, 4, 2, 24, ...rest);
      expect(one.mss).toBe(536);
      expect({ ...one, mss: -1 }).toEqual({ ...new Segment() });
    }
  });

  it('reads end of list, no-operation and MSS (RFC 9293 MUST-4)', () => {
    expect(parse(1, 1, 2, 4, 2, 24, 1, 0, 3, 3, 7)).toMatchObject({ mss: 536, windowScale: -1 });
    expect(parse(1, 1, 0, 2, 4, 2, 24).mss).toBe(-1);
  });

  it('reads options at any octet (RFC 9293 MUST-64)', () => {
    for (let before = 0; before < 8; before++) {
      const one = parse(...new Array(before).fill(1), 8, 10, 0, 0, 1, 5, 0, 0, 0, 6, 2, 4, 5, 0xb4);
      expect([one.tsVal, one.tsEcr, one.mss]).toEqual([261, 6, 1460]);
    }
  });

  it('reads the usual layout as it reads any other', () => {
    const usual = parse(1, 1, 8, 10, 0, 0, 0, 5, 0, 0, 0, 6);
    const other = parse(8, 10, 0, 0, 0, 5, 0, 0, 0, 6, 1, 1);
    expect({ ...usual }).toEqual({ ...other });
    expect([usual.tsVal, usual.tsEcr]).toEqual([5, 6]);
  });

  it('takes any bytes', () => {
    const into = new Segment();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat(255), (bytes, poison) => {
        const longer = new Uint8Array(bytes.length + 40).fill(poison);
        longer.set(bytes);
        parseOptions(longer, 0, bytes.length, into);
        const once = { ...into, sack: into.sack.slice(0, 2 * into.sackCount), fastOpenCookie: 0 };
        longer.fill(~poison, bytes.length);
        parseOptions(longer, 0, bytes.length, into);
        expect({ ...into, sack: into.sack.slice(0, 2 * into.sackCount), fastOpenCookie: 0 }).toEqual(once);
        const listed = [...listOptions(longer, 0, bytes.length)];
        const spanned = listed.filter((one) => !one.malformed).reduce((total, one) => total + one.length, 0);
        expect(spanned).toBeLessThanOrEqual(bytes.length);
      }),
      { numRuns: 10_000 },
    );
  });
});

describe('writeOptions', () => {
  const syn = { flags: SYN, mss: 1460, windowScale: 7, sackPermitted: true };
  const stamps = { hasTimestamps: true, tsVal: 1, tsEcr: 2 };
  const TS = [8, 10, 0, 0, 0, 1, 0, 0, 0, 2];
  const edges = Array.from({ length: 8 }, (_, i) => seq(i));
  const blocks = (count: number) => Array.from({ length: 2 * count }, (_, i) => [0, 0, 0, i]).flat();

  it('lays a SYN out as Linux does', () => {
    expect(write({ ...syn, ...stamps })).toEqual([2, 4, 5, 0xb4, 4, 2, ...TS, 1, 3, 3, 7]);
    expect(write(syn)).toEqual([2, 4, 5, 0xb4, 1, 1, 4, 2, 1, 3, 3, 7]);
    expect(write({ flags: SYN, mss: 536, ...stamps })).toEqual([2, 4, 2, 24, 1, 1, ...TS]);
    expect(write({ flags: SYN })).toEqual([]);
  });

  it('lays other segments out as Linux does', () => {
    expect(write({ flags: ACK, ...stamps })).toEqual([1, 1, ...TS]);
    expect(write({ flags: ACK, sackCount: 1, sack: edges })).toEqual([1, 1, 5, 10, ...blocks(1)]);
    expect(write({ flags: ACK, ...stamps, sackCount: 3, sack: edges })).toEqual([
      1,
      1,
      ...TS,
      1,
      1,
      5,
      26,
      ...blocks(3),
    ]);
  });

  it('packs a SYN as FreeBSD does', () => {
    const syn = { flags: SYN, packed: true, mss: 1460, sackPermitted: true };
    const stamped = { ...syn, hasTimestamps: true, tsVal: 1, tsEcr: 2 };
    const stamps = [8, 10, 0, 0, 0, 1, 0, 0, 0, 2];
    expect(write({ ...stamped, windowScale: 6 })).toEqual([2, 4, 5, 0xb4, 1, 3, 3, 6, 4, 2, ...stamps]);
    expect(write({ ...stamped, sackPermitted: false })).toEqual([2, 4, 5, 0xb4, 1, 1, ...stamps]);
    expect(write(syn)).toEqual([2, 4, 5, 0xb4, 4, 2, 0, 0]);
    const cookie = { fastOpenLength: 4, fastOpenCookie: Uint8Array.of(9, 8, 7, 6) };
    expect(write({ ...syn, ...cookie })).toEqual([2, 4, 5, 0xb4, 4, 2, 34, 6, 9, 8, 7, 6]);
    const long = { fastOpenLength: 16, fastOpenCookie: new Uint8Array(16) };
    expect(write({ ...stamped, windowScale: 6, ...long })).toHaveLength(40);
    expect(write({ ...syn, flags: ACK })).toEqual([]);
  });

  it('leaves out what does not fit', () => {
    expect(write({ flags: ACK, sackCount: 4, sack: edges })).toEqual([1, 1, 5, 34, ...blocks(4)]);
    expect(write({ flags: ACK, ...stamps, sackCount: 4, sack: edges })).toHaveLength(40);
    expect(write({ flags: ACK, ...stamps, userTimeout: 1000, sackCount: 4, sack: edges })).toHaveLength(36);
    expect(write({ ...syn, ...stamps, userTimeout: 1000, fastOpenLength: 16 })).toHaveLength(24);
    expect(write({ ...syn, ...stamps, fastOpenLength: 16 })).toHaveLength(40);
  });

  it('sends MSS and the other offers only with a SYN (RFC 9293 MUST-65)', () => {
    expect(write({ ...syn, flags: ACK, fastOpenLength: 0 })).toEqual([]);
    expect(write({ ...syn, flags: SYN | ACK, sackCount: 2 })).toHaveLength(12);
  });

  it('pads a Fast Open cookie to a word', () => {
    const fastOpenCookie = Uint8Array.from({ length: 16 }, (_, i) => i + 1);
    expect(write({ flags: SYN, fastOpenLength: 0 })).toEqual([34, 2, 1, 1]);
    expect(write({ flags: SYN, fastOpenLength: 4, fastOpenCookie })).toEqual([34, 6, 1, 2, 3, 4, 1, 1]);
    expect(write({ flags: SYN, fastOpenLength: 6, fastOpenCookie })).toEqual([34, 8, 1, 2, 3, 4, 5, 6]);
  });

  it('rounds a user timeout up', () => {
    const field = (userTimeout: number) => write({ flags: ACK, userTimeout }).slice(2);
    expect(field(0)).toEqual([0, 1]);
    expect(field(1001)).toEqual([0, 2]);
    expect(field(32_767_000)).toEqual([0x7f, 0xff]);
    expect(field(32_767_001)).toEqual([0x82, 0x23]); // 32768 s: 547 minutes
    expect(field(1e12)).toEqual([0xff, 0xff]);
  });

  it('never exceeds 40 bytes, whatever the segment, and ends at a word: no padding is left that would have to be zero (RFC 9293 MUST-69)', () => {
    fc.assert(
      fc.property(segment, fc.nat(16), fc.nat(4), fc.boolean(), (one, cookie, sackCount, stamped) => {
        one.hasTimestamps = stamped;
        one.fastOpenLength = cookie;
        one.sackCount = sackCount;
        expect(write(one).length).toBeLessThanOrEqual(40);
        expect(write(one).length % 4).toBe(0);
      }),
      { numRuns: 3000 },
    );
  });
});

describe('listOptions', () => {
  it('shows each option, unknown ones too, and where the list breaks', () => {
    const bytes = Uint8Array.of(2, 4, 5, 0xb4, 1, 200, 3, 9, 30, 4, 0, 0, 8, 10, 0);
    const shown = [...listOptions(bytes, 0, bytes.length)].map((o) => [
      o.kind,
      o.name,
      o.offset,
      o.length,
      o.malformed,
    ]);
    expect(shown).toEqual([
      [2, 'Maximum Segment Size', 0, 4, false],
      [1, 'No-Operation', 4, 1, false],
      [200, 'Unassigned', 5, 3, false],
      [30, 'Multipath TCP', 8, 4, false],
      [8, 'Timestamps', 12, 10, true],
    ]);
    expect([...listOptions(Uint8Array.of(1, 0, 2), 0, 3)].map((o) => o.kind)).toEqual([1, 0]);
    expect([...listOptions(Uint8Array.of(2), 0, 1)]).toMatchObject([{ length: 0, malformed: true }]);
  });

  it('names each kind that IANA has assigned', () => {
    const assigned = [...Array(25).keys(), 26, 27, 28, 29, 30, 34, 69, 172, 174, 253, 254];
    expect([...OPTION_NAMES.keys()]).toEqual(assigned);
  });
});

describe('describeOptions', () => {
  it('speaks tcpdump’s language', () => {
    const one = Object.assign(new Segment(), { mss: 1460, sackPermitted: true, windowScale: 7 });
    Object.assign(one, {
      hasTimestamps: true,
      tsVal: -1,
      tsEcr: 0,
      sackCount: 2,
      userTimeout: 30_000,
      hasSignature: true,
    });
    Object.assign(one, {
      sack: [110, 120, 90, 95].map(seq),
      fastOpenLength: 4,
      fastOpenCookie: Uint8Array.of(1, 2, 3, 255),
    });
    expect(describeOptions(one, seq(100))).toEqual([
      'mss 1460',
      'sackOK',
      'TS val 4294967295 ecr 0',
      'wscale 7',
      'uto 30s',
      'sack 2 {10:20}{4294967286:4294967291}',
      'tfo cookie 010203ff',
      'signature',
    ]);
    expect(describeOptions(Object.assign(new Segment(), { fastOpenLength: 0 }))).toEqual(['tfo cookiereq']);
  });
});
