import http2 from 'node:http2';
import nodeNet from 'node:net';
import { promisify } from 'node:util';
import type { Socket } from '../net/socket.ts';
import { isOurs, type Net } from './net.ts';
import { LentHandle } from './stream-handle.ts';

type Connect = (authority: unknown, options: unknown, listener?: unknown) => http2.ClientHttp2Session;
type CreateConnection = (...args: unknown[]) => unknown;

/** HTTP/2 takes what is below it from `socket`, too, where that is ours. */
export function lend<T>(socket: T, ours: Net): T {
  if (isOurs(socket, ours)) {
    const { _handle: handle } = socket as unknown as Socket;
    if (handle !== null && !((handle as unknown) instanceof LentHandle)) new LentHandle(socket as unknown as Socket);
  }
  return socket;
}

/** The client's sockets, and those that a program gives to `performServerHandshake`. Servers' come by `serverClass`. */
export function teachHttp2(ours: Net): void {
  const { connect, performServerHandshake } = http2 as unknown as {
    connect: Connect;
    performServerHandshake?: CreateConnection;
  };

  const connectOurs: Connect = (authority, options, listener) => {
    if (typeof options === 'function') return connectOurs(authority, undefined, options);
    const { createConnection } = (options ?? {}) as { createConnection?: CreateConnection };
    if (typeof createConnection === 'function') {
      const lent: CreateConnection = (...args) => lend(createConnection(...args), ours);
      return connect(authority, { ...(options as object), createConnection: lent }, listener);
    }
    // Without TLS it calls this, before it returns.
    const { connect: connectNet } = nodeNet;
    nodeNet.connect = ((...args: Parameters<typeof connectNet>) => lend(connectNet(...args), ours)) as never;
    try {
      return connect(authority, options, listener);
    } finally {
      nodeNet.connect = connectNet;
    }
  };
  Object.defineProperty(connectOurs, 'name', { value: 'connect' });
  Object.defineProperty(connectOurs, promisify.custom, {
    value: (authority: unknown, options?: unknown) =>
      new Promise((resolve, reject) => {
        const session = connectOurs(authority, options, () => {
          session.off('error', reject);
          resolve(session);
        });
        session.once('error', reject);
      }),
  });

  Object.assign(http2, {
    connect: connectOurs,
    ...(performServerHandshake !== undefined && {
      performServerHandshake: (socket: unknown, ...rest: unknown[]) =>
        performServerHandshake(lend(socket, ours), ...rest),
    }),
  });
}
