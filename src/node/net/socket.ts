import { addAbortSignal, Duplex, type DuplexOptions, Readable } from 'node:stream';
import type { Name } from './address.ts';
import { type Callback, normalize } from './arguments.ts';
import { type ConnectSettings, startToConnect } from './connect.ts';
import {
  closedBeforeConnection,
  type ErrorName,
  endedByPeer,
  invalidValue,
  missingArguments,
  socketClosed,
  systemError,
} from './errors.ts';
import { type HandleOwner, TcpHandle } from './handle.ts';
import { HOME, type NetHome } from './home.ts';
import { Internals } from './internals.ts';
import { PathHandle } from './path-handle.ts';
import { bytesOf, type Chunk, gather, trimmed } from './pieces.ts';
import type { Server } from './server.ts';
import { checkFunction, timerDelay } from './validate.ts';

export interface OnRead {
  buffer: Uint8Array | (() => Uint8Array);
  callback(bytesWritten: number, buffer: Uint8Array): boolean;
}

/** What the constructor, and through it `connect`, understands beside a Duplex's options. */
export interface SocketOptions extends DuplexOptions {
  handle?: TcpHandle;
  onread?: OnRead | null;
  pauseOnCreate?: boolean;
  noDelay?: boolean;
  keepAlive?: boolean;
  /** Milliseconds. */
  keepAliveInitialDelay?: number;
  fd?: number;
}

const INTERNAL = Symbol('internal');
/** A stream's own: who puts another one in its place is to be called. */
const { push } = Readable.prototype;

type WriteCallback = (error?: Error | null) => void;

/** `net.Socket` of a stack. */
export class Socket extends Duplex implements HandleOwner {
  // Declared, not initialised: a constructor that is called on an object sets them (`callable`); and
  // for such objects nothing has a `#` name.
  declare readonly [HOME]: NetHome;
  declare [INTERNAL]: Internals;
  declare connecting: boolean;
  declare allowHalfOpen: boolean;
  declare timeout: number | undefined;
  declare autoSelectFamilyAttemptedAddresses: string[] | undefined;
  declare server: Server | null;
  declare _server: Server | null;
  declare _handle: TcpHandle | null;
  declare _parent: unknown;
  declare _host: string | null;
  declare _hadError: boolean;
  declare _pendingData: Chunk[] | Buffer | string | null;
  declare _pendingEncoding: string;
  declare _sockname: Name | null;
  declare _peername: Name | null;

  constructor(options?: SocketOptions) {
    super(duplexOptions(options));
    setUp(this, options);
  }

  // Opening.

  connect(...args: unknown[]): this {
    const [settings, callback] = normalize(args) as [ConnectSettings, Callback | null];
    if (settings.port === undefined && settings.path == null) throw missingArguments();
    const internals = this[INTERNAL];
    if (this.write !== Socket.prototype.write) this.write = Socket.prototype.write;
    if (this.destroyed) {
      this._handle = null;
      this._peername = null;
      this._sockname = null;
    }
    const { path } = settings;
    if (path && this._handle instanceof TcpHandle) this._handle = null;
    if (this._handle === null) attach(this, path ? (new PathHandle() as never) : new TcpHandle(this[HOME]));
    if (callback !== null) this.once('connect', callback as () => void);
    this._unrefTimer();
    this.connecting = true;
    internals.life++;
    if (path) connectPath(this, path);
    else startToConnect(this, settings);
    return this;
  }

  /** The handle of the attempt that counts, in place of the one before. For `connect.ts`. */
  _renewHandle(): TcpHandle {
    const handle = new TcpHandle(this[HOME]);
    if (this._handle !== null) {
      if (!this._handle.hasRef()) handle.unref();
      handle.options = this._handle.options;
      this._handle.owner = null;
    }
    attach(this, handle);
    return handle;
  }

  get _life(): number {
    return this[INTERNAL].life;
  }

  /** It is connected. For `connect.ts`, which knows what was wrong otherwise. */
  _established(): void {
    const { noDelay, keepAlive, keepAliveDelay } = this[INTERNAL];
    this.connecting = false;
    this._sockname = null;
    this._peername = null;
    this._unrefTimer();
    if (noDelay) this._handle?.setNoDelay?.(true);
    if (keepAlive) this._handle?.setKeepAlive(true, keepAliveDelay);
    this.emit('connect');
    this.emit('ready');
    if (this.readable && !this.isPaused()) this.read(0);
  }

  /** A handle that nobody's attempt waits for has nothing to say here. */
  onConnected(): void {}

  // Reading.

  override _read(size: number): void {
    if (this.connecting || this._handle === null) this.once('connect', () => this._read(size));
    else if (!this._handle.reading) this._handle.readStart();
  }

