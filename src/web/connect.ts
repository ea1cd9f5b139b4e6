import { StackError } from '../stack/socket.ts';
import type { LeanStack } from '../stack/stack.ts';
import { type AnySocketAddress, type Lookup, parseAddress, resolve, written } from './address.ts';
import { defaultStack } from './default-stack.ts';
import { SocketError } from './error.ts';
import { Socket } from './socket.ts';

export interface SocketOptions {
  /** Only `off` is supported. */
  readonly secureTransport?: 'off' | 'on' | 'starttls';
  /** Whether our direction stays open when the peer has ended its own. False where not given. */
  readonly allowHalfOpen?: boolean;
  /** Beyond the Sockets API: the stack to connect from. One with nothing but a loopback where not given. */
  readonly stack?: LeanStack;
  /** Beyond it: how names become addresses. */
  readonly lookup?: Lookup;
  /** Beyond it: aborts the connection, at any time. */
  readonly signal?: AbortSignal;
}

/**
 * Opens a connection, as WinterTC's Sockets API does: it returns at once, what is written waits for the handshake, and `opened` tells how that
 * went. Throws a TypeError for an address that is none and for options that are not supported.
 *
 * ```ts
 * const socket = connect('10.0.0.1:7', { stack });
 * await new Response('hello').body!.pipeTo(socket.writable);
 * console.log(await new Response(socket.readable).text());
 * ```
 */
export function connect(address: AnySocketAddress, options: SocketOptions = {}): Socket {
  const { hostname, port } = parseAddress(address);
  const { secureTransport = 'off', allowHalfOpen = false, stack = defaultStack(), lookup, signal } = options;
  if (secureTransport !== 'off') {
    throw new TypeError(`secureTransport "${secureTransport}" is not supported, only "off": put TLS over the streams`);
  }
  signal?.throwIfAborted();
  const socket = new Socket(stack.host, { allowHalfOpen });
  const abort = () => socket.fail(new SocketError('aborted', { cause: signal?.reason }));
  signal?.addEventListener('abort', abort, { once: true });
  const forget = () => signal?.removeEventListener('abort', abort);
  socket.closed.then(forget, forget);
  resolve(hostname, lookup).then(
    (remoteAddress) => {
      if (signal?.aborted) return;
      try {
        socket.begin(stack.connect({ remoteAddress, remotePort: port }), false);
      } catch (error) {
        if (!(error instanceof StackError)) throw error;
        socket.fail(new SocketError(`${written(remoteAddress, port)}: ${error.message}`, { cause: error }));
      }
    },
    (error) => socket.fail(error as SocketError),
  );
  return socket;
}
