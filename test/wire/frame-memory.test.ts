import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { MOST, sum } from '../../src/wire/checksum.ts';
import { frameBuffer, frameMemory } from '../../src/wire/frame-memory.ts';

afterEach(() => {
  vi.unstubAllGlobals();
  vi.resetModules();
});

/** The module and its user, loaded anew. */
async function reload() {
  vi.resetModules();
  const memory = await import('../../src/wire/frame-memory.ts');
  return { ...memory, ...(await import('../../src/wire/checksum.ts')) };
}

describe('frameMemory', () => {
  it('is where WebAssembly sums, in this engine', () => {
    expect(frameBuffer).not.toBeNull();
    expect(frameMemory(10).buffer).toBe(frameBuffer);
  });

  it('sums as plain JavaScript does, at every alignment and short length', () => {
    const fast = frameMemory(400);
    const plain = Uint8Array.from({ length: 400 }, (_, i) => (i * 89 + 7) & 255);
    fast.set(plain);
    for (let offset = 0; offset < 18; offset++) {
      for (let length = 0; length < 300; length++) {
        const expected = sum(plain, offset, length, 5);
        if (sum(fast, offset, length, 5) !== expected) expect.fail(`${offset}, ${length}`);
      }
    }
  });

  it('sums as plain JavaScript does, on random ranges of any bytes', () => {
    const fast = frameMemory(70_000);
    const plain = new Uint8Array(70_000);
    const bytes = fc.oneof(fc.constant(0xff), fc.constant(0), fc.integer({ min: 1, max: 0x7fffffff }));
    fc.assert(
      fc.property(bytes, fc.nat(69_999), fc.nat(), fc.nat(0x7ffeffff), (kind, offset, many, initial) => {
        let x = kind;
        for (let i = 0; i < plain.length; i++) {
          x = (Math.imul(x, 1_664_525) + 1_013_904_223) | 0;
          plain[i] = kind === 0xff || kind === 0 ? kind : x >>> 24;
        }
        fast.set(plain);
        const length = many % (plain.length - offset + 1);
        expect(sum(fast, offset, length, initial)).toBe(sum(plain, offset, length, initial));
      }),
      { numRuns: 200 },
    );
    for (const length of [MOST, MOST + 1, 70_000]) {
      fast.fill(0xff);
      plain.fill(0xff);
      expect(sum(fast, 0, length)).toBe(sum(plain, 0, length));
    }
  });

  it('gives pieces that do not overlap, and plain memory when its own is used up', async () => {
    const { frameMemory: take, frameBuffer: own } = await reload();
    let end = 0;
    let inside = 0;
    for (let i = 0; i < 600; i++) {
      const piece = take(65_000 + i);
      expect(piece.length).toBe(65_000 + i);
      if (piece.buffer !== own) continue;
      inside++;
      expect(piece.byteOffset).toBeGreaterThanOrEqual(end);
      end = piece.byteOffset + piece.length;
      expect(end).toBeLessThanOrEqual(own!.byteLength);
    }
    expect(inside).toBeGreaterThan(400);
    expect(inside).toBeLessThan(600);
  });

  const wrong = class {
    exports = { memory: { buffer: new ArrayBuffer(1 << 16) }, sum: () => 1 };
  };
  it.each([
    { name: 'without WebAssembly', engine: undefined },
    {
      name: 'without SIMD',
      engine: {
        Module: class {
          constructor() {
            throw new Error('invalid value type');
          }
        },
      },
    },
    { name: 'where it sums wrongly', engine: { Module: class {}, Instance: wrong } },
  ])('is plain memory $name', async ({ engine }) => {
    vi.stubGlobal('WebAssembly', engine);
    const plain = await reload();
    expect(plain.frameBuffer).toBeNull();
    const bytes = plain.frameMemory(2000);
    expect(bytes.length).toBe(2000);
    bytes.fill(0x12);
    expect(plain.sum(bytes, 0, 2000)).toBe(sum(new Uint8Array(2000).fill(0x12), 0, 2000));
  });
});