  onData(bytes: Buffer): void {
    const { onread, buffer } = this[INTERNAL];
    let more = true;
    if (onread === null) {
      if (flows(this)) this.emit('data', bytes);
      else more = this.push(bytes);
    } else {
      // It may be there already.
      if (bytes.buffer !== buffer!.buffer || bytes.byteOffset !== buffer!.byteOffset) buffer!.set(bytes);
      more = onread.callback.call(this, bytes.length, buffer!) !== false;
      if (typeof onread.buffer === 'function' && this._handle !== null)
        takeBuffer(this[INTERNAL], onread, this._handle);
    }
    // Last, as the time-out is mostly another one now, or none.
    if (this._handle === null) return;
    this._unrefTimer();
    if (!more) this._handle.readStop();
  }

  onEnd(): void {
    this._unrefTimer();
    this.push(null);
    this.read(0);
  }

  onReadError(error: ErrorName): void {
    this._unrefTimer();
    this.destroy(systemError(error, 'read'));
  }

  override pause(): this {
    if (this[INTERNAL].onread !== null && !this.connecting) this._handle?.readStop();
    return super.pause();
  }

  override resume(): this {
    this._startOnread();
    return super.resume();
  }

  override read(size?: number): unknown {
    this._startOnread();
    return super.read(size);
  }

  private _startOnread(): void {
    if (this[INTERNAL].onread !== null && !this.connecting) this._handle?.readStart();
  }

  // Writing.

  override _write(chunk: Buffer | string, encoding: BufferEncoding, callback: WriteCallback): void {
    if (this.connecting) this._later(chunk, encoding, callback, () => this._write(chunk, encoding, callback));
    else if (this._mayWrite(callback)) {
      const copy = typeof chunk !== 'string';
      const all = this._handle!.write(bytesOf(chunk, encoding), copy, (error) => this._written(error, callback));
      this._watchWrite(all, callback);
    }
  }

  override _writev(chunks: Chunk[], callback: WriteCallback): void {
    if (trimmed(chunks) === 1) this._write(chunks[0]!.chunk, chunks[0]!.encoding, callback);
    else if (this.connecting) this._later(chunks, '', callback, () => this._writev(chunks, callback));
    else if (this._mayWrite(callback)) {
      const all = this._handle!.writev(gather(chunks), (error) => this._written(error, callback));
      this._watchWrite(all, callback);
    }
  }

  /** Mostly the stack took all of it. Where it did not: the first time-out after it finds that it goes on, whatever is left. */
  private _watchWrite(all: boolean, callback: WriteCallback): void {
    this[INTERNAL].waiting = !all && this._handle?.writeQueueSize ? Number.POSITIVE_INFINITY : 0;
    if (all) callback(null);
  }

  /** While it connects: `again` is called when it is connected, or `callback` with the reason that it never will be. */
  private _later(data: Chunk[] | Buffer | string, encoding: string, callback: WriteCallback, again: () => void): void {
    this._pendingData = data;
    this._pendingEncoding = encoding;
    const onClose = (): void => callback(closedBeforeConnection());
    this.once('connect', () => {
      this.off('close', onClose);
      again();
    });
    this.once('close', onClose);
  }

  /** Where it cannot be written to, `callback` is called with the reason. */
  private _mayWrite(callback: WriteCallback): boolean {
    this._pendingData = null;
    this._pendingEncoding = '';
    if (this._handle === null) {
      callback(socketClosed());
      return false;
    }
    this._unrefTimer();
    return true;
  }

  private _written(error: ErrorName | null, callback: WriteCallback): void {
    if (this.destroyed) callback(null);
    else if (error !== null) callback(systemError(error, 'write'));
    else {
      this._unrefTimer();
      callback(null);
    }
  }

  override _final(callback: WriteCallback): void {
    if (this.connecting) {
      this.once('connect', () => this._final(callback));
      return;
    }
    if (this._handle === null) callback();
    else this._handle.shutdown(() => callback());
  }

  // Ending.

  destroySoon(): void {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once('finish', this.destroy);
  }

  resetAndDestroy(): this {
    if (this._handle === null) {
      this.destroy(socketClosed());
      return this;
    }
    if (this.connecting) this.once('connect', () => this._reset());
    else this._reset();
    return this;
  }

  _reset(): this {
    this[INTERNAL].resetting = true;
    return this.destroy();
  }

