import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Frame } from '../../src/link/device.ts';
import { Slabs } from '../../src/stack/slabs.ts';
import { RECYCLED, ReceiveBuffer } from '../../src/tcp/receive-buffer.ts';

describe('memory for received text', () => {
  it('is nobody else’s, whatever came back before', () => {
    const size = fc.constantFrom(1, 700, 1448, 2048, 30_000, 40_000, RECYCLED);
    const step = fc.record({ size, give: fc.option(fc.nat(1000)) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const slabs = new Slabs();
        const held: { memory: Uint8Array; at: number; size: number; mark: number }[] = [];
        for (const [i, { size, give }] of steps.entries()) {
          const memory = slabs.allocate(size);
          const { at } = slabs;
          expect(at + size).toBeLessThanOrEqual(memory.length);
          memory.fill(i, at, at + size);
          held.push({ memory, at, size, mark: i & 0xff });
          if (give === null) continue;
          const [gone] = held.splice(give % held.length, 1);
          slabs.recycle(gone!.memory);
        }
        for (const { memory, at, size, mark } of held) {
          expect(memory.subarray(at, at + size).every((byte) => byte === mark)).toBe(true);
        }
      }),
    );
  });

  it('holds the texts of connections side by side, from frames that are used again, whichever way each is read', () => {
    const byteAt = (which: number, position: number) => (position * 31 + (position >>> 8) + which * 101) & 255;
    // Few sizes, so that one text often lies where the last one did.
    const size = fc.constantFrom(1, 40, 40, 1448, 1448, 1448, 9000);
    const step = fc.record({
      which: fc.nat(2),
      size,
      into: fc.nat(1),
      how: fc.constantFrom('read', 'show', 'into', 'wait'),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const slabs = new Slabs();
        const frames = [0, 1].map(() => new Frame(new Uint8Array(10_000)));
        const ends = [0, 1, 2].map((which) => ({
          which,
          buffer: new ReceiveBuffer(slabs, 1 << 22, 10),
          sent: 0,
          got: 0,
        }));
        const given: { which: number; from: number; bytes: Uint8Array }[] = [];
        const check = (which: number, from: number, bytes: Uint8Array) => {
          for (const [i, byte] of bytes.entries())
            if (byte !== byteAt(which, from + i)) expect.fail(`${which}: ${from + i}`);
        };
        for (const { which, size, into, how } of steps) {
          const end = ends[which]!;
          const frame = frames[into]!;
          // A device may have another array each time.
          if (size === 1) frame.bytes = new Uint8Array(10_000);
          for (let i = 0; i < size; i++) frame.bytes[52 + i] = byteAt(which, end.sent + i);
          slabs.arrived = frame;
          expect(end.buffer.write(0, frame.bytes, 52, size)).toBe(size);
          end.sent += size;
          if (how === 'read') {
            const bytes = end.buffer.read(2000)!;
            given.push({ which, from: end.got, bytes });
            end.got += bytes.length;
          } else if (how === 'show') {
            end.got += end.buffer.consume((bytes) => check(which, end.got, bytes));
          } else if (how === 'into') {
            const bytes = new Uint8Array(1500);
            const n = end.buffer.readInto(bytes);
            check(which, end.got, bytes.subarray(0, n));
            end.got += n;
          }
          expect(end.buffer.readable).toBe(end.sent - end.got);
        }
        for (const { which, from, bytes } of given) check(which, from, bytes);
        for (const end of ends)
          while (end.buffer.readable > 0) end.got += end.buffer.consume((b) => check(end.which, end.got, b));
      }),
    );
  });

  it('is looked at through the same two views, where frames and texts are alike and the reader keeps nothing', () => {
    const slabs = new Slabs();
    const buffer = new ReceiveBuffer(slabs, 1 << 20, 10);
    const frame = new Frame(new Uint8Array(2000));
    slabs.arrived = frame;
    const shown = new Set<Uint8Array>();
    const sources = new Set<Uint8Array>();
    for (let i = 0; i < 100; i++) {
      buffer.write(0, frame.bytes, 52, 40);
      sources.add(slabs.view(frame.bytes, 52, 92));
      buffer.consume((bytes) => shown.add(bytes));
    }
    expect([sources.size, shown.size]).toEqual([1, 1]);
    expect(slabs.view(frame.bytes, 52, 93).length).toBe(41);
    expect(slabs.view(frame.bytes, 53, 93).byteOffset).toBe(53);
  });

  it('is used again: a reader who gives all back needs one slab, however much comes', () => {
    const slabs = new Slabs();
    const buffers = new Set<ArrayBufferLike>();
    for (let i = 0; i < 1000; i++) {
      const pieces = [1448, 64, 1448].map((size) => slabs.allocate(size));
      for (const piece of pieces) {
        buffers.add(piece.buffer);
        slabs.recycle(piece);
      }
    }
    expect(buffers.size).toBe(1);
  });

  it('is used again in large pieces, as many as are out at once', () => {
    const slabs = new Slabs();
    const buffers = new Set<ArrayBufferLike>();
    for (let round = 0; round < 100; round++) {
      const pieces = Array.from({ length: 100 }, () => slabs.allocate(RECYCLED));
      for (const piece of pieces) {
        buffers.add(piece.buffer);
        slabs.recycle(piece);
      }
    }
    expect(buffers.size).toBe(100);
  });

  it('goes when it is not needed any more', () => {
    const slabs = new Slabs();
    const kept = new Set<Uint8Array>();
    const burst = Array.from({ length: 200 }, () => slabs.allocate(RECYCLED));
    for (const piece of burst) {
      kept.add(piece);
      slabs.recycle(piece);
    }
    // One at a time from then on.
    for (let i = 0; i < 20 * 1024; i++) slabs.recycle(slabs.allocate(RECYCLED));
    const again = Array.from({ length: 200 }, () => slabs.allocate(RECYCLED)).filter((piece) => kept.has(piece));
    expect(again.length).toBeGreaterThan(0);
    expect(again.length).toBeLessThan(5);
  });
});
