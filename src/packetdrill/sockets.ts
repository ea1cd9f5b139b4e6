import type { Connection } from '../stack/connection.ts';
import type { Listener } from '../stack/listener.ts';
import type { TcpListener } from '../stack/socket.ts';
import { StackError } from '../stack/socket.ts';
import type { Stack } from '../stack/stack.ts';
import type { TcpConfig } from '../tcp/config.ts';
import * as core from '../tcp/connection.ts';
import { TFO_CLIENT } from '../tcp/fast-open.ts';
import type { Failure } from '../tcp/notices.ts';
import { CLOSED, ESTABLISHED, SYN_RECEIVED, SYN_SENT } from '../tcp/state.ts';
import type { IpAddress } from '../wire/address.ts';
import type { ScriptClock } from './clock.ts';
import type { Value } from './script.ts';

/** What a call returned: a number, and the error where that is −1; what it wrote through its pointers. */
export interface Returned {
  readonly result: number;
  readonly errno?: string;
  readonly out?: number;
}

/** A call the stack has no counterpart for: the script is skipped, and says so. */
export class Unsupported extends Error {}

const ERRNO: Readonly<Record<Failure, string>> = {
  refused: 'ECONNREFUSED',
  reset: 'ECONNRESET',
  'timed out': 'ETIMEDOUT',
  aborted: '',
  'host unreachable': 'EHOSTUNREACH',
  'network unreachable': 'EHOSTUNREACH',
  'port unreachable': 'ECONNREFUSED',
  'protocol unreachable': 'ENOPROTOOPT',
  'message too long': 'EMSGSIZE',
};

/** A socket as POSIX has it, on the stack. */
export class Socket {
  nonBlocking = false;
  bound = false;
  listener: TcpListener | null = null;
  connection: Connection | null = null;
  /** SO_ERROR: told once. */
  error = '';
  lingerReset = false;
  readShut = false;
  connecting = false;
  /** connect(2) was put off until there is text for the SYN (TCP_FASTOPEN_CONNECT). */
  deferred = false;
  /** Options set before there is a connection. */
  readonly options = new Map<string, number>();
}

export interface Ends {
  readonly stack: Stack;
  readonly clock: ScriptClock;
  readonly localAddress: IpAddress;
  readonly localPort: number;
  readonly remoteAddress: IpAddress;
  readonly remotePort: number;
  /** A connection is about to be opened, or has been accepted. */
  onConnection(connection: Connection): void;
}

const OK: Returned = { result: 0 };

function error(errno: string): Returned {
  return { result: -1, errno };
}

/** Calls on sockets. Each returns what POSIX would, or null: it would block. */
export class Sockets {
  readonly #ends: Ends;
  readonly #open = new Map<number, Socket>();

  constructor(ends: Ends) {
    this.#ends = ends;
  }

