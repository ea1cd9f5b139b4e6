import type { Tcb } from '../tcp/tcb.ts';
import type { IpAddress } from '../wire/address.ts';
import type { Connection } from './connection.ts';
import type { Engine } from './engine.ts';
import { StackError, type TcpListener, type TcpSocket } from './socket.ts';

/** `localPort` of a transparent listener. */
export const ANY_PORT = 0;

/** A listener: half-open connections, whose handshake goes on, and established ones that wait to be accepted. */
export class Listener implements TcpListener {
  readonly localAddress: IpAddress | null;
  readonly localPort: number;
  /** The only family it listens on, where it has no address; null: both. */
  readonly family: 4 | 6 | null;
  readonly backlog: number;
  onConnection: () => void = nothing;
  /** `onConnection` is to be called. For the engine. */
  heard = false;
  closed = false;
  /** SYNs and handshakes lost because a queue was full. */
  overflows = 0;
  /** By which half-open connections refer to it. For `Listeners`. */
  number = -1;
  /** Connections whose handshake goes on: counted by `PassiveOpens`, which has them. */
  synQueue = 0;
  /** When a SYN was last answered by a cookie, µs. */
  lastCookie = Number.NEGATIVE_INFINITY;
  /** A handshake's ACK without text is left aside until the SYN,ACK would have been sent again so often (`tcp_defer_accept`). */
  deferAccept = 0;
  /** Connections accepted by Fast Open whose handshake may still go on, and how many there are. */
  fastOpen = 0;
  fastOpenPending = 0;
  /** It has its port, and refuses who calls. */
  deaf = false;
  /** Of all that is sent for it; TTL 0: the stack's. */
  ttl = 0;
  dscp = 0;
  readonly #engine: Engine;
  #waiting: Connection[] = [];
  /** How many those are. Their array begins with another type: `full`, which every SYN asks, is not to be compiled again with the first. */
  acceptQueue = 0;

  constructor(engine: Engine, address: IpAddress | null, port: number, family: 4 | 6 | null, backlog: number) {
    this.#engine = engine;
    this.localAddress = address;
    this.localPort = port;
    this.family = address === null ? family : address.family;
    this.backlog = backlog;
  }

  /** A connection that is being opened sends as the listener does. */
  mark(tcb: Tcb): Tcb {
    if (this.ttl > 0) tcb.ttl = this.ttl;
    tcb.dscp = this.dscp;
    return tcb;
  }

  /** As with Linux, `backlog + 1` connections may wait. */
  get full(): boolean {
    return this.acceptQueue > this.backlog;
  }

  accept(): TcpSocket | null {
    const connection = this.#waiting.shift();
    if (connection === undefined) return null;
    this.acceptQueue--;
    connection.listener = null;
    if (connection.tcb.fastOpen !== null) connection.tcb.fastOpen.inHand = true;
    this.#engine.settle(connection);
    return connection;
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.#engine.abandon(this);
    for (const connection of this.#waiting) {
      connection.listener = null;
      connection.abort();
    }
    this.#waiting = [];
    this.acceptQueue = 0;
    this.#engine.listeners.remove(this);
  }

  /** A connection that a peer opened waits to be accepted. One that ends meanwhile stays: whoever accepts it learns how it ended. */
  opened(connection: Connection): void {
    connection.listener = this;
    this.#waiting.push(connection);
    this.acceptQueue++;
  }

  takes(address: IpAddress): boolean {
    if (this.localAddress !== null) return this.localAddress.equals(address);
    return this.family === null || this.family === address.family;
  }

  /** Whether both would hear the same SYN. */
  conflicts(address: IpAddress | null, family: 4 | 6 | null): boolean {
    if (this.localAddress !== null && address !== null) return this.localAddress.equals(address);
    const mine = this.family;
    const other = address === null ? family : address.family;
    return mine === null || other === null || mine === other;
  }
}

/** All listeners of a stack, by port. One with an address goes before one for every address. */
export class Listeners {
  readonly #byPort = new Map<number, Listener[]>();
  /** There was one for any port: connections may have addresses that are not ours. */
  wasTransparent = false;
  /** Those for any port, by which what nobody else listens for is taken. */
  readonly #transparent: Listener[] = [];
  readonly #numbered: (Listener | null)[] = [];

  find(address: IpAddress, port: number): Listener | null {
    const there = this.#byPort.get(port);
    if (there === undefined) return null;
    let any: Listener | null = null;
    for (const listener of there) {
      if (!listener.takes(address)) continue;
      if (listener.localAddress !== null) return listener;
      any = listener;
    }
    return any;
  }

  /** `find`, or a transparent one. */
  hears(address: IpAddress, port: number): Listener | null {
    return this.find(address, port) ?? this.#transparent.find((listener) => listener.takes(address)) ?? null;
  }

  /** Whether packets for addresses that are not ours have somebody to go to. */
  get isTransparent(): boolean {
    return this.#transparent.length > 0;
  }

  free(address: IpAddress | null, family: 4 | 6 | null, port: number): boolean {
    return !this.#byPort.get(port)?.some((l) => l.conflicts(address, family));
  }

  add(listener: Listener): void {
    const taken =
      listener.localPort === ANY_PORT
        ? this.#transparent.some((one) => one.conflicts(listener.localAddress, listener.family))
        : !this.free(listener.localAddress, listener.family, listener.localPort);
    if (taken) {
      const where = listener.localAddress === null ? 'every address' : `${listener.localAddress}`;
      throw new StackError(
        'EADDRINUSE',
        `${listener.localPort === ANY_PORT ? 'any port' : `port ${listener.localPort}`} of ${where} is in use: close its listener, or choose another`,
      );
    }
    const free = this.#numbered.indexOf(null);
    listener.number = free >= 0 ? free : this.#numbered.length;
    this.#numbered[listener.number] = listener;
    if (listener.localPort === ANY_PORT) {
      this.#transparent.push(listener);
      this.wasTransparent = true;
      return;
    }
    const there = this.#byPort.get(listener.localPort);
    if (there === undefined) this.#byPort.set(listener.localPort, [listener]);
    else there.push(listener);
  }

  /** The one with this number. */
  numbered(number: number): Listener {
    return this.#numbered[number]!;
  }

  remove(listener: Listener): void {
    this.#numbered[listener.number] = null;
    const transparent = this.#transparent.indexOf(listener);
    if (transparent >= 0) {
      this.#transparent.splice(transparent, 1);
      return;
    }
    const there = this.#byPort.get(listener.localPort)?.filter((l) => l !== listener) ?? [];
    if (there.length === 0) this.#byPort.delete(listener.localPort);
    else this.#byPort.set(listener.localPort, there);
  }

  *[Symbol.iterator](): Generator<Listener> {
    for (const there of this.#byPort.values()) yield* there;
    yield* this.#transparent;
  }
}

function nothing(): void {}
