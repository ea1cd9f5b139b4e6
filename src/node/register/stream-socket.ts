import type nodeNet from 'node:net';
import { PassThrough } from 'node:stream';
import tls from 'node:tls';
import { isOurs, type Net } from './net.ts';

/** What a handle of Node's has: `owner_symbol` leads to its socket. */
type Handle = Record<PropertyKey, unknown> & { getpeername?: unknown };
interface Wrapped {
  readonly stream: unknown;
}

const NAMES = ['remoteAddress', 'remotePort', 'remoteFamily', 'localAddress', 'localPort', 'localFamily'] as const;
const OPTIONS = ['setNoDelay', 'setKeepAlive', 'ref', 'unref', 'address'] as const;
const ENOTCONN = -107;

/**
 * TLS and HTTP/2 put a stream that is none of the kernel's sockets into a socket of Node's own, which knows nothing of addresses, delays and
 * whether it keeps the process alive. For ours it is told to ask the socket inside.
 */
export function teachStreamSockets(ours: Net): void {
  // Node does not export the class; TLS makes one.
  const probe = new tls.TLSSocket(new PassThrough(), { secureContext: tls.createSecureContext({ ca: [] }) });
  const { _parent: handle, _parentWrap: socket } = (probe as unknown as { _handle: Record<string, object> })._handle;
  probe.on('error', () => {});
  probe.destroy();
  teachSocket(Object.getPrototypeOf(socket), ours);
  const owner = Object.getOwnPropertySymbols(handle!).find((symbol) => symbol.description === 'owner_symbol');
  if (owner !== undefined) teachHandle(Object.getPrototypeOf(handle), owner, ours);
}

function teachSocket(prototype: object, ours: Net): void {
  const inner = (self: object): nodeNet.Socket | null => {
    const { stream } = self as Wrapped;
    return isOurs(stream, ours) ? (stream as nodeNet.Socket) : null;
  };
  const parent = Object.getPrototypeOf(prototype) as object;
  for (const name of NAMES) {
    Object.defineProperty(prototype, name, {
      configurable: true,
      get(this: object) {
        return inner(this)?.[name] ?? Reflect.get(parent, name, this);
      },
    });
  }
  for (const name of OPTIONS) {
    const original = Reflect.get(parent, name) as (...args: unknown[]) => unknown;
    Object.defineProperty(prototype, name, {
      configurable: true,
      writable: true,
      value(this: object, ...args: unknown[]) {
        const socket = inner(this);
        if (socket === null) return Reflect.apply(original, this, args);
        const result: unknown = Reflect.apply(socket[name] as never, socket, args);
        return result === socket ? this : result;
      },
    });
  }
}

/** TLS asks the handle that it reads from. */
function teachHandle(prototype: Handle, owner: symbol, ours: Net): void {
  const inner = (self: Handle): nodeNet.Socket | null => {
    const stream = (self[owner] as Wrapped | undefined)?.stream;
    return isOurs(stream, ours) ? (stream as nodeNet.Socket) : null;
  };
  const nameOf = (which: 'remote' | 'local') =>
    function getname(this: Handle, out: Record<string, unknown>): number {
      const socket = inner(this);
      if (socket?.[`${which}Address`] === undefined) return ENOTCONN;
      out['address'] = socket[`${which}Address`];
      out['port'] = socket[`${which}Port`];
      out['family'] = socket[`${which}Family`];
      return 0;
    };
  Object.assign(prototype, {
    getpeername: nameOf('remote'),
    getsockname: nameOf('local'),
    setNoDelay(this: Handle, on: boolean) {
      inner(this)?.setNoDelay(on);
    },
    setKeepAlive(this: Handle, on: boolean, seconds: number) {
      inner(this)?.setKeepAlive(on, seconds * 1000);
    },
    ref(this: Handle) {
      inner(this)?.ref();
    },
    unref(this: Handle) {
      inner(this)?.unref();
    },
  });
}