  /** The socket that tcp_info is asked of: the newest with a connection. */
  get current(): Connection | null {
    return (
      [...this.#open.values()]
        .map((s) => s.connection)
        .filter((c) => c !== null)
        .at(-1) ?? null
    );
  }

  get listening(): boolean {
    return [...this.#open.values()].some((s) => s.listener?.deaf === false);
  }

  socket(fd: number): Returned {
    this.#open.set(fd, new Socket());
    return { result: fd };
  }

  get(fd: number): Socket {
    const socket = this.#open.get(fd);
    if (socket === undefined) throw new Unsupported(`file descriptor ${fd} is none of the script's`);
    return socket;
  }

  bind(fd: number): Returned {
    const socket = this.get(fd);
    socket.bound = true;
    const marks = marksOf(socket);
    if (marks !== null) socket.listener = this.#ends.stack.listen({ port: this.#ends.localPort, deaf: true, ...marks });
    return OK;
  }

  listen(fd: number, backlog: number): Returned {
    const socket = this.get(fd);
    const { stack, localPort } = this.#ends;
    try {
      const fastOpen = socket.options.get('TCP_FASTOPEN') ?? 0;
      socket.listener?.close();
      socket.listener = stack.listen({ port: localPort, backlog, fastOpen, ...deferred(socket), ...marksOf(socket) });
    } catch (e) {
      return e instanceof StackError ? error(e.code) : fail(e);
    }
    return OK;
  }

  accept(fd: number, as: number): Returned | null {
    const listener = this.get(fd).listener;
    if (listener === null || listener.deaf) return error('EINVAL');
    const accepted = listener.accept() as Connection | null;
    if (accepted === null) return this.get(fd).nonBlocking ? error('EAGAIN') : null;
    const socket = new Socket();
    this.#open.set(as, socket);
    // Options of the listener are its children's.
    for (const [name, value] of this.get(fd).options) socket.options.set(name, value);
    this.#adopt(socket, accepted);
    return { result: as };
  }

  /** `tries`: how often the same call was tried before; it blocks then. */
  connect(fd: number, tries: number): Returned | null {
    const socket = this.get(fd);
    if (socket.deferred) return error('EISCONN');
    if (socket.connection === null) {
      const fastOpen = socket.options.get('TCP_FASTOPEN_CONNECT') === 1;
      if (fastOpen && this.#roomOfSyn() > 0) {
        socket.deferred = true;
        return OK;
      }
      const failed = this.#start(socket, fastOpen, 0);
      if (failed !== null) return failed;
      if (socket.nonBlocking) return error('EINPROGRESS');
    } else if (tries === 0 && socket.connection.state === SYN_SENT && !socket.nonBlocking) return error('EALREADY');
    const { state } = socket.connection!;
    if (socket.error !== '') return this.#takeError(socket);
    if (state >= ESTABLISHED) {
      if (!socket.connecting) return error('EISCONN');
      socket.connecting = false;
      return OK;
    }
    if (state === CLOSED) return error('ECONNREFUSED');
    return socket.nonBlocking ? error('EALREADY') : null;
  }

  /**
   * sendto(2) with MSG_FASTOPEN, and the first text after a connect(2) that was put off: opens a connection with as much text as its SYN may carry.
   * `done`: what earlier tries of the same call did.
   */
  fastOpen(fd: number, length: number, waits: boolean, done: { bytes: number; began?: boolean }): Returned | null {
    const socket = this.get(fd);
    socket.deferred = false;
    const blocks = waits && !socket.nonBlocking;
    if (socket.connection === null) {
      const room = Math.min(length, this.#roomOfSyn());
      const given = room > 0 && blocks ? length : room;
      const failed = this.#start(socket, true, given);
      if (failed !== null) return failed;
      if (!blocks) return given > 0 ? { result: given } : error('EINPROGRESS');
      done.began = true;
      done.bytes = socket.connection!.unacknowledged;
    } else if (done.began !== true && socket.connection.state === SYN_SENT) return error('EALREADY');
    return this.write(fd, length, false, waits, done);
  }

  /** FreeBSD's sendto(2) to where no connection is yet, with TCP_FASTOPEN set: opens, and queues the text. Null: this is no such socket. */
  impliedConnect(fd: number, length: number): Returned | null {
    const socket = this.get(fd);
    if (socket.connection !== null || socket.listener !== null || socket.options.get('TCP_FASTOPEN') !== 1) return null;
    return this.#start(socket, true, length) ?? { result: length };
  }

  /** Why none could be opened; null where one was. */
  #start(socket: Socket, fastOpen: boolean, length: number): Returned | null {
    const { stack, remoteAddress, remotePort, localPort } = this.#ends;
    const local = socket.bound ? { localPort } : {};
    // It was bound, to connect from there.
    socket.listener?.close();
    socket.listener = null;
    const data = new Uint8Array(length);
    try {
      const connection = stack.connect({ remoteAddress, remotePort, fastOpen, data, ...local }) as Connection;
      this.#adopt(socket, connection);
      socket.connecting = true;
      this.#ends.onConnection(connection);
      return null;
    } catch (e) {
      return e instanceof StackError ? error(e.code) : fail(e);
    }
  }

  #roomOfSyn(): number {
    return this.#ends.stack.fastOpenRoom(this.#ends.remoteAddress);
  }

  read(fd: number, most: number, peek: boolean): Returned | null {
    const socket = this.get(fd);
    const { connection } = socket;
    if (connection === null) return error('ENOTCONN');
    if (connection.readable > 0) {
      const there = Math.min(most, connection.readable);
      if (!peek) this.#take(connection, there);
      return { result: there };
    }
    if (socket.error !== '') return this.#takeError(socket);
    if (connection.ended || socket.readShut || connection.state === CLOSED) return { result: 0 };
    return socket.nonBlocking ? error('EAGAIN') : null;
  }

  /** One call, however many pieces the text is in: the window is told once. */
  #take(connection: Connection, length: number): void {
    const { tcb } = connection;
    const now = this.#ends.clock.now();
    tcb.outputHeld = true;
    for (let left = length; left > 0; ) left -= core.receive(tcb, left, now)!.length;
    tcb.outputHeld = false;
    core.output(tcb, now);
    this.#settle(connection);
  }

