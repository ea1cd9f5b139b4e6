import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Ffi } from '../../src/node/ffi.ts';
import { cut, Gather, piecesOf } from '../../src/node/gather.ts';
import { SendBuffer } from '../../src/tcp/send-buffer.ts';
import { Segment } from '../../src/wire/segment.ts';
import { Addresses } from '../support/addresses.ts';

describe('Gather', () => {
  it('names the headers and each piece of the text, in order', () => {
    const memory = new Addresses();
    const named: unknown[] = [];
    const ffi: Partial<Ffi> = {
      address: memory.of,
      writev: (fd, address, count) => {
        named.push(fd, ...memory.vectors(address, count));
        return 4711;
      },
    };
    const a = new Uint8Array(100_000);
    const b = new Uint8Array(70_000);
    const text = [a.subarray(10, 60_010), b.subarray(5), a.subarray(0, 3)];
    expect(new Gather(ffi as Ffi).write(3, 4321, 60 + 60_000 + 69_995 + 3, text)).toBe(4711);
    expect(named).toEqual([
      3,
      [4321, 60],
      [memory.of(a.buffer) + 10, 60_000],
      [memory.of(b.buffer) + 5, 69_995],
      [memory.of(a.buffer), 3],
    ]);
  });
});

describe('piecesOf', () => {
  const K = 1024;

  /** A segment with the text of these writes, which are not copied. */
  function segmentOf(writes: readonly Uint8Array[], from = 0): Segment {
    const buffer = new SendBuffer();
    for (const bytes of writes) buffer.append(bytes, false);
    const segment = new Segment();
    segment.source = buffer;
    segment.payloadOffset = from;
    segment.payloadLength = buffer.length - from;
    return segment;
  }

  const writes = (count: number, size: number) =>
    Array.from({ length: count }, (_, i) => new Uint8Array(size).fill(i + 1));

  it('is the text where the application has it', () => {
    const all = writes(3, 20 * K);
    const pieces = piecesOf(segmentOf(all, 100))!;
    expect(pieces.map((piece) => piece.buffer)).toEqual(all.map((bytes) => bytes.buffer));
    expect(pieces.map((piece) => [piece.byteOffset, piece.length])).toEqual([
      [100, 20 * K - 100],
      [0, 20 * K],
      [0, 20 * K],
    ]);
  });

  it('is nothing where a copy is better, or memory has no address to rely on', () => {
    const shared = new Uint8Array(new SharedArrayBuffer(K));
    const long = new Uint8Array(40 * K);
    expect(piecesOf(segmentOf([new Uint8Array(32 * K)]))).toHaveLength(1);
    expect(piecesOf(segmentOf([new Uint8Array(32 * K - 1)]))).toBeNull();
    expect(piecesOf(segmentOf(writes(16, 4 * K)))).toHaveLength(16);
    expect(piecesOf(segmentOf(writes(17, 4 * K)))).toBeNull();
    expect(piecesOf(segmentOf([long, shared]))).toBeNull();
    expect(piecesOf(segmentOf([long, new Uint8Array(64)]))).toBeNull();
    expect(piecesOf(segmentOf([long, new Uint8Array(65)]))).toHaveLength(2);
    expect(piecesOf(new Segment())).toBeNull();
  });
});

describe('cut', () => {
  it('is what a slice of all of it would be, without a copy', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 8 }),
        fc.nat(100),
        fc.nat(100),
        (all, from, n) => {
          const whole = Buffer.concat(all);
          const pieces = cut(all, from, n);
          expect([...Buffer.concat(pieces)]).toEqual([...whole.subarray(from, from + n)]);
          for (const piece of pieces) {
            expect(piece.length).toBeGreaterThan(0);
            expect(all.some(({ buffer }) => buffer === piece.buffer)).toBe(true);
          }
        },
      ),
    );
  });
});
