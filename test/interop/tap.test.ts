import { afterEach, beforeEach, expect, it } from 'vitest';
import { IpAddress } from '../../src/wire/address.ts';
import { OURS4, OURS6 } from './support/namespace.ts';
import { describeWith } from './support/needs.ts';
import { patternHash } from './support/pattern.mjs';
import { Ear, World } from './support/world.ts';

const SIZE = 50 << 20;

describeWith({ tun: true }, 'Ethernet on a TAP device', () => {
  let world: World;
  beforeEach(() => {
    world = new World({ timeWait: 500_000, tcp_syn_retries: 3 }, [], { tap: true });
  });
  afterEach(() => world.close());

  it.each([
    ['IPv4, ARP', 4, OURS4],
    ['IPv6, neighbor discovery', 6, OURS6],
  ] as const)('%s: the kernel finds us, we find the kernel, and 50 MiB go each way', async (_name, family, ours) => {
    const peer = await world.net.peer(100_000);
    const accepted = world.accept();
    const client = peer.connect(80, ours);
    const ear = await accepted;
    client.write(SIZE);
    client.end();
    await ear.until('ended', 60_000);
    expect([ear.bytes, ear.sha256]).toEqual([SIZE, patternHash(SIZE)]);
    ear.write(SIZE, true);
    const end = await client.until('end', undefined, 60_000);
    expect([end.bytes, end.sha256]).toEqual([SIZE, patternHash(SIZE)]);
    await ear.until('closed');
    expect(ear.closed).toBeNull();

    const server = await peer.listen(8080);
    const active = world.connect(8080, family);
    const socket = await server.accept();
    await active.until('connected');
    active.write(1000, true);
    await socket.until('end');
    socket.end();
    await active.until('closed');
    expect(active.closed).toBeNull();
    // Segments of many packets went through as one, as on a TUN device: a frame each would be over 70,000.
    expect(world.net.device.received).toBeLessThan(20_000);
    await world.empty();
  });

  it('who does not answer is unreachable, and the connection says so', async () => {
    const began = performance.now();
    const ear = new Ear(world.stack.connect({ remoteAddress: IpAddress.of('10.9.0.77'), remotePort: 80 }));
    await ear.until('closed');
    expect(ear.closed).toBe('host unreachable');
    expect(performance.now() - began).toBeLessThan(15_000);
  });

  it('the kernel finds our address by its own tools', async () => {
    const { stdout } = await world.net.run('ip', ['-j', 'neigh', 'show', 'dev', world.net.device.name]);
    expect(JSON.parse(stdout)).toEqual([]);
    const peer = await world.net.peer();
    const accepted = world.accept();
    peer.connect(80, OURS4);
    await accepted;
    const after = await world.net.run('ip', ['-j', 'neigh', 'show', 'dev', world.net.device.name]);
    expect(JSON.parse(after.stdout)).toMatchObject([{ dst: OURS4, lladdr: '02:00:0a:09:00:02' }]);
  });
});