  /** `done`: bytes that an earlier try of the same blocking call has handed over. */
  write(fd: number, length: number, more: boolean, waits: boolean, done: { bytes: number }): Returned | null {
    const socket = this.get(fd);
    const { connection } = socket;
    if (socket.deferred) return this.fastOpen(fd, length, waits, done);
    if (connection === null) return error('EPIPE');
    if (socket.error !== '') return this.#takeError(socket);
    const blocks = waits && !socket.nonBlocking;
    const opening = connection.state === SYN_SENT || (connection.state === SYN_RECEIVED && !connection.tcb.passive);
    if (opening) return blocks ? null : error('EAGAIN');
    if (more) connection.setCork(true);
    connection.tcb.more = more;
    // A call that waits goes on when it would be told.
    if (done.bytes > 0 && connection.state >= ESTABLISHED && !connection.writable) return null;
    const taken = connection.send(new Uint8Array(length - done.bytes));
    if (!more && socket.options.get('TCP_CORK') !== 1 && connection.tcb.cork) connection.setCork(false);
    if (taken < 0) return error('EPIPE');
    done.bytes += taken;
    if (done.bytes === length) return { result: length };
    if (blocks) return null;
    return done.bytes === 0 ? error('EAGAIN') : { result: done.bytes };
  }

  /** What poll(2) would say of a socket. */
  ready(fd: number): string[] {
    const socket = this.get(fd);
    const { connection, listener } = socket;
    if (listener !== null) return listener.acceptQueue > 0 ? ['POLLIN'] : [];
    if (connection === null) return ['POLLOUT', 'POLLHUP'];
    const { state, tcb } = connection;
    const said: string[] = [];
    if (connection.readable > 0 || tcb.finReceived || state === CLOSED) said.push('POLLIN');
    if (state >= ESTABLISHED ? connection.writable : state === CLOSED) said.push('POLLOUT');
    if (socket.error !== '') said.push('POLLERR');
    if (state === CLOSED) said.push('POLLHUP');
    if (tcb.finReceived || state === CLOSED) said.push('POLLRDHUP');
    return said;
  }

