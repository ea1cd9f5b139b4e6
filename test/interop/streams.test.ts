import { afterEach, beforeEach, expect, it } from 'vitest';
import { Fault } from '../../src/link/fault.ts';
import { NodeHost } from '../../src/node/host.ts';
import { Stack } from '../../src/stack/stack.ts';
import { IpAddress } from '../../src/wire/address.ts';
import { KERNEL4, KERNEL6, OURS4, OURS6, TestNetwork } from './support/namespace.ts';
import { describeWith } from './support/needs.ts';
import { patternHash } from './support/pattern.mjs';
import { Ear, World } from './support/world.ts';

const MIB = 1 << 20;
const SIZE = 100 * MIB;
const OPENED_BY_KERNEL = ['< S', '> S.', '< F.', '> F.'];
const OPENED_BY_US = ['> S', '< S.', '> F.', '< F.'];

describeWith({ tun: true }, 'streams between the kernel and us', () => {
  let world: World;
  beforeEach(() => {
    world = new World({ timeWait: 500_000 });
  });
  afterEach(() => world.close());

  for (const family of [4, 6] as const) {
    const ours = family === 4 ? OURS4 : OURS6;
    const kernel = family === 4 ? KERNEL4 : KERNEL6;

    it(`100 MiB each way, IPv${family}, opened by the kernel`, async () => {
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
      const story = world.story();
      expect(story.states).toEqual([
        'CLOSED',
        'LISTEN',
        'SYN-RECEIVED',
        'ESTABLISHED',
        'CLOSE-WAIT',
        'LAST-ACK',
        'CLOSED',
      ]);
      expect(marks(story.marks)).toEqual(OPENED_BY_KERNEL);
      await world.empty();
    });

    it(`100 MiB each way, IPv${family}, opened by us`, async () => {
      const peer = await world.net.peer(100_000);
      const server = await peer.listen(8080);
      const ear = world.connect(8080, family);
      const socket = await server.accept();
      await ear.until('connected');
      expect(ear.socket.remoteAddress.toString()).toBe(kernel);
      ear.write(SIZE, true);
      const end = await socket.until('end', undefined, 60_000);
      expect([end.bytes, end.sha256]).toEqual([SIZE, patternHash(SIZE)]);
      socket.write(SIZE);
      socket.end();
      await ear.until('ended', 60_000);
      expect([ear.bytes, ear.sha256]).toEqual([SIZE, patternHash(SIZE)]);
      await ear.until('closed');
      const story = world.story();
      expect(story.states.slice(0, 6)).toEqual([
        'CLOSED',
        'SYN-SENT',
        'ESTABLISHED',
        'FIN-WAIT-1',
        'FIN-WAIT-2',
        'TIME-WAIT',
      ]);
      expect(marks(story.marks)).toEqual(OPENED_BY_US);
      await world.empty();
      expect(story.states.at(-1)).toBe('CLOSED');
    });

    it(`200 connections at once, IPv${family}, both ways`, async () => {
      const peer = await world.net.peer();
      const ears: Ear[] = [];
      world.stack.listen({ port: 80 }, (socket) => {
        const ear = new Ear(socket);
        ears.push(ear);
        ear.write(20_000);
      });
      const clients = Array.from({ length: 200 }, (_, i) => {
        const client = peer.connect(80, ours);
        client.write(10_000 + i);
        client.end();
        return client;
      });
      for (const client of clients) await client.received(20_000);
      await expect.poll(() => ears.filter((ear) => ear.ended).length, { timeout: 20_000 }).toBe(200);
      expect(ears.map((ear) => ear.bytes).sort()).toEqual(Array.from({ length: 200 }, (_, i) => 10_000 + i).sort());
      for (const ear of ears) {
        expect(ear.sha256).toBe(patternHash(ear.bytes));
        expect(ear.socket.state).toBe(7); // CLOSE-WAIT
        ear.socket.shutdown();
      }
      for (const client of clients) {
        expect((await client.until('end')).sha256).toBe(patternHash(20_000));
      }
      await world.empty();
      expect(world.stories.size).toBe(200);
      for (const story of world.stories.values()) expect(marks(story.marks)).toEqual(OPENED_BY_KERNEL);
    });

    it(`200 connections at once, IPv${family}, opened by us`, async () => {
      const peer = await world.net.peer();
      await peer.listen(8080, { echo: true, allowHalfOpen: false });
      const ears = Array.from({ length: 200 }, (_, i) => {
        const ear = world.connect(8080, family);
        ear.write(5000 + i, true);
        return ear;
      });
      for (const [i, ear] of ears.entries()) {
        await ear.until('closed');
        expect([ear.closed, ear.bytes, ear.sha256]).toEqual([null, 5000 + i, patternHash(5000 + i)]);
      }
      await world.empty();
    });
  }

  it('a window driven to zero and opened again: the kernel waits, probes, and goes on', async () => {
    const peer = await world.net.peer();
    const accepted = world.accept();
    const client = peer.connect(80, OURS4);
    const ear = await accepted;
    ear.reading = false;
    client.write(8 * MIB);
    client.end();
    await expect.poll(() => ear.socket.readable, { timeout: 10_000 }).toBeGreaterThan(120_000);
    await new Promise((resolve) => setTimeout(resolve, 700));
    const held = ear.socket.readable;
    // Rounded to the window's scale.
    expect(held).toBeLessThanOrEqual(world.stack.config.tcp_rmem[1] + 1023);
    // The kernel probes the closed window, and each probe is answered.
    const before = world.story().segments.length;
    await expect.poll(() => world.story().segments.length, { timeout: 5000 }).toBeGreaterThan(before);
    expect(ear.socket.readable).toBe(held);
    ear.reading = true;
    ear.read();
    await ear.until('ended');
    expect([ear.bytes, ear.sha256]).toEqual([8 * MIB, patternHash(8 * MIB)]);
  });

  it("the kernel's window driven to zero and opened again: we wait, probe, and go on", async () => {
    const peer = await world.net.peer();
    const server = await peer.listen(8080, { pauseOnConnect: true });
    const ear = world.connect(8080);
    const socket = await server.accept();
    ear.write(24 * MIB, true);
    await expect.poll(() => world.story().timers, { timeout: 10_000 }).toContain('persist');
    expect(ear.written).toBe(false);
    // What room there is, is not enough to be told of.
    expect(ear.socket.writable).toBe(false);
    socket.resume();
    expect(await socket.until('end', undefined, 30_000)).toMatchObject({
      bytes: 24 * MIB,
      sha256: patternHash(24 * MIB),
    });
  });
});

