import { describe, expect, it, vi } from 'vitest';
import { TraceDigest } from '../../src/sim/digest.ts';
import { Network } from '../../src/sim/network.ts';
import { bytesOf, type SimSocket } from '../../src/sim/socket.ts';
import { linux, type TcpConfig } from '../../src/tcp/config.ts';
import { DormantTcbs } from '../../src/tcp/dormant.ts';
import { freebsd, rfc9293 } from '../../src/tcp/profiles.ts';
import { random } from '../support/pair.ts';

/** Kinds of connections: dormancy has to keep what each of them knows. */
const KINDS: Record<string, TcpConfig> = {
  linux,
  freebsd,
  rfc9293,
  bbr: { ...linux, tcp_congestion_control: 'bbr' },
  'ECN and pacing': { ...linux, tcp_ecn: 1, pacing: true, tcp_mtu_probing: 2 },
  'accurate ECN': { ...linux, tcp_ecn: 3 },
  plain: { ...linux, tcp_sack: false, tcp_timestamps: false, tcp_window_scaling: false },
};

async function take(socket: SimSocket, length: number): Promise<Uint8Array> {
  const all = new Uint8Array(length);
  for (let got = 0; got < length; ) {
    const piece = await socket.read(length - got);
    if (piece === null) throw new Error('it ended early');
    all.set(piece, got);
    got += piece.length;
  }
  return all;
}

/** A long conversation with pauses over a bad link: the fingerprint of every packet, and how often a connection woke. */
async function conversation(
  config: TcpConfig,
  seed: number,
  restAfter: number,
): Promise<[digest: string, woken: number]> {
  const wake = vi.spyOn(DormantTcbs.prototype, 'wake');
  try {
    const net = new Network({ seed });
    const [client, server] = ['client', 'server'].map((name) => net.host(name, { config: { ...config, restAfter } }));
    net.link(client!, server!, { delay: '10ms', rate: '10Mbit', loss: 0.02, reorder: 0.02, duplicate: 0.01 });
    const digest = new TraceDigest();
    net.observe(digest.observer);
    const dice = random(seed);
    const say = async (from: SimSocket, to: SimSocket): Promise<void> => {
      const bytes = bytesOf(1 + Math.floor(dice() ** 4 * 60_000));
      await from.write(bytes);
      expect(Buffer.compare(await take(to, bytes.length), bytes)).toBe(0);
    };
    await net.run(async () => {
      const listener = server!.listen(80);
      const socket = client!.connect(server!, 80);
      const peer = await listener.accept();
      if (dice() < 0.5) socket.tcp.setKeepAlive(true, 700_000, 100_000, 50);
      if (dice() < 0.5) peer.tcp.setNoDelay(true);
      for (let i = 0; i < 12; i++) {
        await say(socket, peer);
        if (dice() < 0.7) await net.sleep(Math.floor(dice() ** 2 * 3_000_000));
        if (dice() < 0.7) await say(peer, socket);
        await net.sleep(Math.floor(dice() ** 2 * 3_000_000));
      }
      socket.end();
      await net.sleep('1s');
      await say(peer, socket);
      peer.end();
      await Promise.all([socket.closed, peer.closed]);
    });
    return [digest.value, wake.mock.calls.length];
  } finally {
    wake.mockRestore();
  }
}

describe('Dormancy', () => {
  for (const [name, config] of Object.entries(KINDS)) {
    it(`changes no packet: ${name}`, async () => {
      for (let seed = 1; seed <= 3; seed++) {
        const [never, none] = await conversation(config, seed, Number.POSITIVE_INFINITY);
        const [always, many] = await conversation(config, seed, 0);
        const [sometimes, some] = await conversation(config, seed, 200_000);
        expect(always).toBe(never);
        expect(sometimes).toBe(never);
        expect(none).toBe(0);
        expect(some).toBeGreaterThan(5);
        expect(many).toBeGreaterThan(5);
      }
    }, 60_000);
  }

  it('lets a dormant connection be asked without waking it, and wakes it for what is said', async () => {
    const net = new Network();
    const [client, server] = ['client', 'server'].map((name) =>
      net.host(name, { config: { ...linux, restAfter: 1000 } }),
    );
    net.link(client!, server!, { delay: '1ms' });
    const wake = vi.spyOn(DormantTcbs.prototype, 'wake');
    await net.run(async () => {
      const listener = server!.listen(80);
      const socket = client!.connect(server!, 80);
      const peer = await listener.accept();
      await socket.write(bytesOf(100));
      await take(peer, 100);
      await net.sleep('1s');
      const { tcp } = socket;
      expect([tcp.state, tcp.localPort, tcp.remotePort, `${tcp.localAddress}`, `${tcp.remoteAddress}`]).toEqual([
        4,
        peer.tcp.remotePort,
        80,
        client!.address,
        server!.address,
      ]);
      expect([tcp.readable, tcp.unacknowledged, tcp.ended, tcp.urgent, tcp.bytesSent]).toEqual([0, 0, false, 0, 100]);
      expect(tcp.receive()).toBeNull();
      expect(tcp.info().tcpi_state).toBe('ESTABLISHED');
      expect(client!.stack.connections().map((row) => row.state)).toEqual(['ESTABLISHED']);
      expect(client!.stack.stats().connections).toBe(1);
      // An ICMP error about something that is not in flight is no reason to wake, either.
      expect(wake).toHaveBeenCalledTimes(0);
      await socket.write(bytesOf(1));
      await take(peer, 1);
      expect(wake).toHaveBeenCalledTimes(2);
      socket.tcp.abort();
      await Promise.all([socket.closed, peer.closed]);
    });
    wake.mockRestore();
  });

  it('leaves the process alone once all connections rest, also those that cannot', async () => {
    const net = new Network();
    const [client, server] = ['client', 'server'].map((name) => net.host(name));
    net.link(client!, server!, { delay: '1ms' });
    await net.run(async () => {
      const listener = server!.listen(80);
      const sockets = [client!.connect(server!, 80), client!.connect(server!, 80)];
      const peers = [await listener.accept(), await listener.accept()];
      // Nobody reads it.
      sockets[0]!.tcp.send(bytesOf(100));
      await net.sleep('1min');
      const before = net.counters.events;
      await net.sleep('1d');
      expect(net.counters.events - before).toBeLessThan(3);
      expect(await take(peers[0]!, 100)).toEqual(bytesOf(100));
      for (const socket of [...sockets, ...peers]) socket.tcp.abort();
    });
  });
});
