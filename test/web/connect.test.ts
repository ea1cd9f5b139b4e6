import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Stack } from '../../src/stack/stack.ts';
import { connect, type SocketOptions } from '../../src/web/connect.ts';
import { SocketError } from '../../src/web/error.ts';
import { type Listener, listen } from '../../src/web/listen.ts';
import type { Socket } from '../../src/web/socket.ts';
import { all, bytes, text, webStack, write } from './support.ts';

let stack: Stack;
let unhandled: unknown[];
const note = (reason: unknown) => unhandled.push(reason);

beforeEach(() => {
  stack = webStack();
  unhandled = [];
  process.on('unhandledRejection', note);
});

afterEach(async () => {
  await expect.poll(() => stack.stats()).toMatchObject({ connections: 0, timers: 0, buffered: 0 });
  stack.close();
  process.off('unhandledRejection', note);
  expect(unhandled).toEqual([]);
});

/** A client, and the server's end of its connection. */
async function pair(options: SocketOptions = {}, server: Parameters<typeof listen>[0] = {}): Promise<[Socket, Socket]> {
  const listener: Listener = listen({ stack, ...server });
  const client = connect(`127.0.0.1:${listener.localPort}`, { stack, ...options });
  const { value } = await listener.readable.getReader().read();
  await client.opened;
  listener.close();
  return [client, value!];
}

