import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Stack } from '../../src/stack/stack.ts';
import { connect } from '../../src/web/connect.ts';
import { SocketError } from '../../src/web/error.ts';
import { listen } from '../../src/web/listen.ts';
import { text, webStack, write } from './support.ts';

let stack: Stack;
beforeEach(() => {
  stack = webStack();
});
afterEach(async () => {
  await expect.poll(() => stack.stats()).toMatchObject({ connections: 0, listeners: 0, buffered: 0 });
  stack.close();
});

describe('listen', () => {
  it('is a stream of connections', async () => {
    const listener = listen({ stack });
    const serving = (async () => {
      let served = 0;
      for await (const socket of listener) {
        socket.readable.pipeTo(socket.writable);
        if (++served === 20) break;
      }
      return served;
    })();
    const answers = await Promise.all(
      Array.from({ length: 20 }, async (_, i) => {
        const socket = connect(`127.0.0.1:${listener.localPort}`, { stack });
        await write(socket.writable, `${i}`);
        await socket.writable.close();
        return text(socket.readable);
      }),
    );
    expect(answers).toEqual(Array.from({ length: 20 }, (_, i) => `${i}`));
    expect(await serving).toBe(20);
    // Who leaves the loop has closed the door.
    await listener.closed;
    await expect(connect(`127.0.0.1:${listener.localPort}`, { stack }).opened).rejects.toThrow('refused');
  });

  it('tells where', () => {
    const everywhere = listen({ stack, port: 80 });
    const somewhere = listen({ stack, port: 81, hostname: '[::1]' });
    expect([everywhere.localAddress, somewhere.localAddress]).toEqual(['[::]:80', '[::1]:81']);
    everywhere.close();
    somewhere.close();
  });

  it('leaves connections beyond the backlog outside', async () => {
    const listener = listen({ stack, backlog: 2 });
    const sockets = Array.from({ length: 6 }, () => connect(`127.0.0.1:${listener.localPort}`, { stack }));
    await expect.poll(() => stack.counters.ListenOverflows, { timeout: 20_000 }).toBeGreaterThanOrEqual(3);
    expect(stack.stats().halfOpen).toBe(3);
    listener.close();
    // Those that waited are reset at once. The others stand outside, and hear so when they speak, as with Linux.
    for (const socket of sockets) {
      socket.writable
        .getWriter()
        .write(new Uint8Array(1))
        .catch(() => {});
    }
    const results = await Promise.allSettled(sockets.map((socket) => socket.closed));
    expect(results.every(({ status }) => status === 'rejected')).toBe(true);
  });

  it('closes with a signal', async () => {
    const abort = new AbortController();
    const listener = listen({ stack, signal: abort.signal });
    const next = listener.readable.getReader().read();
    abort.abort();
    expect(await next).toEqual({ done: true, value: undefined });
    await listener.closed;
  });

  it('throws where it cannot', () => {
    const first = listen({ stack, port: 7 });
    expect(() => listen({ stack, port: 7 })).toThrow(SocketError);
    expect(() => listen({ stack, port: 7 })).toThrow(/port 7 of every address is in use/);
    expect(() => listen({ stack, hostname: '192.0.2.1' })).toThrow(/not an address of this stack/);
    expect(() => listen({ stack, hostname: 'example.com' })).toThrow(TypeError);
    first.close();
  });
});