  override _destroy(exception: Error | null, callback: WriteCallback): void {
    this.connecting = false;
    const internals = this[INTERNAL];
    internals.life++;
    clearTimeout(internals.timer ?? undefined);
    internals.timer = null;
    internals.timing = false;
    const handle = this._handle;
    if (handle !== null) {
      internals.bytesRead = handle.bytesRead;
      internals.bytesWritten = handle.bytesWritten;
      const closed = (): void => {
        this.emit('close', exception !== null);
      };
      if (internals.resetting) handle.reset(closed);
      else handle.close(closed);
      internals.resetting = false;
      this._handle = null;
      this._sockname = null;
      callback(exception);
    } else {
      callback(exception);
      process.nextTick(emitClose, this);
    }
    if (this._server !== null) {
      this._server._connections--;
      this._server._emitCloseIfDrained();
    }
  }

  // Time.

  setTimeout(msecs: number, callback?: () => void): this {
    if (this.destroyed) return this;
    this.timeout = msecs;
    const delay = timerDelay(msecs, 'msecs');
    const internals = this[INTERNAL];
    internals.timing = false;
    if (callback !== undefined) checkFunction(callback, 'callback');
    if (delay === 0) {
      if (callback !== undefined) this.removeListener('timeout', callback);
      return this;
    }
    internals.time(Math.max(1, Math.trunc(delay)), this);
    if (callback !== undefined) this.once('timeout', callback);
    return this;
  }

  _onTimeout(): void {
    const internals = this[INTERNAL];
    const waiting = this._handle?.writeQueueSize ?? 0;
    // A long write that goes on is no silence.
    const goesOn = internals.waiting > 0 && waiting !== internals.waiting;
    internals.waiting = waiting;
    if (goesOn) this._unrefTimer();
    else this.emit('timeout');
  }

  /** Something happened: the time-out starts anew. */
  _unrefTimer(): void {
    const { timing, timer } = this[INTERNAL];
    if (timing) timer!.refresh();
  }

  // Options.

  setNoDelay(noDelay?: boolean): this {
    const internals = this[INTERNAL];
    const on = noDelay === undefined ? true : Boolean(noDelay);
    if (this._handle === null) internals.noDelay = on;
    else if (on !== internals.noDelay) {
      internals.noDelay = on;
      this._handle.setNoDelay?.(on);
    }
    return this;
  }

  setKeepAlive(enable?: boolean, initialDelay?: number): this {
    const internals = this[INTERNAL];
    const on = Boolean(enable);
    const delay = seconds(initialDelay);
    const changed = on !== internals.keepAlive || (on && delay !== internals.keepAliveDelay);
    internals.keepAlive = on;
    internals.keepAliveDelay = delay;
    if (changed) this._handle?.setKeepAlive?.(on, delay);
    return this;
  }

  ref(): this {
    if (this._handle === null) this.once('connect', this.ref);
    else this._handle.ref();
    return this;
  }

  unref(): this {
    if (this._handle === null) this.once('connect', this.unref);
    else this._handle.unref();
    return this;
  }

  // What it is.

  address(): Name {
    return this._localName();
  }

  get localAddress(): string | undefined {
    return this._localName().address;
  }

  get localPort(): number | undefined {
    return this._localName().port;
  }

  get localFamily(): string | undefined {
    return this._localName().family;
  }

  get remoteAddress(): string | undefined {
    return this._remoteName().address;
  }

  get remotePort(): number | undefined {
    return this._remoteName().port;
  }

  get remoteFamily(): string | undefined {
    return this._remoteName().family;
  }

  private _localName(): Name {
    if (this._handle === null) return {};
    if (this._sockname !== null) return this._sockname;
    const name: Name = {};
    this._handle.getsockname(name);
    if (name.address !== undefined) this._sockname = name;
    return name;
  }

  private _remoteName(): Name {
    if (this._handle === null || this.connecting) return this._peername ?? {};
    if (this._peername !== null) return this._peername;
    const name: Name = {};
    this._handle.getpeername(name);
    if (name.address !== undefined) this._peername = name;
    return name;
  }

  get bytesRead(): number {
    return this._handle?.bytesRead ?? this[INTERNAL].bytesRead;
  }

  /** What was sent, and what waits to be. */
  get bytesWritten(): number {
    let bytes = this._bytesDispatched;
    const waiting = (this as unknown as { writableBuffer?: Chunk[] }).writableBuffer ?? [];
    for (const { chunk, encoding } of waiting) bytes += Buffer.byteLength(chunk, encoding);
    const data = this._pendingData;
    if (Array.isArray(data)) for (const { chunk, encoding } of data) bytes += Buffer.byteLength(chunk, encoding);
    else if (data !== null) bytes += Buffer.byteLength(data, this._pendingEncoding as BufferEncoding);
    return bytes;
  }

  get _bytesDispatched(): number {
    return this._handle?.bytesWritten ?? this[INTERNAL].bytesWritten;
  }

