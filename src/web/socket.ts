import type { Host } from '../stack/host.ts';
import type { SocketEvents, TcpSocket } from '../stack/socket.ts';
import type { Failure } from '../tcp/notices.ts';
import { written } from './address.ts';
import { SocketError } from './error.ts';

export interface SocketInfo {
  /** `192.0.2.1:80`, `[2001:db8::1]:80`. */
  readonly remoteAddress: string;
  readonly localAddress: string;
  readonly alpn: null;
}

export interface SocketBehaviour {
  /** Whether our direction stays open when the peer has ended its own. */
  readonly allowHalfOpen: boolean;
}

/** Bytes that `writable` takes ahead of what the stack takes. */
const AHEAD = 65_536;
/** Bytes of one chunk of `readable`, at most. */
const LARGEST_CHUNK = 65_536;

interface Deferred<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(reason: unknown): void;
}

/** A connection as WinterTC's Sockets API has it: two streams, and promises for its begin and its end. Made by `connect` and `listen`. */
export class Socket implements SocketEvents {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
  /** When the handshake is done. */
  readonly opened: Promise<SocketInfo>;
  /** When the connection is over in both directions. Rejected where it failed. */
  readonly closed: Promise<void>;
  /** Whether this is what `startTls` made: it never is. */
  readonly upgraded = false;
  readonly secureTransport = 'off';
  readonly #host: Host;
  readonly #allowHalfOpen: boolean;
  readonly #opened = deferred<SocketInfo>();
  readonly #closed = deferred<void>();
  #tcp: TcpSocket | null = null;
  #reader!: ReadableByteStreamController;
  #writer!: WritableStreamDefaultController;
  /** `pull` waits for bytes; `write` waits for room. */
  #wanted: Deferred<void> | null = null;
  #room: Deferred<void> | null = null;
  #writing = false;
  /** The peer has ended, and so shall we when nothing is being written. */
  #finishing = false;
  #readOver = false;
  #writeOver = false;
  #error: SocketError | null = null;

  constructor(host: Host, { allowHalfOpen }: SocketBehaviour) {
    this.#host = host;
    this.#allowHalfOpen = allowHalfOpen;
    this.opened = this.#opened.promise;
    this.closed = this.#closed.promise;
    this.readable = new ReadableStream(
      {
        type: 'bytes',
        start: (controller) => {
          this.#reader = controller;
        },
        pull: () => this.#pull(),
        cancel: () => this.#cancel(),
      },
      { highWaterMark: 0 },
    );
    this.writable = new WritableStream(
      {
        start: (controller) => {
          this.#writer = controller;
        },
        write: (chunk) => this.#write(chunk),
        close: () => this.#finish(),
        abort: () => this.#abort(),
      },
      { highWaterMark: AHEAD, size: (chunk) => chunk?.byteLength ?? 1 },
    );
  }

  /**
   * Ends the connection: what was written is sent, `readable` is cancelled and `writable` takes no more. With a reason both fail with it. The
   * same promise as `closed`.
   */
  close(reason?: unknown): Promise<void> {
    const tcp = this.#tcp;
    if (tcp === null) this.fail(new SocketError('closed before it was connected', { cause: reason }));
    else if (!this.#readOver || !this.#writeOver) {
      this.#endStreams(reason ?? new SocketError('this socket is closed'), reason !== undefined);
      tcp.close();
    }
    return this.closed;
  }

  startTls(): never {
    throw new TypeError('startTls needs secureTransport "starttls", which is not supported: put TLS over the streams');
  }

  // For `connect` and `listen`.

  /** Starts to live on a connection. */
  begin(tcp: TcpSocket, established: boolean): void {
    this.#tcp = tcp;
    tcp.events = this;
    if (established) this.onConnect();
  }

  /** It cannot even begin, or is given up. */
  fail(error: SocketError): void {
    if (this.#error !== null) return;
    this.#error = error;
    this.#opened.reject(error);
    this.#endStreams(error, true);
    if (this.#tcp === null) this.#closed.reject(error);
    else this.#tcp.abort();
  }

  // What the stack says.

  onConnect(): void {
    const { localAddress, localPort, remoteAddress, remotePort } = this.#tcp!;
    this.#opened.resolve({
      remoteAddress: written(remoteAddress, remotePort),
      localAddress: written(localAddress, localPort),
      alpn: null,
    });
    this.#room?.resolve();
  }

