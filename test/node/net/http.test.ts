import { once } from 'node:events';
import http from 'node:http';
import type nodeNet from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import net from '../../../src/node/net.ts';

/** Node's own http, unmodified, over our sockets. */

let server: http.Server;
let door: nodeNet.Server;
const agents: http.Agent[] = [];

async function serve(handler: http.RequestListener): Promise<number> {
  server = http.createServer(handler);
  door = net.createServer((socket) => server.emit('connection', socket));
  door.listen(0);
  await once(door, 'listening');
  return (door.address() as nodeNet.AddressInfo).port;
}

/** An agent whose connections are ours. */
function agent(options: http.AgentOptions = {}): http.Agent {
  const made = new http.Agent(options);
  (made as unknown as { createConnection: unknown }).createConnection = net.connect;
  agents.push(made);
  return made;
}

async function text(response: http.IncomingMessage): Promise<string> {
  let all = '';
  for await (const piece of response.setEncoding('utf8')) all += piece;
  return all;
}

async function get(
  port: number,
  options: http.RequestOptions = {},
): Promise<{ response: http.IncomingMessage; body: string }> {
  const request = http.request({ port, agent: agent(), ...options });
  request.end();
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  return { response, body: await text(response) };
}

afterEach(async () => {
  for (const one of agents.splice(0)) one.destroy();
  server.closeAllConnections();
  await new Promise<void>((resolve) => door.close(() => resolve()));
});

it('answers requests, and one connection serves many', async () => {
  let connections = 0;
  const port = await serve((request, response) => response.end(`${request.method} ${request.url}`));
  door.on('connection', () => connections++);
  const kept = agent({ keepAlive: true, maxSockets: 1 });
  const bodies = await Promise.all([1, 2, 3, 4].map((n) => get(port, { agent: kept, path: `/${n}` })));
  expect(bodies.map((b) => b.body)).toEqual(['GET /1', 'GET /2', 'GET /3', 'GET /4']);
  expect(connections).toBe(1);
});

it('chunks, both ways', async () => {
  const port = await serve(async (request, response) => {
    const body = await text(request);
    for (let i = 0; i < 100; i++) response.write(`${i}:${body.length};`);
    response.end();
  });
  const request = http.request({ port, agent: agent(), method: 'POST' });
  for (let i = 0; i < 50; i++) request.write('x'.repeat(5000));
  request.end();
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  expect(response.headers['transfer-encoding']).toBe('chunked');
  expect((await text(response)).split(';')).toHaveLength(101);
});

it('answers pipelined requests in order', async () => {
  const port = await serve((request, response) => response.end(request.url));
  const socket = net.connect(port);
  socket.write(Array.from({ length: 20 }, (_, i) => `GET /${i} HTTP/1.1\r\nHost: x\r\n\r\n`).join(''));
  let got = '';
  for await (const bytes of socket) {
    got += bytes;
    if (got.endsWith('/19')) break;
  }
  expect(got.match(/\r\n\r\n\/\d+/g)?.map((m) => Number(m.slice(5)))).toEqual(Array.from({ length: 20 }, (_, i) => i));
});

it('sends a large body with backpressure', async () => {
  const size = 20_000_000;
  const port = await serve((_request, response) => {
    response.setHeader('content-length', size);
    const piece = Buffer.alloc(100_000, 'z');
    let left = size;
    const more = (): void => {
      while (left > 0) {
        left -= piece.length;
        if (!response.write(piece)) {
          response.once('drain', more);
          return;
        }
      }
      response.end();
    };
    more();
  });
  const request = http.get({ port, agent: agent() });
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  let received = 0;
  for await (const bytes of response) received += bytes.length;
  expect(received).toBe(size);
});

it('upgrades', async () => {
  const port = await serve(() => {});
  server.on('upgrade', (_request, socket: nodeNet.Socket, head: Buffer) => {
    expect(head.toString()).toBe('');
    socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n');
    socket.pipe(socket);
  });
  const request = http.get({ port, agent: agent(), headers: { connection: 'Upgrade', upgrade: 'echo' } });
  const [, socket] = (await once(request, 'upgrade')) as [unknown, nodeNet.Socket];
  expect(socket).toBeInstanceOf(net.Socket);
  socket.write('over the wire');
  const [bytes] = await once(socket, 'data');
  expect(String(bytes)).toBe('over the wire');
  socket.end();
  await once(socket, 'close');
});

it('tells the server when a client aborts', async () => {
  let heard: (what: string) => void = () => {};
  const aborted = new Promise<string>((resolve) => {
    heard = resolve;
  });
  const port = await serve((request, response) => {
    response.write('first');
    request.on('close', () => heard(`${request.errored?.message ?? 'closed'} ${response.writableFinished}`));
  });
  const request = http.get({ port, agent: agent() });
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  response.on('error', () => {});
  response.once('data', () => request.destroy());
  expect(await aborted).toMatch(/false$/);
});

it('closes connections that are idle', async () => {
  const port = await serve((_request, response) => response.end('x'));
  server.keepAliveTimeout = 30;
  const kept = agent({ keepAlive: true });
  await get(port, { agent: kept });
  await sleep(1200);
  const count = await new Promise((resolve) => door.getConnections((_error, n) => resolve(n)));
  expect(count).toBe(0);
});
