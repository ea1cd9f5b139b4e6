import { afterEach, beforeEach, expect, it } from 'vitest';
import { KERNEL4, KERNEL6, OURS4, OURS6 } from './support/namespace.ts';
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

/** A FIN that was sent again because its ACK was slow is one FIN. */
function marks(all: readonly string[]): string[] {
  const once = [...new Set(all)];
  // Where the machine is late, a FIN goes twice, and TIME-WAIT acknowledges it twice: the second time to nobody any more.
  const twice = all.indexOf('> F.') !== all.lastIndexOf('> F.');
  return twice && once.at(-1) === '> R' ? once.slice(0, -1) : once;
}
