import type { Stack } from '../../stack/stack.ts';
import { Hold } from '../host.ts';
import type { Lookup } from '../net/home.ts';
import { type DgramHome, Socket, type SocketOptions, type SocketType } from './socket.ts';

export interface DgramOptions {
  /** Finds addresses for names, in the shape of `dns.lookup`, which it is where not given. */
  readonly lookup?: Lookup;
}

export interface Dgram {
  createSocket(type: SocketType | SocketOptions, listener?: (...args: never[]) => void): Socket;
  readonly Socket: typeof Socket;
}

/** `node:dgram` for a stack. */
export function createDgram(stack: Stack, { lookup }: DgramOptions = {}): Dgram {
  const home: DgramHome = { stack, hold: new Hold(), lookup };
  return { createSocket: (type, listener) => new Socket(home, type, listener), Socket };
}
