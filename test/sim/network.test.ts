import { describe, expect, it } from 'vitest';
import { TraceDigest } from '../../src/sim/digest.ts';
import { gilbertElliott } from '../../src/sim/loss.ts';
import { Network } from '../../src/sim/network.ts';
import { CoDel } from '../../src/sim/queue.ts';
import { bytesOf, ConnectionError } from '../../src/sim/socket.ts';

/** A transfer over a bad link, and the fingerprint of all that happened. */
async function badDay(seed: number): Promise<{ digest: string; same: boolean; lost: number }> {
  const net = new Network({ seed });
  const [client, server] = [net.host('client'), net.host('server')];
  net.link(client, server, {
    delay: '15ms',
    rate: '20Mbit',
    queue: () => new CoDel({ ecn: true }),
    loss: gilbertElliott({ toBad: 0.01, toGood: 0.3 }),
    duplicate: 0.01,
    reorder: 0.02,
    corrupt: 0.005,
  });
  const digest = new TraceDigest();
  net.observe(digest.observer);
  const sent = bytesOf(300_000);
  const received = await net.run(async () => {
    const listener = server.listen(80);
    const socket = client.connect(server, 80);
    const peer = await listener.accept();
    const writing = socket.write(sent).then(() => socket.end());
    const all = await peer.readAll();
    await writing;
    peer.end();
    await Promise.all([socket.closed, peer.closed]);
    return all;
  });
  return { digest: digest.value, same: Buffer.compare(received, sent) === 0, lost: net.counters.lost };
}

