import { PassThrough } from 'node:stream';
import tls from 'node:tls';
import { turn } from '../host.ts';
import { type ErrorName, errno, systemError } from '../net/errors.ts';
import { TcpHandle } from '../net/handle.ts';
import { Socket } from '../net/socket.ts';

/** A stream of Node's C++ layer, as TLS and HTTP/2 want one below them, whose other side is written in JavaScript. */
interface JSStream {
  readonly isStreamBase: boolean;
  /** Who hears what is read where neither TLS nor HTTP/2 do: undefined is the end. */
  onread: (bytes: ArrayBuffer | undefined) => void;
  readBuffer(bytes: Uint8Array): void;
  emitEOF(): void;
  finishWrite(request: object, status: number): void;
  finishShutdown(request: object, status: number): void;
}

const JSStream = jsStream();

/** Node does not export the class; TLS makes one for a stream that is no socket, whatever ciphers the program is to have (--tls-cipher-list). */
function jsStream(): new () => JSStream {
  const secureContext = tls.createSecureContext({ ca: [], ciphers: 'TLS_AES_128_GCM_SHA256' });
  const probe = new tls.TLSSocket(new PassThrough(), { secureContext });
  const { _parent: handle } = (probe as unknown as { _handle: Record<string, object> })._handle;
  probe.on('error', () => {});
  probe.destroy();
  return handle!.constructor as new () => JSStream;
}

interface Name {
  address?: string | undefined;
  port?: number | undefined;
  family?: string | undefined;
}

/**
 * A socket of ours as a handle that Node's C++ layer reads from and writes to, past the stream that the socket is: as it does with the kernel's.
 */
export class StreamHandle extends JSStream {
  readonly socket: Socket;
  #closed = false;
  #writing = false;
  /** A shutdown that waits for the write. */
  #shutdown: (() => void) | null = null;

  /** `user` is destroyed where reading fails. */
  constructor(socket: Socket, user: { destroy(error: Error): unknown } = socket) {
    super();
    this.socket = socket;
    this.onread = (bytes) => {
      if (bytes === undefined) Socket.prototype.onEnd.call(socket);
      else Socket.prototype.onData.call(socket, Buffer.from(bytes));
    };
    socket.onData = (bytes) => this.tell(() => this.readBuffer(bytes));
    socket.onEnd = () => this.tell(() => this.emitEOF());
    socket.onReadError = (error) => void user.destroy(systemError(error, 'read'));
    socket.once('close', () => {
      this.#closed = true;
    });
  }

  /** Null before the socket connects, and when it is closed. */
  get tcpHandle(): TcpHandle | null {
    return this.socket._handle;
  }

  /** Calls into C++. */
  protected tell(what: () => void): void {
    what();
  }

  // What C++ asks: 0, or an error's number.

  isClosing(): boolean {
    return this.socket.destroyed;
  }

  onreadstart(): number {
    this.tcpHandle?.readStart();
    return 0;
  }

  onreadstop(): number {
    this.tcpHandle?.readStop();
    return 0;
  }

  /** `bytes` are nobody else's. */
  onwrite(request: object, bytes: Uint8Array[]): number {
    const handle = this.tcpHandle;
    if (handle === null) return errno('EBADF');
    this.#writing = true;
    const pieces = bytes.map((piece) => ({ bytes: piece, copy: false }));
    const done = (error: ErrorName | null) => {
      // What closing cancels is told before 'close'.
      if (error === 'ECANCELED') this.#written(request, error);
      else this.afterCall(() => this.#written(request, error));
    };
    if (handle.writev(pieces, done)) done(null);
    return 0;
  }

  /** When C++ is done with the call that this happens in: before, it may not hear of what became of it. As with the kernel's, TLS hears it late. */
  protected afterCall(what: () => void): void {
    turn(what, undefined);
  }

  #written(request: object, error: ErrorName | null): void {
    this.#writing = false;
    this.finishWrite(request, error === null ? 0 : errno(error));
    this.#shutdown?.();
    this.#shutdown = null;
  }

