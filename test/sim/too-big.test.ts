import { describe, expect, it } from 'vitest';
import { type LinkOptions, Network } from '../../src/sim/index.ts';

/** Carries 20 kB from one host to another, over a router behind which the link is narrower. How long that took, ms; null where it never came. */
async function carry(family: 4 | 6, narrow: LinkOptions): Promise<number | null> {
  const net = new Network();
  const addresses = (n: number) => ({ addresses: [family === 4 ? `10.0.0.${n}` : `fd00::${n}`] });
  const [client, server] = [net.host('client', addresses(1)), net.host('server', addresses(2))];
  const router = net.router('router');
  net.link(client, router, { delay: '5ms' });
  net.link(router, server, { delay: '5ms', ...narrow });
  return await net.run(async () => {
    const listener = server.listen(80);
    const socket = client.connect(server, 80);
    const accepted = await listener.accept();
    const began = net.now;
    const heard = accepted.readAll().then(() => (net.now - began) / 1000);
    await socket.write(20_000);
    socket.end();
    return await Promise.race([heard, net.sleep('5min').then(() => null)]);
  });
}

describe('packets larger than a link takes', () => {
  it.each([4, 6] as const)('are answered by ICMP, and TCP sends shorter ones at once: IPv%i', async (family) => {
    const took = await carry(family, { pathMtu: 1300 });
    expect(took).not.toBeNull();
    expect(took).toBeLessThan(200);
  });

  it.each([4, 6] as const)('vanish where nobody says so: IPv%i', async (family) => {
    expect(await carry(family, { pathMtu: 1300, icmp: false })).toBeNull();
  });

  it('do not come up where both ends know', async () => {
    expect(await carry(4, { mtu: 1300 })).toBeLessThan(200);
  });
});
