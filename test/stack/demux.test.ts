import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Demux, type Tuple } from '../../src/stack/demux.ts';
import { HalfSipHash } from '../../src/stack/half-siphash.ts';
import { IpAddress } from '../../src/wire/address.ts';

const key = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);

/** Few values for each part, so that tuples repeat and share words. */
const address = fc.oneof(
  fc.nat(3).map((n) => IpAddress.v4(0x0a000000 | n)),
  fc.tuple(fc.nat(1), fc.nat(1), fc.nat(1), fc.nat(2)).map(([a, b, c, d]) => new IpAddress(6, a, b, c, d)),
);
const tuple: fc.Arbitrary<Tuple> = fc
  .record({ localAddress: address, remoteAddress: address, localPort: fc.nat(2), remotePort: fc.nat(65535) })
  .filter((t) => t.localAddress.family === t.remoteAddress.family);
const text = (t: Tuple) => `${t.localAddress} ${t.localPort} ${t.remoteAddress} ${t.remotePort}`;

describe('Demux', () => {
  it('behaves as a Map does', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), tuple), { size: 'max', maxLength: 600 }), (steps) => {
        const demux = new Demux<Tuple>(key);
        const model = new Map<string, Tuple>();
        for (const [add, t] of steps) {
          const name = text(t);
          expect(demux.find(t.localAddress, t.localPort, t.remoteAddress, t.remotePort)).toBe(model.get(name) ?? null);
          if (add) {
            expect(demux.insert(t)).toBe(!model.has(name));
            if (!model.has(name)) model.set(name, t);
          } else expect(demux.remove(t)).toBe(model.delete(name));
          expect(demux.size).toBe(model.size);
        }
        expect(new Set(demux)).toEqual(new Set(model.values()));
        for (const t of model.values()) {
          expect(demux.find(t.localAddress, t.localPort, t.remoteAddress, t.remotePort)).toBe(t);
        }
      }),
      { numRuns: 200 },
    );
  });

  it.each([4, 6] as const)('keeps every entry while it grows to 20,000 and shrinks again (IPv%i)', (family) => {
    const demux = new Demux<Tuple>(key);
    const local = IpAddress.of(family === 4 ? '10.0.0.1' : 'fd00::1');
    const all: Tuple[] = [];
    for (let i = 0; i < 20_000; i++) {
      const remote = family === 4 ? IpAddress.v4(i >> 4) : new IpAddress(6, i & 3, 0, i & 5, i >> 4);
      all.push({ localAddress: local, localPort: 80, remoteAddress: remote, remotePort: 1000 + (i & 15) });
    }
    const lookUp = (t: Tuple) => demux.find(t.localAddress, t.localPort, t.remoteAddress, t.remotePort);
    // Also while entries move from one table to the next.
    const distinct = all.filter((t, i) => {
      const fresh = demux.insert(t);
      if (i % 7 === 0 && lookUp(all[(i * 7919) % (i + 1)]!) === null) expect.fail(`after ${i}`);
      return fresh;
    });
    expect(demux.size).toBe(distinct.length);
    expect(distinct.length).toBeGreaterThan(19_000);
    // Every third goes, the others must still be found behind the moved chains.
    distinct.forEach((t, i) => {
      if (i % 3 === 0) expect(demux.remove(t)).toBe(true);
    });
    const left = new Set(distinct.filter((_, i) => i % 3 !== 0));
    distinct.forEach((t, i) => {
      const found = demux.find(t.localAddress, t.localPort, t.remoteAddress, t.remotePort);
      if (found !== (i % 3 === 0 ? null : t)) expect.fail(`entry ${i}: ${text(t)}`);
    });
    let i = 0;
    for (const t of left) {
      demux.remove(t);
      left.delete(t);
      const other = distinct[(i++ * 7919) % distinct.length]!;
      if (i % 7 === 0 && (lookUp(other) === other) !== left.has(other)) expect.fail(`after removing ${i}`);
    }
    expect(demux.size).toBe(0);
  });

  it('tells an IPv4 address from the IPv6 address that maps it', () => {
    const demux = new Demux<Tuple>(key);
    const v4 = IpAddress.of('192.0.2.1');
    const mapped = IpAddress.of('::ffff:192.0.2.1');
    const t: Tuple = { localAddress: v4, localPort: 1, remoteAddress: v4, remotePort: 2 };
    demux.insert(t);
    expect(demux.find(mapped, 1, mapped, 2)).toBeNull();
    expect(demux.find(v4, 1, v4, 2)).toBe(t);
    expect(demux.find(v4, 2, v4, 1)).toBeNull();
  });
});

