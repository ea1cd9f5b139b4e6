import { once } from 'node:events';
import http2 from 'node:http2';
import { describe, expect, it } from 'vitest';
import { bytes, ca, listen, serverIdentity, text } from './support.ts';

describe.each(['http', 'https'])('%s', (scheme) => {
  function makeServer(): http2.Http2Server | http2.Http2SecureServer {
    return scheme === 'http' ? http2.createServer() : http2.createSecureServer(serverIdentity);
  }

  async function connect(server: http2.Http2Server | http2.Http2SecureServer): Promise<http2.ClientHttp2Session> {
    return http2.connect(`${scheme}://localhost:${await listen(server)}`, { ca, family: 4 } as object);
  }

  it('carries many streams at once on one connection', async () => {
    const server = makeServer();
    let sessions = 0;
    server.on('session', () => sessions++);
    server.on('stream', (stream, headers) => {
      stream.respond({ ':status': 200 });
      stream.end(`${headers[':path']} ${'x'.repeat(20_000)}`);
    });
    const session = await connect(server);
    const bodies = await Promise.all(
      Array.from({ length: 100 }, (_, i) => text(session.request({ ':path': `/${i}` }))),
    );
    expect(bodies.map((body) => body.split(' ')[0])).toEqual(Array.from({ length: 100 }, (_, i) => `/${i}`));
    expect(bodies.every((body) => body.length > 20_000)).toBe(true);
    expect(sessions).toBe(1);
    session.close();
    await once(session, 'close');
  });

  it('carries large bodies both ways, with trailers', async () => {
    const body = bytes(3_000_000);
    const server = makeServer();
    server.on('stream', (stream) => {
      stream.respond({ ':status': 200 }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'x-end': 'yes' }));
      stream.pipe(stream);
    });
    const session = await connect(server);
    const request = session.request({ ':method': 'POST' });
    const trailers = once(request, 'trailers');
    request.end(body);
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    expect(Buffer.concat(pieces).equals(body)).toBe(true);
    expect((await trailers)[0]).toMatchObject({ 'x-end': 'yes' });
    session.close();
    await once(session, 'close');
  });

  it('pings, says goodbye and cancels', async () => {
    const server = makeServer();
    const cancelled = new Promise<number>((resolve) => {
      server.on('stream', (stream) => {
        stream.respond({ ':status': 200 });
        stream.write('begun');
        stream.on('error', () => {});
        stream.on('close', () => resolve(stream.rstCode));
      });
    });
    const session = await connect(server);
    await once(session, 'connect');
    const rtt = await new Promise<number>((resolve) => session.ping((_, duration) => resolve(duration)));
    expect(rtt).toBeGreaterThan(0);
    const request = session.request({});
    await once(request, 'data');
    request.close(http2.constants.NGHTTP2_CANCEL);
    expect(await cancelled).toBe(http2.constants.NGHTTP2_CANCEL);
    session.goaway();
    session.close();
    await once(session, 'close');
  });

  it('knows whom it talks to', async () => {
    const server = makeServer();
    const seen = new Promise<unknown[]>((resolve) => {
      server.on('session', ({ socket }) => resolve([socket.remoteAddress, socket.localPort]));
    });
    const session = await connect(server);
    await once(session, 'connect');
    expect(await seen).toEqual(['127.0.0.1', session.socket.remotePort]);
    session.destroy();
    await once(session, 'close');
  });
});

it('one port serves HTTP/1.1 and HTTP/2', async () => {
  const server = http2.createSecureServer({ ...serverIdentity, allowHTTP1: true }, (request, response) =>
    response.end(request.httpVersion),
  );
  const port = await listen(server);
  const { get } = await import('node:https');
  const [response] = await once(get({ port, host: 'localhost', family: 4, ca, agent: false }), 'response');
  expect(await text(response)).toBe('1.1');
  const session = http2.connect(`https://localhost:${port}`, { ca, family: 4 } as object);
  expect(await text(session.request({}))).toBe('2.0');
  session.close();
  await once(session, 'close');
});
