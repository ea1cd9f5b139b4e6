import { ERRNO, type KernelCalls, SOCKET } from '../../node/kernel-calls.ts';
import type { StageListener, StageSocket } from '../../sim/scenarios/parties.ts';
import { bytesOf } from '../../sim/socket.ts';
import { StackError } from '../../stack/socket.ts';
import type { Failure } from '../../tcp/notices.ts';
import type { StateName } from '../../tcp/state.ts';
import type { IpAddress } from '../../wire/address.ts';

/** What sockets ask of their host. */
export interface KernelSide {
  readonly calls: KernelCalls;
  readonly address: IpAddress;
  /** The state of a connection by its ports, from the kernel's own list; CLOSED where it is not there. */
  stateOf(localPort: number, remotePort: number): StateName;
  /** A RST was given to the kernel for this connection. */
  wasReset(localPort: number, remotePort: number): boolean;
  /** To be asked from time to time. */
  watch(watched: Watched): void;
  /** Something was done: states may be others now. */
  look(): void;
}

/** Something that has to look at the kernel to know what has happened. */
export interface Watched {
  /** True where something has. */
  poll(): boolean;
  /** Without a word to the peer. */
  vanish(): void;
}

const FAILURES: Readonly<Record<number, Failure>> = {
  [ERRNO.ECONNRESET]: 'reset',
  [ERRNO.EPIPE]: 'reset',
  [ERRNO.ECONNREFUSED]: 'refused',
  [ERRNO.ETIMEDOUT]: 'timed out',
  [ERRNO.EHOSTUNREACH]: 'host unreachable',
  [ERRNO.ENETUNREACH]: 'network unreachable',
};

const CODES: Readonly<Record<number, 'EADDRINUSE' | 'EADDRNOTAVAIL'>> = {
  [ERRNO.EADDRINUSE]: 'EADDRINUSE',
  [ERRNO.EADDRNOTAVAIL]: 'EADDRNOTAVAIL',
};

/** `struct sockaddr_in`. */
function sockaddr(address: IpAddress | null, port: number): Uint8Array {
  const bytes = new Uint8Array(16);
  bytes[0] = SOCKET.AF_INET;
  bytes[2] = port >> 8;
  bytes[3] = port;
  if (address !== null) bytes.set(`${address}`.split('.').map(Number), 4);
  return bytes;
}

function setOption({ calls }: KernelSide, fd: number, level: number, name: number, ...values: number[]): void {
  calls.setsockopt(fd, level, name, Int32Array.from(values), 4 * values.length);
}

/** The port of the address that a call gives. */
function portOf(address: Uint8Array): number {
  return (address[2]! << 8) | address[3]!;
}

function fail(side: KernelSide, what: string): never {
  const errno = side.calls.errno();
  throw new StackError(CODES[errno] ?? 'EINVAL', `${what}: errno ${errno}`);
}

export interface SocketOptions {
  /** SO_RCVBUF, bytes; the kernel doubles it. */
  readonly receiveBuffer?: number;
}

function newSocket(side: KernelSide, { receiveBuffer }: SocketOptions): number {
  const { AF_INET, SOCK_STREAM, SOCK_NONBLOCK, SOCK_CLOEXEC } = SOCKET;
  const fd = side.calls.socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) fail(side, 'socket()');
  if (receiveBuffer !== undefined) setOption(side, fd, SOCKET.SOL_SOCKET, SOCKET.SO_RCVBUF, receiveBuffer);
  return fd;
}

interface Waiter {
  readonly ready: () => boolean;
  readonly resolve: () => void;
}

/** A connection of the kernel. Nothing is read from it before somebody reads: its buffer, and its window, are the application's doing. */
export class KernelSocket implements StageSocket, Watched {
  readonly localPort: number;
  readonly remotePort: number;
  readonly opened: Promise<void>;
  readonly closed: Promise<Failure | null>;
  received = 0;
  readonly #side: KernelSide;
  /** −1 once it is closed: the connection may live on. */
  #fd: number;
  #isOpen: boolean;
  #ended = false;
  #failure: Failure | null | undefined;
  #waiters: Waiter[] = [];

