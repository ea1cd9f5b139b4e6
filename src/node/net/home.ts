import type { Home } from './handle.ts';
import type { Server, ServerOptions } from './server.ts';
import type { Socket, SocketOptions } from './socket.ts';

/** Where the classes of one `createNet` keep where they live: on their prototypes. */
export const HOME = Symbol('home');

/** What the parts of one `createNet` share. */
export interface NetHome extends Home {
  /** Defaults of `connect`. */
  autoSelectFamily: boolean;
  /** Milliseconds. */
  autoSelectFamilyAttemptTimeout: number;
  /** In place of `dns.lookup`. */
  readonly lookup: Lookup | undefined;
  newSocket(options?: SocketOptions): Socket;
  newServer(options?: ServerOptions | ((socket: Socket) => void), listener?: (socket: Socket) => void): Server;
}

export interface LookupAddress {
  address: string;
  family: number;
}

/** `dns.lookup`'s shape. */
export type Lookup = (
  hostname: string,
  // biome-ignore lint/suspicious/noExplicitAny: as `net.LookupFunction` of Node's own types
  options: any,
  callback: (error: NodeJS.ErrnoException | null, address: string | LookupAddress[], family?: number) => void,
) => void;
