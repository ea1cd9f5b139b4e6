import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Slabs } from '../../src/stack/slabs.ts';
import { RECYCLED } from '../../src/tcp/receive-buffer.ts';

describe('memory for received text', () => {
  it('is nobody else’s, whatever came back before', () => {
    const size = fc.constantFrom(1, 700, 1448, 2048, 30_000, 40_000, RECYCLED);
    const step = fc.record({ size, give: fc.option(fc.nat(1000)) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const slabs = new Slabs();
        const held: { piece: Uint8Array; mark: number }[] = [];
        for (const [i, { size, give }] of steps.entries()) {
          const piece = slabs.take(size);
          expect(piece.length).toBe(size);
          piece.fill(i);
          held.push({ piece, mark: i & 0xff });
          if (give === null) continue;
          const [gone] = held.splice(give % held.length, 1);
          slabs.give(gone!.piece);
        }
        for (const { piece, mark } of held) expect(piece.every((byte) => byte === mark)).toBe(true);
      }),
    );
  });

  it('is used again: a reader who gives all back needs one slab, however much comes', () => {
    const slabs = new Slabs();
    const buffers = new Set<ArrayBufferLike>();
    for (let i = 0; i < 1000; i++) {
      const pieces = [1448, 64, 1448].map((size) => slabs.take(size));
      for (const piece of pieces) {
        buffers.add(piece.buffer);
        slabs.give(piece);
      }
    }
    expect(buffers.size).toBe(1);
  });

  it('is used again in large pieces, as many as are out at once', () => {
    const slabs = new Slabs();
    const buffers = new Set<ArrayBufferLike>();
    for (let round = 0; round < 100; round++) {
      const pieces = Array.from({ length: 100 }, () => slabs.take(RECYCLED));
      for (const piece of pieces) {
        buffers.add(piece.buffer);
        slabs.give(piece);
      }
    }
    expect(buffers.size).toBe(100);
  });

  it('goes when it is not needed any more', () => {
    const slabs = new Slabs();
    const kept = new Set<Uint8Array>();
    const burst = Array.from({ length: 200 }, () => slabs.take(RECYCLED));
    for (const piece of burst) {
      kept.add(piece);
      slabs.give(piece);
    }
    // One at a time from then on.
    for (let i = 0; i < 20 * 1024; i++) slabs.give(slabs.take(RECYCLED));
    const again = Array.from({ length: 200 }, () => slabs.take(RECYCLED)).filter((piece) => kept.has(piece));
    expect(again.length).toBeGreaterThan(0);
    expect(again.length).toBeLessThan(5);
  });
});
