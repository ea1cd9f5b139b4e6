import { describe, expect, it } from 'vitest';
import type { SimHost } from '../../../src/sim/host.ts';
import { Firewall } from '../../../src/sim/middlebox/firewall.ts';
import type { Middlebox } from '../../../src/sim/middlebox/middlebox.ts';
import { Nat } from '../../../src/sim/middlebox/nat.ts';
import { OptionStripper } from '../../../src/sim/middlebox/option-stripper.ts';
import { RstInjector } from '../../../src/sim/middlebox/rst-injector.ts';
import { SynProxy } from '../../../src/sim/middlebox/syn-proxy.ts';
import { Network } from '../../../src/sim/network.ts';
import type { Connection } from '../../../src/stack/connection.ts';

interface Scene {
  readonly net: Network;
  readonly client: SimHost;
  readonly server: SimHost;
}

function scene(...middleboxes: Middlebox[]): Scene {
  const net = new Network({ seed: 11 });
  const [client, server] = [net.host('client'), net.host('server')];
  net.link(client, server, { delay: '5ms', middleboxes });
  return { net, client, server };
}

/** Connects, sends `text` both ways, and gives what came. */
async function talk({ net, client, server }: Scene, text = 'hello'): Promise<{ seenFrom: string; answer: number }> {
  const listener = server.listen(80);
  const socket = client.connect(server, 80);
  await socket.write(text);
  const peer = await listener.accept();
  const heard = await peer.read();
  await peer.write(heard!.length * 1000);
  peer.end();
  const answer = await socket.readAll();
  socket.end();
  await Promise.all([socket.closed, peer.closed]);
  await net.sleep('1ms');
  return { seenFrom: `${peer.tcp.remoteAddress}:${peer.tcp.remotePort}`, answer: answer.length };
}

describe('Firewall', () => {
  it('lets a connection from inside through, and none from outside', async () => {
    const inside = scene(new Firewall());
    expect(await inside.net.run(() => talk(inside))).toMatchObject({ answer: 5000 });
    const outside = scene(new Firewall());
    const { net, client, server } = outside;
    await net.run(async () => {
      client.listen(22);
      const socket = server.connect(client, 22);
      await net.sleep('5s');
      expect(socket.state).toBe('SYN-SENT');
    });
  });

  it.each(['drop', 'reset'] as const)('forgets a flow that is silent for long: %s', async (answer) => {
    const firewall = new Firewall({ idle: '10min', answer });
    const { net, client, server } = scene(firewall);
    await net.run(async () => {
      server.listen(80).serve(() => {});
      const socket = client.connect(server, 80);
      await socket.opened;
      await net.sleep('9min');
      socket.offer('a');
      await net.sleep('9min');
      expect(socket.tcp.unacknowledged).toBe(0);
      await net.sleep('2min');
      socket.offer('b');
      expect(await socket.closed).toBe(answer === 'reset' ? 'reset' : 'timed out');
      expect(firewall.forgotten).toBe(1);
    });
  });
});

describe('Nat', () => {
  it('shows the outside one address, and finds the way back', async () => {
    const s = scene(new Nat({ address: '203.0.113.1' }));
    expect(await s.net.run(() => talk(s))).toEqual({ seenFrom: '203.0.113.1:20000', answer: 5000 });
  });

  it('forgets: then the peer is cut off', async () => {
    const { net, client, server } = scene(new Nat({ address: '203.0.113.1', idle: '2min' }));
    await net.run(async () => {
      const listener = server.listen(80);
      const socket = client.connect(server, 80);
      const peer = await listener.accept();
      await net.sleep('3min');
      peer.offer('x');
      expect(await peer.closed).toBe('timed out');
      expect(socket.state).toBe('ESTABLISHED');
    });
  });
});

describe('OptionStripper', () => {
  it('makes both ends do without', async () => {
    const s = scene(new OptionStripper());
    await s.net.run(async () => {
      const listener = s.server.listen(80);
      const socket = s.client.connect(s.server, 80);
      await listener.accept();
      const { tcb } = socket.tcp as Connection;
      expect([tcb.timestamps, tcb.sackOk, tcb.windowScaling, tcb.sndMss]).toEqual([false, false, false, 536]);
    });
    const other = scene(new OptionStripper(['timestamps']));
    expect(await other.net.run(() => talk(other))).toMatchObject({ answer: 5000 });
  });
});

describe('RstInjector', () => {
  it('ends the connection at both ends when it reads the word', async () => {
    const box = new RstInjector((_, text) => text.includes('forbidden'));
    const s = scene(box);
    await s.net.run(async () => {
      const listener = s.server.listen(80);
      const socket = s.client.connect(s.server, 80);
      const peer = await listener.accept();
      await socket.write('GET /forbidden');
      expect(await socket.closed).toBe('reset');
      expect(await peer.closed).toBe('reset');
    });
    expect(box.fired).toBe(1);
  });
});

describe('SynProxy', () => {
  it('lets a client through that ends its handshake, and no other', async () => {
    const box = new SynProxy();
    const s = scene(box);
    // Text that goes with the third segment waits for its retransmission, so it comes later.
    expect(await s.net.run(() => talk(s))).toMatchObject({ answer: 5000 });
    expect([box.answered, box.admitted]).toEqual([1, 1]);
    const flood = scene(new SynProxy());
    flood.net.rules.drop({ from: 'client', syn: false });
    await flood.net.run(async () => {
      flood.server.listen(80);
      for (let i = 0; i < 50; i++) flood.client.connect(flood.server, 80);
      await flood.net.sleep('100ms');
      expect(flood.server.stack.stats().halfOpen).toBe(0);
    });
  });
});
