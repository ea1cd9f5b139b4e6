import { AsyncResource } from 'node:async_hooks';
import { Buffer } from 'node:buffer';
import type { SocketEvents, TcpSocket } from '../../stack/socket.ts';
import type { Stack } from '../../stack/stack.ts';
import { checkTcpOptions, type TcpOptions } from '../../stack/tcp-options.ts';
import type { Failure } from '../../tcp/notices.ts';
import { CLOSED, TIME_WAIT } from '../../tcp/state.ts';
import { type Hold, scopedTurn } from '../host.ts';
import { fillName, type Name, written } from './address.ts';
import { type ErrorName, failureName, stackErrorName } from './errors.ts';

/** What a handle needs of where it lives. */
export interface Home {
  readonly stack: Stack;
  readonly hold: Hold;
}

/** Who hears a handle. */
export interface HandleOwner {
  /** null: connected. */
  onConnected(error: ErrorName | null): void;
  /** Bytes that nobody else refers to, or the first of `readInto`. Called only while it reads. */
  onData(bytes: Buffer): void;
  onEnd(): void;
  onReadError(error: ErrorName): void;
}

/** Bytes to send; `copy` where the application may change them once the write is done. */
export interface Piece {
  readonly bytes: Uint8Array;
  readonly copy: boolean;
}

type Done = (error: ErrorName | null) => void;

// What a turn is for, in the order of a connection's life.
const CONNECT = 1 << 0;
const WRITE = 1 << 1;
const READ = 1 << 2;
const SHUTDOWN = 1 << 3;
const CLOSE = 1 << 4;

/** What one read gives at most, as with libuv. */
const LARGEST_READ = 64 * 1024;
/** Chunks shorter than this are put together to what one read(2) would have given. */
const SHORT = 16 * 1024;

const NO_EVENTS: SocketEvents = {};

/** What can be set for one socket: what a stack knows, and what it has to know before the SYN. */
export interface SocketTcpOptions extends TcpOptions {
  /**
   * TCP Fast Open (RFC 7413): what is written before the connection is there goes along with the SYN, where the server gave a cookie before; else a
   * cookie is asked for. The server may get it twice: for requests that may be repeated. Set before `connect` takes its way.
   */
  readonly fastOpen?: boolean;
}

/**
 * A connection of a stack in the shape of Node's own socket handles: starts and stops reading, finishes writes, keeps the process alive
 * while it has something to do. Each event that its owner hears is a turn of its own, in the async context that the handle was made in.
 */
export class TcpHandle implements SocketEvents {
  owner: HandleOwner | null = null;
  /** Node's http writes it too, before it calls `readStart` or `readStop`: what is so is in `#reading`. */
  reading = false;
  #reading = false;
  bytesRead = 0;
  bytesWritten = 0;
  /** Bytes that one read gives at most. */
  readSize = LARGEST_READ;
  /** Where what is read goes; null: to memory of its own each time. */
  readInto: Uint8Array | null = null;
  readonly fd = -1;
  /** A listener for any port accepted it. */
  isTransparent = false;
  /** What `setOptions` was told. */
  options: SocketTcpOptions = {};
  readonly #home: Home;
  #resource: AsyncResource | null = null;
  #tcp: TcpSocket | null = null;
  /** IPv4 addresses are written as mapped into IPv6. */
  #mapped = false;
  #local: { address: string; port: number } | null = null;

  #turns = 0;
  #arranged = false;
  #connecting = false;
  /** The handshake is over, whether `connect` was told or not. */
  #established = false;
  #closed = false;
  #connectError: ErrorName | null = null;
  #failure: Failure | null = null;
  /** The peer's FIN came. */
  #ended = false;
  #endTold = false;

  /** Bytes of the first write that the stack was given with `connect`. */
  #early = 0;
  #unsent: Piece[] = [];
  #sent: Done | null = null;
  #shut: (() => void) | null = null;
  #onClosed: (() => void) | null = null;

  #ref = true;
  #held = false;
  #noDelay = false;
  #keepAlive: { on: boolean; delay: number } | null = null;

  constructor(home: Home) {
    this.#home = home;
  }

  /** A handle for a connection that a listener accepted. It is silent until `enter`. */
  static accepted(home: Home, tcp: TcpSocket, mapped: boolean): TcpHandle {
    const handle = new TcpHandle(home);
    handle.#tcp = tcp;
    handle.#mapped = mapped;
    tcp.events = handle;
    return handle;
  }

