import type { EventEmitter } from 'node:events';
import type { AddressInfo, Server as NodeServer } from 'node:net';
import type { Name } from './address.ts';
import type { ErrorName } from './errors.ts';
import type { TcpHandle } from './handle.ts';
import { kernel } from './kernel.ts';
import type { ServerHandle } from './listen-handle.ts';

/** The server it listens for. */
interface Owner extends EventEmitter {
  readonly allowHalfOpen: boolean;
  readonly pauseOnConnect: boolean;
  _connections: number;
  _emitCloseIfDrained(): void;
}

/** A listener of the real `node:net`, for what is no stack's: paths, file descriptors, handles. Its sockets are Node's own. */
export class RealServerHandle implements ServerHandle {
  /** Never called: connections go straight to the server's listeners. */
  onconnection: (error: ErrorName | null, client: TcpHandle) => void = () => {};
  readonly #server: NodeServer;

  constructor(server: Owner) {
    const { allowHalfOpen, pauseOnConnect } = server;
    this.#server = kernel.createServer({ allowHalfOpen, pauseOnConnect });
    this.#server.on('connection', (socket) => {
      server._connections++;
      socket.on('close', () => {
        server._connections--;
        server._emitCloseIfDrained();
      });
      server.emit('connection', socket);
    });
    this.#server.on('error', (error) => server.emit('error', error));
  }

  /** Errors come as events of the server. */
  listen(settings: object, backlog: number): ErrorName | null {
    this.#server.listen({ ...settings, backlog });
    return null;
  }

  get path(): string | null {
    const address = this.#server.address();
    return typeof address === 'string' ? address : null;
  }

  getsockname(out: Name): void {
    const address = this.#server.address();
    if (address !== null && typeof address === 'object') Object.assign(out, address satisfies AddressInfo);
  }

  close(closed?: () => void): void {
    this.#server.close(closed);
  }

  ref(): void {
    this.#server.ref();
  }

  unref(): void {
    this.#server.unref();
  }

  hasRef(): boolean {
    return this.#server.listening;
  }
}