  get bufferSize(): number | undefined {
    return this._handle === null ? undefined : this.writableLength;
  }

  get pending(): boolean {
    return this._handle === null || this.connecting;
  }

  get _connecting(): boolean {
    return this.connecting;
  }

  get readyState(): 'opening' | 'open' | 'readOnly' | 'writeOnly' | 'closed' {
    if (this.connecting) return 'opening';
    if (this.readable) return this.writable ? 'open' : 'readOnly';
    return this.writable ? 'writeOnly' : 'closed';
  }
}

/**
 * Whether all that `push` would do is to emit 'data': it flows, somebody listens, nothing waits, and it has flowed before. The stream need not be told
 * that a read is over, then, and in the next tick that one begins: the handle reads on until it is stopped.
 */
function flows(socket: Socket): boolean {
  return (
    socket.readableFlowing === true &&
    socket.readableDidRead &&
    socket.readableLength === 0 &&
    socket.readableEncoding === null &&
    socket.push === push &&
    socket.listenerCount('data') > 0
  );
}

/** Seconds of a delay in milliseconds, as `node:net` rounds it. */
export function seconds(msecs: number | undefined): number {
  return Math.max(0, ~~((msecs ?? 0) / 1000));
}

/** What a Socket asks of Duplex: it says 'close' itself, with its argument, and takes strings as they are. */
export function duplexOptions(options: SocketOptions | undefined): DuplexOptions {
  for (const name of ['objectMode', 'readableObjectMode', 'writableObjectMode'] as const) {
    if (options?.[name]) throw invalidValue(`options.${name}`, 'is not supported', options[name]);
  }
  const { signal, ...rest } = options ?? {};
  void signal;
  return {
    ...rest,
    allowHalfOpen: Boolean(options?.allowHalfOpen),
    autoDestroy: true,
    emitClose: false,
    decodeStrings: false,
  };
}

/** What the constructor does after Duplex's. */
export function setUp(socket: Socket, options: SocketOptions = {}): void {
  const internals = new Internals();
  socket[INTERNAL] = internals;
  socket.connecting = false;
  socket.timeout = undefined;
  socket.autoSelectFamilyAttemptedAddresses = undefined;
  socket.server = null;
  socket._server = null;
  socket._handle = null;
  socket._parent = null;
  socket._host = null;
  socket._hadError = false;
  socket._pendingData = null;
  socket._pendingEncoding = '';
  socket._sockname = null;
  socket._peername = null;
  internals.noDelay = Boolean(options.noDelay);
  internals.keepAlive = Boolean(options.keepAlive);
  internals.keepAliveDelay = seconds(options.keepAliveInitialDelay);
  const { onread } = options;
  if (onread != null && typeof onread === 'object') {
    const { buffer } = onread;
    const usable = buffer instanceof Uint8Array || typeof buffer === 'function';
    if (usable && typeof onread.callback === 'function') internals.onread = onread;
  }
  socket.on('end', refuseWrites);
  if (options.handle) {
    attach(socket, options.handle);
    if (options.pauseOnCreate) socket.pause();
    else socket.read(0);
  }
  // Last, as one that is aborted already destroys the socket.
  if (options.signal) addAbortSignal(options.signal, socket);
}

/** What was made as a stack's socket becomes the kernel's underneath. */
function connectPath(socket: Socket, path: string): void {
  (socket._handle as unknown as PathHandle).connect(path, (error) => {
    if (socket.destroyed) return;
    if (error === null) socket._established();
    else socket.destroy(error);
  });
}

/** The handle is the socket's now. */
function attach(socket: Socket, handle: TcpHandle): void {
  (socket as unknown as { _undestroy(): void })._undestroy();
  socket._handle = handle;
  socket._sockname = null;
  handle.owner = socket;
  const internals = socket[INTERNAL];
  if (internals.onread !== null) takeBuffer(internals, internals.onread, handle);
}

function takeBuffer(internals: Internals, onread: OnRead, handle: TcpHandle): void {
  internals.buffer = typeof onread.buffer === 'function' ? onread.buffer() : onread.buffer;
  handle.readSize = internals.buffer.length;
  handle.readInto = internals.buffer;
}

/** After the peer's end, a socket that is not half-open takes no more. */
function refuseWrites(this: Socket): void {
  if (!this.allowHalfOpen) this.write = writeAfterEnd;
}

function writeAfterEnd(this: Socket, ...args: unknown[]): boolean {
  const callback = args.slice(1).find((a) => typeof a === 'function') as ((error: Error) => void) | undefined;
  const error = endedByPeer();
  if (callback !== undefined) process.nextTick(callback, error);
  this.destroy(error);
  return false;
}

function emitClose(socket: Socket): void {
  socket.emit('close');
}
