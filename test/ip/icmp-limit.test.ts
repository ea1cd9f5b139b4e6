import { describe, expect, it } from 'vitest';
import { DEFAULT_ICMP_LIMITS, IcmpLimit, type RandomSource } from '../../src/ip/icmp-limit.ts';
import { IpAddress } from '../../src/wire/address.ts';
import { IpHeader } from '../../src/wire/ip-header.ts';
import { HASH, US } from './support/packets.ts';

const SECOND = 1_000_000;

/** Bytes 0, 1, 2, … times a step. */
function dice(step: number): RandomSource {
  let n = 0;
  return {
    random(bytes) {
      for (let i = 0; i < bytes.length; i++) bytes[i] = n = (n + step) & 255;
    },
  };
}

function from(n: number): IpHeader {
  const header = new IpHeader();
  header.setAddresses(IpAddress.v4(0x0a000000 + n), US[4]);
  return header;
}

function from6(subnet: number, host: number): IpHeader {
  const header = new IpHeader();
  header.setAddresses(new IpAddress(6, 0x20010db8, subnet, 0, host), US[6]);
  return header;
}

const count = (n: number, take: () => boolean) => Array.from({ length: n }, take).filter(Boolean).length;

describe('the limit on ICMP errors', () => {
  it('lets one destination have a burst of 6, then one a second', () => {
    const limit = new IcmpLimit(HASH, dice(1));
    expect(count(20, () => limit.take(from(1), 0))).toBe(6);
    expect(count(20, () => limit.take(from(1), SECOND - 1))).toBe(0);
    expect(count(20, () => limit.take(from(1), SECOND))).toBe(1);
    expect(count(20, () => limit.take(from(1), 4 * SECOND))).toBe(3);
    expect(count(20, () => limit.take(from(1), 1000 * SECOND))).toBe(6);
  });

  it('takes an IPv6 /64 for one destination', () => {
    const limit = new IcmpLimit(HASH, dice(1));
    let host = 0;
    expect(count(100, () => limit.take(from6(1, host++), 0))).toBe(6);
    expect(count(100, () => limit.take(from6(2, host++), 0))).toBe(6);
  });

  it('lets everybody together have about 50 at once and 1000 a second, and nobody count them', () => {
    const bursts = new Set<number>();
    for (const step of [1, 7, 31, 77, 101, 131, 177]) {
      const limit = new IcmpLimit(HASH, dice(step));
      let who = 0;
      const burst = count(500, () => limit.take(from(who++), 0));
      expect(burst).toBeGreaterThan(30);
      expect(burst).toBeLessThan(80);
      bursts.add(burst);
      let passed = 0;
      for (let ms = 0; ms < 2000; ms++) passed += count(10, () => limit.take(from(who++), ms * 1000));
      expect(passed).toBeGreaterThan(1800);
      expect(passed).toBeLessThan(2200);
    }
    expect(bursts.size).toBeGreaterThan(1);
  });

  it('spends nothing of the common bucket on a destination that is over its own limit', () => {
    const limit = new IcmpLimit(HASH, dice(1), { ...DEFAULT_ICMP_LIMITS, rate: 0 });
    expect(count(100_000, () => limit.take(from(1), 0))).toBe(6);
    let who = 2;
    expect(count(20, () => limit.take(from(who++), 0))).toBe(20);
  });

  it('stands a clock that goes back', () => {
    const limit = new IcmpLimit(HASH, dice(1));
    expect(count(20, () => limit.take(from(1), 100 * SECOND))).toBe(6);
    expect(count(20, () => limit.take(from(1), 0))).toBe(0);
    expect(limit.take(from(2), 0)).toBe(true);
  });
});
