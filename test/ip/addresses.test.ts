import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Addresses } from '../../src/ip/addresses.ts';
import { IpAddress } from '../../src/wire/address.ts';
import { IpHeader } from '../../src/wire/ip-header.ts';

const of = IpAddress.of;

function table(...list: [address: string, length: number, device: string][]): Addresses<string> {
  const addresses = new Addresses<string>();
  for (const [address, length, device] of list) addresses.add(of(address), length, device);
  return addresses;
}

function between(source: string, destination: string): IpHeader {
  const header = new IpHeader();
  header.setAddresses(of(source), of(destination));
  return header;
}

describe('addresses', () => {
  it('knows its own, however often they come and go', () => {
    const some = fc.oneof(
      fc.nat(40).map((n) => IpAddress.v4(0x0a000001 + n * 65_537)),
      fc.nat(40).map((n) => new IpAddress(6, 0x20010db8, 0, n, 1)),
      // The same words in the other family.
      fc.nat(40).map((n) => new IpAddress(6, 0, 0, 0xffff, 0x0a000001 + n * 65_537)),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), some), { maxLength: 100 }), (steps) => {
        const addresses = new Addresses<number>();
        const model = new Set<string>();
        for (const [add, address] of steps) {
          const key = `${address.family} ${address}`;
          const version = addresses.version;
          if (!add) expect(addresses.remove(address)).toBe(model.delete(key));
          else if (model.has(key)) expect(() => addresses.add(address, 32, 0)).toThrow(TypeError);
          else {
            addresses.add(address, 32, 0);
            model.add(key);
          }
          for (const [, other] of steps) expect(addresses.has(other)).toBe(model.has(`${other.family} ${other}`));
          expect(addresses.list()).toHaveLength(model.size);
          expect(addresses.version).toBeGreaterThanOrEqual(version);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('has all of 127.0.0.0/8 with one of it (RFC 1122 §3.2.1.3)', () => {
    const addresses = table(['127.0.0.1', 8, 'lo'], ['10.0.0.1', 24, 'tun0']);
    expect(addresses.has(of('127.200.0.9'))).toBe(true);
    expect(addresses.has(of('::ffff:127.0.0.9'))).toBe(false);
    addresses.removeDevice('lo');
    expect([addresses.has(of('127.200.0.9')), addresses.has(of('10.0.0.1'))]).toEqual([false, true]);
    expect(addresses.removeDevice('lo')).toBe(false);
  });

  it('refuses what no host can have', () => {
    const addresses = new Addresses<string>();
    for (const bad of ['0.0.0.0', '224.0.0.1', '255.255.255.255', '10.0.0.255', '::', 'ff02::1']) {
      expect(() => addresses.add(of(bad), 24, 'tun0'), bad).toThrow(TypeError);
    }
    for (const length of [-1, 33, 1.5, Number.NaN]) {
      expect(() => addresses.add(of('10.0.0.1'), length, 'tun0')).toThrow(RangeError);
    }
    expect(() => addresses.add(of('2001:db8::1'), 129, 'tun0')).toThrow(RangeError);
    // A /31 and a /32 have no broadcast address (RFC 3021).
    addresses.add(of('10.0.0.255'), 32, 'tun0');
    addresses.add(of('10.0.1.255'), 31, 'tun0');
    expect(addresses.isBroadcast(4, of('10.0.0.255').w3)).toBe(false);
  });

  it('knows broadcast addresses, its subnets’ too', () => {
    const addresses = table(['10.0.0.1', 24, 'tun0'], ['172.16.0.1', 12, 'tun1'], ['2001:db8::1', 64, 'tun0']);
    const is = (text: string) => addresses.isBroadcast(of(text).family, of(text).w3);
    expect(['255.255.255.255', '10.0.0.255', '172.31.255.255'].map(is)).toEqual([true, true, true]);
    expect(['10.0.0.254', '10.0.1.255', '172.16.255.255', '::ffff:ffff:ffff'].map(is)).toEqual([
      false,
      false,
      false,
      false,
    ]);
    addresses.remove(of('10.0.0.1'));
    expect(is('10.0.0.255')).toBe(false);
  });

  it('takes only packets for one host, from one host (RFC 9293 MUST-57, MUST-63)', () => {
    const addresses = table(
      ['10.0.0.1', 24, 'tun0'],
      ['2001:db8::1', 64, 'tun0'],
      ['127.0.0.1', 8, 'lo'],
      ['::1', 128, 'lo'],
    );
    const ours = (to: string) => addresses.isUnicastToUs(between(to.includes(':') ? '2001:db8::2' : '10.0.0.2', to));
    expect(['10.0.0.1', '2001:db8::1', '127.3.2.1'].map(ours)).toEqual([true, true, true]);
    const others = [
      '10.0.0.2',
      '10.0.0.255',
      '255.255.255.255',
      '224.0.0.1',
      'ff02::1',
      '2001:db8::2',
      '::ffff:10.0.0.1',
    ];
    for (const to of others) expect(ours(to), to).toBe(false);

    const one = (from: string) =>
      addresses.isUnicastSource(between(from, from.includes(':') ? '2001:db8::1' : '10.0.0.1'));
    expect(['10.0.0.2', '8.8.8.8', '2001:db8:9::1', 'fe80::1'].map(one)).toEqual([true, true, true, true]);
    const bad = [
      '0.0.0.0',
      '0.1.2.3',
      '10.0.0.255',
      '255.255.255.255',
      '224.0.0.1',
      '127.0.0.1',
      '::',
      '::1',
      'ff02::1',
    ];
    for (const from of bad) expect(one(from), from).toBe(false);
    expect(addresses.isUnicastSource(between('127.0.0.1', '127.0.0.2'))).toBe(true);
    expect(addresses.isUnicastSource(between('::1', '::1'))).toBe(true);
  });
});

describe('source address selection (RFC 6724 §5)', () => {
  const from = (addresses: Addresses<string>, to: string, device = 'tun0') => `${addresses.sourceFor(of(to), device)}`;

  it('rule 1: the destination itself, where it is ours', () => {
    const addresses = table(['10.0.0.1', 24, 'tun0'], ['10.0.0.2', 24, 'tun0']);
    expect(from(addresses, '10.0.0.2')).toBe('10.0.0.2');
    expect(from(addresses, '10.0.0.1')).toBe('10.0.0.1');
  });

  it('rule 2: the smallest scope that reaches', () => {
    const addresses = table(['fe80::1', 64, 'tun0'], ['2001:db8::1', 64, 'tun0'], ['fec0::1', 64, 'tun0']);
    expect(from(addresses, '2001:db8:5::1')).toBe('2001:db8::1');
    expect(from(addresses, 'fe80::99')).toBe('fe80::1');
    expect(from(addresses, 'ff02::1')).toBe('fe80::1');
    expect(from(addresses, 'ff05::1')).toBe('fec0::1');
    expect(from(addresses, 'ff0e::1')).toBe('2001:db8::1');
    const v4 = table(['169.254.7.7', 16, 'tun0'], ['10.0.0.1', 24, 'tun0']);
    expect([from(v4, '8.8.8.8'), from(v4, '169.254.1.1')]).toEqual(['10.0.0.1', '169.254.7.7']);
    // Too small a scope is better than none.
    expect(from(table(['fe80::1', 64, 'tun0']), '2001:db8::9')).toBe('fe80::1');
  });

  it('rule 8: the longest matching prefix, no further than the subnet reaches; else the first', () => {
    const addresses = table(['10.0.0.1', 24, 'tun0'], ['10.1.0.1', 24, 'tun0'], ['10.1.0.9', 24, 'tun0']);
    expect(from(addresses, '10.1.0.8')).toBe('10.1.0.1');
    expect(from(addresses, '10.0.0.77')).toBe('10.0.0.1');
    expect(from(addresses, '8.8.8.8')).toBe('10.0.0.1');
  });

  it('falls back to another device’s address, but never to loopback or the other family', () => {
    const addresses = table(['127.0.0.1', 8, 'lo'], ['10.0.0.1', 24, 'tun1'], ['::1', 128, 'lo']);
    expect(from(addresses, '8.8.8.8')).toBe('10.0.0.1');
    expect(from(addresses, '2001:db8::1')).toBe('null');
    expect(from(addresses, '127.0.0.5', 'lo')).toBe('127.0.0.1');
  });
});
