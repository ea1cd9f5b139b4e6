/**
 * A program written for `node:net`, with every form of its calls, constructors' options and events. `tsc` checks it here with ours in that
 * place, and `package.test.ts` once more as a user's project would. It is not run.
 */
import type nodeNet from 'node:net';
import net, {
  type AddressInfo,
  BlockList,
  connect,
  createConnection,
  createServer,
  isIP,
  isIPv4,
  isIPv6,
  Server,
  Socket,
  SocketAddress,
  setDefaultAutoSelectFamily,
  setDefaultAutoSelectFamilyAttemptTimeout,
} from '../../../../src/node/net.ts';

// Ours is to be had where Node's is asked for, and the other way round.
export const module: typeof nodeNet = net;
export const back: typeof net = module;
export const SocketClass: typeof nodeNet.Socket = Socket;
export const ServerClass: typeof nodeNet.Server = Server;

const blockList = new BlockList();
blockList.addAddress('192.0.2.1');
blockList.addRange('192.0.2.10', '192.0.2.20', 'ipv4');
blockList.addSubnet('2001:db8::', 32, 'ipv6');
export const blocked: boolean = blockList.check(new SocketAddress({ address: '192.0.2.1', family: 'ipv4' }));
export const families: number[] = [isIP('::'), Number(isIPv4('::')), Number(isIPv6('::'))];
setDefaultAutoSelectFamily(true);
setDefaultAutoSelectFamilyAttemptTimeout(250);

export class Client extends net.Socket {
  constructor() {
    super({
      allowHalfOpen: true,
      readable: true,
      writable: true,
      signal: new AbortController().signal,
    });
  }
}

export function clients(): Socket[] {
  const options: net.TcpNetConnectOpts = {
    port: 1,
    host: 'localhost',
    localAddress: '127.0.0.1',
    localPort: 2,
    hints: 0,
    family: 4,
    lookup: (_hostname, _options, callback) => callback(null, '127.0.0.1', 4),
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: 1000,
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: 250,
    timeout: 1000,
    onread: { buffer: new Uint8Array(8), callback: (bytesWritten, buffer) => bytesWritten < buffer.length },
  };
  const listener = (): void => {};
  const socket = new Socket();
  return [
    connect(options),
    connect(options, listener),
    connect(1),
    connect(1, 'localhost'),
    connect(1, 'localhost', listener),
    connect('/path'),
    connect('/path', listener),
    connect({ path: '/path' }),
    createConnection(options),
    createConnection(1, 'localhost', listener),
    createConnection('/path', listener),
    socket.connect(options),
    socket.connect(options, listener),
    socket.connect(1),
    socket.connect(1, listener),
    socket.connect(1, 'localhost'),
    socket.connect(1, 'localhost', listener),
    socket.connect('/path'),
    socket.connect('/path', listener),
    socket.setEncoding('utf8').setNoDelay().setNoDelay(true).setKeepAlive().setKeepAlive(true, 1000),
    socket.setTimeout(1000).setTimeout(1000, listener),
    socket.pause().resume().ref().unref().resetAndDestroy(),
    socket.destroy().end(),
    socket.end('x').end('x', 'utf8').end(new Uint8Array(1), listener).end('x', 'utf8', listener),
  ];
}

export function reads(socket: Socket): (string | number | boolean | undefined)[] {
  const address: AddressInfo | object = socket.address();
  const sent: boolean[] = [
    socket.write('x'),
    socket.write('x', 'utf8'),
    socket.write(new Uint8Array(1), (error) => error?.message),
    socket.write('x', 'utf8', () => {}),
  ];
  socket.destroySoon();
  const state: net.SocketReadyState = socket.readyState;
  const attempted: string[] = socket.autoSelectFamilyAttemptedAddresses;
  return [
    ...sent,
    ...attempted,
    state,
    typeof address,
    socket.bytesRead,
    socket.bytesWritten,
    socket.connecting,
    socket.pending,
    socket.destroyed,
    socket.localAddress,
    socket.localPort,
    socket.localFamily,
    socket.remoteAddress,
    socket.remotePort,
    socket.remoteFamily,
    socket.timeout,
  ];
}

export function hears(socket: Socket): Socket {
  for (const how of ['on', 'once', 'addListener', 'prependListener', 'prependOnceListener'] as const) {
    const plain: Socket = socket[how]('anything of his own', (..._args: unknown[]) => {});
    plain.emit('close', true);
  }
  return socket
    .on('close', (hadError: boolean) => hadError)
    .on('connect', () => {})
    .on('connectionAttempt', (ip: string, port: number, family: number) => [ip, port, family])
    .on('connectionAttemptFailed', (ip: string, port: number, family: number, error: Error) => [
      ip,
      port,
      family,
      error,
    ])
    .on('connectionAttemptTimeout', (ip: string, port: number, family: number) => [ip, port, family])
    .on('data', (bytes) => bytes.length)
    .on('drain', () => {})
    .on('end', () => {})
    .on('error', (error: Error) => error.message)
    .on('lookup', (error: Error, address: string, family: string | number, host: string) => [
      error,
      address,
      family,
      host,
    ])
    .on('ready', () => {})
    .on('timeout', () => {});
}

export async function servers(): Promise<Server[]> {
  const listener = (): void => {};
  const onConnection = (socket: net.Socket): Socket => socket.end();
  const options: net.ServerOpts = {
    allowHalfOpen: true,
    pauseOnConnect: true,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: 1000,
    highWaterMark: 1024,
  };
  await using server: net.Server = createServer();
  server.maxConnections = 1;
  const where: string | nodeNet.AddressInfo | null = server.address();
  const listening: boolean = server.listening;
  server.getConnections((error: Error | null, count: number) => [error, count, where, listening]);
  return [
    createServer(onConnection),
    createServer(options),
    createServer(options, onConnection),
    new Server(onConnection),
    new Server(options, onConnection),
    server.listen(),
    server.listen(listener),
    server.listen(0),
    server.listen(0, listener),
    server.listen(0, 511),
    server.listen(0, 511, listener),
    server.listen(0, '::'),
    server.listen(0, '::', listener),
    server.listen(0, '::', 511),
    server.listen(0, '::', 511, listener),
    server.listen('/path'),
    server.listen('/path', listener),
    server.listen('/path', 511),
    server.listen('/path', 511, listener),
    server.listen({
      port: 0,
      host: '::',
      backlog: 511,
      exclusive: true,
      ipv6Only: true,
      readableAll: false,
      writableAll: false,
      signal: new AbortController().signal,
    }),
    server.listen({ path: '/path' }, listener),
    server.listen({}),
    server.listen({}, 511),
    server.listen({}, 511, listener),
    server.close(),
    server.close((error?: Error) => error?.message),
    server.ref().unref(),
    server
      .on('close', () => {})
      .on('connection', (socket) => socket.destroy())
      .on('drop', (data?: net.DropArgument) => data?.remotePort)
      .on('error', (error: Error) => error.message)
      .on('listening', () => {}),
  ];
}
