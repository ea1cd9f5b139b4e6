import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IpAddress } from '../../src/wire/address.ts';
import { finish, fold, pseudoSum, sum } from '../../src/wire/checksum.ts';

/** RFC 1071 §4.1, word for word. */
function reference(bytes: Uint8Array, offset: number, length: number, initial: number): number {
  let total = initial;
  for (let i = 0; i < length; i++) total += i % 2 === 0 ? bytes[offset + i]! * 256 : bytes[offset + i]!;
  while (total > 0xffff) total = Math.floor(total / 0x10000) + (total % 0x10000);
  return total;
}

describe('sum', () => {
  it('is the example of RFC 1071 §3', () => {
    const bytes = Uint8Array.of(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7);
    expect(sum(bytes, 0, 8)).toBe(0xddf2);
    expect(finish(0xddf2)).toBe(0x220d);
  });

  it('equals a byte loop at every alignment and short length', () => {
    const bytes = Uint8Array.from({ length: 160 }, (_, i) => (i * 89 + 7) & 255);
    for (let skew = 0; skew < 4; skew++) {
      const view = new Uint8Array(bytes.buffer, skew);
      for (let offset = 0; offset < 5; offset++) {
        for (let length = 0; length < 150; length++) {
          expect(sum(view, offset, length, 5)).toBe(reference(view, offset, length, 5));
        }
      }
    }
  });

  it('equals a byte loop on random ranges', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 8, maxLength: 3000 }),
        fc.nat(3),
        fc.nat(),
        fc.nat(),
        fc.nat(0x7ffeffff),
        (data, skew, from, many, initial) => {
          const bytes = new Uint8Array(data.buffer, skew, data.length - skew);
          const offset = from % bytes.length;
          const length = many % (bytes.length - offset + 1);
          expect(sum(bytes, offset, length, initial)).toBe(reference(bytes, offset, length, initial));
        },
      ),
      { numRuns: 3000 },
    );
  });

  it('does not overflow on the worst bytes', () => {
    const bytes = new Uint8Array(1 << 20).fill(255);
    for (const [offset, length] of [
      [0, 1 << 20],
      [1, (1 << 20) - 1],
      [3, 65_537],
      [2, 131_073],
    ] as const) {
      expect(sum(bytes, offset, length)).toBe(reference(bytes, offset, length, 0));
    }
  });

  it('chains over parts of even length', () => {
    const bytes = Uint8Array.from({ length: 301 }, (_, i) => (i * 31) & 255);
    expect(sum(bytes, 100, 201, sum(bytes, 0, 100))).toBe(sum(bytes, 0, 301));
  });

  it('serves buffers in turn', () => {
    const one = new Uint8Array(200).fill(1);
    const two = new Uint8Array(200).fill(2);
    expect([sum(one, 0, 200), sum(two, 0, 200), sum(one, 0, 200)]).toEqual([25_700, 51_400, 25_700]);
  });
});

describe('pseudoSum', () => {
  const words = fc.tuple(fc.integer(), fc.integer(), fc.integer(), fc.integer());

  function laidOut(source: IpAddress, destination: IpAddress, protocol: number, length: number): number {
    const size = source.family === 4 ? 4 : 16;
    const bytes = new Uint8Array(2 * size + 8);
    source.write(bytes, 0);
    destination.write(bytes, size);
    new DataView(bytes.buffer).setUint32(2 * size, length);
    bytes[2 * size + 7] = protocol;
    return reference(bytes, 0, bytes.length, 0);
  }

  it('equals the sum of the pseudo-header laid out in bytes', () => {
    fc.assert(
      fc.property(words, words, fc.boolean(), fc.nat(255), fc.nat(65_535), (a, b, six, protocol, length) => {
        const [source, destination] = six
          ? [new IpAddress(6, ...a), new IpAddress(6, ...b)]
          : [IpAddress.v4(a[0]), IpAddress.v4(b[0])];
        const got = finish(pseudoSum(source, destination, protocol, length));
        const expected = finish(laidOut(source, destination, protocol, length));
        // 0x0000 and 0xffff are both zero in ones' complement, and no pseudo-header of TCP is all zeroes.
        expect(got % 0xffff).toBe(expected % 0xffff);
        if (protocol !== 0) expect(got).toBe(expected);
      }),
      { numRuns: 3000 },
    );
  });
});

describe('fold', () => {
  it('brings carries around', () => {
    expect([0, 0xffff, 0x10000, 0x1ffff, 0xffffffff].map(fold)).toEqual([0, 0xffff, 1, 1, 0xffff]);
  });
});
