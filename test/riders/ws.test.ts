import { once } from 'node:events';
import https from 'node:https';
import { expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { bytes, ca, listen, serverIdentity } from './support.ts';

async function serve(options: ConstructorParameters<typeof WebSocketServer>[0] = {}): Promise<WebSocketServer> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', ...options });
  await once(server, 'listening');
  return server;
}

const url = (server: WebSocketServer) => `ws://127.0.0.1:${(server.address() as { port: number }).port}/`;

async function close(server: WebSocketServer): Promise<void> {
  for (const client of server.clients) client.terminate();
  await new Promise((resolve) => server.close(resolve));
}

it('messages pass both ways, text and binary, short and long', async () => {
  const server = await serve({ perMessageDeflate: true });
  server.on('connection', (socket) =>
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary })),
  );
  const client = new WebSocket(url(server));
  await once(client, 'open');
  for (const message of ['', 'text', bytes(10), bytes(70_000), bytes(4_000_000)]) {
    client.send(message);
    const [data, isBinary] = (await once(client, 'message')) as [Buffer, boolean];
    expect(isBinary).toBe(typeof message !== 'string');
    expect(data.equals(Buffer.from(message))).toBe(true);
  }
  client.close(4000, 'done');
  expect(await once(client, 'close')).toEqual([4000, Buffer.from('done')]);
  await close(server);
});

it('everybody hears a broadcast', async () => {
  const server = await serve();
  const clients = Array.from({ length: 50 }, () => new WebSocket(url(server)));
  await Promise.all(clients.map((client) => once(client, 'open')));
  const heard = Promise.all(clients.map(async (client) => String((await once(client, 'message'))[0])));
  for (const client of server.clients) client.send('to all');
  expect(await heard).toEqual(Array(50).fill('to all'));
  await close(server);
  await Promise.all(clients.map((client) => client.readyState === client.CLOSED || once(client, 'close')));
});

it('pings are answered, and who is cut off is told so', async () => {
  const server = await serve();
  const accepted = once(server, 'connection') as Promise<[WebSocket]>;
  const client = new WebSocket(url(server));
  const [peer] = await accepted;
  peer.ping('are you there');
  expect(String((await once(peer, 'pong'))[0])).toBe('are you there');
  const closed = once(client, 'close');
  peer.terminate();
  expect((await closed)[0]).toBe(1006);
  await close(server);
});

it('a server with another path refuses', async () => {
  const server = await serve({ path: '/chat' });
  const client = new WebSocket(url(server));
  await expect(once(client, 'open')).rejects.toThrow('Unexpected server response: 400');
  await close(server);
});

it('works over TLS', async () => {
  const door = https.createServer(serverIdentity);
  const server = new WebSocketServer({ server: door });
  server.on('connection', (socket) => socket.send('secret'));
  const client = new WebSocket(`wss://localhost:${await listen(door)}/`, { ca, family: 4 });
  expect(String((await once(client, 'message'))[0])).toBe('secret');
  client.close();
  await once(client, 'close');
  await close(server);
});