  shutdown(fd: number, how: string): Returned {
    const socket = this.get(fd);
    const { connection } = socket;
    if (connection === null || connection.state === CLOSED) return error('ENOTCONN');
    if (how !== 'SHUT_WR') socket.readShut = true;
    if (how !== 'SHUT_RD') {
      core.close(connection.tcb, this.#ends.clock.now());
      this.#settle(connection);
    }
    return OK;
  }

  close(fd: number): Returned {
    const socket = this.get(fd);
    this.#open.delete(fd);
    socket.listener?.close();
    const { connection } = socket;
    if (connection === null) return OK;
    if (socket.lingerReset) connection.abort();
    else connection.close();
    return OK;
  }

  fcntl(fd: number, command: string, flags: readonly string[]): Returned {
    const socket = this.get(fd);
    // The value of O_NONBLOCK differs from system to system: scripts only read O_RDWR.
    if (command === 'F_GETFL') return { result: socket.nonBlocking ? 0x802 : 2 };
    if (command !== 'F_SETFL') throw new Unsupported(`fcntl ${command}`);
    socket.nonBlocking = flags.includes('O_NONBLOCK');
    return OK;
  }

  setOption(fd: number, name: string, value: Value): Returned {
    const socket = this.get(fd);
    const number = numberIn(value);
    if (name === 'SO_LINGER') {
      socket.lingerReset = lingerOf(value);
      return OK;
    }
    if (name === 'TCP_FASTOPEN' || name === 'TCP_FASTOPEN_CONNECT') return this.#setFastOpen(socket, name, number);
    if (BEFORE.has(name)) {
      // One script has one stack to itself: what a socket is given before it opens is the stack's.
      if (socket.connection !== null) throw new Unsupported(`${name} of an open connection`);
      BEFORE.get(name)!(this.#ends.stack.config as Changeable, number);
      socket.options.set(name, number);
      return OK;
    }
    if (!APPLY.has(name)) {
      if (IGNORED.has(name)) return OK;
      throw new Unsupported(`socket option ${name}`);
    }
    socket.options.set(name, number);
    if (socket.connection !== null) {
      APPLY.get(name)!(socket.connection, number);
      this.#settle(socket.connection);
    }
    return OK;
  }

  #setFastOpen(socket: Socket, name: string, value: number): Returned {
    if (name === 'TCP_FASTOPEN_CONNECT' && (this.#ends.stack.config.tcp_fastopen & TFO_CLIENT) === 0) {
      return error('EOPNOTSUPP');
    }
    socket.options.set(name, value);
    if (name === 'TCP_FASTOPEN' && socket.listener !== null) (socket.listener as Listener).fastOpen = value;
    return OK;
  }

  getOption(fd: number, name: string): Returned {
    const socket = this.get(fd);
    const { connection } = socket;
    const { config } = this.#ends.stack;
    switch (name) {
      case 'SO_ERROR': {
        const errno = socket.error;
        socket.error = '';
        return { result: 0, errno, out: errno === '' ? 0 : -1 };
      }
      case 'SO_RCVBUF':
        return { result: 0, out: connection?.tcb.receiveBuffer.capacity ?? config.receiveBuffer };
      case 'SO_SNDBUF':
        return { result: 0, out: connection?.tcb.sendBufferSize ?? config.sendBuffer };
      case 'TCP_MAXSEG': {
        const tcb = connection?.tcb;
        return { result: 0, out: tcb === undefined ? (socket.options.get(name) ?? 536) : tcb.sndMss };
      }
      case 'TCP_KEEPIDLE':
        return { result: 0, out: (connection?.tcb.keepAliveTime ?? config.tcp_keepalive_time) / 1e6 };
      case 'TCP_KEEPINIT':
        return { result: 0, out: config.openTimeout / 1e6 };
      case 'TCP_KEEPINTVL':
        return { result: 0, out: (connection?.tcb.keepAliveInterval ?? config.tcp_keepalive_intvl) / 1e6 };
      case 'TCP_KEEPCNT':
        return { result: 0, out: connection?.tcb.keepAliveProbes ?? config.tcp_keepalive_probes };
      default: {
        const value = socket.options.get(name);
        if (value === undefined) throw new Unsupported(`socket option ${name}`);
        return { result: 0, out: value };
      }
    }
  }

  /** SIOCINQ and SIOCOUTQ. */
  ioctl(fd: number, what: string): Returned {
    const { connection } = this.get(fd);
    if (connection === null) return error('EINVAL');
    if (what === 'SIOCINQ' || what === 'FIONREAD') return { result: 0, out: connection.readable };
    if (what === 'SIOCOUTQ') return { result: 0, out: connection.unacknowledged };
    throw new Unsupported(`ioctl ${what}`);
  }

  #adopt(socket: Socket, connection: Connection): void {
    socket.connection = connection;
    connection.events = {
      onClose: (failure) => {
        if (failure === null) return;
        socket.error = ERRNO[failure];
      },
    };
    for (const [name, value] of socket.options) APPLY.get(name)?.(connection, value);
  }

  #takeError(socket: Socket): Returned {
    const errno = socket.error;
    socket.error = '';
    return error(errno);
  }

  #settle(connection: Connection): void {
    connection.settle();
  }
}

