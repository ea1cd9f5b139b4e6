import { channel } from 'node:diagnostics_channel';
import { EventEmitter } from 'node:events';
import nodeNet from 'node:net';
import { Duplex } from 'node:stream';
import type { Stack } from '../../stack/stack.ts';
import { Hold } from '../host.ts';
import { type Callback, normalize } from './arguments.ts';
import { goBeyond } from './beyond.ts';
import { callable } from './callable.ts';
import { type ConnectSettings, connectPath } from './connect.ts';
import { HOME, type Lookup, type NetHome } from './home.ts';
import { kernel } from './kernel.ts';
import { Server, type ServerOptions, setUpServer } from './server.ts';
import { duplexOptions, Socket, type SocketOptions, setUp } from './socket.ts';
import { checkBoolean, checkDelay } from './validate.ts';

/** `node:net`'s own type: what `createNet` gives has every name of it. */
export type Net = typeof nodeNet;

export interface NetOptions {
  /** Finds addresses for names, in the shape of `dns.lookup`, which it is where not given. */
  readonly lookup?: Lookup;
}

const clientChannel = channel('net.client.socket');
const LEAST_ATTEMPT_TIMEOUT = 10;

/**
 * `node:net` for a stack: the same names, arguments, events in the same order, errors and properties, with the TCP of `stack` below them.
 *
 * ```ts
 * const net = createNet(stack);
 * net.createServer((socket) => socket.pipe(socket)).listen(7);
 * ```
 *
 * Paths, file descriptors and other processes' handles are the kernel's: those go to the real `node:net`.
 */
export function createNet(stack: Stack, options: NetOptions = {}): Net {
  const home: NetHome = {
    stack,
    hold: new Hold(),
    lookup: options.lookup,
    autoSelectFamily: nodeNet.getDefaultAutoSelectFamily(),
    autoSelectFamilyAttemptTimeout: nodeNet.getDefaultAutoSelectFamilyAttemptTimeout(),
    newSocket: (o) => new OurSocket(o),
    newServer: (o, listener) => new OurServer(o, listener),
  };

  const OurSocket = callable(
    named(
      'Socket',
      class extends Socket {
        constructor(settings?: SocketOptions | number) {
          const given = typeof settings === 'number' ? { fd: settings } : settings;
          // A file descriptor, or a handle that is not a stack's, is for Node's own class, and not to be touched here.
          const kernels = isKernels(given);
          super(kernels ? undefined : given);
          // biome-ignore lint/correctness/noConstructorReturn: `net.Socket` makes either, and callers cannot know which they need
          if (kernels) return new kernel.Socket(given as object) as never;
        }
      },
    ),
    (self, settings) => {
      const given = typeof settings === 'number' ? { fd: settings } : settings;
      Reflect.apply(Duplex as never, self, [duplexOptions(given)]);
      setUp(self, given);
    },
  );
  const OurServer = callable(named('Server', class extends Server {}), (self, settings, listener) => {
    Reflect.apply(EventEmitter as never, self, []);
    setUpServer(self, settings, listener);
  });
  for (const { prototype } of [OurSocket, OurServer]) Object.defineProperty(prototype, HOME, { value: home });
  goBeyond(OurSocket.prototype, OurServer.prototype);

  function connect(...args: unknown[]): Socket | nodeNet.Socket {
    const normalized = normalize(args);
    const [settings, callback] = normalized as [ConnectSettings, Callback | null];
    if (settings.path) return connectPath(settings, callback);
    const socket = home.newSocket(settings);
    if (clientChannel.hasSubscribers) clientChannel.publish({ socket });
    if (settings.timeout) socket.setTimeout(settings.timeout);
    return socket.connect(normalized);
  }

  const ours = {
    Socket: OurSocket,
    Stream: OurSocket,
    Server: OurServer,
    connect,
    createConnection: connect,
    createServer: (settings?: ServerOptions, listener?: (socket: Socket) => void) => home.newServer(settings, listener),
    getDefaultAutoSelectFamily: () => home.autoSelectFamily,
    setDefaultAutoSelectFamily(value: boolean) {
      checkBoolean(value, 'value');
      home.autoSelectFamily = value;
    },
    getDefaultAutoSelectFamilyAttemptTimeout: () => home.autoSelectFamilyAttemptTimeout,
    setDefaultAutoSelectFamilyAttemptTimeout(value: number) {
      checkDelay(value, 'value');
      home.autoSelectFamilyAttemptTimeout = Math.max(LEAST_ATTEMPT_TIMEOUT, value);
    },
    _normalizeArgs: normalize,
    _createServerHandle: () => null,
    _setSimultaneousAccepts() {},
  };
  // Addresses and block lists have nothing to do with a stack: they are Node's.
  const { BlockList, SocketAddress, isIP, isIPv4, isIPv6 } = nodeNet;
  return { BlockList, SocketAddress, isIP, isIPv4, isIPv6, ...ours } as unknown as Net;
}

/** A file descriptor, or a handle of Node's own: it is the kernel's. */
function isKernels(options: SocketOptions | undefined): boolean {
  const handle = options?.handle as { isStreamBase?: boolean } | null | undefined;
  return options?.fd !== undefined || handle?.isStreamBase === true;
}

/** Classes in stack traces and `util.inspect` are called what Node calls them. */
function named<C extends object>(name: string, Class: C): C {
  Object.defineProperty(Class, 'name', { value: name, configurable: true });
  return Class;
}