/** HalfSipHash with `c` rounds for a word and `d` to finish, as its authors write it: bytes in, state as an array. */
function reference(k: Uint8Array, message: Uint8Array, c: number, d: number): number {
  const word = (b: Uint8Array, at: number) => b[at]! | (b[at + 1]! << 8) | (b[at + 2]! << 16) | (b[at + 3]! << 24) | 0;
  const rotate = (x: number, n: number) => (x << n) | (x >>> (32 - n));
  const v = [word(k, 0), word(k, 4), 0x6c796765 ^ word(k, 0), 0x74656462 ^ word(k, 4)] as [
    number,
    number,
    number,
    number,
  ];
  const round = () => {
    v[0] = (v[0] + v[1]) | 0;
    v[1] = rotate(v[1], 5) ^ v[0];
    v[0] = rotate(v[0], 16);
    v[2] = (v[2] + v[3]) | 0;
    v[3] = rotate(v[3], 8) ^ v[2];
    v[0] = (v[0] + v[3]) | 0;
    v[3] = rotate(v[3], 7) ^ v[0];
    v[2] = (v[2] + v[1]) | 0;
    v[1] = rotate(v[1], 13) ^ v[2];
    v[2] = rotate(v[2], 16);
  };
  const take = (m: number) => {
    v[3] ^= m;
    for (let i = 0; i < c; i++) round();
    v[0] ^= m;
  };
  let at = 0;
  for (; at + 4 <= message.length; at += 4) take(word(message, at));
  let last = message.length << 24;
  for (let i = 0; at + i < message.length; i++) last |= message[at + i]! << (8 * i);
  take(last);
  v[2] ^= 0xff;
  for (let i = 0; i < d; i++) round();
  return v[1] ^ v[3];
}

describe('HalfSipHash', () => {
  it('has the reference of this test right: the first vectors of HalfSipHash-2-4', () => {
    // From the authors' vectors.h: key 00 01 … 07, messages of 0, 1, 2 and 3 bytes 00, 01, …
    const k = Uint8Array.from({ length: 8 }, (_, i) => i);
    const message = Uint8Array.from({ length: 4 }, (_, i) => i);
    const vectors = [0x5b9f35a9, 0xb85a4727, 0x03a662fa, 0x04e7fe8a];
    expect(vectors.map((_, n) => reference(k, message.subarray(0, n), 2, 4) >>> 0)).toEqual(vectors);
  });

  it('is HalfSipHash-1-3 of three words', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 8, maxLength: 8 }),
        fc.tuple(fc.integer(), fc.integer(), fc.integer()),
        (k, words) => {
          const message = new Uint8Array(Int32Array.from(words).buffer);
          expect(new HalfSipHash(k).of3(...words) | 0).toBe(reference(k, message, 1, 3));
        },
      ),
    );
  });

  it('depends on each of nine words', () => {
    const h = new HalfSipHash(key);
    const words: [number, number, number, number, number, number, number, number, number] = [1, 2, 3, 4, 5, 6, 7, 8, 9];
    const seen = new Set([h.of9(...words)]);
    for (let i = 0; i < 9; i++) {
      const other: typeof words = [...words];
      other[i] = 77;
      seen.add(h.of9(...other));
    }
    expect(seen.size).toBe(10);
  });
});
