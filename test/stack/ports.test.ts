import { describe, expect, it } from 'vitest';
import { EphemeralPorts } from '../../src/stack/ports.ts';
import { IpAddress } from '../../src/wire/address.ts';

const key = Uint8Array.from({ length: 16 }, (_, i) => i * 7);
const local = IpAddress.of('10.0.0.1');
const remote = IpAddress.of('10.0.0.2');

describe('EphemeralPorts', () => {
  it('gives each port of the range once before it gives none', () => {
    const ports = new EphemeralPorts([40_000, 40_099], key);
    const used = new Set<number>();
    for (let i = 0; i < 100; i++) {
      const port = ports.pick(local, remote, 80, (p) => !used.has(p));
      expect(port).toBeGreaterThanOrEqual(40_000);
      expect(port).toBeLessThanOrEqual(40_099);
      used.add(port);
    }
    expect(used.size).toBe(100);
    expect(ports.pick(local, remote, 80, (p) => !used.has(p))).toBe(0);
    used.delete(40_042);
    expect(ports.pick(local, remote, 80, (p) => !used.has(p))).toBe(40_042);
  });

  it('finds the one free port also where its counter wraps', () => {
    const random = (bytes: Uint8Array) => bytes.fill(0xff);
    const ports = new EphemeralPorts([1024, 65_535], key, random);
    for (const free of [1024, 1025, 30_000, 65_535])
      expect(ports.pick(local, remote, 80, (p) => p === free)).toBe(free);
  });

  it('does not give a port again soon: the next search goes on where the last ended', () => {
    const ports = new EphemeralPorts([32_768, 60_999], key);
    const picks = Array.from({ length: 1000 }, () => ports.pick(local, remote, 80, () => true));
    expect(new Set(picks).size).toBe(1000);
  });

  it('starts elsewhere for another destination, and with another key', () => {
    const first = (k: Uint8Array, to: IpAddress, port: number) =>
      new EphemeralPorts([32_768, 60_999], k).pick(local, to, port, () => true);
    const starts = [
      first(key, remote, 80),
      first(key, remote, 81),
      first(key, IpAddress.of('10.0.0.3'), 80),
      first(key, IpAddress.of('fd00::2'), 80),
      first(
        key.map((b) => b + 1),
        remote,
        80,
      ),
    ];
    expect(new Set(starts).size).toBe(5);
  });

  it('refuses a range that is none', () => {
    for (const range of [
      [0, 10],
      [10, 9],
      [1, 65_536],
    ] as const)
      expect(() => new EphemeralPorts(range, key)).toThrow(RangeError);
  });
});
