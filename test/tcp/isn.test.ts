/** Initial sequence numbers: RFC 9293 §3.4.1, RFC 6528 §3. */
import { describe, expect, it } from 'vitest';
import { IsnGenerator } from '../../src/tcp/isn.ts';
import { IpAddress } from '../../src/wire/address.ts';
import { diff, toUint32 } from '../../src/wire/seq.ts';

const key = Uint8Array.from({ length: 32 }, (_, i) => i);
const tuple = {
  localAddress: IpAddress.of('192.0.2.1'),
  localPort: 40_000,
  remoteAddress: IpAddress.of('192.0.2.2'),
  remotePort: 80,
};
const variants = [
  { ...tuple, localPort: 40_001 },
  { ...tuple, remotePort: 81 },
  { ...tuple, localAddress: IpAddress.of('192.0.2.3') },
  { ...tuple, remoteAddress: IpAddress.of('192.0.2.3') },
  {
    localAddress: tuple.remoteAddress,
    localPort: tuple.remotePort,
    remoteAddress: tuple.localAddress,
    remotePort: tuple.localPort,
  },
];

describe('RFC 9293 §3.4.1 initial sequence numbers', () => {
  it('RFC 9293 MUST-8: the number of a connection grows by one every 4 µs, across the wrap', () => {
    const generator = new IsnGenerator(key);
    const first = generator.initialSequence(tuple, 0);
    for (const now of [4, 40, 1_000_000, 3600e6, 2 ** 33, 400 * 86_400e6]) {
      expect(diff(generator.initialSequence(tuple, now), first)).toBe(Math.floor(now / 4) | 0);
    }
    expect(generator.initialSequence(tuple, 3)).toBe(first);
  });

  it('RFC 6528 §3, RFC 9293 SHLD-1: each part of the 4-tuple makes it another', () => {
    const generator = new IsnGenerator(key);
    const seen = new Set([tuple, ...variants].map((t) => toUint32(generator.initialSequence(t, 0))));
    expect(seen.size).toBe(6);
  });

  it('RFC 6528 §3: numbers of neighbouring ports are spread over all the space', () => {
    const generator = new IsnGenerator(key);
    const numbers = Array.from({ length: 4096 }, (_, i) =>
      toUint32(generator.initialSequence({ ...tuple, localPort: 30_000 + i }, 0)),
    );
    const buckets = new Array<number>(16).fill(0);
    for (const n of numbers) buckets[n >>> 28]!++;
    // 256 each on average; six standard deviations.
    for (const count of buckets) expect(Math.abs(count - 256)).toBeLessThan(95);
  });

  it('RFC 9293 MUST-9: another key gives other numbers; the same key the same', () => {
    const other = new IsnGenerator(key.map((b) => b ^ 1));
    expect(other.initialSequence(tuple, 0)).not.toBe(new IsnGenerator(key).initialSequence(tuple, 0));
    expect(new IsnGenerator(key).initialSequence(tuple, 0)).toBe(new IsnGenerator(key).initialSequence(tuple, 0));
  });

  it('RFC 7323 §7.1: timestamp offsets are by tuple, and tell nothing of the sequence numbers', () => {
    const generator = new IsnGenerator(key);
    expect(generator.timestampOffset(tuple)).toBe(generator.timestampOffset({ ...tuple }));
    expect(generator.timestampOffset(tuple)).not.toBe(generator.timestampOffset(variants[0]!));
    expect(generator.timestampOffset(tuple)).not.toBe(generator.initialSequence(tuple, 0));
  });
});