  onReadable(): void {
    if (this.#readOver) this.#discard();
    else this.#wanted?.resolve();
  }

  onEnd(): void {
    this.#wanted?.resolve();
  }

  onWritable(): void {
    this.#room?.resolve();
  }

  onClose(failure: Failure | null): void {
    this.#wanted?.resolve();
    this.#room?.resolve();
    if (failure === null || (failure === 'aborted' && this.#writeOver)) {
      this.#opened.reject(this.#error);
      if (this.#error === null) this.#closed.resolve();
      else this.#closed.reject(this.#error);
      return;
    }
    const { remoteAddress, remotePort } = this.#tcp!;
    const error = this.#error ?? new SocketError(`${written(remoteAddress, remotePort)}: ${failure}`, { failure });
    this.#error = error;
    this.#opened.reject(error);
    this.#closed.reject(error);
    this.#endStreams(error, true);
  }

  // Reading.

  async #pull(): Promise<void> {
    for (;;) {
      if (this.#readOver) return;
      const tcp = this.#tcp;
      const request = this.#reader.byobRequest;
      const bytes = tcp?.receive(request?.view?.byteLength ?? LARGEST_CHUNK) ?? null;
      if (bytes !== null) {
        // A copy: the stream takes the memory of what it gets away, and others' text lies in it too.
        if (request?.view == null) this.#reader.enqueue(bytes.slice());
        else {
          const { view } = request;
          new Uint8Array(view.buffer, view.byteOffset, view.byteLength).set(bytes);
          request.respond(bytes.length);
        }
        return;
      }
      if (tcp?.ended) {
        this.#ended();
        return;
      }
      this.#wanted = deferred();
      await this.#wanted.promise;
      this.#wanted = null;
    }
  }

  #ended(): void {
    this.#readOver = true;
    this.#reader.close();
    this.#reader.byobRequest?.respond(0);
    if (this.#allowHalfOpen || this.#writeOver) return;
    this.#finishing = true;
    this.#finishWhenIdle();
  }

  /** Nobody reads any more. What still comes is dropped, so that the peer can end. */
  #cancel(): void {
    this.#readOver = true;
    this.#discard();
    if (this.#writeOver) this.#tcp?.close();
  }

  #discard(): void {
    while (this.#tcp?.receive() != null);
  }

  // Writing.

  async #write(chunk: unknown): Promise<void> {
    let bytes = bytesOf(chunk);
    this.#writing = true;
    try {
      while (bytes.length > 0) {
        const taken = this.#tcp?.send(bytes) ?? 0;
        if (taken < 0) throw this.#error ?? new SocketError('the connection takes no more: it is ended');
        bytes = bytes.subarray(taken);
        if (bytes.length === 0) break;
        this.#room = deferred();
        await this.#room.promise;
        this.#room = null;
      }
    } finally {
      this.#writing = false;
      if (this.#finishing) this.#finishWhenIdle();
    }
  }

  /** A chunk that waits behind another has its turn first. */
  #finishWhenIdle(): void {
    this.#host.soon(() => {
      if (!this.#writing && !this.#writeOver) this.#finish();
    });
  }

  #finish(): void {
    if (this.#writeOver) return;
    this.#writeOver = true;
    this.#tcp?.shutdown();
  }

  #abort(): void {
    this.#writeOver = true;
    if (this.#tcp === null) this.fail(new SocketError('aborted before it was connected'));
    else this.#tcp.abort();
    this.#endStreams(new SocketError('aborted'), true);
  }

  /** Both streams are over: `readable` fails, or ends. */
  #endStreams(reason: unknown, fails: boolean): void {
    if (!this.#readOver) {
      this.#readOver = true;
      if (fails) this.#reader.error(reason);
      else {
        this.#reader.close();
        this.#reader.byobRequest?.respond(0);
      }
    }
    this.#wanted?.resolve();
    if (!this.#writeOver) {
      this.#writeOver = true;
      this.#writer.error(reason);
    }
    this.#room?.resolve();
  }
}

function bytesOf(chunk: unknown): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk;
  if (ArrayBuffer.isView(chunk)) return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  if (chunk instanceof ArrayBuffer) return new Uint8Array(chunk);
  throw new TypeError('a socket takes bytes: an ArrayBuffer or a view of one (TextEncoder makes them from text)');
}

/** Nobody has to listen: a rejection is not told as unhandled. */
function deferred<T>(): Deferred<T> {
  let resolve!: (value: T) => void;
  let reject!: (reason: unknown) => void;
  const promise = new Promise<T>((done, failed) => {
    resolve = done;
    reject = failed;
  });
  promise.catch(() => {});
  return { promise, resolve, reject };
}