describe('Network', () => {
  it('carries a stream over a link that loses, doubles, reorders and damages', async () => {
    const day = await badDay(1);
    expect(day.same).toBe(true);
    expect(day.lost).toBeGreaterThan(3);
  });

  it('does the same for the same seed, byte by byte, and something else for another', async () => {
    const [a, b, c] = [await badDay(5), await badDay(5), await badDay(6)];
    expect(a).toEqual(b);
    expect(c.digest).not.toBe(a.digest);
  });

  it('lets two hours of keep-alive go by in milliseconds', async () => {
    const net = new Network();
    const [client, server] = [net.host('client'), net.host('server')];
    net.link(client, server, { delay: '10ms' });
    await net.run(async () => {
      server.listen(80).serve(() => {});
      const socket = client.connect(server, 80);
      await socket.opened;
      socket.tcp.setKeepAlive(true);
      server.crash();
      expect(await socket.closed).toBe('timed out');
    });
    // Two hours, then nine probes 75 s apart.
    expect(net.elapsed / 1e6).toBeCloseTo(7200 + 9 * 75, 0);
  });

  it('tells a connection that cannot be made', async () => {
    const net = new Network();
    const [client, server] = [net.host('client'), net.host('server')];
    net.link(client, server);
    await net.run(async () => {
      await expect(client.connect(server, 81).opened).rejects.toThrow(ConnectionError);
      await expect(client.connect(server, 81).opened).rejects.toThrow('10.0.0.2:81: refused');
    });
  });

  it('says so when it stands still', async () => {
    const net = new Network();
    await expect(net.run(() => new Promise(() => {}))).rejects.toThrow(/stands still at 0\.000 s/);
  });

  it('throws what user code throws', async () => {
    const net = new Network();
    await expect(net.run(() => Promise.reject(new Error('mine')))).rejects.toThrow('mine');
    await expect(
      net.run(async () => {
        net.schedule(net.now + 5, () => {
          throw new Error('later');
        });
        await net.sleep('1s');
      }),
    ).rejects.toThrow('later');
  });

  it('refuses what makes no sense in one line', async () => {
    const net = new Network();
    const host = net.host('a');
    expect(() => net.host('a')).toThrow('there is a host a already');
    expect(() => net.link(host, host)).toThrow('127.0.0.1');
    expect(() => net.link(host, net.host('b'), { loss: 2 })).toThrow('0 … 1, not 2');
    expect(() => new Network({ seed: 0.5 })).toThrow('whole number');
    expect(() => net.sleep('3 weeks' as '3s')).toThrow('is no duration');
    expect(() => host.connect('nowhere', 80)).toThrow('nowhere is no address');
  });

  it('routes over routers, and shares what is between them', async () => {
    const net = new Network({ seed: 3 });
    const [left, right] = [net.router('left'), net.router('right')];
    const clients = [1, 2, 3].map((n) => net.host(`client${n}`));
    const server = net.host('server');
    for (const client of clients) net.link(client, left, { delay: '1ms' });
    const bottleneck = net.link(left, right, { delay: '5ms', rate: '10Mbit' });
    net.link(right, server, { delay: '1ms' });
    let most = 0;
    net.observe(() => {
      most = Math.max(most, bottleneck.queued('forward').packets);
    });
    const got: number[] = [];
    await net.run(async () => {
      server.listen(80).serve(async (socket) => {
        got.push((await socket.readAll()).length);
        socket.close();
      });
      await Promise.all(
        clients.map(async (client) => {
          const socket = client.connect(server, 80);
          await socket.write(100_000);
          socket.end();
          await socket.closed;
        }),
      );
    });
    expect(got).toEqual([100_000, 100_000, 100_000]);
    expect(most).toBeGreaterThan(5);
    // 300 kB and their headers at 10 Mbit/s.
    expect(net.elapsed).toBeGreaterThan(240_000);
  });

  it('partitions, and heals', async () => {
    const net = new Network();
    const [a, b] = [net.host('a'), net.host('b')];
    net.link(a, b, { delay: '1ms' });
    await net.run(async () => {
      b.listen(1).serve((s) => s.write('hello'));
      const heal = net.partition([a], [b]);
      const socket = a.connect(b, 1);
      await net.sleep('2500ms');
      expect(socket.state).toBe('SYN-SENT');
      heal();
      await socket.opened;
      expect((await socket.read())?.length).toBe(5);
    });
  });

  it('pauses a host, and what comes waits', async () => {
    const net = new Network();
    const [a, b] = [net.host('a'), net.host('b')];
    net.link(a, b, { delay: '1ms' });
    await net.run(async () => {
      b.listen(1).serve((s) => s.write('hello'));
      b.pause();
      const socket = a.connect(b, 1);
      await net.sleep('500ms');
      expect(socket.state).toBe('SYN-SENT');
      b.resume();
      await socket.opened;
      expect(net.elapsed).toBe(501_000);
    });
  });

  it('crashes a host without a word; after its reboot the peer hears RST', async () => {
    const net = new Network();
    const [a, b] = [net.host('a'), net.host('b')];
    net.link(a, b, { delay: '1ms' });
    await net.run(async () => {
      b.listen(1).serve(() => {});
      const socket = a.connect(b, 1);
      await socket.opened;
      const before = net.counters.sent;
      b.crash();
      await net.sleep('1h');
      expect(net.counters.sent).toBe(before);
      expect(socket.state).toBe('ESTABLISHED');
      b.reboot();
      b.listen(1);
      socket.offer('still there?');
      expect(await socket.closed).toBe('reset');
    });
  });

  it('leaves nothing behind', async () => {
    const net = new Network();
    const [a, b] = [net.host('a'), net.host('b')];
    net.link(a, b, { delay: '1ms', loss: 0.1 });
    await net.run(async () => {
      const listener = b.listen(1);
      listener.serve((s) => s.close());
      const socket = a.connect(b, 1);
      await socket.readAll();
      socket.close();
      await socket.closed;
      listener.close();
      await net.sleep('10min');
    });
    expect(net.outstanding).toBe(0);
    for (const { stack } of [a, b])
      expect(stack.stats()).toMatchObject({ connections: 0, timeWait: 0, timers: 0, buffered: 0 });
  });
});
