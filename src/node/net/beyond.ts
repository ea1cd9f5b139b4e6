import type { TcpInfo } from '../../stack/tcp-info.ts';
import { checkTcpOptions } from '../../stack/tcp-options.ts';
import type { Name } from './address.ts';
import type { SocketTcpOptions } from './handle.ts';
import { ListenHandle } from './listen-handle.ts';
import type { Server } from './server.ts';
import type { Socket } from './socket.ts';

/**
 * What sockets of a stack have beyond `node:net`'s. Their types are Node's, so it is asked for by name:
 *
 * ```ts
 * const socket = net.connect(7) as net.Socket & BeyondSocket;
 * ```
 */
export interface BeyondSocket {
  /** Linux's TCP_INFO; null before it connects and after it is closed. */
  tcpInfo(): TcpInfo | null;
  /** What setsockopt(2) can set, at any time: before `connect`, too. Times in µs. Throws a RangeError for what makes no sense. */
  setTcpOptions(options: SocketTcpOptions): this;
  /** The DS field and the two bits beside it, 0 … 255, as Node's own since 24: the ECN bits are the protocol's, and not set. Throws a RangeError. */
  setTypeOfService(tos: number): this;
  getTypeOfService(): number;
  /** Where the peer wanted to go, of a socket that a server for any port accepted. */
  readonly originalDestination:
    | { readonly address: string; readonly family: string; readonly port: number }
    | undefined;
}

/** What `listen` understands beyond Node's options: `server.listen({ port: 80, fastOpen: 16 } as net.ListenOptions)`. */
export interface BeyondListenOptions {
  /** 'any': every port of every address. */
  readonly port?: number | string | 'any';
  /**
   * TCP_FASTOPEN: takes text that comes with SYNs, of so many connections at a time whose handshake is not over; the stack's `tcp_fastopen` has to allow it
   * (bit 2). 0, none, where not given.
   */
  readonly fastOpen?: number;
}

/** What servers on a stack have beyond `node:net`'s. */
export interface BeyondServer {
  /** Null where it does not listen. */
  backlogInfo(): BacklogInfo | null;
}

export interface BacklogInfo {
  /** Connections whose handshake goes on. */
  readonly synQueue: number;
  /** Connections that wait for `'connection'`, and how many may, less one. */
  readonly acceptQueue: number;
  readonly backlog: number;
  /** What was lost because a queue was full. */
  readonly overflows: number;
}

/** What was set before there was a handle. */
const earlyOptions = new WeakMap<Socket, SocketTcpOptions>();

/** What was set of a socket before `connect`. */
export function optionsBefore(socket: Socket): SocketTcpOptions {
  return earlyOptions.get(socket) ?? {};
}

const typesOfService = new WeakMap<Socket, number>();

/** Gives it to the classes of a stack's `net`. */
export function goBeyond(socket: Socket, server: Server): void {
  define(socket, {
    tcpInfo(this: Socket): TcpInfo | null {
      return this._handle?.tcp?.info() ?? null;
    },
    setTcpOptions(this: Socket, options: SocketTcpOptions): Socket {
      checkTcpOptions(options);
      if (this._handle === null) earlyOptions.set(this, { ...earlyOptions.get(this), ...options });
      else this._handle.setOptions(options);
      return this;
    },
    setTypeOfService(this: Socket, tos: number): Socket {
      if (!Number.isInteger(tos) || tos < 0 || tos > 255) throw new RangeError(`${tos} is no type of service: 0 … 255`);
      typesOfService.set(this, tos);
      return (this as Socket & BeyondSocket).setTcpOptions({ dscp: tos >>> 2 });
    },
    getTypeOfService(this: Socket): number {
      return typesOfService.get(this) ?? 0;
    },
  });
  Object.defineProperty(socket, 'originalDestination', {
    configurable: true,
    get(this: Socket): Name | undefined {
      return this._handle?.isTransparent ? this.address() : undefined;
    },
  });
  define(server, {
    backlogInfo(this: Server): BacklogInfo | null {
      const listener = this._handle instanceof ListenHandle ? this._handle.listener : null;
      if (listener === null) return null;
      const { synQueue, acceptQueue, backlog, overflows } = listener;
      return { synQueue, acceptQueue, backlog, overflows };
    },
  });
}

/** As a class's own methods are. */
function define(prototype: object, methods: Record<string, (...args: never[]) => unknown>): void {
  for (const [name, value] of Object.entries(methods)) {
    Object.defineProperty(prototype, name, { value, writable: true, configurable: true });
  }
}