/** Options that reach a connection. */
const APPLY = new Map<string, (connection: Connection, value: number) => void>([
  ['TCP_NODELAY', (c, v) => c.setNoDelay(v !== 0)],
  ['TCP_CORK', (c, v) => c.setCork(v !== 0)],
  ['TCP_USER_TIMEOUT', (c, v) => c.setUserTimeout(v * 1000)],
  ['SO_KEEPALIVE', (c, v) => c.setKeepAlive(v !== 0)],
  ['TCP_KEEPIDLE', (c, v) => c.setKeepAlive(c.tcb.keepAlive, v * 1e6)],
  ['TCP_KEEPINTVL', (c, v) => c.setKeepAlive(c.tcb.keepAlive, undefined, v * 1e6)],
  ['TCP_KEEPCNT', (c, v) => c.setKeepAlive(c.tcb.keepAlive, undefined, undefined, v)],
  [
    'SO_SNDBUF',
    (c, v) => {
      // Linux books twice what was asked for.
      c.tcb.sendBufferSize = c.tcb.config.sendWholeBursts ? 2 * v : v;
    },
  ],
  ['TCP_NOTSENT_LOWAT', (c, v) => c.setOptions({ notsentLowat: v })],
  [
    'IP_TTL',
    (c, v) => {
      c.tcb.ttl = v;
    },
  ],
  [
    'IPV6_UNICAST_HOPS',
    (c, v) => {
      c.tcb.ttl = v;
    },
  ],
  [
    'IP_TOS',
    (c, v) => {
      c.tcb.dscp = v >>> 2;
    },
  ],
  [
    'IPV6_TCLASS',
    (c, v) => {
      c.tcb.dscp = v >>> 2;
    },
  ],
  [
    'TCP_SYNCNT',
    (c, v) => {
      (c.tcb.config as Changeable).tcp_syn_retries = v;
    },
  ],
  ['TCP_DEFER_ACCEPT', () => {}],
]);

type Changeable = { -readonly [K in keyof TcpConfig]: TcpConfig[K] };

/** Options that say what the SYN will be. */
const BEFORE = new Map<string, (config: Changeable, value: number) => void>([
  [
    'TCP_MAXSEG',
    (c, v) => {
      c.maxMss = v;
    },
  ],
  [
    'TCP_KEEPINIT',
    (c, v) => {
      c.openTimeout = v * 1e6;
    },
  ],
  [
    'TCP_NOOPT',
    (c, v) => {
      if (v === 0) return;
      c.maxMss = -1;
      c.tcp_sack = false;
      c.tcp_timestamps = false;
      c.tcp_window_scaling = false;
    },
  ],
]);

/** Options that change nothing here: one script has one connection. */
const IGNORED = new Set(['SO_REUSEADDR', 'SO_REUSEPORT', 'SO_RCVLOWAT', 'TCP_QUICKACK', 'SO_NOSIGPIPE']);

/** What was set of TTL and TOS, where something was. */
function marksOf({ options }: Socket): { ttl?: number; dscp?: number } | null {
  const ttl = options.get('IP_TTL') ?? options.get('IPV6_UNICAST_HOPS');
  const tos = options.get('IP_TOS') ?? options.get('IPV6_TCLASS');
  if (ttl === undefined && tos === undefined) return null;
  return { ...(ttl === undefined ? {} : { ttl }), dscp: (tos ?? 0) >>> 2 };
}

function deferred(socket: Socket): { deferAccept?: number } {
  const seconds = socket.options.get('TCP_DEFER_ACCEPT') ?? 0;
  return seconds > 0 ? { deferAccept: seconds * 1e6 } : {};
}

/** The first number in `[1]`, `[{…}]` or `1`; DSCP names as their byte. */
function numberIn(value: Value): number {
  if (value.kind === 'number') return value.value;
  if (value.kind === 'list' && value.items.length > 0) return numberIn(value.items[0]!);
  if (value.kind === 'name') {
    const class_ = /^IPTOS_DSCP_CS(\d)$/.exec(value.names[0]!);
    if (class_ !== null) return Number(class_[1]) << 5;
  }
  throw new Unsupported('an option value that is no number');
}

/** `{onoff=1, linger=0}`: whether close(2) is to reset. */
function lingerOf(value: Value): boolean {
  const struct = value.kind === 'list' ? value.items[0] : value;
  if (struct?.kind !== 'struct') throw new Unsupported('SO_LINGER without its structure');
  const fields = Object.values(struct.fields).map((f) => (f.kind === 'number' ? f.value : -1));
  const [on, time] = fields;
  if (on !== 0 && time !== 0) throw new Unsupported('SO_LINGER with a time: close would block');
  return on !== 0;
}

function fail(e: unknown): never {
  throw e;
}
