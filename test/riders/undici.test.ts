import http from 'node:http';
import https from 'node:https';
import { buildConnector, Client, fetch, Pool, request } from 'undici';
import { expect, it } from 'vitest';
import { createNet } from '../../src/node/net/create-net.ts';
import { bytes, ca, listen, serverIdentity, stack } from './support.ts';

it('a pool uses its connections for many requests', async () => {
  const server = http.createServer((request, response) => response.end(`${request.url}`));
  let connections = 0;
  server.on('connection', () => connections++);
  const pool = new Pool(`http://127.0.0.1:${await listen(server)}`, { connections: 3 });
  const paths = Array.from({ length: 60 }, (_, i) => `/${i}`);
  const bodies = await Promise.all(
    paths.map(async (path) => (await pool.request({ path, method: 'GET' })).body.text()),
  );
  expect(bodies).toEqual(paths);
  expect(connections).toBe(3);
  await pool.close();
});

it('a client pipelines', async () => {
  const server = http.createServer((request, response) => setTimeout(() => response.end(request.url), 5));
  const client = new Client(`http://127.0.0.1:${await listen(server)}`, { pipelining: 10 });
  const paths = Array.from({ length: 30 }, (_, i) => `/${i}`);
  const bodies = await Promise.all(
    paths.map(async (path) => (await client.request({ path, method: 'GET' })).body.text()),
  );
  expect(bodies).toEqual(paths);
  await client.close();
});

it('its connector takes sockets of a stack', async () => {
  const server = http.createServer((_, response) => response.end('by hand'));
  const port = await listen(server);
  const net = createNet(stack);
  const client = new Client(`http://anything:${port}`, {
    connect: (_, callback) => {
      const socket = net.connect(port, '127.0.0.1');
      socket.once('connect', () => callback(null, socket));
      socket.once('error', (error) => callback(error, null));
    },
  });
  expect(await (await client.request({ path: '/', method: 'GET' })).body.text()).toBe('by hand');
  await client.close();
});

it('its own connector does TLS over them', async () => {
  const body = bytes(2_000_000);
  const server = https.createServer(serverIdentity, (request, response) => request.pipe(response));
  const port = await listen(server);
  const client = new Client(`https://localhost:${port}`, {
    connect: buildConnector({ ca, family: 4 } as buildConnector.BuildOptions),
  });
  const answer = await client.request({ path: '/', method: 'POST', body });
  expect(Buffer.from(await answer.body.arrayBuffer()).equals(body)).toBe(true);
  await client.close();
});

it('fetch can be aborted, and the server hears of it', async () => {
  const server = http.createServer((_, response) => {
    response.write('begun');
  });
  const closed = new Promise<void>((resolve) => {
    server.on('request', (_, response) => response.on('close', resolve));
  });
  const abort = new AbortController();
  const response = await fetch(`http://127.0.0.1:${await listen(server)}`, { signal: abort.signal });
  abort.abort();
  await expect(response.text()).rejects.toMatchObject({ name: 'AbortError' });
  await closed;
});

it('errors are those of node:net', async () => {
  await expect(request('http://127.0.0.1:1/')).rejects.toMatchObject({ code: 'ECONNREFUSED', port: 1 });
  const server = http.createServer((request) => request.socket.resetAndDestroy());
  const port = await listen(server);
  await expect(request(`http://127.0.0.1:${port}/`)).rejects.toMatchObject({ code: 'ECONNRESET' });
});

it('a body that nobody reads holds the server back', async () => {
  let written = 0;
  const server = http.createServer((_, response) => {
    const piece = bytes(65_536);
    const write = (): void => {
      do written += piece.length;
      while (response.write(piece) && written < 1e9);
      response.once('drain', write);
    };
    write();
  });
  const { body } = await request(`http://127.0.0.1:${await listen(server)}/`);
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(written).toBeLessThan(4 << 20);
  const closed = new Promise((resolve) => body.on('error', () => {}).on('close', resolve));
  body.destroy();
  await closed;
});
