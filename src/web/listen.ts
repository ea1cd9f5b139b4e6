import { StackError, type TcpListener } from '../stack/socket.ts';
import type { LeanStack } from '../stack/stack.ts';
import { IpAddress } from '../wire/address.ts';
import { written } from './address.ts';
import { defaultStack } from './default-stack.ts';
import { SocketError } from './error.ts';
import { Socket } from './socket.ts';

export interface ListenOptions {
  /** 0 or none: a free one. */
  readonly port?: number;
  /** An address of the stack; every address where not given. */
  readonly hostname?: string;
  /** Connections that may wait to be taken from `readable`. 511 where not given. */
  readonly backlog?: number;
  /** For the sockets: whether our direction stays open when the peer has ended its own. */
  readonly allowHalfOpen?: boolean;
  readonly stack?: LeanStack;
  /** Closes the listener. */
  readonly signal?: AbortSignal;
}

/** A stream of connections. */
export class Listener implements AsyncIterable<Socket> {
  /** Connections are accepted as they are read from it: those beyond the backlog stay outside. Cancelling it closes the listener. */
  readonly readable: ReadableStream<Socket>;
  /** `[::]:80` where it listens on every address. */
  readonly localAddress: string;
  readonly localPort: number;
  readonly closed: Promise<void>;
  readonly #listener: TcpListener;
  #onClosed: () => void = () => {};
  #wake: (() => void) | null = null;
  #over = false;

  constructor(stack: LeanStack, listener: TcpListener, allowHalfOpen: boolean) {
    this.#listener = listener;
    this.localAddress = written(listener.localAddress ?? IpAddress.of('::'), listener.localPort);
    this.localPort = listener.localPort;
    this.closed = new Promise((resolve) => {
      this.#onClosed = resolve;
    });
    listener.onConnection = () => this.#wake?.();
    this.readable = new ReadableStream<Socket>(
      {
        pull: async (controller) => {
          for (;;) {
            if (this.#over) {
              controller.close();
              return;
            }
            const tcp = listener.accept();
            if (tcp !== null) {
              const socket = new Socket(stack.host, { allowHalfOpen });
              socket.begin(tcp, true);
              controller.enqueue(socket);
              return;
            }
            await new Promise<void>((resolve) => {
              this.#wake = resolve;
            });
          }
        },
        cancel: () => this.close(),
      },
      { highWaterMark: 0 },
    );
  }

  /** Stops listening. Connections that nobody took are reset, the others live on. */
  close(): void {
    if (this.#over) return;
    this.#over = true;
    this.#listener.close();
    this.#wake?.();
    this.#onClosed();
  }

  /** To leave the loop closes the listener. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Socket> {
    const reader = this.readable.getReader();
    try {
      for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
    } finally {
      await reader.cancel();
      reader.releaseLock();
    }
  }
}

/**
 * Listens, which the Sockets API leaves out.
 *
 * ```ts
 * for await (const socket of listen({ port: 7, stack })) socket.readable.pipeTo(socket.writable);
 * ```
 *
 * Throws a SocketError where the port or the address cannot be had.
 */
export function listen(options: ListenOptions = {}): Listener {
  const { port = 0, hostname, backlog, allowHalfOpen = false, stack = defaultStack(), signal } = options;
  signal?.throwIfAborted();
  const address = hostname === undefined ? undefined : IpAddress.parse(hostname.replace(/^\[(.*)\]$/, '$1'));
  if (hostname !== undefined && address === undefined) {
    throw new TypeError(`${hostname} is no address: a listener takes one of its stack's, or none for all`);
  }
  try {
    const listener = new Listener(
      stack,
      stack.listen({ port, ...(address !== undefined && { address }), ...(backlog !== undefined && { backlog }) }),
      allowHalfOpen,
    );
    signal?.addEventListener('abort', () => listener.close(), { once: true });
    return listener;
  } catch (error) {
    if (error instanceof StackError) throw new SocketError(error.message, { cause: error });
    throw error;
  }
}
