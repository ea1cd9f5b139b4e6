import type { ConnectOptions, ListenOptions, TcpListener, TcpSocket } from '../stack/socket.ts';
import type { Stack } from '../stack/stack.ts';
import type { Failure } from '../tcp/notices.ts';
import { STATE_NAMES, type StateName } from '../tcp/state.ts';
import type { Wire } from './wire.ts';

/** How a connection failed, as a promise tells it. */
export class ConnectionError extends Error {
  readonly failure: Failure;

  constructor(failure: Failure, who: string) {
    super(`${who}: ${failure}`);
    this.name = 'ConnectionError';
    this.failure = failure;
  }
}

interface Waiter {
  readonly ready: () => boolean;
  readonly resolve: () => void;
}

/** A connection of a simulated host, with promises. */
export class SimSocket {
  readonly tcp: TcpSocket;
  /** Fulfilled when the connection is established; rejected where it fails before. */
  readonly opened: Promise<void>;
  /** Fulfilled when it is over: null after an orderly close, else how it failed. Never rejected. */
  readonly closed: Promise<Failure | null>;
  /** The peer's FIN has come. */
  ended = false;
  /** Undefined while it is not over. */
  failure: Failure | null | undefined;
  readonly #wire: Wire;
  #open = false;
  #waiters: Waiter[] = [];

  constructor(wire: Wire, make: (socket: SimSocket) => TcpSocket, open: boolean) {
    this.#wire = wire;
    this.#open = open;
    this.tcp = make(this);
    this.opened = this.#when(() => this.#open || this.failure !== undefined).then(() => {
      if (!this.#open) throw this.#error();
    });
    // One who does not wait for it is told by other calls.
    this.opened.catch(() => {});
    this.closed = this.#when(() => this.failure !== undefined).then(() => this.failure ?? null);
  }

  static connect(wire: Wire, stack: Stack, options: ConnectOptions): SimSocket {
    return new SimSocket(wire, (socket) => stack.connect({ ...options, events: socket.#events() }), false);
  }

  static accepted(wire: Wire, tcp: TcpSocket): SimSocket {
    return new SimSocket(
      wire,
      (socket) => {
        tcp.events = socket.#events();
        return tcp;
      },
      true,
    );
  }

  get state(): StateName {
    return STATE_NAMES[this.tcp.state];
  }

  get localPort(): number {
    return this.tcp.localPort;
  }

  get remotePort(): number {
    return this.tcp.remotePort;
  }

  /** Bytes that have come and were not read. */
  get readable(): number {
    return this.tcp.readable;
  }

  /** Bytes that have come in all. */
  get received(): number {
    return this.tcp.bytesReceived;
  }

  get isOpen(): boolean {
    return this.#open && this.failure === undefined;
  }

  /** Queues text, or so many bytes of it, as far as the send buffer has room. Returns how many bytes; −1 where none can be sent. */
  offer(data: Uint8Array | string | number): number {
    return this.tcp.send(bytesOf(data));
  }

  /** Queues all of it, when there is room. Rejects where the connection fails before. */
  async write(data: Uint8Array | string | number): Promise<void> {
    let left = bytesOf(data);
    for (;;) {
      const taken = this.tcp.send(left);
      if (taken < 0) throw this.#error('broken pipe');
      left = left.subarray(taken);
      if (left.length === 0) return;
      await this.#when(() => this.tcp.sendSpace > 0 || this.failure !== undefined);
      if (this.failure !== undefined) throw this.#error('broken pipe');
    }
  }

  /** What has come, when something has; null at the end. Rejects where the connection fails. */
  async read(max?: number): Promise<Uint8Array | null> {
    await this.#when(() => this.tcp.readable > 0 || this.ended || this.failure !== undefined);
    const bytes = this.tcp.receive(max);
    if (bytes !== null) {
      if (this.tcp.readable === 0) this.tcp.receive();
      return bytes;
    }
    if (this.failure) throw this.#error();
    return null;
  }

  /** All that comes until the end. */
  async readAll(): Promise<Uint8Array> {
    const pieces: Uint8Array[] = [];
    for (let piece = await this.read(); piece !== null; piece = await this.read()) pieces.push(piece);
    const all = new Uint8Array(pieces.reduce((n, piece) => n + piece.length, 0));
    let at = 0;
    for (const piece of pieces) {
      all.set(piece, at);
      at += piece.length;
    }
    return all;
  }

  /** Half-close: FIN after what was written; reading goes on. */
  end(): void {
    this.tcp.shutdown();
  }

  close(): void {
    this.tcp.close();
  }

  abort(): void {
    this.tcp.abort();
  }

  /** Times in µs. */
  setKeepAlive(on: boolean, time?: number, interval?: number, probes?: number): void {
    this.tcp.setKeepAlive(on, time, interval, probes);
  }

  setNoDelay(on: boolean): void {
    this.tcp.setNoDelay(on);
  }

  setCork(on: boolean): void {
    this.tcp.setCork(on);
  }

  #events() {
    return {
      onConnect: () => {
        this.#open = true;
        this.#look();
      },
      onReadable: () => this.#look(),
      onWritable: () => this.#look(),
      onEnd: () => {
        this.ended = true;
        this.#look();
      },
      onClose: (failure: Failure | null) => {
        this.failure = failure;
        this.#look();
      },
    };
  }

  #when(ready: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      if (ready()) resolve();
      else this.#waiters.push({ ready, resolve });
    });
  }

  #look(): void {
    const waiters = this.#waiters;
    this.#waiters = waiters.filter((waiter) => {
      if (!waiter.ready()) return true;
      waiter.resolve();
      this.#wire.touched = true;
      return false;
    });
  }

  #error(otherwise = 'closed'): Error {
    const { failure, tcp } = this;
    const who = `${tcp.localAddress}:${tcp.localPort} to ${tcp.remoteAddress}:${tcp.remotePort}`;
    return failure ? new ConnectionError(failure, who) : new Error(`${who}: ${otherwise}`);
  }
}

