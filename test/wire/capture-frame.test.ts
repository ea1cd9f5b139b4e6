import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ipOffset } from '../../src/wire/capture-frame.ts';

const MACS = new Array(12).fill(2);

describe('ipOffset', () => {
  it('finds the packet by link type', () => {
    const at = (linkType: number, ...bytes: number[]) => ipOffset(linkType, Uint8Array.of(...bytes));
    expect(at(101, 0x45, 0)).toBe(0);
    expect(at(101, 0x60, 0)).toBe(0);
    expect(at(12, 0x45)).toBe(0);
    expect(at(101, 0x55)).toBe(-1);
    expect(at(101)).toBe(-1);
    expect(at(1, ...MACS, 8, 0, 0x45)).toBe(14);
    expect(at(1, ...MACS, 0x86, 0xdd, 0x60)).toBe(14);
    expect(at(1, ...MACS, 8, 6, 0x45)).toBe(-1);
    expect(at(1, ...MACS, 0x81, 0, 0, 1, 8, 0, 0x45)).toBe(18);
    expect(at(1, ...MACS, 0x88, 0xa8, 0, 1, 0x81, 0, 0, 2, 8, 0, 0x45)).toBe(22);
    expect(at(1, ...MACS, 8, 0)).toBe(-1);
    expect(at(113, ...new Array(14).fill(0), 8, 0, 0x45)).toBe(16);
    expect(at(276, 0x86, 0xdd, ...new Array(18).fill(0), 0x60)).toBe(20);
    expect(at(0, 2, 0, 0, 0, 0x45)).toBe(4);
    expect(at(147, 0x45)).toBe(-1);
  });

  it('is total', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(0, 1, 12, 101, 108, 113, 228, 276),
        fc.uint8Array({ maxLength: 40 }),
        (type, bytes) => {
          const at = ipOffset(type, bytes);
          expect(at === -1 || (at >= 0 && at < bytes.length)).toBe(true);
        },
      ),
      { numRuns: 3000 },
    );
  });
});
