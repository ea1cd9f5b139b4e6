import { once } from 'node:events';
import type nodeNet from 'node:net';
import { expect, it } from 'vitest';
import { Pair } from '../../../src/link/pair.ts';
import { NodeHost } from '../../../src/node/host.ts';
import type { BeyondServer, BeyondSocket } from '../../../src/node/net/beyond.ts';
import { createNet } from '../../../src/node/net/create-net.ts';
import net from '../../../src/node/net.ts';
import { Stack } from '../../../src/stack/stack.ts';
import { linux, type TcpConfig } from '../../../src/tcp/config.ts';
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

/** A server and a client on stacks of their own. */
function two(config: Partial<TcpConfig>) {
  const pair = new Pair({ onPending: () => setImmediate(() => pair.pump(hosts[0]!.now())) });
  const hosts = [new NodeHost().unref(), new NodeHost().unref()];
  const [left, right] = hosts.map((host, i) => {
    const stack = new Stack({ host, config: { ...linux, ...config } });
    const address = IpAddress.of(`10.0.0.${i + 1}`);
    stack.addDevice(i === 0 ? pair.a : pair.b, [{ address, prefixLength: 24 }]);
    return stack;
  });
  return { left: left!, right: right!, nets: [createNet(left!), createNet(right!)] as const };
}

it('RFC 7413: with fastOpen the first write goes along with the SYN, once the server has given a cookie', async () => {
  const { left, right, nets } = two({ tcp_fastopen: 3 });
  const received: string[] = [];
  const server = nets[0].createServer((socket) => {
    socket.setEncoding('utf8').on('data', (text) => received.push(String(text)));
    socket.on('end', () => socket.end('answer'));
  });
  server.listen({ port: 80, fastOpen: 16 } as nodeNet.ListenOptions);
  await once(server, 'listening');
  const ask = async (how: 'write' | 'cork' | 'string' | 'before') => {
    const socket = (
      how === 'before' ? new nets[1].Socket() : nets[1].connect({ port: 80, host: '10.0.0.1' })
    ) as Socket;
    socket.setTcpOptions({ fastOpen: true });
    if (how === 'before') socket.connect({ port: 80, host: '10.0.0.1' });
    if (how === 'cork') {
      socket.cork();
      socket.write('he');
      socket.write(Buffer.from('llo'));
      socket.uncork();
    } else socket.write(how === 'string' ? 'hello' : Buffer.from('hello'));
    // More than the SYN holds, and more than is offered for it.
    socket.end('x'.repeat(200_000));
    let text = '';
    socket.setEncoding('utf8').on('data', (chunk) => {
      text += chunk;
    });
    await once(socket, 'close');
    expect([text, socket.bytesWritten]).toEqual(['answer', 200_005]);
    expect(received.splice(0).join('')).toBe(`hello${'x'.repeat(200_000)}`);
  };
  await ask('write');
  expect([left.counters.TCPFastOpenCookieReqd, right.counters.TCPFastOpenActive]).toEqual([1, 0]);
  await ask('write');
  await ask('cork');
  await ask('string');
  await ask('before');
  expect([left.counters.TCPFastOpenPassive, right.counters.TCPFastOpenActive]).toEqual([4, 4]);
  server.close();
});

it('fastOpen that nobody takes changes nothing; and what was set before connect holds for it', async () => {
  const { left, right, nets } = two({});
  const server = nets[0].createServer((socket) => socket.pipe(socket)).listen(80);
  await once(server, 'listening');
  const socket = new nets[1].Socket() as Socket;
  socket.setTcpOptions({ fastOpen: true, maxSegment: 900 }).connect(80, '10.0.0.1');
  socket.end('hello');
  await once(socket, 'connect');
  expect(socket.tcpInfo()!.tcpi_advmss).toBe(900);
  const [bytes] = (await once(socket, 'data')) as [Buffer];
  expect(String(bytes)).toBe('hello');
  await once(socket, 'close');
  expect([left.counters.TCPFastOpenPassive, right.counters.TCPFastOpenActive]).toEqual([0, 0]);
  const other = nets[1].connect(81, '10.0.0.1') as Socket;
  other.setTcpOptions({ fastOpen: true }).write('hello');
  const [error] = (await once(other, 'error')) as [NodeJS.ErrnoException];
  expect(error.code).toBe('ECONNREFUSED');
  server.close();
});