describeWith(
  { tun: true, programs: ['ip', 'ethtool', 'nsenter', 'unshare'] },
  'super-segments that the kernel forwards',
  () => {
    /** Reads one connection to its end, and says how much it was; the kernel counts the packets that came. */
    const SERVER = `
    const hash = require('node:crypto').createHash('sha256');
    let bytes = 0;
    const server = require('node:net').createServer((socket) => {
      socket.on('data', (chunk) => { hash.update(chunk); bytes += chunk.length; });
      socket.on('end', () => {
        const [, packets] = require('node:fs').readFileSync('/proc/net/dev', 'latin1').match(/v1: *\\d+ +(\\d+)/);
        console.log(JSON.stringify({ bytes, sha256: hash.digest('hex'), packets: Number(packets) }));
        process.exit();
      });
    });
    server.listen(8080, '0.0.0.0', () => console.log('pid ' + process.pid));`;

    it.each([
      ['from where it lies', false],
      ['copied, where somebody looks at it on the way', true],
    ])('leave it as segments, where the next device segments nothing: text %s', async (_, observed) => {
      const net = new TestNetwork();
      const stack = new Stack({ host: new NodeHost() });
      const link = observed ? new Fault(net.device, []) : net.device;
      stack.addDevice(link, [{ address: IpAddress.of(OURS4), prefixLength: 24 }]);
      const count = { frames: 0, long: 0, gathered: 0 };
      const transmit = net.device.transmit.bind(net.device);
      net.device.transmit = (frame) => {
        count.frames++;
        if (frame.length > 65_535) count.long++;
        if (frame.text !== null) count.gathered++;
        return transmit(frame);
      };
      const server = await net.start('unshare', ['--net', '--', process.execPath, '-e', SERVER], {
        ready: /pid \d+/,
      });
      const pid = /pid (\d+)/.exec(server.stdout)![1]!;
      const there = ['nsenter', '-t', pid, '-n'];
      const set = [
        ['ip', 'link', 'add', 'v0', 'type', 'veth', 'peer', 'name', 'v1', 'netns', pid],
        ['ethtool', '-K', 'v0', 'tso', 'off', 'gso', 'off', 'tx', 'off', 'sg', 'off'],
        ['ip', 'address', 'add', '10.8.0.1/24', 'dev', 'v0'],
        ['ip', 'link', 'set', 'v0', 'up'],
        [...there, 'ip', 'address', 'add', '10.8.0.2/24', 'dev', 'v1'],
        [...there, 'ip', 'link', 'set', 'v1', 'up'],
        [...there, 'ip', 'route', 'add', 'default', 'via', '10.8.0.1'],
        ['sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward'],
      ];
      for (const [command, ...args] of set) expect(await net.run(command!, args)).toMatchObject({ status: 0 });

      const size = 30 * MIB;
      stack.addRoute(IpAddress.of('10.8.0.0'), 24, link);
      const ear = new Ear(stack.connect({ remoteAddress: IpAddress.of('10.8.0.2'), remotePort: 8080 }));
      ear.write(size, true);
      await ear.until('connected');
      await expect.poll(() => server.stdout, { timeout: 30_000 }).toContain('sha256');
      const got = JSON.parse(server.stdout.split('\n')[1]!) as { packets: number };
      expect(got).toMatchObject({ bytes: size, sha256: patternHash(size) });
      // Each of a segment's size; where the kernel takes them, we gave it longer ones than a packet can say.
      expect(got.packets).toBeGreaterThanOrEqual(Math.ceil(size / 1448));
      expect(count.frames).toBeLessThan(got.packets / 10);
      if (net.device.offload.maxGsoIpv4 !== undefined) expect(count.long).toBeGreaterThan(0);
      if (observed) expect(count.gathered).toBe(0);
      else expect(count.gathered).toBeGreaterThan(size / 1_000_000);
      stack.close();
      await net.close();
    });
  },
);

/** A FIN that was sent again because its ACK was slow is one FIN. */
function marks(all: readonly string[]): string[] {
  const once = [...new Set(all)];
  // Where the machine is late, a FIN goes twice, and TIME-WAIT acknowledges it twice: the second time to nobody any more.
  const twice = all.indexOf('> F.') !== all.lastIndexOf('> F.');
  return twice && once.at(-1) === '> R' ? once.slice(0, -1) : once;
}
