import { describe, expect, it } from 'vitest';
import { routesIn } from '../../src/packetdrill/ip-route.ts';
import { IpAddress } from '../../src/wire/address.ts';

const of = (text: string): IpAddress => IpAddress.of(text);

describe('ip route in commands', () => {
  it('says what is known of the way', () => {
    expect(
      routesIn(
        'ip route change 192.0.2.1 via 192.168.0.2 dev tun0 advmss 600 mtu lock 640 initcwnd 11\nethtool -K tun0 gso off',
      ),
    ).toEqual([
      { prefix: of('192.0.2.1'), length: 32, metrics: { mtu: 640, lockMtu: true, advmss: 600, initcwnd: 11 } },
    ]);
  });
  it('of a prefix, of the other family, of several', () => {
    expect(
      routesIn(
        'ip route add 10.0.0.0/8 dev tun0 mtu 1400; true\nip -6 route replace 2001:db8::/32 dev tun0 initcwnd 3',
      ),
    ).toEqual([
      { prefix: of('10.0.0.0'), length: 8, metrics: { mtu: 1400, lockMtu: false } },
      { prefix: of('2001:db8::'), length: 32, metrics: { initcwnd: 3 } },
    ]);
  });
  it('is nothing where there is none', () => expect(routesIn('ip tcp_metrics flush all; ip route show')).toEqual([]));
});
