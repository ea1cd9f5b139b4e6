import { AsyncResource } from 'node:async_hooks';
import type { TcpListener } from '../../stack/socket.ts';
import { IpAddress } from '../../wire/address.ts';
import { scopedTurn } from '../host.ts';
import { fillName, type Name, written } from './address.ts';
import { type ErrorName, stackErrorName } from './errors.ts';
import { type Home, TcpHandle } from './handle.ts';

/** What a server asks of its handle: one on a stack, or the real `node:net` for paths and file descriptors. */
export interface ServerHandle {
  onconnection: (error: ErrorName | null, client: TcpHandle) => void;
  getsockname(out: Name): void;
  close(closed?: () => void): void;
  ref(): void;
  unref(): void;
  hasRef(): boolean;
}

const UNSPECIFIED_V6 = IpAddress.of('::');

/** A listener of a stack in the shape of Node's own handles. */
export class ListenHandle implements ServerHandle {
  onconnection: (error: ErrorName | null, client: TcpHandle) => void = () => {};
  readonly fd = -1;
  readonly #home: Home;
  readonly #resource = new AsyncResource('TCPSERVERWRAP');
  #listener: TcpListener | null = null;
  #address = UNSPECIFIED_V6;
  #mapped = false;
  #transparent = false;
  /** Accepted, and not yet told. */
  #waiting: TcpHandle[] = [];
  #ref = true;
  #held = false;

  constructor(home: Home) {
    this.#home = home;
  }

  /** Starts to listen. Returns what went wrong. */
  listen(text: string, port: number | 'any', backlog: number, ipv6Only: boolean, fastOpen = 0): ErrorName | null {
    const { address, mapped } = written(text);
    // An IPv6 listener for every address hears IPv4 too, unless it does not want to (IPV6_V6ONLY).
    const dual = address.family === 6 && address.isUnspecified && !ipv6Only;
    this.#address = address;
    this.#transparent = port === 'any';
    this.#mapped = dual || mapped;
    try {
      this.#listener = this.#home.stack.listen({
        port,
        backlog,
        fastOpen,
        ...(address.isUnspecified ? !dual && { family: address.family } : { address }),
      });
    } catch (error) {
      return stackErrorName(error);
    }
    this.#listener.onConnection = () => this.#accept();
    this.#review();
    return null;
  }

  /** The stack's, while it listens. */
  get listener(): TcpListener | null {
    return this.#listener;
  }

  getAsyncId(): number {
    return this.#resource.asyncId();
  }

  getsockname(out: Name): void {
    if (this.#listener === null) return;
    fillName(out, this.#address, this.#listener.localPort, this.#mapped);
  }

  close(closed?: () => void): void {
    if (this.#listener === null) return;
    this.#listener.close();
    this.#listener = null;
    // As the kernel does with those in the accept queue.
    for (const client of this.#waiting) client.reset();
    this.#waiting = [];
    this.#review();
    if (closed !== undefined) scopedTurn(() => this.#resource.runInAsyncScope(closed), undefined);
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
    return this.#ref && this.#listener !== null;
  }

  #accept(): void {
    for (let tcp = this.#listener?.accept(); tcp != null; tcp = this.#listener?.accept()) {
      const handle = TcpHandle.accepted(this.#home, tcp, this.#mapped);
      handle.isTransparent = this.#transparent;
      this.#waiting.push(handle);
      scopedTurn(ListenHandle.#tell, this);
    }
  }

  static #tell(handle: ListenHandle): void {
    const client = handle.#waiting.shift();
    if (client !== undefined) handle.#resource.runInAsyncScope(handle.#told, handle, client);
  }

  #told(client: TcpHandle): void {
    client.enter();
    this.onconnection(null, client);
  }

  #review(): void {
    const wanted = this.#ref && this.#listener !== null;
    if (wanted === this.#held) return;
    this.#held = wanted;
    if (wanted) this.#home.hold.take();
    else this.#home.hold.give();
  }
}
