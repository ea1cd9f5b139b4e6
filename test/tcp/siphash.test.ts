import { describe, expect, it } from 'vitest';
import { SipHash } from '../../src/tcp/siphash.ts';

describe('SipHash', () => {
  it('gives the values of its authors (SipHash-2-4, appendix A: key and message 00, 01, …)', () => {
    const hash = new SipHash(Uint8Array.from({ length: 16 }, (_, i) => i));
    const words = [0x03020100, 0x07060504, 0x0b0a0908];
    const of = (n: number): string => {
      const low = hash.hash(words.slice(0, n));
      const hex = (word: number) => (word >>> 0).toString(16).padStart(8, '0');
      return hex(hash.high) + hex(low);
    };
    expect([0, 1, 2, 3].map(of)).toEqual([
      '726fdb47dd0e0e31',
      'cf2794e0277187b7',
      '93f5f5799a932462',
      '751e8fbc860ee5fb',
    ]);
  });
});
