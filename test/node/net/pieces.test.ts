import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Chunk, gather, piece } from '../../../src/node/net/pieces.ts';

const encodings = ['utf8', 'latin1', 'ascii', 'ucs2', 'hex', 'base64'] as const;
const chunk: fc.Arbitrary<Chunk> = fc.oneof(
  fc.record({ chunk: fc.string({ unit: 'binary' }), encoding: fc.constantFrom(...encodings) }),
  fc.record({
    chunk: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
    encoding: fc.constant('buffer' as BufferEncoding),
  }),
  fc.record({
    chunk: fc.integer({ min: 16 * 1024 - 1, max: 16 * 1024 + 1 }).map((length) => Buffer.alloc(length, length)),
    encoding: fc.constant('buffer' as BufferEncoding),
  }),
);
const bytesOf = ({ chunk, encoding }: Chunk) => (typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk);

describe('gather', () => {
  it('gives all bytes in order, as few pieces, and keeps none that the application may change', () => {
    fc.assert(
      fc.property(fc.array(chunk, { minLength: 1, maxLength: 8 }), (chunks) => {
        const pieces = gather(chunks);
        expect(Buffer.concat(pieces.map(({ bytes }) => bytes)).equals(Buffer.concat(chunks.map(bytesOf)))).toBe(true);
        const mine = chunks.map((one) => one.chunk);
        for (const { bytes, copy } of pieces) expect(copy).toBe(mine.includes(bytes as Buffer));
        const long = chunks.filter((one) => bytesOf(one).length >= 16 * 1024).length;
        expect(pieces.length).toBeLessThanOrEqual(2 * long + 1);
        expect(pieces.length).toBeGreaterThan(0);
      }),
    );
  });

  it('makes one string of a response and the empty string that ends it', () => {
    const head = { chunk: 'HTTP/1.1 200 OK\r\n\r\nÄ', encoding: 'utf8' } as const;
    expect(gather([head, { chunk: '', encoding: 'latin1' }])).toEqual([piece(head)]);
  });
});
