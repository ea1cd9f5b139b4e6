import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IpAddress } from '../../src/wire/address.ts';
import { type Arp, buildArp, parseArp } from '../../src/wire/arp.ts';
import { MacAddress } from '../../src/wire/ethernet.ts';
import { parseIp } from '../../src/wire/ip.ts';
import { ICMPV6, IpHeader } from '../../src/wire/ip-header.ts';
import { buildIpv6 } from '../../src/wire/ipv6.ts';
import { buildNeighbor, isNeighborDiscovery, type Neighbor, parseNeighbor } from '../../src/wire/ndp.ts';

const word = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const mac = fc.tuple(fc.integer({ min: 0, max: 0xffff }), word).map(([high, low]) => new MacAddress(high, low));
const v4 = word.map((bits) => IpAddress.v4(bits));

describe('MacAddress', () => {
  it('is the same after text and bytes', () => {
    fc.assert(
      fc.property(mac, (address) => {
        expect(MacAddress.parse(String(address))).toEqual(address);
        const bytes = new Uint8Array(8);
        address.write(bytes, 1);
        expect(MacAddress.read(bytes, 1)).toEqual(address);
      }),
    );
    expect(String(new MacAddress(0x0200, 0x0a090002))).toBe('02:00:0a:09:00:02');
    for (const text of ['', '02:00:0a:09:00', '02:00:0a:09:00:0g', '02:00:0a:09:00:02:03', '0200.0a09.0002'])
      expect(MacAddress.parse(text)).toBeUndefined();
  });

  it('of a host is no group, of a group is', () => {
    fc.assert(
      fc.property(word, word, (a, b) => {
        expect(MacAddress.for(IpAddress.v4(a)).isGroup).toBe(false);
        expect(MacAddress.for(new IpAddress(6, a, 0, b, a)).isGroup).toBe(false);
      }),
    );
    expect(String(MacAddress.ofGroup(4, IpAddress.of('239.129.2.3').w3))).toBe('01:00:5e:01:02:03');
    expect(String(MacAddress.ofGroup(6, IpAddress.of('ff02::1:ff00:2').w3))).toBe('33:33:ff:00:00:02');
  });
});

describe('RFC 826 ARP', () => {
  it('is the same after bytes, padded or not', () => {
    const operation = fc.constantFrom<Arp['operation']>('request', 'reply');
    const arp = fc.record({ operation, senderMac: mac, sender: v4, targetMac: mac, target: v4 });
    fc.assert(
      fc.property(arp, fc.nat(20), (fields, padding) => {
        const bytes = new Uint8Array(28 + padding);
        expect(buildArp(fields, bytes, 0)).toBe(28);
        expect(parseArp(bytes, 0, bytes.length)).toEqual(fields);
      }),
    );
  });

  it('is refused where it is short, or of another kind', () => {
    const bytes = new Uint8Array(28);
    const us = { senderMac: new MacAddress(0x0200, 1), sender: IpAddress.of('10.0.0.1') };
    buildArp({ operation: 'request', ...us, targetMac: us.senderMac, target: us.sender }, bytes, 0);
    expect(parseArp(bytes, 0, 27)).toBeUndefined();
    for (const at of [0, 2, 4, 5, 6]) {
      const other = bytes.slice();
      other[at]! += 3;
      expect(parseArp(other, 0, 28)).toBeUndefined();
    }
  });
});

/** A whole packet with the message, and its header as parsed. */
function packet(neighbor: Neighbor, change: (header: IpHeader) => void = () => {}): [IpHeader, Uint8Array] {
  const header = new IpHeader();
  header.setAddresses(IpAddress.of('fe80::1'), IpAddress.of('fe80::2'));
  header.protocol = ICMPV6;
  header.hopLimit = 255;
  change(header);
  const bytes = new Uint8Array(40 + 32);
  header.payloadLength = neighbor.mac === null ? 24 : 32;
  const length = buildNeighbor(neighbor, header, bytes, buildIpv6(header, bytes, 0));
  const parsed = new IpHeader();
  expect(parseIp(bytes, 0, 40 + length, parsed)).toBeNull();
  return [parsed, bytes];
}

describe('RFC 4861 neighbor discovery', () => {
  const target = fc.tuple(word, word, word).map(([a, b, c]) => new IpAddress(6, 0xfd00_0000, a, b, c));
  const option = fc.option(mac, { nil: null });

  it('is the same after bytes', () => {
    fc.assert(
      fc.property(target, option, fc.boolean(), fc.boolean(), fc.boolean(), (to, address, answer, s, o) => {
        const flags = answer ? { solicited: s, override: o } : { solicited: false, override: false };
        const type = answer ? ('advertisement' as const) : ('solicitation' as const);
        const [header, bytes] = packet({ type, target: to, mac: address, ...flags });
        expect(isNeighborDiscovery(header, bytes)).toBe(true);
        expect(parseNeighbor(header, bytes)).toEqual({ type, target: to, mac: address, ...flags });
      }),
    );
  });

  it('RFC 4861 §7.1: from beyond a router, damaged, or with an option of no length it is refused', () => {
    const of = IpAddress.of('fd09::2');
    const question: Neighbor = {
      type: 'solicitation',
      target: of,
      mac: new MacAddress(2, 3),
      solicited: false,
      override: false,
    };
    const far = packet(question, (header) => {
      header.hopLimit = 254;
    });
    expect(parseNeighbor(...far)).toBeUndefined();
    for (let at = 40; at < 72; at++) {
      const [header, bytes] = packet(question);
      bytes[at]! ^= 0x10;
      expect(parseNeighbor(header, bytes)).toBeUndefined();
    }
    const [header, bytes] = packet(question);
    bytes[40 + 25] = 0;
    bytes[40 + 2] = 0;
    expect(parseNeighbor(header, bytes)).toBeUndefined();
  });

  it('never throws, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 41, maxLength: 120 }), (bytes) => {
        bytes.set([0x60, 0, 0, 0, 0, bytes.length - 40, 58, 255]);
        const header = new IpHeader();
        if (parseIp(bytes, 0, bytes.length, header) === null && isNeighborDiscovery(header, bytes))
          parseNeighbor(header, bytes);
        parseArp(bytes, 3, bytes.length - 3);
      }),
    );
  });
});
