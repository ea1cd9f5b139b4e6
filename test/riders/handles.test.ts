import { execFile } from 'node:child_process';
import { once } from 'node:events';
import http2 from 'node:http2';
import net from 'node:net';
import tls from 'node:tls';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { bytes, ca, listen, serverIdentity, stack, text } from './support.ts';

// What Node's C++ reads from and writes to below TLS and HTTP/2: `src/node/register/stream-handle.ts`.

describe('below TLS', () => {
  const options = { servername: 'localhost', ca, host: '127.0.0.1' };

  it('a buffer of the program’s own is read into (onread)', async () => {
    const port = await listen(tls.createServer(serverIdentity, (socket) => socket.end('hello')));
    const buffer = Buffer.alloc(64);
    const read: [number, boolean][] = [];
    const onread = {
      buffer,
      callback(length: number, into: Uint8Array) {
        read.push([length, into.buffer === buffer.buffer]);
        return true;
      },
    };
    const socket = tls.connect({ ...options, port, onread } as tls.ConnectionOptions);
    socket.on('data', () => expect.unreachable());
    await once(socket, 'close');
    expect(read).toEqual([[5, true]]);
    expect(buffer.toString('latin1', 0, 5)).toBe('hello');
  });

  it('a peer that ends first is answered without an error', async () => {
    const errors: Error[] = [];
    const server = tls.createServer(serverIdentity, (socket) => {
      socket.on('error', (error) => errors.push(error));
      socket.end('bye');
    });
    const port = await listen(server);
    for (let i = 0; i < 10; i++) {
      const socket = tls.connect({ ...options, port });
      socket.on('error', (error) => errors.push(error));
      expect(await text(socket)).toBe('bye');
      if (!socket.closed) await once(socket, 'close');
    }
    expect(errors).toEqual([]);
  });

  it('a reader that stops stops the writer', async () => {
    const server = tls.createServer(serverIdentity);
    const served = once(server, 'secureConnection') as Promise<[tls.TLSSocket]>;
    const socket = tls.connect({ ...options, port: await listen(server) });
    socket.pause();
    const [peer] = await served;
    const chunk = bytes(100_000);
    let taken = 0;
    for (let more = true; more && taken < 100; taken++) {
      more = peer.write(chunk) || (await Promise.race([once(peer, 'drain'), idle(300)])) !== null;
    }
    expect(taken).toBeLessThan(100);
    peer.end();
    const pieces: Buffer[] = [];
    for await (const piece of socket) pieces.push(piece as Buffer);
    expect(Buffer.concat(pieces).equals(Buffer.concat(Array.from({ length: taken }, () => chunk)))).toBe(true);
  });

  it('one address is tried after the other, and told of', async () => {
    const port = await listen(tls.createServer(serverIdentity, (socket) => socket.end('4')));
    const socket = tls.connect({
      ...options,
      host: 'both.test',
      port,
      lookup: (_host, _options, done) =>
        process.nextTick(done as never, null, [
          { address: '::1', family: 6 },
          { address: '127.0.0.1', family: 4 },
        ]),
    } as tls.ConnectionOptions);
    const events: unknown[] = [];
    for (const name of ['connectionAttempt', 'connectionAttemptFailed', 'connect', 'ready', 'secureConnect']) {
      socket.on(name, (address: unknown) => events.push(address === undefined ? name : `${name} ${address}`));
    }
    expect(await text(socket)).toBe('4');
    expect(events).toEqual([
      'connectionAttempt ::1',
      'connectionAttemptFailed ::1',
      'connectionAttempt 127.0.0.1',
      'connect',
      'ready',
      'secureConnect',
    ]);
    expect(socket.autoSelectFamilyAttemptedAddresses).toEqual([`::1:${port}`, `127.0.0.1:${port}`]);
  });

  it('nobody there is an error of connect, told once', async () => {
    const socket = tls.connect({ ...options, port: 9 });
    const errors: unknown[] = [];
    socket.on('error', (error) => errors.push(error));
    await new Promise((resolve) => socket.once('close', resolve));
    expect(errors).toMatchObject([{ code: 'ECONNREFUSED', syscall: 'connect', address: '127.0.0.1', port: 9 }]);
    expect(() => socket.connect(9)).toThrow('cannot connect again');
  });

  it('a reset is an error of read', async () => {
    const server = tls.createServer(serverIdentity);
    const accepted = once(server, 'connection') as Promise<[net.Socket]>;
    const served = once(server, 'secureConnection') as Promise<[tls.TLSSocket]>;
    const socket = tls.connect({ ...options, port: await listen(server) });
    const errors: unknown[] = [];
    socket.on('error', (error) => errors.push(error));
    await once(socket, 'secureConnect');
    const [[raw]] = await Promise.all([accepted, served]);
    raw.resetAndDestroy();
    await new Promise((resolve) => socket.resume().once('close', resolve));
    expect(errors).toMatchObject([{ code: 'ECONNRESET', syscall: 'read' }]);
  });

  it('TLS goes through TLS', async () => {
    const inner = tls.createServer(serverIdentity, (socket) => socket.end('within'));
    const innerPort = await listen(inner);
    const outer = tls.createServer(serverIdentity, (socket) => {
      const onward = net.connect(innerPort, '127.0.0.1');
      socket.pipe(onward).pipe(socket);
    });
    const tunnel = tls.connect({ ...options, port: await listen(outer) });
    await once(tunnel, 'secureConnect');
    expect(await text(tls.connect({ ...options, socket: tunnel }))).toBe('within');
  });
});

describe('below HTTP/2', () => {
  it('a session is connected when its socket is, at the server first', async () => {
    const server = http2.createServer();
    const order: string[] = [];
    server.on('session', () => order.push('session'));
    const port = await listen(server);
    const session = http2.connect(`http://127.0.0.1:${port}`);
    expect(session.connecting).toBe(true);
    session.once('connect', () => order.push('connect'));
    await once(session, 'connect');
    expect(order).toEqual(['session', 'connect']);
    expect(stack.stats().states.ESTABLISHED).toBe(2);
    expect(session.socket.remotePort).toBe(port);
    session.close();
    await once(session, 'close');
  });

  it.each([
    ['made by the program, not connected yet', false],
    ['made by the program, connected', true],
  ])('a socket %s', async (_name, connected) => {
    const server = http2.createServer((_request, response) => response.end('yes'));
    const socket = net.connect(await listen(server), '127.0.0.1');
    if (connected) await once(socket, 'connect');
    const session = http2.connect('http://127.0.0.1', { createConnection: () => socket });
    expect(session.connecting).toBe(!connected);
    expect(await text(session.request())).toBe('yes');
    session.close();
    await once(session, 'close');
  });

  it('promisify gives the session', async () => {
    const server = http2.createServer((_request, response) => response.end('yes'));
    const connect = promisify(http2.connect) as unknown as (authority: string) => Promise<http2.ClientHttp2Session>;
    const session = await connect(`http://127.0.0.1:${await listen(server)}`);
    expect(await text(session.request())).toBe('yes');
    session.close();
    await once(session, 'close');
    await expect(connect('http://127.0.0.1:9')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });
});

it('what a child process says is heard', async () => {
  const program = 'process.stdin.pipe(process.stdout)';
  const promise = promisify(execFile)(process.execPath, ['-e', program]);
  promise.child.stdin!.end('pipes are the kernel’s');
  expect(await promise).toEqual({ stdout: 'pipes are the kernel’s', stderr: '' });
});

const idle = (ms: number): Promise<null> => new Promise((resolve) => setTimeout(resolve, ms, null));
