import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { expect, it } from 'vitest';
import { bytes, listen, text } from './support.ts';

async function get(options: http.RequestOptions): Promise<string> {
  const [response] = (await once(http.get(options), 'response')) as [http.IncomingMessage];
  return text(response);
}

it('an agent keeps connections alive and uses them again', async () => {
  const server = http.createServer((request, response) => response.end(`${request.socket.remotePort}`));
  const port = await listen(server);
  let connections = 0;
  server.on('connection', () => connections++);
  const agent = new http.Agent({ keepAlive: true, maxSockets: 2 });
  const ports = await Promise.all(Array.from({ length: 50 }, () => get({ port, agent })));
  expect(connections).toBe(2);
  expect(new Set(ports).size).toBe(2);
  agent.destroy();
});

it('a server closes connections that are idle for too long, and an agent makes new ones', async () => {
  const server = http.createServer({ keepAliveTimeout: 20 }, (_, response) => response.end('x'));
  const port = await listen(server);
  const agent = new http.Agent({ keepAlive: true });
  for (let i = 0; i < 3; i++) {
    const request = http.get({ port, agent });
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    const { socket } = response;
    expect([await text(response), request.reusedSocket]).toEqual(['x', false]);
    await once(socket, 'close');
  }
  agent.destroy();
});

it('pipelined requests are answered in order', async () => {
  const server = http.createServer((request, response) => {
    // The later ones are ready first.
    setTimeout(() => response.end(request.url), 20 - Number(request.url!.slice(1)));
  });
  const socket = net.connect(await listen(server));
  for (let i = 0; i < 20; i++)
    socket.write(`GET /${i} HTTP/1.1\r\nHost: x\r\n${i === 19 ? 'Connection: close\r\n' : ''}\r\n`);
  const bodies = (await text(socket)).match(/^\/\d+/gm);
  expect(bodies).toEqual(Array.from({ length: 20 }, (_, i) => `/${i}`));
});

it('a flood of pipelined requests is read as fast as its answers are, to the last', async () => {
  const page = bytes(8192);
  const count = 10_000;
  let answered = 0;
  // The server stops reading where answers wait, and goes on by the socket's handle.
  const server = http.createServer((_, response) => {
    response.end(page, () => answered++);
  });
  const socket = net.connect(await listen(server));
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(count));
  socket.resume();
  await expect.poll(() => answered, { timeout: 20_000 }).toBe(count);
  socket.destroy();
});

it('bodies of any length pass both ways, chunked, with trailers', async () => {
  const body = bytes(5_000_000);
  const server = http.createServer((request, response) => {
    response.setHeader('Trailer', 'X-Length');
    let length = 0;
    request.on('data', (chunk: Buffer) => {
      length += chunk.length;
    });
    request.on('end', () => response.addTrailers({ 'X-Length': `${length}` }));
    request.pipe(response);
  });
  const request = http.request({ port: await listen(server), method: 'POST' });
  request.end(body);
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  const pieces: Buffer[] = [];
  for await (const piece of response) pieces.push(piece as Buffer);
  expect(Buffer.concat(pieces).equals(body)).toBe(true);
  expect(response.headers['transfer-encoding']).toBe('chunked');
  expect(response.trailers['x-length']).toBe('5000000');
});

it('a reader that stops stops the writer', async () => {
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
  const request = http.get({ port: await listen(server) });
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  response.pause();
  await new Promise((resolve) => setTimeout(resolve, 300));
  // Two buffers of 1 MiB, and what the streams hold.
  expect(written).toBeLessThan(4 << 20);
  request.destroy();
});

it('100 Continue comes before the body', async () => {
  const server = http.createServer((request, response) => request.pipe(response));
  const request = http.request({
    port: await listen(server),
    method: 'PUT',
    headers: { Expect: '100-continue', 'Content-Length': 5 },
  });
  request.flushHeaders();
  await once(request, 'continue');
  request.end('after');
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  expect(await text(response)).toBe('after');
});

it('a connection can be upgraded', async () => {
  const server = http.createServer();
  server.on('upgrade', (_, socket, head) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n');
    socket.unshift(head);
    socket.pipe(socket);
  });
  const request = http.get({ port: await listen(server), headers: { Connection: 'Upgrade', Upgrade: 'echo' } });
  const [response, socket] = (await once(request, 'upgrade')) as [http.IncomingMessage, net.Socket];
  expect(response.statusCode).toBe(101);
  socket.end('echo this');
  expect(await text(socket)).toBe('echo this');
});

it('CONNECT makes a tunnel', async () => {
  const target = http.createServer((_, response) => response.end('through'));
  const port = await listen(target);
  const proxy = http.createServer().on('connect', (request, client) => {
    const [host, to] = request.url!.split(':');
    const server = net.connect(Number(to), host, () => {
      client.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      server.pipe(client).pipe(server);
    });
  });
  const request = http.request({ port: await listen(proxy), method: 'CONNECT', path: `127.0.0.1:${port}` });
  request.end();
  const [, socket] = (await once(request, 'connect')) as [unknown, net.Socket];
  expect(await get({ createConnection: () => socket, headers: { Connection: 'close' } })).toBe('through');
});

it('an end that goes away is seen by the other', async () => {
  const server = http.createServer((request, response) => {
    response.write('begun');
    if (request.url === '/server') setTimeout(() => request.socket.destroy(), 10);
  });
  const port = await listen(server);
  const ended = new Promise<string>((resolve) =>
    server.on('request', (request) => request.on('error', (error: NodeJS.ErrnoException) => resolve(`${error.code}`))),
  );
  const abort = new AbortController();
  const request = http.get({ port, path: '/client', signal: abort.signal });
  const failed = once(request, 'error');
  await once(request, 'response');
  abort.abort();
  expect((await failed.catch((error) => [error]))[0]).toMatchObject({ name: 'AbortError' });
  expect(await ended).toBe('ECONNRESET');

  const [response] = (await once(http.get({ port, path: '/server' }), 'response')) as [http.IncomingMessage];
  await expect(text(response)).rejects.toMatchObject({ code: 'ECONNRESET', message: 'aborted' });
});

it('a time-out is told', async () => {
  const port = await listen(http.createServer(() => {}));
  const request = http.get({ port, timeout: 30 });
  await once(request, 'timeout');
  request.destroy();
  await once(request, 'error').catch(() => {});
});
