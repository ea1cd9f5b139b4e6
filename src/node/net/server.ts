import { channel, tracingChannel } from 'node:diagnostics_channel';
import dns from 'node:dns';
import { EventEmitter } from 'node:events';
import type { BlockList } from 'node:net';
import { getDefaultHighWaterMark } from 'node:stream';
import { promisify } from 'node:util';
import type { Name } from './address.ts';
import { type Callback, normalize } from './arguments.ts';
import {
  alreadyListening,
  type ErrorName,
  invalidType,
  invalidValue,
  listenError,
  serverNotRunning,
  systemError,
} from './errors.ts';
import type { TcpHandle } from './handle.ts';
import { HOME, type NetHome } from './home.ts';
import { ListenHandle, type ServerHandle } from './listen-handle.ts';
import { RealServerHandle } from './real-server.ts';
import { type Socket, seconds } from './socket.ts';
import { checkAbortSignal, checkPort } from './validate.ts';

export interface ServerOptions {
  allowHalfOpen?: boolean;
  pauseOnConnect?: boolean;
  noDelay?: boolean;
  keepAlive?: boolean;
  /** Milliseconds. */
  keepAliveInitialDelay?: number;
  highWaterMark?: number;
  blockList?: BlockList;
}

/** What `listen` understands. */
export interface ListenSettings {
  port?: number | string;
  host?: string;
  path?: string;
  fd?: number;
  backlog?: number;
  exclusive?: boolean;
  ipv6Only?: boolean;
  readableAll?: boolean;
  writableAll?: boolean;
  signal?: AbortSignal;
  /** Beyond node:net (`beyond.ts`). */
  fastOpen?: number;
}

const DEFAULT_BACKLOG = 511;

const socketChannel = channel('net.server.socket');
const listenChannel = tracingChannel('net.server.listen');

/** `net.Server` of a stack. */
export class Server extends EventEmitter {
  // Declared, not initialised: a constructor that is called on an object sets them (`callable`); and
  // for such objects nothing has a `#` name.
  declare readonly [HOME]: NetHome;
  declare _connections: number;
  declare _handle: ServerHandle | null;
  declare _unref: boolean;
  declare _connectionKey: string;
  /** Counts `listen` and `close`: a look-up that was begun for an earlier one has no effect. */
  declare _listeningId: number;
  declare allowHalfOpen: boolean;
  declare pauseOnConnect: boolean;
  declare noDelay: boolean;
  declare keepAlive: boolean;
  /** Seconds. */
  declare keepAliveInitialDelay: number;
  declare highWaterMark: number;
  declare blockList: BlockList | undefined;
  declare maxConnections: number;
  declare dropMaxConnection: boolean;

  constructor(options?: ServerOptions | ((socket: Socket) => void) | null, listener?: (socket: Socket) => void) {
    super();
    setUpServer(this, options, listener);
  }

  listen(...args: unknown[]): this {
    const [settings, callback] = normalize(args) as [ListenSettings, Callback | null];
    if (this._handle !== null) throw alreadyListening();
    if (callback !== null) this.once('listening', callback as () => void);
    const backlog = settings.backlog || backlogOf(args[1]) || backlogOf(args[2]) || DEFAULT_BACKLOG;
    if (listenChannel.asyncStart.hasSubscribers) listenChannel.asyncStart.publish({ server: this, options: settings });
    if (isKernels(settings)) {
      this._listenOn(new RealServerHandle(this), (handle) => handle.listen(settings, backlog), `${settings.fd}`, -1);
      return this;
    }
    if (settings.signal !== undefined) this._closeOn(settings.signal);
    const none = args.length === 0 || typeof args[0] === 'function';
    if (none || ('port' in settings && settings.port === undefined) || settings.port === null) settings.port = 0;
    // Beyond node:net (`beyond.ts`): a listener for any port of any address.
    if ((settings.port as unknown) === 'any') {
      this._bind(null, 'any', backlog, settings);
      return this;
    }
    if (typeof settings.port === 'number' || typeof settings.port === 'string') {
      const port = checkPort(settings.port, 'options.port');
      const { host } = settings;
      if (host) this._lookUp(host, port, backlog, settings);
      else this._bind(null, port, backlog, settings);
      return this;
    }
    if (typeof settings.path === 'string') {
      this._listenOn(new RealServerHandle(this), (handle) => handle.listen(settings, backlog), settings.path, -1);
      return this;
    }
    if (!('port' in settings || 'path' in settings)) {
      throw invalidValue('options', 'must have the property "port" or "path"', settings);
    }
    throw invalidValue('options', 'is invalid', settings);
  }