  onshutdown(request: object): number {
    if (this.tcpHandle === null) return errno('ENOTCONN');
    this.shutdownAfterWrite(() => this.finishShutdown(request, 0));
    return 0;
  }

  shutdownAfterWrite(done: () => void): void {
    const handle = this.tcpHandle!;
    if (this.#writing) this.#shutdown = () => handle.shutdown(done);
    else handle.shutdown(done);
  }

  // What TLS asks.

  close(closed: () => void): void {
    if (this.#closed) turn(closed, undefined);
    else this.socket.once('close', closed);
    this.socket.destroy();
  }

  getpeername(out: Name): number {
    const { remoteAddress, remotePort, remoteFamily } = this.socket;
    return fill(out, remoteAddress, remotePort, remoteFamily);
  }

  getsockname(out: Name): number {
    const { localAddress, localPort, localFamily } = this.socket;
    return fill(out, localAddress, localPort, localFamily);
  }

  setNoDelay(on: boolean): void {
    this.socket.setNoDelay(on);
  }

  setKeepAlive(on: boolean, seconds: number): void {
    this.socket.setKeepAlive(on, seconds * 1000);
  }

  ref(): void {
    this.socket.ref();
  }

  unref(): void {
    this.socket.unref();
  }

  hasRef(): boolean {
    return this.tcpHandle?.hasRef() ?? false;
  }
}

function fill(out: Name, address: string | undefined, port: number | undefined, family: string | undefined): number {
  if (address === undefined) return errno('ENOTCONN');
  Object.assign(out, { address, port, family });
  return 0;
}

/** The same in the place of the socket's own handle, of which it has all. HTTP/2 takes what it finds there. */
export class LentHandle extends StreamHandle {
  #handle: TcpHandle | null;
  /** Calls into C++ under way. */
  #calls = 0;
  #waiting: (() => void) | null = null;

  constructor(socket: Socket) {
    super(socket);
    this.#handle = socket._handle;
    Object.defineProperty(socket, '_handle', {
      configurable: true,
      enumerable: true,
      get: () => (this.#handle === null ? null : this),
      set: (handle: TcpHandle | null) => {
        this.#handle = handle;
      },
    });
  }

  override get tcpHandle(): TcpHandle | null {
    return this.#handle;
  }

  protected override tell(what: () => void): void {
    this.#calls++;
    try {
      what();
    } finally {
      this.#calls--;
      for (let next = this.#waiting; next !== null && this.#calls === 0; next = this.#waiting) {
        this.#waiting = null;
        this.tell(next);
      }
    }
  }

  /** HTTP/2 hears at once what it wrote, so that frames are not kept for those that come after them. */
  protected override afterCall(what: () => void): void {
    if (this.#calls > 0) this.#waiting = what;
    else super.afterCall(() => this.tell(what));
  }

  shutdown(done: () => void): void {
    this.shutdownAfterWrite(done);
  }
}

const FIELDS = ['owner', 'options', 'reading', 'readSize', 'readInto', 'bytesRead', 'bytesWritten', 'isTransparent'];
for (const name of new Set([...FIELDS, ...Object.getOwnPropertyNames(TcpHandle.prototype)])) {
  if (Object.hasOwn(LentHandle.prototype, name)) continue;
  const method = typeof Object.getOwnPropertyDescriptor(TcpHandle.prototype, name)?.value === 'function';
  Object.defineProperty(LentHandle.prototype, name, {
    configurable: true,
    ...(method
      ? {
          value(this: LentHandle, ...args: unknown[]) {
            return Reflect.apply(Reflect.get(TcpHandle.prototype, name), this.tcpHandle, args);
          },
        }
      : {
          get(this: LentHandle) {
            return Reflect.get(this.tcpHandle!, name);
          },
          set(this: LentHandle, value: unknown) {
            Reflect.set(this.tcpHandle!, name, value);
          },
        }),
  });
}
