import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SendBuffer } from '../../src/tcp/send-buffer.ts';

const copyOut = (buffer: SendBuffer, from: number, length: number): number[] => {
  const target = new Uint8Array(length + 4).fill(0xee);
  buffer.copy(from, length, target, 2);
  expect([...target.subarray(0, 2), ...target.subarray(length + 2)]).toEqual([0xee, 0xee, 0xee, 0xee]);
  return [...target.subarray(2, 2 + length)];
};

describe('SendBuffer', () => {
  it('is a queue of bytes, whatever is appended, read and discarded in which order', () => {
    const action = fc.oneof(
      fc.record({ kind: fc.constant('append' as const), n: fc.integer({ min: 0, max: 40_000 }), copy: fc.boolean() }),
      fc.record({ kind: fc.constant('append' as const), n: fc.integer({ min: 0, max: 20 }), copy: fc.boolean() }),
      fc.record({ kind: fc.constant('discard' as const), share: fc.double({ min: 0, max: 1, noNaN: true }) }),
      fc.record({
        kind: fc.constant('copy' as const),
        share: fc.double({ min: 0, max: 1, noNaN: true }),
        n: fc.integer({ min: 0, max: 3000 }),
      }),
    );
    fc.assert(
      fc.property(fc.array(action, { maxLength: 120 }), (actions) => {
        const buffer = new SendBuffer();
        let model: number[] = [];
        let next = 0;
        for (const a of actions) {
          if (a.kind === 'append') {
            const bytes = Uint8Array.from({ length: a.n }, () => next++ % 251);
            buffer.append(bytes, a.copy);
            model = model.concat([...bytes]);
            // A copy is a copy.
            if (a.copy) bytes.fill(0xff);
          } else if (a.kind === 'discard') {
            const n = Math.floor(a.share * model.length);
            buffer.discard(n);
            model = model.slice(n);
          } else {
            const from = Math.floor(a.share * model.length);
            const n = Math.min(a.n, model.length - from);
            expect(copyOut(buffer, from, n)).toEqual(model.slice(from, from + n));
            if (n > 0) {
              const view = buffer.view(from, n);
              expect(view.length).toBeGreaterThan(0);
              expect([...view]).toEqual(model.slice(from, from + view.length));
            }
          }
          expect(buffer.length).toBe(model.length);
        }
        expect(copyOut(buffer, 0, model.length)).toEqual(model);
      }),
      { numRuns: 150 },
    );
  });

  it('keeps many small chunks apart and in order while the first ones go', () => {
    const buffer = new SendBuffer();
    for (let i = 0; i < 500; i++) buffer.append(Uint8Array.of(i & 255), false);
    for (let gone = 0; gone < 500; gone++) {
      expect(copyOut(buffer, 0, 1)).toEqual([gone & 255]);
      if (gone < 499) expect(copyOut(buffer, 499 - gone, 1)).toEqual([499 & 255]);
      buffer.discard(1);
    }
    expect(buffer.length).toBe(0);
  });

  it('refers to what it was told not to copy', () => {
    const buffer = new SendBuffer();
    const bytes = Uint8Array.of(1, 2, 3);
    buffer.append(bytes, false);
    bytes[1] = 9;
    expect(copyOut(buffer, 0, 3)).toEqual([1, 9, 3]);
    buffer.append(Uint8Array.of(4), true);
    expect([...bytes]).toEqual([1, 9, 3]);
  });

  it('throws where a caller asks for what is not there', () => {
    const buffer = new SendBuffer();
    buffer.append(Uint8Array.of(1, 2, 3), true);
    expect(() => buffer.discard(4)).toThrow(RangeError);
    expect(() => buffer.copy(0, 4, new Uint8Array(4), 0)).toThrow(RangeError);
    expect(() => buffer.copy(-1, 1, new Uint8Array(4), 0)).toThrow(RangeError);
    buffer.clear();
    expect(buffer.length).toBe(0);
    buffer.append(Uint8Array.of(7), true);
    expect(copyOut(buffer, 0, 1)).toEqual([7]);
  });
});
