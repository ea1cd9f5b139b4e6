import { once } from 'node:events';
import type nodeNet from 'node:net';
import { expect, it } from 'vitest';
import { Pair } from '../../../src/link/pair.ts';
import { NodeHost } from '../../../src/node/host.ts';
import type { BeyondServer, BeyondSocket } from '../../../src/node/net/beyond.ts';
import { createNet } from '../../../src/node/net/create-net.ts';
import net from '../../../src/node/net.ts';
import { Stack } from '../../../src/stack/stack.ts';
import { IpAddress } from '../../../src/wire/address.ts';

type Socket = nodeNet.Socket & BeyondSocket;
type Server = nodeNet.Server & BeyondServer;

const portOf = (server: nodeNet.Server) => (server.address() as nodeNet.AddressInfo).port;

it('tcpInfo tells how a connection goes', async () => {
  const server = net.createServer((socket) => socket.resume()).listen(0);
  await once(server, 'listening');
  const socket = net.connect(portOf(server)) as Socket;
  expect(socket.tcpInfo()).toBeNull();
  await once(socket, 'connect');
  expect(socket.tcpInfo()).toMatchObject({ tcpi_state: 'ESTABLISHED', tcpi_ca_state: 'Open' });
  await new Promise((resolve) => socket.write(Buffer.alloc(100_000), resolve));
  await expect.poll(() => socket.tcpInfo()!.tcpi_bytes_acked).toBe(100_000);
  socket.destroy();
  expect(socket.tcpInfo()).toBeNull();
  server.close();
});

it('options are set before the SYN and after, whichever address is tried', async () => {
  const server = net.createServer((socket) => socket.resume()).listen(0);
  await once(server, 'listening');
  for (const host of ['127.0.0.1', 'localhost']) {
    const socket = net.connect({ port: portOf(server), host }) as Socket;
    socket.setTcpOptions({ congestionControl: 'reno', maxSegment: 1000 });
    await once(socket, 'connect');
    const { tcpi_congestion, tcpi_advmss } = socket.tcpInfo()!;
    expect([tcpi_congestion, tcpi_advmss]).toEqual(['reno', 1000]);
    socket.setTcpOptions({ congestionControl: 'cubic' });
    expect(socket.tcpInfo()!.tcpi_congestion).toBe('cubic');
    expect(() => socket.setTcpOptions({ ttl: 256 })).toThrow('ttl 256: 1 … 255');
    socket.destroy();
  }
  server.close();
});

it('linger 0 makes destroy a reset', async () => {
  const server = net.createServer().listen(0);
  const accepted = once(server, 'connection') as Promise<[nodeNet.Socket]>;
  await once(server, 'listening');
  const socket = net.connect(portOf(server)) as Socket;
  const [peer] = await accepted;
  socket.setTcpOptions({ linger: 0 });
  socket.destroy();
  peer.resume();
  await expect(once(peer, 'end')).rejects.toMatchObject({ code: 'ECONNRESET' });
  server.close();
});

it('backlogInfo tells who waits', async () => {
  const server = net.createServer((socket) => socket.destroy()) as Server;
  expect(server.backlogInfo()).toBeNull();
  server.listen(0, undefined, 5);
  await once(server, 'listening');
  expect(server.backlogInfo()).toEqual({ synQueue: 0, acceptQueue: 0, backlog: 5, overflows: 0 });
  server.close();
  expect(server.backlogInfo()).toBeNull();
});

it('a server for any port hears where its clients wanted to go', async () => {
  const pair = new Pair({ onPending: () => setImmediate(() => pair.pump(hosts[0]!.now())) });
  const hosts = [new NodeHost().unref(), new NodeHost().unref()];
  const [left, right] = hosts.map((host) => new Stack({ host }));
  left!.addDevice(pair.a, [{ address: IpAddress.of('10.0.0.1'), prefixLength: 24 }]);
  right!.addDevice(pair.b, [{ address: IpAddress.of('10.0.0.2'), prefixLength: 24 }]);
  left!.addRoute(IpAddress.of('0.0.0.0'), 0, pair.a);
  const proxy = createNet(right!).createServer((socket) => {
    const { address, port } = (socket as Socket).originalDestination!;
    socket.end(`${address} ${port}`);
  });
  proxy.listen({ port: 'any' } as never);
  await once(proxy, 'listening');
  for (const [host, port] of [
    ['192.0.2.1', 443],
    ['10.0.0.2', 9],
  ] as const) {
    const socket = createNet(left!).connect(port, host) as Socket;
    let heard = '';
    for await (const piece of socket) heard += piece;
    expect(heard.replace('::ffff:', '')).toBe(`${host} ${port}`);
    expect(socket.originalDestination).toBeUndefined();
  }
  proxy.close();
  await once(proxy, 'close');
  left!.close();
  right!.close();
});
