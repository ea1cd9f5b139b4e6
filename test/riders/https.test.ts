import { once } from 'node:events';
import https from 'node:https';
import net from 'node:net';
import tls from 'node:tls';
import { describe, expect, it } from 'vitest';
import { bytes, ca, clientIdentity, listen, serverIdentity, text } from './support.ts';

function connect(port: number, options: tls.ConnectionOptions = {}): tls.TLSSocket {
  return tls.connect({ port, host: '127.0.0.1', servername: 'localhost', ca, ...options });
}

describe.each(['TLSv1.2', 'TLSv1.3'] as const)('%s', (version) => {
  const versions = { minVersion: version, maxVersion: version };

  it('carries bytes both ways, to their end', async () => {
    const body = bytes(3_000_000);
    const port = await listen(
      tls.createServer({ ...serverIdentity, ...versions, allowHalfOpen: true }, (socket) => socket.pipe(socket)),
    );
    const socket = connect(port, { ...versions, allowHalfOpen: true } as tls.ConnectionOptions);
    await once(socket, 'secureConnect');
    expect(socket.getProtocol()).toBe(version);
    socket.end(body);
    const pieces: Buffer[] = [];
    for await (const piece of socket) pieces.push(piece as Buffer);
    expect(Buffer.concat(pieces).equals(body)).toBe(true);
  });

  it('agrees on a protocol (ALPN)', async () => {
    const port = await listen(
      tls.createServer({ ...serverIdentity, ...versions, ALPNProtocols: ['b', 'a'] }, (socket) =>
        socket.end(`${socket.alpnProtocol}`),
      ),
    );
    const socket = connect(port, { ...versions, ALPNProtocols: ['a', 'c', 'b'] });
    expect([await text(socket), socket.alpnProtocol]).toEqual(['b', 'b']);
  });

  it('asks clients for certificates', async () => {
    const port = await listen(
      tls.createServer({ ...serverIdentity, ...versions, ca, requestCert: true, rejectUnauthorized: false }, (socket) =>
        socket.end(`${socket.authorized} ${socket.getPeerCertificate().subject?.CN}`),
      ),
    );
    expect(await text(connect(port, { ...versions, ...clientIdentity }))).toBe('true synfin test client');
    expect(await text(connect(port, versions))).toBe('false undefined');
  });

  it('resumes sessions', async () => {
    const port = await listen(
      tls.createServer({ ...serverIdentity, ...versions }, (socket) => socket.end(`${socket.isSessionReused()}`)),
    );
    const first = connect(port, versions);
    const session = once(first, 'session') as Promise<[Buffer]>;
    expect(await text(first)).toBe('false');
    const second = connect(port, { ...versions, session: (await session)[0] });
    await once(second, 'secureConnect');
    expect([second.isSessionReused(), await text(second)]).toEqual([true, 'true']);
  });
});

it('whoever knows no authority trusts nobody, and both ends hear of it', async () => {
  const server = tls.createServer(serverIdentity);
  const failed = once(server, 'tlsClientError') as Promise<[NodeJS.ErrnoException]>;
  const socket = tls.connect({ port: await listen(server), host: '127.0.0.1' });
  await expect(once(socket, 'secureConnect')).rejects.toMatchObject({ code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' });
  await failed;
});

it('what is no TLS is refused', async () => {
  const server = tls.createServer(serverIdentity);
  const failed = once(server, 'tlsClientError') as Promise<[NodeJS.ErrnoException]>;
  const socket = net.connect(await listen(server), '127.0.0.1');
  socket.on('error', () => {});
  socket.write('GET / HTTP/1.0\r\n\r\n');
  expect((await failed)[0].code).toBe('ERR_SSL_HTTP_REQUEST');
  socket.destroy();
});

it('a socket that serves becomes a secure one (STARTTLS)', async () => {
  const server = net.createServer((socket) => {
    socket.write('ready');
    socket.once('data', () => {
      const secure = new tls.TLSSocket(socket, { isServer: true, ...serverIdentity });
      secure.end('secret');
    });
  });
  const socket = net.connect(await listen(server), '127.0.0.1');
  await once(socket, 'data');
  socket.write('STARTTLS');
  const secure = tls.connect({ socket, ca, servername: 'localhost' });
  expect(await text(secure)).toBe('secret');
});

it('an agent keeps connections and sessions', async () => {
  const server = https.createServer(serverIdentity, (request, response) =>
    response.end(`${(request.socket as tls.TLSSocket).isSessionReused()}`),
  );
  const port = await listen(server);
  const agent = new https.Agent({ keepAlive: true, ca });
  const get = async (path: string) => {
    const request = https.get({ port, host: 'localhost', family: 4, agent, path });
    const [response] = await once(request, 'response');
    return [await text(response), request.reusedSocket];
  };
  expect(await get('/1')).toEqual(['false', false]);
  expect(await get('/2')).toEqual(['false', true]);
  server.closeAllConnections();
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(await get('/3')).toEqual(['true', false]);
  agent.destroy();
});
