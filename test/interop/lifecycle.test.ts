import { afterEach, beforeEach, expect, it } from 'vitest';
import { dropNth, type FaultRule, segmentWith } from '../../src/link/fault.ts';
import { ACK, FIN, RST, SYN } from '../../src/wire/segment.ts';
import { OURS4, OURS6 } from './support/namespace.ts';
import { describeWith } from './support/needs.ts';
import { patternHash } from './support/pattern.mjs';
import { Ear, World } from './support/world.ts';

const FLAGS = SYN | FIN | RST | ACK;

describeWith({ tun: true, programs: ['ss'] }, 'lives of connections with the kernel', () => {
  let world: World;
  beforeEach(() => {
    world = new World({ timeWait: 300_000 });
  });
  afterEach(() => world.close());

  /** One connection opened by the kernel's client. */
  async function accepted(rules: FaultRule[] = [], host = OURS4) {
    world.fault.rules = rules;
    const peer = await world.net.peer();
    const there = world.accept();
    const client = peer.connect(80, host);
    const ear = await there;
    return { peer, client, ear, story: world.story(ear.socket) };
  }

  /** One connection opened by us. */
  async function connected(options = {}) {
    const peer = await world.net.peer();
    const server = await peer.listen(8080, options);
    const ear = world.connect(8080);
    const socket = await server.accept();
    await ear.until('connected');
    return { peer, server, socket, ear, story: world.story(ear.socket) };
  }

  it('refuses a port that nobody listens on, and is refused by the kernel', async () => {
    const peer = await world.net.peer();
    for (const host of [OURS4, OURS6]) {
      const client = peer.connect(81, host);
      expect(await client.until('error')).toMatchObject({ code: 'ECONNREFUSED' });
    }
    for (const family of [4, 6] as const) {
      const ear = world.connect(81, family);
      await ear.until('closed');
      expect(ear.closed).toBe('refused');
      expect(world.story(ear.socket)).toMatchObject({
        states: ['CLOSED', 'SYN-SENT', 'CLOSED'],
        segments: ['> S', '< R.'],
      });
    }
    expect(world.stack.counters.OutRsts).toBe(2);
  });

  it('resets the kernel in the middle of a transfer', async () => {
    const { client, ear, story } = await accepted();
    client.write(50_000_000);
    await expect.poll(() => ear.bytes, { timeout: 10_000 }).toBeGreaterThan(100_000);
    ear.socket.abort();
    expect(await client.until('error')).toMatchObject({ code: 'ECONNRESET' });
    await ear.until('closed');
    expect(ear.closed).toBe('aborted');
    expect(story.states).toEqual(['CLOSED', 'LISTEN', 'SYN-RECEIVED', 'ESTABLISHED', 'CLOSED']);
    expect(story.marks.slice(0, 3)).toEqual(['< S', '> S.', '> R.']);
    // What was still on its way to us is for nobody: a RST each.
    expect(story.marks.slice(3).filter((mark) => mark !== '> R')).toEqual([]);
    await world.empty();
  });

  it('is reset by the kernel in the middle of a transfer', async () => {
    const { socket, ear, story } = await connected();
    ear.write(20_000_000);
    await socket.received(100_000);
    socket.reset();
    await ear.until('closed');
    expect(ear.closed).toBe('reset');
    expect(story.states).toEqual(['CLOSED', 'SYN-SENT', 'ESTABLISHED', 'CLOSED']);
    expect(story.marks[2]).toMatch(/^< R/);
    await world.empty();
  });

  it('half-close by the kernel: we go on sending', async () => {
    const { client, ear, story } = await accepted();
    client.end();
    await ear.until('ended');
    expect(story.states.at(-1)).toBe('CLOSE-WAIT');
    ear.write(3_000_000);
    await client.received(3_000_000);
    ear.socket.shutdown();
    expect(await client.until('end')).toMatchObject({ bytes: 3_000_000, sha256: patternHash(3_000_000) });
    await ear.until('closed');
    expect(story.states.slice(-3)).toEqual(['CLOSE-WAIT', 'LAST-ACK', 'CLOSED']);
    expect(await world.net.ss('state', 'time-wait')).toHaveLength(1);
  });

  it('half-close by us: the kernel goes on sending', async () => {
    const { client, ear, story } = await accepted();
    ear.socket.shutdown();
    await client.until('end');
    await expect.poll(() => story.states.at(-1)).toBe('FIN-WAIT-2');
    client.write(3_000_000);
    client.end();
    await ear.until('closed');
    expect([ear.closed, ear.bytes, ear.sha256]).toEqual([null, 3_000_000, patternHash(3_000_000)]);
    expect(story.states.slice(3, 7)).toEqual(['ESTABLISHED', 'FIN-WAIT-1', 'FIN-WAIT-2', 'TIME-WAIT']);
    await world.empty();
    expect(story.timers).toContain('TIME-WAIT');
    expect(await world.net.ss('state', 'time-wait')).toHaveLength(0);
  });

  it('both close at once: CLOSING, and TIME-WAIT on both sides', async () => {
    const { client, ear, story } = await accepted();
    // Our FIN is held back until the kernel has sent its own: both cross.
    let hold = true;
    world.fault.rules = [(p) => (hold && segmentWith('out', FIN)(p) ? 'drop' : undefined)];
    ear.socket.shutdown();
    client.end();
    await expect.poll(() => story.marks.at(-1)).toBe('< F.');
    hold = false;
    await ear.until('closed');
    expect(ear.closed).toBeNull();
    expect(story.states.slice(4)).toContain('CLOSING');
    await world.empty();
    const crossing = story.states.slice(story.states.indexOf('ESTABLISHED'));
    expect(crossing).toEqual(['ESTABLISHED', 'FIN-WAIT-1', 'CLOSING', 'TIME-WAIT', 'CLOSED']);
  });

  it('closes in three segments when the answer to a FIN is a FIN at once', async () => {
    const peer = await world.net.peer();
    world.stack.listen({ port: 80 }, (socket) => {
      const ear = new Ear(socket);
      ear.socket.events = { ...ear.socket.events, onEnd: () => socket.shutdown() };
    });
    const client = peer.connect(80, OURS4);
    await client.until('connected');
    client.end();
    await client.until('end');
    await world.empty();
    const story = world.story();
    expect(story.marks).toEqual(['< S', '> S.', '< F.', '> F.']);
    const fin = story.segments.indexOf('< F.');
    expect(story.segments.slice(fin)).toEqual(['< F.', '> F.', '< .']);
  });

  it('a kernel process killed with nothing unread: FIN', async () => {
    const { peer, ear, story } = await connected();
    await peer.program.kill();
    await ear.until('ended');
    expect(story.marks.at(-1)).toBe('< F.');
    expect(story.states.at(-1)).toBe('CLOSE-WAIT');
    // Nobody is there: what we send is answered by RST.
    ear.write(10);
    await ear.until('closed');
    expect(ear.closed).toBe('reset');
  });

  it('a kernel process killed with something unread: RST', async () => {
    const { peer, ear, story } = await connected({ pauseOnConnect: true });
    ear.write(10_000);
    await expect
      .poll(async () => (await world.net.ss('state', 'established')).some((l) => / 10000 |^10000 /.test(l)))
      .toBe(true);
    await peer.program.kill();
    await ear.until('closed');
    expect(ear.closed).toBe('reset');
    expect(story.marks.at(-1)).toMatch(/^< R/);
  });

  it('the third ACK lost: SYN,ACK again, and the connection stands', async () => {
    const lost: FaultRule[] = [dropNth(1, segmentWith('in', ACK, FLAGS))];
    const { client, ear, story } = await accepted(lost);
    expect(world.fault.dropped).toBe(1);
    expect(story.marks.slice(0, 3)).toEqual(['< S', '> S.', '> S.']);
    expect(story.timers[0]).toBe('retransmission');
    client.write(1000);
    await expect.poll(() => ear.bytes).toBe(1000);
  });

  it('a SYN,ACK lost: both ends repeat what is theirs', async () => {
    const { story } = await accepted([dropNth(1, segmentWith('out', SYN | ACK))]);
    expect(story.marks.filter((m) => m === '> S.').length).toBeGreaterThan(1);
    expect(story.states.slice(0, 4)).toEqual(['CLOSED', 'LISTEN', 'SYN-RECEIVED', 'ESTABLISHED']);
  });

  it('our SYN lost: again after a second', async () => {
    world.fault.rules = [dropNth(1, segmentWith('out', SYN, FLAGS))];
    const { story } = await connected();
    expect(story.marks).toEqual(['> S', '> S', '< S.']);
  });

  it('our FIN lost: again, until it is acknowledged', async () => {
    const { client, ear, story } = await accepted([dropNth(1, segmentWith('out', FIN), 2)]);
    ear.socket.shutdown();
    await client.until('end');
    expect(world.fault.dropped).toBe(2);
    expect(story.marks.filter((m) => m === '> F.').length).toBeGreaterThanOrEqual(3);
    await expect.poll(() => story.states.at(-1)).toBe('FIN-WAIT-2');
  });

  it("the kernel's FIN lost: it comes again", async () => {
    const { client, ear, story } = await accepted([dropNth(1, segmentWith('in', FIN))]);
    client.end();
    await ear.until('ended');
    expect(world.fault.dropped).toBe(1);
    expect(story.states.at(-1)).toBe('CLOSE-WAIT');
  });

  it('the last ACK lost: TIME-WAIT answers the repeated FIN, and starts again', async () => {
    world.close();
    world = new World({ timeWait: 1_500_000 });
    const { client, ear, story } = await accepted();
    ear.socket.shutdown();
    await client.until('end');
    await expect.poll(() => story.states.at(-1)).toBe('FIN-WAIT-2');
    world.fault.rules = [dropNth(1, segmentWith('out', ACK, FLAGS))];
    client.end();
    await expect.poll(() => story.segments.filter((s) => s === '< F.').length, { timeout: 5000 }).toBe(2);
    expect(story.states.at(-1)).toBe('TIME-WAIT');
    await expect.poll(() => story.segments.at(-1)).toBe('> .');
    await world.empty();
    expect(await world.net.ss('state', 'last-ack')).toHaveLength(0);
  });

  it('a client that vanishes: retransmissions, then the connection times out', async () => {
    await world.close();
    world = new World({ tcp_retries2: 3 });
    const { ear, story } = await accepted();
    world.fault.rules = [() => 'drop'];
    ear.write(1000);
    await ear.until('closed');
    expect(ear.closed).toBe('timed out');
    expect(story.timers.filter((t) => t === 'retransmission').length).toBe(4);
    expect(story.states.at(-1)).toBe('CLOSED');
    await world.empty();
  });

  it('a client that vanishes from an idle connection: keep-alive finds out', async () => {
    const { ear, story } = await accepted();
    ear.socket.setKeepAlive(true, 200_000, 100_000, 3);
    await expect.poll(() => story.timers.filter((t) => t === 'keep-alive').length).toBeGreaterThan(2);
    expect(ear.closed).toBeUndefined();
    world.fault.rules = [() => 'drop'];
    await ear.until('closed');
    expect(ear.closed).toBe('timed out');
    await world.empty();
  });

  it('a client that vanishes during the handshake: SYN,ACKs, then silence', async () => {
    await world.close();
    world = new World({ tcp_synack_retries: 1 }, [segmentFrom('in', ACK)]);
    const peer = await world.net.peer();
    world.stack.listen({ port: 80 }, () => {
      throw new Error('nobody came');
    });
    peer.connect(80, OURS4);
    await expect.poll(() => world.stories.size).toBe(1);
    const story = world.story();
    await expect.poll(() => story.states.at(-1), { timeout: 10_000 }).toBe('CLOSED');
    expect(story.segments.filter((s) => s === '> S.').length).toBeGreaterThanOrEqual(2);
    expect(story.marks.some((s) => s.startsWith('> R'))).toBe(false);
    await world.empty();
  });
});

/** Drops every segment of a direction that has the flag and is no SYN. */
function segmentFrom(direction: 'in' | 'out', flag: number): FaultRule {
  return (passing) =>
    segmentWith(direction, flag)(passing) && !segmentWith(direction, SYN)(passing) ? 'drop' : undefined;
}