  /** From now on it belongs to the async context that runs now. */
  enter(): void {
    if (this.#resource !== null) return;
    this.#resource = new AsyncResource('TCPWRAP');
    if (this.#turns !== 0) this.#arrange(this.#turns);
  }

  getAsyncId(): number {
    return this.#resource?.asyncId() ?? -1;
  }

  // Opening.

  /** Where `connect` is to start from. The stack judges it there. */
  bind(address: string, port: number): void {
    this.#local = { address, port };
  }

  /**
   * Starts to connect. Where it cannot even start, the system call and the error that say so. `early`: the beginning of what will be the first write, for
   * Fast Open.
   */
  connect(address: string, port: number, early: Uint8Array | null): { syscall: string; error: ErrorName } | null {
    this.enter();
    const { address: remoteAddress, mapped } = written(address);
    const local = this.#local;
    this.#mapped = mapped;
    const { fastOpen = false, ...options } = this.options;
    const data = fastOpen ? early : null;
    try {
      this.#tcp = this.#home.stack.connect({
        remoteAddress,
        remotePort: port,
        events: this,
        fastOpen,
        options,
        ...(data !== null && { data }),
        ...(local !== null && { localAddress: written(local.address).address, localPort: local.port }),
      });
    } catch (thrown) {
      const error = stackErrorName(thrown);
      // The kernel finds these out in bind(2).
      const bound = local !== null && error !== 'ENETUNREACH';
      return { syscall: bound ? 'bind' : 'connect', error };
    }
    this.#connecting = true;
    if (data !== null) this.#early = Math.min(data.length, this.#tcp.unacknowledged);
    if (this.#noDelay) this.#tcp.setNoDelay(true);
    if (this.#keepAlive !== null) this.setKeepAlive(this.#keepAlive.on, this.#keepAlive.delay);
    this.#review();
    return null;
  }

  // Reading.

  readStart(): void {
    if (this.#closed) return;
    this.reading = true;
    if (this.#reading) return;
    this.#reading = true;
    this.#review();
    if (this.#readable()) this.#arrange(READ);
  }

  readStop(): void {
    this.reading = false;
    if (!this.#reading) return;
    this.#reading = false;
    this.#review();
  }

  // Writing.

  /** Sends. True: the stack has taken everything; else `done` is called, perhaps before this returns, when it has. One write at a time. */
  write(bytes: Uint8Array, copy: boolean, done: Done): boolean {
    if (this.#closed) {
      done('EBADF');
      return false;
    }
    this.bytesWritten += bytes.length;
    // Mostly there is room for all of it.
    const taken = this.#early > 0 || this.#tcp === null ? -1 : this.#tcp.send(bytes, copy);
    if (taken === bytes.length) return true;
    this.#queue({ bytes: taken > 0 ? bytes.subarray(taken) : bytes, copy });
    this.#sent = done;
    this.#send();
    return false;
  }

  /** The same of several pieces, as one. */
  writev(pieces: readonly Piece[], done: Done): boolean {
    if (pieces.length === 1) return this.write(pieces[0]!.bytes, pieces[0]!.copy, done);
    if (this.#closed) {
      done('EBADF');
      return false;
    }
    for (const { bytes } of pieces) this.bytesWritten += bytes.length;
    for (const piece of pieces) this.#queue(piece);
    this.#sent = done;
    this.#tcp?.setCork(true);
    this.#send();
    this.#tcp?.setCork(false);
    return false;
  }

  /** What went along with the SYN is the stack's already. */
  #queue({ bytes, copy }: Piece): void {
    const early = Math.min(this.#early, bytes.length);
    this.#early -= early;
    this.#unsent.push({ bytes: early > 0 ? bytes.subarray(early) : bytes, copy });
  }

  /** Bytes of a write that the stack has not taken yet. */
  get writeQueueSize(): number {
    let size = 0;
    for (const { bytes } of this.#unsent) size += bytes.length;
    return size;
  }

  /** FIN after what was written. */
  shutdown(done: () => void): void {
    this.#tcp?.shutdown();
    this.#shut = done;
    this.#arrange(SHUTDOWN);
  }

  // Ending.

  /** Lets go. Nothing is heard any more but `closed`. */
  close(closed?: () => void): void {
    if (this.#closed) return;
    this.#tcp?.close();
    this.#end(closed);
  }

  /** The same with a RST. */
  reset(closed?: () => void): void {
    if (this.#closed) return;
    this.#tcp?.abort();
    this.#end(closed);
  }

  #end(closed: (() => void) | undefined): void {
    this.#closed = true;
    this.#connecting = false;
    this.reading = false;
    this.#reading = false;
    this.#unsent = [];
    if (this.#tcp !== null) this.#tcp.events = NO_EVENTS;
    this.#onClosed = closed ?? null;
    this.#review();
    this.enter();
    this.#turns = 0;
    this.#arrange(CLOSE);
  }

  // Options.

  setNoDelay(on: boolean): void {
    this.#noDelay = on;
    this.#tcp?.setNoDelay(on);
  }

  /** `delay`: seconds before the first probe; 0: as before. */
  setKeepAlive(on: boolean, delay: number): void {
    this.#keepAlive = { on, delay };
    if (delay > 0) this.#tcp?.setKeepAlive(on, delay * 1_000_000, 1_000_000, 10);
    else this.#tcp?.setKeepAlive(on);
  }

  /** Before it connects, too. */
  setOptions(options: SocketTcpOptions): void {
    checkTcpOptions(options);
    this.options = { ...this.options, ...options };
    this.#tcp?.setOptions(options);
  }

  /** The stack's end; null before it connects. */
  get tcp(): TcpSocket | null {
    return this.#tcp;
  }

  ref(): void {
    this.#ref = true;
    this.#review();
  }

  unref(): void {
    this.#ref = false;
    this.#review();
  }

  hasRef(): boolean {
    return this.#ref && !this.#closed;
  }

  getsockname(out: Name): void {
    const tcp = this.#tcp;
    if (tcp !== null) fillName(out, tcp.localAddress, tcp.localPort, this.#mapped);
  }

  /** Nothing once the connection is over, as with getpeername(2) (ENOTCONN). */
  getpeername(out: Name): void {
    const tcp = this.#tcp;
    if (tcp !== null && tcp.state !== CLOSED && tcp.state !== TIME_WAIT)
      fillName(out, tcp.remoteAddress, tcp.remotePort, this.#mapped);
  }

  // What the stack says.

  /**
   * The kernel has a connection to itself open at both ends before connect(2) returns, and libuv looks at the listener first: servers hear of
   * it before clients do. Here the last ACK takes a turn to get there, and the listener one to hear of it.
   */
  onConnect(): void {
    this.#established = true;
    scopedTurn(TcpHandle.#connectSoon, this);
  }

  static #connectSoon(handle: TcpHandle): void {
    scopedTurn(TcpHandle.#connectNow, handle);
  }

  static #connectNow(handle: TcpHandle): void {
    handle.#arrange(CONNECT);
  }

  onReadable(): void {
    if (this.#reading) this.#arrange(READ);
  }

  onEnd(): void {
    this.#ended = true;
    if (this.#reading) this.#arrange(READ);
  }

  onWritable(): void {
    this.#arrange(WRITE);
  }

  onClose(failure: Failure | null): void {
    if (failure === null) return;
    this.#failure = failure;
    if (this.#connecting && !this.#established) {
      this.#connectError = failureName(failure);
      this.#arrange(CONNECT);
      return;
    }
    if (this.#reading) this.#arrange(READ);
    if (this.#sent !== null) this.#arrange(WRITE);
  }

  // Turns.

  #arrange(what: number): void {
    this.#turns |= what;
    if (this.#arranged || this.#resource === null) return;
    this.#arranged = true;
    scopedTurn(TcpHandle.#run, this);
  }

  static #run(handle: TcpHandle): void {
    handle.#arranged = false;
    const what = handle.#turns & -handle.#turns;
    handle.#turns &= ~what;
    // Before, as what is called may throw.
    if (handle.#turns !== 0) handle.#arrange(handle.#turns);
    handle.#resource!.runInAsyncScope(handle.#turn, handle, what);
  }

  #turn(what: number): void {
    if (what === CONNECT) this.#connected();
    else if (what === WRITE) this.#send();
    else if (what === READ) this.#read();
    else if (what === SHUTDOWN) {
      const done = this.#shut;
      this.#shut = null;
      done?.();
    } else if (what === CLOSE) this.#closing();
  }

  #connected(): void {
    if (this.#closed) return;
    const error = this.#connectError;
    this.#connecting = false;
    this.#review();
    this.owner?.onConnected(error);
  }

  #closing(): void {
    const sent = this.#sent;
    const shut = this.#shut;
    const closed = this.#onClosed;
    this.#sent = null;
    this.#shut = null;
    this.#onClosed = null;
    sent?.('ECANCELED');
    shut?.();
    closed?.();
    this.owner = null;
  }

  /** Whether there is something to hear for one who reads: bytes, the end, or how it failed. */
  #readable(): boolean {
    const tcp = this.#tcp;
    if (tcp === null || this.#connecting || this.#endTold) return false;
    return tcp.readable > 0 || this.#ended || this.#failure !== null;
  }

  /** One read a turn: what the program does about it, in ticks and promises too, comes before it hears more. */
  #read(): void {
    const tcp = this.#tcp!;
    if (!this.#reading) return;
    try {
      const bytes = this.#take(tcp);
      if (bytes === null) this.#over();
      else {
        this.bytesRead += bytes.length;
        this.owner?.onData(bytes);
      }
    } finally {
      // It says that there is more only to one who saw that there was none.
      if (tcp.readable === 0) tcp.receive();
      if (this.#reading && this.#readable()) this.#arrange(READ);
    }
  }

  /** What one read gives: without a copy where the stack has it in one piece, or a long one. */
  #take(tcp: TcpSocket): Buffer | null {
    const { readInto } = this;
    if (readInto !== null && readInto.length > 0) {
      const length = tcp.receiveInto(readInto);
      return length === 0 ? null : Buffer.from(readInto.buffer, readInto.byteOffset, length);
    }
    const first = tcp.receive(this.readSize, asBuffer);
    if (first === null) return null;
    const size = Math.min(this.readSize, first.length + tcp.readable);
    if (size === first.length || first.length >= SHORT) return first;
    const all = Buffer.allocUnsafe(size);
    all.set(first);
    for (let length = first.length; length < size; ) {
      const next = tcp.receive(size - length);
      if (next === null) return all.subarray(0, length);
      all.set(next, length);
      length += next.length;
    }
    return all;
  }

  /** Everything was read. */
  #over(): void {
    if (this.#endTold || (!this.#ended && this.#failure === null)) return;
    this.#endTold = true;
    this.reading = false;
    this.#reading = false;
    this.#review();
    if (this.#ended) this.owner?.onEnd();
    else this.owner?.onReadError(failureName(this.#failure!));
  }

  #send(): void {
    const done = this.#sent;
    if (done === null) return;
    const tcp = this.#tcp;
    while (this.#unsent.length > 0) {
      const { bytes, copy } = this.#unsent[0]!;
      const taken = tcp === null ? -1 : tcp.send(bytes, copy);
      if (taken < 0) {
        this.#unsent = [];
        this.#written(done, this.#writeError());
        return;
      }
      if (taken < bytes.length) {
        this.#unsent[0] = { bytes: bytes.subarray(taken), copy };
        this.#review();
        return;
      }
      this.#unsent.shift();
    }
    this.#written(done, null);
  }

  #written(done: Done, error: ErrorName | null): void {
    this.#sent = null;
    this.#review();
    done(error);
  }

  /** As Linux tells it: a reset once, and from then on the end to who reads and a broken pipe to who writes. After the peer's FIN it is no news. */
  #writeError(): ErrorName {
    const failure = this.#failure;
    if (failure === null || this.#ended || this.#endTold) return 'EPIPE';
    this.#failure = null;
    this.#ended = true;
    if (this.reading) this.#arrange(READ);
    return failureName(failure);
  }

  /** Keeps the process alive as libuv does: while it connects, reads or has something to write. */
  #review(): void {
    const busy = this.#connecting || this.#reading || this.#sent !== null;
    const wanted = busy && this.#ref && !this.#closed;
    if (wanted === this.#held) return;
    this.#held = wanted;
    if (wanted) this.#home.hold.take();
    else this.#home.hold.give();
  }
}

/** The memory that was read from last. */
let lately: Uint8Array = new Uint8Array(0);
let { buffer } = lately;
let base = 0;

/** Text in [start, end) of this memory as a Buffer. It mostly lies where the last one did: to ask an array for its buffer takes as long as to make a view. */
function asBuffer(memory: Uint8Array, start: number, end: number): Buffer {
  if (memory !== lately) {
    lately = memory;
    buffer = memory.buffer;
    base = memory.byteOffset;
  }
  return Buffer.from(buffer, base + start, end - start);
}
