import fc from 'fast-check';
import { expect, it } from 'vitest';
import { hasUpperLayer, nextHeaderField } from '../../src/ip/extension.ts';
import { TCP, UDP } from '../../src/wire/ip-header.ts';
import { packet, parsed } from './support/packets.ts';

/** Destination options of `length` bytes, padding only. */
function options(next: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  bytes.set([next, length / 8 - 1, 1, length - 4]);
  return bytes;
}

it('finds the field that names the upper layer', () => {
  const plain = packet(6, new Uint8Array(8), { protocol: 99 });
  expect(nextHeaderField(plain, 0, parsed(plain).headerLength)).toBe(6);
  const body = new Uint8Array(16 + 8 + 8);
  body.set(options(60, 16));
  body.set(options(99, 8), 16);
  const long = packet(6, body, { protocol: 60 });
  const framed = new Uint8Array(3 + long.length);
  framed.set(long, 3);
  const header = parsed(framed, 3, long.length);
  expect([header.protocol, header.headerLength]).toEqual([99, 64]);
  expect(nextHeaderField(framed, 3, 64)).toBe(56);
  expect(nextHeaderField(framed, 3, 56)).toBe(40);
});

it('wants the whole upper-layer header', () => {
  const tcp = new Uint8Array(40);
  tcp[12] = 0x70;
  expect([19, 20, 27, 28, 40].map((end) => hasUpperLayer(tcp, 0, end, TCP))).toEqual([false, false, false, true, true]);
  expect([7, 8].map((end) => hasUpperLayer(tcp, 0, end, UDP))).toEqual([false, true]);
  const chain = new Uint8Array(24 + 8);
  chain.set(options(60, 16));
  chain.set(options(UDP, 8), 16);
  expect([8, 16, 24, 31, 32].map((end) => hasUpperLayer(chain, 0, end, 60))).toEqual([
    false,
    false,
    false,
    false,
    true,
  ]);
});

it('ends on any bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.constantFrom(0, 43, 44, 60, 6, 17), (bytes, kind) => {
      expect(typeof hasUpperLayer(bytes, 0, bytes.length, kind)).toBe('boolean');
    }),
    { numRuns: 1000 },
  );
});