/** A listener of a simulated host, with promises. */
export class SimListener {
  readonly tcp: TcpListener;
  readonly #wire: Wire;
  #waiters: ((socket: SimSocket) => void)[] = [];

  constructor(wire: Wire, stack: Stack, options: ListenOptions) {
    this.#wire = wire;
    this.tcp = stack.listen(options);
    this.tcp.onConnection = () => this.#look();
  }

  get port(): number {
    return this.tcp.localPort;
  }

  /** Connections that wait to be accepted. */
  get waiting(): number {
    return this.tcp.acceptQueue;
  }

  /** The next connection, when there is one. As long as nobody asks, connections wait in the accept queue. */
  accept(): Promise<SimSocket> {
    return new Promise((resolve) => {
      this.#waiters.push(resolve);
      this.#look();
    });
  }

  /** Serves each connection that comes. */
  serve(handler: (socket: SimSocket) => Promise<void> | void): void {
    const next = (socket: SimSocket): void => {
      this.#waiters.push(next);
      Promise.resolve(handler(socket)).catch(() => socket.abort());
      this.#look();
    };
    this.#waiters.push(next);
    this.#look();
  }

  close(): void {
    this.tcp.close();
  }

  #look(): void {
    while (this.#waiters.length > 0) {
      const tcp = this.tcp.accept();
      if (tcp === null) return;
      this.#wire.touched = true;
      this.#waiters.shift()!(SimSocket.accepted(this.#wire, tcp));
    }
  }
}

const encoder = new TextEncoder();

/** Bytes of a text; or so many bytes, of which each says where it stands. */
export function bytesOf(data: Uint8Array | string | number): Uint8Array {
  if (typeof data === 'string') return encoder.encode(data);
  if (typeof data !== 'number') return data;
  const bytes = new Uint8Array(data);
  for (let i = 0; i < data; i++) bytes[i] = (i * 31 + (i >>> 8)) & 0xff;
  return bytes;
}