  private _lookUp(host: string, port: number, backlog: number, settings: ListenSettings): void {
    const id = ++this._listeningId;
    const lookup = this[HOME].lookup ?? dns.lookup;
    lookup(
      host,
      { all: false } as never,
      ((error: Error | null, address: string) => {
        if (this._listeningId !== id) return;
        if (error) this.emit('error', error);
        else this._bind(address, port, backlog, settings);
      }) as never,
    );
  }

  /** No address: every address, of both families where there are both. */
  private _bind(address: string | null, port: number | 'any', backlog: number, settings: ListenSettings): void {
    const { ipv6Only = false, fastOpen = 0 } = settings;
    const handle = new ListenHandle(this[HOME]);
    const host = address ?? '::';
    this._listenOn(handle, (h) => h.listen(host, port, backlog, ipv6Only, fastOpen), host, port === 'any' ? 0 : port);
  }

  private _listenOn<H extends ServerHandle>(
    handle: H,
    listen: (handle: H) => ErrorName | null,
    where: string,
    port: number,
  ): void {
    const error = listen(handle);
    if (error !== null) {
      const failure = listenError(error, 'listen', where, port);
      listenChannel.error.publish({ server: this, error: failure });
      process.nextTick(() => this.emit('error', failure));
      return;
    }
    this._listeningId++;
    this._handle = handle;
    handle.onconnection = (failed, client) => this._onconnection(failed, client);
    this._connectionKey = `${where.includes(':') ? 6 : 4}:${where}:${port}`;
    if (this._unref) this.unref();
    process.nextTick(() => {
      listenChannel.asyncEnd.publish({ server: this });
      if (this._handle !== null) this.emit('listening');
    });
  }

  private _closeOn(signal: AbortSignal): void {
    checkAbortSignal(signal, 'options.signal');
    const onAborted = (): void => {
      this.close();
    };
    if (signal.aborted) process.nextTick(onAborted);
    else {
      signal.addEventListener('abort', onAborted, { once: true });
      this.once('close', () => signal.removeEventListener('abort', onAborted));
    }
  }

  _onconnection(error: ErrorName | null, client: TcpHandle): void {
    if (error) {
      this.emit('error', systemError(error, 'accept'));
      return;
    }
    if (this.maxConnections != null && this._connections >= this.maxConnections) {
      const data = endsOf(client);
      client.close();
      this.emit('drop', data);
      return;
    }
    if (this.blockList !== undefined) {
      const { remoteAddress, remoteFamily } = endsOf(client);
      if (
        remoteAddress !== undefined &&
        this.blockList.check(remoteAddress, remoteFamily === 'IPv6' ? 'ipv6' : 'ipv4')
      ) {
        client.close();
        return;
      }
    }
    if (this.noDelay) client.setNoDelay(true);
    if (this.keepAlive) client.setKeepAlive(true, this.keepAliveInitialDelay);
    const { highWaterMark } = this;
    const socket = this[HOME].newSocket({
      handle: client,
      allowHalfOpen: this.allowHalfOpen,
      pauseOnCreate: this.pauseOnConnect,
      noDelay: this.noDelay,
      keepAlive: this.keepAlive,
      keepAliveInitialDelay: this.keepAliveInitialDelay * 1000,
      readableHighWaterMark: highWaterMark,
      writableHighWaterMark: highWaterMark,
    });
    this._connections++;
    socket.server = this;
    socket._server = this;
    this.emit('connection', socket);
    if (socketChannel.hasSubscribers) socketChannel.publish({ socket });
  }