  /** Takes over a descriptor, connected or connecting. */
  constructor(side: KernelSide, fd: number, localPort: number, remotePort: number, isOpen: boolean) {
    this.#side = side;
    this.#fd = fd;
    this.#isOpen = isOpen;
    this.localPort = localPort;
    this.remotePort = remotePort;
    this.opened = this.#when(() => this.#isOpen || this.#failure !== undefined).then(() => {
      if (!this.#isOpen) throw this.#error();
    });
    this.opened.catch(() => {});
    this.closed = this.#when(() => this.#failure !== undefined).then(() => this.#failure ?? null);
    side.watch(this);
  }

  static connect(
    side: KernelSide,
    to: IpAddress,
    port: number,
    localPort: number,
    options: SocketOptions,
  ): KernelSocket {
    const { calls } = side;
    const fd = newSocket(side, options);
    if (localPort !== 0 && calls.bind(fd, sockaddr(side.address, localPort), 16) < 0) {
      calls.close(fd);
      fail(side, `bind(${localPort})`);
    }
    if (calls.connect(fd, sockaddr(to, port), 16) < 0 && calls.errno() !== ERRNO.EINPROGRESS) {
      const errno = calls.errno();
      calls.close(fd);
      throw new StackError(CODES[errno] ?? 'EINVAL', `connect(): errno ${errno}`);
    }
    const own = new Uint8Array(16);
    calls.getsockname(fd, own, Int32Array.of(16));
    const socket = new KernelSocket(side, fd, portOf(own), port, false);
    side.look();
    return socket;
  }

  get state(): StateName {
    return this.#side.stateOf(this.localPort, this.remotePort);
  }

  get readable(): number {
    const count = new Int32Array(1);
    return this.#fd >= 0 && this.#side.calls.readable(this.#fd, count) === 0 ? count[0]! : 0;
  }

  offer(data: Uint8Array | string | number): number {
    if (this.#fd < 0 || this.#failure !== undefined) return -1;
    const bytes = bytesOf(data);
    const sent = this.#side.calls.send(this.#fd, bytes, bytes.length, SOCKET.MSG_DONTWAIT | SOCKET.MSG_NOSIGNAL);
    const isFull = sent < 0 && this.#side.calls.errno() === ERRNO.EAGAIN;
    this.#side.look();
    return isFull ? 0 : sent;
  }

  write(data: Uint8Array | string | number): Promise<void> {
    const written = this.#write(data);
    // One who does not wait for it is told by other calls.
    written.catch(() => {});
    return written;
  }

  async #write(data: Uint8Array | string | number): Promise<void> {
    let left = bytesOf(data);
    await this.opened;
    while (left.length > 0) {
      const taken = this.offer(left);
      if (taken < 0) throw this.#error('broken pipe');
      left = left.subarray(taken);
      // At the next look there may be room.
      if (left.length > 0) await this.#when(onceFalse());
    }
  }

  async read(max = 1 << 20): Promise<Uint8Array | null> {
    let got: Uint8Array | null = null;
    await this.#when(() => {
      if (this.#ended || this.#fd < 0) return true;
      got = this.#receive(max);
      return got !== null || this.#ended || this.#failure !== undefined;
    });
    if (got !== null) return got;
    if (this.#failure) throw this.#error();
    return null;
  }

  async readAll(): Promise<Uint8Array> {
    const pieces: Uint8Array[] = [];
    for (let piece = await this.read(); piece !== null; piece = await this.read()) pieces.push(piece);
    return new Uint8Array(Buffer.concat(pieces));
  }

  end(): void {
    if (this.#fd >= 0) this.#side.calls.shutdown(this.#fd, SOCKET.SHUT_WR);
    this.#side.look();
  }

  close(): void {
    if (this.#fd >= 0) this.#side.calls.close(this.#fd);
    this.#fd = -1;
    this.#side.look();
  }

  abort(): void {
    if (this.#fd >= 0) setOption(this.#side, this.#fd, SOCKET.SOL_SOCKET, SOCKET.SO_LINGER, 1, 0);
    this.close();
  }

  setKeepAlive(on: boolean, time?: number, interval?: number, probes?: number): void {
    const set = (name: number, value: number | undefined) => {
      if (value !== undefined) setOption(this.#side, this.#fd, SOCKET.IPPROTO_TCP, name, value);
    };
    set(SOCKET.TCP_KEEPIDLE, time && time / 1e6);
    set(SOCKET.TCP_KEEPINTVL, interval && interval / 1e6);
    set(SOCKET.TCP_KEEPCNT, probes);
    setOption(this.#side, this.#fd, SOCKET.SOL_SOCKET, SOCKET.SO_KEEPALIVE, on ? 1 : 0);
  }

  setNoDelay(on: boolean): void {
    setOption(this.#side, this.#fd, SOCKET.IPPROTO_TCP, SOCKET.TCP_NODELAY, on ? 1 : 0);
  }

  setCork(on: boolean): void {
    setOption(this.#side, this.#fd, SOCKET.IPPROTO_TCP, SOCKET.TCP_CORK, on ? 1 : 0);
  }

  poll(): boolean {
    const before = `${this.#isOpen} ${this.#failure}`;
    if (this.#failure === undefined) this.#ask();
    const waiters = this.#waiters;
    this.#waiters = waiters.filter((waiter) => {
      if (!waiter.ready()) return true;
      waiter.resolve();
      return false;
    });
    return this.#waiters.length < waiters.length || before !== `${this.#isOpen} ${this.#failure}`;
  }

  vanish(): void {
    if (this.#fd < 0) return;
    // A connection under repair goes without a segment (CRIU needs that).
    setOption(this.#side, this.#fd, SOCKET.IPPROTO_TCP, SOCKET.TCP_REPAIR, 1);
    this.close();
  }

  /** How it stands with the connection. */
  #ask(): void {
    const { state } = this;
    if (!this.#isOpen && state !== 'SYN-SENT' && state !== 'SYN-RECEIVED' && state !== 'CLOSED') this.#isOpen = true;
    if (this.#fd >= 0) {
      const error = new Int32Array(1);
      const { calls } = this.#side;
      calls.getsockopt(this.#fd, SOCKET.SOL_SOCKET, SOCKET.SO_ERROR, error, Int32Array.of(4));
      if (error[0] !== 0) this.#failure = FAILURES[error[0]!] ?? 'reset';
    }
    if (this.#failure === undefined && (state === 'CLOSED' || state === 'TIME-WAIT')) {
      this.#failure = this.#side.wasReset(this.localPort, this.remotePort) ? 'reset' : null;
    }
  }

  #receive(max: number): Uint8Array | null {
    const bytes = new Uint8Array(max);
    const n = this.#side.calls.recv(this.#fd, bytes, max, SOCKET.MSG_DONTWAIT);
    if (n > 0) {
      this.received += n;
      return bytes.slice(0, n);
    }
    if (n === 0) this.#ended = true;
    else if (this.#side.calls.errno() !== ERRNO.EAGAIN) this.#failure ??= FAILURES[this.#side.calls.errno()] ?? 'reset';
    return null;
  }

  #when(ready: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      if (ready()) resolve();
      else this.#waiters.push({ ready, resolve });
    });
  }

  #error(otherwise = 'closed'): Error {
    return new Error(`port ${this.localPort}: ${this.#failure ?? otherwise}`);
  }
}

/** A condition that holds from the second time on. */
function onceFalse(): () => boolean {
  let asked = false;
  return () => {
    const before = asked;
    asked = true;
    return before;
  };
}

/** A listener of the kernel. What nobody accepts waits in its queue. */
export class KernelListener implements StageListener, Watched {
  readonly port: number;
  readonly #side: KernelSide;
  #fd: number;
  #waiters: ((socket: KernelSocket) => void)[] = [];

  constructor(side: KernelSide, port: number, backlog: number, options: SocketOptions) {
    const { calls } = side;
    this.#side = side;
    this.port = port;
    this.#fd = newSocket(side, options);
    setOption(side, this.#fd, SOCKET.SOL_SOCKET, SOCKET.SO_REUSEADDR, 1);
    const bound = calls.bind(this.#fd, sockaddr(side.address, port), 16) === 0 && calls.listen(this.#fd, backlog) === 0;
    if (!bound) {
      calls.close(this.#fd);
      fail(side, `listen(${port})`);
    }
    side.watch(this);
    side.look();
  }

  /** `sk_ack_backlog`, which TCP_INFO gives as tcpi_unacked. */
  get waiting(): number {
    const info = new Uint8Array(256);
    this.#side.calls.getsockopt(this.#fd, SOCKET.IPPROTO_TCP, SOCKET.TCP_INFO, info, Int32Array.of(256));
    return new DataView(info.buffer).getUint32(24, true);
  }

  accept(): Promise<KernelSocket> {
    return new Promise((resolve) => {
      this.#waiters.push(resolve);
      this.poll();
    });
  }

  serve(handler: (socket: StageSocket) => Promise<void> | void): void {
    const next = (socket: KernelSocket): void => {
      this.#waiters.push(next);
      Promise.resolve(handler(socket)).catch(() => socket.abort());
      this.poll();
    };
    this.#waiters.push(next);
    this.poll();
  }

  close(): void {
    if (this.#fd >= 0) this.#side.calls.close(this.#fd);
    this.#fd = -1;
    this.#side.look();
  }

  poll(): boolean {
    let found = false;
    while (this.#waiters.length > 0 && this.#fd >= 0) {
      const { calls } = this.#side;
      const peer = new Uint8Array(16);
      const fd = calls.accept4(this.#fd, peer, Int32Array.of(16), SOCKET.SOCK_NONBLOCK | SOCKET.SOCK_CLOEXEC);
      if (fd < 0) return found;
      found = true;
      this.#waiters.shift()!(new KernelSocket(this.#side, fd, this.port, portOf(peer), true));
    }
    return found;
  }

  vanish(): void {
    this.close();
  }
}
