import fc from 'fast-check';
import { expect, it } from 'vitest';
import { isLoopbackWords, isMulticastWords, sharedPrefix } from '../../src/ip/prefix.ts';
import { IpAddress } from '../../src/wire/address.ts';

const word = fc.integer();
const addresses = fc.oneof(
  word.map((w) => IpAddress.v4(w)),
  fc.tuple(word, word, word, word).map(([a, b, c, d]) => new IpAddress(6, a, b, c, d)),
);

it('counts the bits that two addresses share', () => {
  fc.assert(
    fc.property(addresses, fc.nat(127), (a, n) => {
      const bit = a.family === 4 ? n & 31 : n;
      const words = a.family === 4 ? [a.w3] : [a.w0, a.w1, a.w2, a.w3];
      words[bit >>> 5]! ^= 1 << (31 - (bit & 31));
      const b = a.family === 4 ? IpAddress.v4(words[0]!) : new IpAddress(6, words[0]!, words[1]!, words[2]!, words[3]!);
      expect(sharedPrefix(a, b)).toBe(bit);
      expect(sharedPrefix(a, a)).toBe(a.family === 4 ? 32 : 128);
    }),
  );
});

it('knows groups and loopback as IpAddress does', () => {
  const some = [
    '224.0.0.1',
    '239.1.2.3',
    '127.9.9.9',
    '128.0.0.1',
    'ff02::1',
    '::1',
    '::2',
    'fe80::1',
    '::ffff:127.0.0.1',
  ];
  for (const a of some.map(IpAddress.of)) {
    expect(isMulticastWords(a.family, a.w0, a.w3), `${a}`).toBe(a.isMulticast);
    expect(isLoopbackWords(a.family, a.w0, a.w1, a.w2, a.w3), `${a}`).toBe(a.isLoopback);
  }
});
