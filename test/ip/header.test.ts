import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { flowLabel, Identification, outgoingHeader, resetOutgoing } from '../../src/ip/header.ts';
import { IpAddress } from '../../src/wire/address.ts';
import { TCP } from '../../src/wire/ip-header.ts';
import { HASH, packet, parsed, THEM, US } from './support/packets.ts';

describe('outgoing headers', () => {
  it('are the same after use', () => {
    const used = parsed(packet(4, new Uint8Array(8), { id: 99, dscp: 46, ecn: 1 }));
    const fresh = outgoingHeader();
    const again = resetOutgoing(used);
    for (const key of ['hopLimit', 'dscp', 'ecn', 'flowLabel', 'id', 'dontFragment', 'moreFragments'] as const) {
      expect(again[key], key).toBe(fresh[key]);
    }
    expect([fresh.hopLimit, fresh.dontFragment, fresh.dscp, fresh.ecn]).toEqual([64, true, 0, 0]);
  });
});

describe('flow labels (RFC 6437)', () => {
  it('are 20 bits, never 0, and of one connection always the same', () => {
    const seen = new Set<number>();
    fc.assert(
      fc.property(fc.integer(), (ports) => {
        const label = flowLabel(HASH, US[6], THEM[6], ports, TCP);
        expect(label).toBeGreaterThan(0);
        expect(label).toBeLessThan(1 << 20);
        expect(flowLabel(HASH, US[6], THEM[6], ports, TCP)).toBe(label);
        seen.add(label);
      }),
      { numRuns: 500 },
    );
    expect(seen.size).toBeGreaterThan(300);
    expect(flowLabel({ of3: () => 0 }, US[6], THEM[6], 1, TCP)).toBe(1);
  });

  it('depend on every part of the connection', () => {
    const base = flowLabel(HASH, US[6], THEM[6], 1, TCP);
    expect(flowLabel(HASH, US[6], THEM[6], 2, TCP)).not.toBe(base);
    expect(flowLabel(HASH, US[6], THEM[6], 1, 17)).not.toBe(base);
    expect(flowLabel(HASH, THEM[6], US[6], 1, TCP)).not.toBe(base);
    for (let i = 0; i < 4; i++) {
      const w = [0, 1, 2, 3].map((k) => (k === i ? 5 : 0));
      const other = new IpAddress(6, w[0]!, w[1]!, w[2]!, w[3]!);
      const none = new IpAddress(6, 0, 0, 0, 0);
      expect(flowLabel(HASH, other, US[6], 1, TCP)).not.toBe(flowLabel(HASH, none, US[6], 1, TCP));
      expect(flowLabel(HASH, US[6], other, 1, TCP)).not.toBe(flowLabel(HASH, US[6], none, 1, TCP));
    }
  });
});

describe('identification (RFC 6864 §4)', () => {
  const [us, them] = [US[4].w3, THEM[4].w3];

  it('is 0 where nobody may fragment', () => {
    const identification = new Identification(HASH);
    expect([identification.next(us, them, TCP, true), identification.next(us, them, TCP, true)]).toEqual([0, 0]);
  });

  it('does not repeat for one destination within 65536 packets', () => {
    const identification = new Identification(HASH);
    const seen = new Set<number>();
    for (let i = 0; i < 65_536; i++) seen.add(identification.next(us, them, TCP, false));
    expect(seen.size).toBe(65_536);
    expect([...seen].every((id) => id >= 0 && id <= 0xffff)).toBe(true);
  });

  it('starts elsewhere for another destination, and does not count for it', () => {
    const identification = new Identification(HASH);
    const first = identification.next(us, them, TCP, false);
    for (let i = 0; i < 100; i++) identification.next(us, them + 1, TCP, false);
    expect(identification.next(us, them, TCP, false)).toBe((first + 1) & 0xffff);
    expect(new Identification(HASH).next(us, them + 1, TCP, false)).not.toBe(first);
  });
});