  get listening(): boolean {
    return this._handle !== null;
  }

  address(): Name | string | null {
    if (this._handle === null) return null;
    const name: Name = {};
    this._handle.getsockname(name);
    return name.address === undefined && this._handle instanceof RealServerHandle ? this._handle.path : name;
  }

  getConnections(callback: (error: Error | null, count: number) => void): this {
    process.nextTick(callback, null, this._connections);
    return this;
  }

  close(callback?: (error?: Error) => void): this {
    this._listeningId++;
    if (typeof callback === 'function') {
      if (this._handle === null) this.once('close', () => callback(serverNotRunning()));
      else this.once('close', callback);
    }
    if (this._handle !== null) {
      this._handle.close();
      this._handle = null;
    }
    this._emitCloseIfDrained();
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this._handle === null) return;
    await promisify(this.close).call(this);
  }

  /** 'close' when nobody listens any more and the last connection is gone. */
  _emitCloseIfDrained(): void {
    if (this._handle !== null || this._connections > 0) return;
    process.nextTick(() => {
      if (this._handle === null && this._connections <= 0) this.emit('close');
    });
  }

  override [EventEmitter.captureRejectionSymbol](error: Error, event: string | symbol, ...args: unknown[]): void {
    if (event === 'connection') (args[0] as Socket).destroy(error);
    else this.emit('error', error);
  }

  ref(): this {
    this._unref = false;
    this._handle?.ref();
    return this;
  }

  unref(): this {
    this._unref = true;
    this._handle?.unref();
    return this;
  }
}

function backlogOf(value: unknown): number {
  return typeof value === 'number' || typeof value === 'string' ? Number(value) >>> 0 : 0;
}

/** A handle or a file descriptor of the kernel's. */
function isKernels(settings: ListenSettings & { handle?: unknown; _handle?: unknown }): boolean {
  return settings.handle != null || settings._handle != null || (typeof settings.fd === 'number' && settings.fd >= 0);
}

/** Both ends of a connection, as 'drop' tells them. */
function endsOf(client: TcpHandle): Record<string, string | number | undefined> & {
  remoteAddress: string | undefined;
  remoteFamily: string | undefined;
} {
  const local: Name = {};
  const remote: Name = {};
  client.getsockname(local);
  client.getpeername(remote);
  return {
    localAddress: local.address,
    localPort: local.port,
    localFamily: local.family,
    remoteAddress: remote.address,
    remotePort: remote.port,
    remoteFamily: remote.family,
  };
}

/** What the constructor does after EventEmitter's. */
export function setUpServer(
  server: Server,
  first?: ServerOptions | ((socket: Socket) => void) | null,
  second?: (socket: Socket) => void,
): void {
  if (first != null && typeof first !== 'function' && typeof first !== 'object') {
    throw invalidType('options', 'of type object', first);
  }
  const options: ServerOptions = typeof first === 'function' || first == null ? {} : first;
  const listener = typeof first === 'function' ? first : second;
  if (typeof listener === 'function') server.on('connection', listener);
  if (options.blockList !== undefined && typeof (options.blockList as Partial<BlockList>)?.check !== 'function') {
    throw invalidType('options.blockList', 'an net.BlockList', options.blockList);
  }
  server._connections = 0;
  server._handle = null;
  server._unref = false;
  server._listeningId = 1;
  server.allowHalfOpen = Boolean(options.allowHalfOpen);
  server.pauseOnConnect = Boolean(options.pauseOnConnect);
  server.noDelay = Boolean(options.noDelay);
  server.keepAlive = Boolean(options.keepAlive);
  server.keepAliveInitialDelay = seconds(options.keepAliveInitialDelay);
  server.highWaterMark = options.highWaterMark ?? getDefaultHighWaterMark(false);
  server.blockList = options.blockList;
}