describe('connect', () => {
  it('opens, carries bytes both ways, and closes', async () => {
    const [client, server] = await pair();
    const echo = server.readable.pipeTo(server.writable);
    await write(client.writable, 'hello');
    await client.writable.close();
    expect(await text(client.readable)).toBe('hello');
    await Promise.all([echo, client.closed, server.closed]);
  });

  it('tells both addresses, and what is not so', async () => {
    const [client, server] = await pair();
    const ours = await client.opened;
    const theirs = await server.opened;
    expect(ours.remoteAddress).toBe(theirs.localAddress);
    expect(ours.localAddress).toBe(theirs.remoteAddress);
    expect(ours.localAddress).toMatch(/^127\.0\.0\.1:\d+$/);
    expect([client.upgraded, client.secureTransport, ours.alpn]).toEqual([false, 'off', null]);
    expect(() => client.startTls()).toThrow(/put TLS over the streams/);
    await Promise.all([client.close(), server.close()]);
  });

  it('takes what is written before it is connected', async () => {
    const listener = listen({ stack, hostname: '::1' });
    const client = connect({ hostname: '[::1]', port: listener.localPort }, { stack });
    await write(client.writable, 'early');
    await client.writable.close();
    const { value: server } = await listener.readable.getReader().read();
    expect(await text(server!.readable)).toBe('early');
    expect((await client.opened).remoteAddress).toBe(`[::1]:${listener.localPort}`);
    await server!.close();
    listener.close();
  });

  it('moves many bytes, whole', async () => {
    const body = bytes(5_000_000);
    const [client, server] = await pair();
    const received = all(server.readable);
    const writer = client.writable.getWriter();
    for (let at = 0; at < body.length; at += 70_000) await writer.write(body.subarray(at, at + 70_000));
    await writer.close();
    expect(Buffer.compare(await received, body)).toBe(0);
    await Promise.all([client.closed, server.closed]);
  });

  it('reads into memory of the caller (BYOB)', async () => {
    const [client, server] = await pair();
    await write(server.writable, '0123456789');
    await server.writable.close();
    const reader = client.readable.getReader({ mode: 'byob' });
    let memory = new Uint8Array(4);
    const seen: string[] = [];
    for (;;) {
      const { value, done } = await reader.read(memory);
      if (done) break;
      seen.push(new TextDecoder().decode(value));
      memory = new Uint8Array(value!.buffer as ArrayBuffer);
    }
    expect(seen).toEqual(['0123', '4567', '89']);
    await Promise.all([client.closed, server.closed]);
  });

  it('holds a writer back whose reader stops', async () => {
    const [client, server] = await pair();
    const writer = client.writable.getWriter();
    let written = 0;
    const writing = (async () => {
      for (let i = 0; i < 1000; i++) {
        await writer.ready;
        await writer.write(new Uint8Array(65_536));
        written += 65_536;
      }
    })().catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(written).toBeLessThan(4 << 20);
    await server.close();
    await expect(client.closed).rejects.toThrow(SocketError);
    await writing;
  });

  it('stays open for one direction only where that is asked for', async () => {
    const [client, server] = await pair({ allowHalfOpen: true });
    await server.writable.close();
    expect(await text(client.readable)).toBe('');
    await write(client.writable, 'still here');
    await client.writable.close();
    expect(await text(server.readable)).toBe('still here');
    await Promise.all([client.closed, server.closed]);
  });

  it('ends with its peer where it is not', async () => {
    const [client, server] = await pair();
    const written = write(client.writable, bytes(3_000_000));
    const received = all(server.readable);
    await server.writable.close();
    expect(await text(client.readable)).toBe('');
    await written;
    expect((await received).length).toBe(3_000_000);
    await Promise.all([client.closed, server.closed]);
    await expect(write(client.writable, 'more')).rejects.toThrow(SocketError);
  });

  it('close sends what was written, and takes no more', async () => {
    const [client, server] = await pair();
    await write(client.writable, 'last words');
    const closed = client.close();
    expect(closed).toBe(client.closed);
    await expect(write(client.writable, 'more')).rejects.toThrow('this socket is closed');
    expect(await text(client.readable)).toBe('');
    expect(await text(server.readable)).toBe('last words');
    await Promise.all([closed, server.closed]);
  });

  it('close with a reason fails both streams with it', async () => {
    const [client, server] = await pair();
    const reason = new Error('had enough');
    const reading = client.readable.getReader().read();
    const closed = client.close(reason);
    await expect(reading).rejects.toBe(reason);
    await expect(client.writable.getWriter().closed).rejects.toBe(reason);
    await Promise.all([server.close(), closed]);
  });

  it('abort resets the connection, and the peer hears of it', async () => {
    const [client, server] = await pair();
    await client.writable.abort('enough');
    await expect(server.closed).rejects.toMatchObject({ name: 'SocketError', failure: 'reset' });
    await expect(text(server.readable)).rejects.toThrow(/^SocketError: 127\.0\.0\.1:\d+: reset$/);
    await expect(text(client.readable)).rejects.toThrow(SocketError);
  });

  it('a reader that cancels does not keep the peer from ending', async () => {
    const [client, server] = await pair();
    await client.readable.cancel();
    await write(server.writable, bytes(4_000_000));
    await server.writable.close();
    await client.writable.close();
    await Promise.all([client.closed, server.closed]);
  });

  it('says who refused', async () => {
    const socket = connect('localhost:1', { stack });
    await expect(socket.opened).rejects.toMatchObject({ message: 'SocketError: 127.0.0.1:1: refused' });
    await expect(socket.closed).rejects.toBeInstanceOf(TypeError);
    await expect(text(socket.readable)).rejects.toMatchObject({ failure: 'refused' });
    await expect(write(socket.writable, 'x')).rejects.toMatchObject({ failure: 'refused' });
  });

  it('needs no listeners for its promises', async () => {
    connect('127.0.0.1:1', { stack });
    connect('192.0.2.1:1', { stack });
    await new Promise((resolve) => setTimeout(resolve, 20));
  });

  it('looks up names', async () => {
    const listener = listen({ stack });
    const lookup = async (name: string) => (name === 'here.example' ? '127.0.0.1' : Promise.reject(new Error('no')));
    const socket = connect(`here.example:${listener.localPort}`, { stack, lookup });
    await socket.opened;
    listener.close();
    await expect(socket.closed).rejects.toThrow('reset');
    await expect(connect('elsewhere.example:80', { stack, lookup }).opened).rejects.toMatchObject({
      message: 'SocketError: elsewhere.example was not found',
      cause: { message: 'no' },
    });
    await expect(connect('example.com:80', { stack }).opened).rejects.toThrow('nobody here knows names');
    await expect(connect('192.0.2.1:80', { stack }).opened).rejects.toThrow(/no route to 192\.0\.2\.1/);
  });

  it('can be aborted by a signal, early and late', async () => {
    const listener = listen({ stack });
    const address = `127.0.0.1:${listener.localPort}`;
    const abort = new AbortController();
    const early = connect(address, { stack, signal: abort.signal });
    abort.abort('now');
    await expect(early.opened).rejects.toMatchObject({ message: 'SocketError: aborted', cause: 'now' });
    expect(() => connect(address, { stack, signal: abort.signal })).toThrow('now');
    const later = new AbortController();
    const late = connect(address, { stack, signal: later.signal });
    await late.opened;
    later.abort();
    await expect(late.closed).rejects.toThrow('SocketError: aborted');
    listener.close();
  });

  it.each([
    ['nothing', /no address with a port/],
    ['host:99999', /99999 is no port/],
    [':80', /no host/],
    [{ hostname: 'x', port: 1.5 }, /1\.5 is no port/],
  ])('refuses %j at once', (address, message) => expect(() => connect(address, { stack })).toThrow(message));

  it.each(['on', 'starttls'] as const)('refuses secureTransport %s at once', (secureTransport) =>
    expect(() => connect('127.0.0.1:1', { stack, secureTransport })).toThrow(/is not supported, only "off"/),
  );

  it('refuses what is not bytes', async () => {
    const [client, server] = await pair();
    await expect(write(client.writable, 5 as never)).rejects.toThrow(/a socket takes bytes/);
    await Promise.allSettled([client.close(), server.close()]);
  });
});
