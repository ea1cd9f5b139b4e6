import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Addresses } from '../../src/ip/addresses.ts';
import { type Route, Routes } from '../../src/ip/routes.ts';
import { IpAddress } from '../../src/wire/address.ts';

const of = IpAddress.of;

function setUp(): {
  addresses: Addresses<string>;
  routes: Routes<string>;
  add: (text: string, device: string) => void;
} {
  const addresses = new Addresses<string>();
  addresses.add(of('10.0.0.1'), 24, 'tun0');
  addresses.add(of('10.1.0.1'), 24, 'tun1');
  addresses.add(of('2001:db8::1'), 64, 'tun0');
  const routes = new Routes(addresses);
  const add = (text: string, device: string) => {
    const [prefix, length] = text.split('/');
    routes.add({ prefix: of(prefix!), length: Number(length), device });
  };
  return { addresses, routes, add };
}

describe('routes', () => {
  it('take the longest prefix, and the address that belongs to the device', () => {
    const { routes, add } = setUp();
    const to = (text: string) => {
      const hop = routes.lookup(of(text));
      return hop && `${hop.device} from ${hop.source}`;
    };
    expect(to('10.0.0.9')).toBe(null);
    add('0.0.0.0/0', 'tun0');
    add('10.0.0.0/8', 'tun1');
    add('10.0.0.0/24', 'tun0');
    add('10.0.0.7/32', 'tun1');
    expect(to('8.8.8.8')).toBe('tun0 from 10.0.0.1');
    expect(to('10.9.9.9')).toBe('tun1 from 10.1.0.1');
    expect(to('10.0.0.9')).toBe('tun0 from 10.0.0.1');
    expect(to('10.0.0.7')).toBe('tun1 from 10.1.0.1');
    expect(to('2001:db8::5')).toBe(null);
    add('::/0', 'tun0');
    expect(to('2001:db8::5')).toBe('tun0 from 2001:db8::1');
    expect(to('::ffff:10.0.0.7')).toBe('tun0 from 2001:db8::1');
  });

  it('find what trying all of them finds', () => {
    const { addresses } = setUp();
    const bits = fc.integer({ min: 0, max: 255 }).map((n) => IpAddress.v4(((n & 0xf0) << 24) | (n & 0xf)));
    const route = fc.record({ prefix: bits, length: fc.nat(32), device: fc.constantFrom('tun0', 'tun1') });
    fc.assert(
      fc.property(
        fc.array(route, { maxLength: 20 }),
        fc.array(bits, { minLength: 1, maxLength: 20 }),
        (list, targets) => {
          const routes = new Routes(addresses);
          for (const r of list) routes.add(r);
          for (const target of [...targets, ...targets]) {
            let best: Route<string> | null = null;
            for (const r of list) {
              const mask = r.length === 0 ? 0 : -1 << (32 - r.length);
              const matches = ((r.prefix.w3 ^ target.w3) & mask) === 0;
              if (matches && (best === null || r.length > best.length)) best = r;
            }
            expect(routes.lookup(target)?.device ?? null).toBe(best?.device ?? null);
          }
        },
      ),
    );
  });

  it('forget the last answer when something changed', () => {
    const { addresses, routes, add } = setUp();
    const to = () => routes.lookup(of('192.0.2.9'))?.device ?? null;
    add('0.0.0.0/0', 'tun0');
    expect([to(), to()]).toEqual(['tun0', 'tun0']);
    add('192.0.2.0/24', 'tun1');
    expect(to()).toBe('tun1');
    expect(routes.remove(of('192.0.2.77'), 24)).toBe(true);
    expect(routes.remove(of('192.0.2.77'), 24)).toBe(false);
    expect(to()).toBe('tun0');
    addresses.remove(of('10.0.0.1'));
    addresses.remove(of('10.1.0.1'));
    expect(to()).toBe(null);
    addresses.add(of('10.2.0.1'), 24, 'tun1');
    expect(routes.lookup(of('192.0.2.9'))).toEqual({ device: 'tun0', source: of('10.2.0.1') });
    expect(routes.removeDevice('tun0')).toBe(true);
    expect([to(), routes.list().length]).toEqual([null, 0]);
  });

  it('remove by device where one is given', () => {
    const { routes, add } = setUp();
    add('0.0.0.0/0', 'tun0');
    add('0.0.0.0/0', 'tun1');
    expect(routes.lookup(of('8.8.8.8'))?.device).toBe('tun0');
    expect(routes.remove(of('0.0.0.0'), 0, 'tun0')).toBe(true);
    expect(routes.lookup(of('8.8.8.8'))?.device).toBe('tun1');
    expect(routes.remove(of('::'), 0)).toBe(false);
  });

  it('use a source of their own, and go on to the next where there is none', () => {
    const { routes } = setUp();
    routes.add({ prefix: of('0.0.0.0'), length: 0, device: 'tun0', source: of('10.0.0.99') });
    expect(`${routes.lookup(of('8.8.8.8'))?.source}`).toBe('10.0.0.99');
    const bare = new Routes(new Addresses<string>());
    bare.add({ prefix: of('8.8.8.0'), length: 24, device: 'a' });
    bare.add({ prefix: of('0.0.0.0'), length: 0, device: 'b', source: of('10.0.0.1') });
    expect(bare.lookup(of('8.8.8.8'))?.device).toBe('b');
  });

  it('refuse a mistake', () => {
    const { routes } = setUp();
    expect(() => routes.add({ prefix: of('10.0.0.0'), length: 33, device: 'a' })).toThrow(RangeError);
    expect(() => routes.add({ prefix: of('::'), length: -1, device: 'a' })).toThrow(RangeError);
    expect(() => routes.add({ prefix: of('::'), length: 0, device: 'a', source: of('10.0.0.1') })).toThrow(TypeError);
  });
});
