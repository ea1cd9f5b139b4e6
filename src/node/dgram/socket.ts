import { Buffer } from 'node:buffer';
import type { RemoteInfo } from 'node:dgram';
import dns from 'node:dns';
import { EventEmitter } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { IcmpFailure } from '../../ip/icmp-input.ts';
import type { Stack } from '../../stack/stack.ts';
import type { UdpSocket } from '../../stack/udp.ts';
import { IpAddress } from '../../wire/address.ts';
import { type Hold, turn } from '../host.ts';
import { coded, connectError, failureName, invalidType, stackErrorName, systemError } from '../net/errors.ts';
import type { Lookup } from '../net/home.ts';

export type SocketType = 'udp4' | 'udp6';

export interface SocketOptions {
  readonly type: SocketType;
  readonly lookup?: Lookup;
  readonly signal?: AbortSignal;
  /** With `udp6`: IPv6 alone. Nothing else is heard here in any case. */
  readonly ipv6Only?: boolean;
  readonly reuseAddr?: boolean;
}

/** What the parts of one `createDgram` share. */
export interface DgramHome {
  readonly stack: Stack;
  readonly hold: Hold;
  readonly lookup: Lookup | undefined;
}

export interface BindOptions {
  readonly port?: number;
  readonly address?: string;
}

type Message = string | NodeJS.ArrayBufferView;
type Sent = (error: Error | null, bytes: number) => void;
interface Peer {
  readonly address: string;
  readonly port: number;
}

const LOOPBACK = { udp4: '127.0.0.1', udp6: '::1' } as const;
const EVERY = { udp4: '0.0.0.0', udp6: '::' } as const;

/** `dgram.Socket` on a stack. */
export class Socket extends EventEmitter {
  readonly type: SocketType;
  readonly #home: DgramHome;
  readonly #lookup: Lookup;
  #udp: UdpSocket | null = null;
  #state: 'unbound' | 'binding' | 'bound' | 'closed' = 'unbound';
  #peer: Peer | 'connecting' | null = null;
  #ttl = 64;
  #ref = true;
  #held = false;
  /** What waits to be bound. */
  #queue: (() => void)[] = [];

  constructor(home: DgramHome, type: SocketType | SocketOptions, listener?: (...args: never[]) => void) {
    super();
    const options: SocketOptions = typeof type === 'string' ? { type } : type;
    if (options?.type !== 'udp4' && options?.type !== 'udp6') {
      throw coded(TypeError, 'ERR_SOCKET_BAD_TYPE', 'Bad socket type specified. Valid types are: udp4, udp6');
    }
    this.type = options.type;
    this.#home = home;
    this.#lookup = options.lookup ?? home.lookup ?? (dns.lookup as Lookup);
    if (listener !== undefined) this.on('message', listener as () => void);
    const { signal } = options;
    if (signal?.aborted) turn(() => this.close(), undefined);
    signal?.addEventListener('abort', () => this.#state !== 'closed' && this.close(), { once: true });
  }

  bind(...args: unknown[]): this {
    this.#mustLive();
    if (this.#state !== 'unbound') throw coded(Error, 'ERR_SOCKET_ALREADY_BOUND', 'Socket is already bound');
    const callback = args.find((one) => typeof one === 'function') as (() => void) | undefined;
    const [first, second] = args;
    const given = (typeof first === 'object' ? first : { port: first, address: second }) as BindOptions | null;
    const port = Number(typeof given?.port === 'function' ? 0 : (given?.port ?? 0));
    const text = typeof given?.address === 'string' ? given.address : EVERY[this.type];
    if (callback !== undefined) this.once('listening', callback);
    this.#state = 'binding';
    this.#review();
    this.#resolve(text, (error, address) => {
      if (error === null) this.#bindTo(address!, port);
      else this.#failedToBind(error);
    });
    return this;
  }

  #bindTo(address: string, port: number): void {
    try {
      this.#udp = this.#home.stack.bind({
        address: IpAddress.of(address),
        family: this.#family,
        port,
        events: {
          onMessage: (bytes, from, remotePort) => this.#heard(bytes, from, remotePort),
          onError: (failure, to, remotePort) => this.#advised(failure, to, remotePort),
        },
      });
    } catch (error) {
      this.#failedToBind(connectError(stackErrorName(error), 'bind', address, port));
      return;
    }
    this.#udp.ttl = this.#ttl;
    this.#state = 'bound';
    this.emit('listening');
    for (const one of this.#queue.splice(0)) one();
  }

  #failedToBind(error: Error): void {
    this.#state = 'unbound';
    this.#queue = [];
    this.#review();
    this.emit('error', error);
  }

  connect(port: number, address?: unknown, callback?: unknown): void {
    this.#mustLive();
    const to = checkPort(port);
    if (this.#peer !== null) throw coded(Error, 'ERR_SOCKET_DGRAM_IS_CONNECTED', 'Already connected');
    const done = typeof address === 'function' ? address : callback;
    const name = typeof address === 'string' ? address : LOOPBACK[this.type];
    this.#peer = 'connecting';
    if (typeof done === 'function') this.once('connect', done as () => void);
    this.#whenBound(() =>
      this.#resolve(name, (error, found) => {
        if (error !== null) {
          this.#peer = null;
          this.emit('error', error);
          return;
        }
        this.#peer = { address: found!, port: to };
        this.emit('connect');
      }),
    );
  }

  disconnect(): void {
    if (this.#peer === null || this.#peer === 'connecting') throw notConnected();
    this.#peer = null;
  }

  /** `(message[, offset, length][, port][, address][, callback])`, as `node:dgram` reads it. */
  send(message: Message | readonly Message[], ...rest: unknown[]): void {
    this.#mustLive();
    const callback = rest.find((one) => typeof one === 'function') as Sent | undefined;
    const args = rest.filter((one) => typeof one !== 'function');
    let bytes = gather(message);
    const connected = this.#peer !== null;
    const slices = connected ? typeof args[1] === 'number' : args.length >= 3;
    if (slices) {
      const [offset, length] = args.splice(0, 2) as [number, number];
      bytes = bytes.subarray(offset, offset + length);
    }
    const [port, address] = args as [number | undefined, string | undefined];
    if (connected && slices && port) {
      throw coded(Error, 'ERR_SOCKET_DGRAM_IS_CONNECTED', 'Already connected');
    }
    const to = connected ? 0 : checkPort(port);
    const copy = Buffer.from(bytes);
    this.#whenBound(() => {
      const peer = this.#peer;
      if (peer === 'connecting') this.once('connect', () => this.#sendTo(copy, this.#peer as Peer, callback));
      else if (peer !== null) this.#sendTo(copy, peer, callback);
      else {
        this.#resolve(address || LOOPBACK[this.type], (error, found) => {
          if (error === null) this.#sendTo(copy, { address: found!, port: to }, callback);
          else this.#sent(error, 0, callback);
        });
      }
    });
  }

  #sendTo(bytes: Buffer, { address, port }: Peer, callback: Sent | undefined): void {
    if (this.#udp === null) return;
    try {
      this.#udp.send(bytes, IpAddress.of(address), port);
    } catch (error) {
      this.#sent(connectError(stackErrorName(error), 'send', address, port), 0, callback);
      return;
    }
    this.#sent(null, bytes.length, callback);
  }

  #sent(error: Error | null, bytes: number, callback: Sent | undefined): void {
    if (callback !== undefined) turn(() => callback(error, bytes), undefined);
    else if (error !== null) turn(() => this.emit('error', error), undefined);
  }

  #heard(bytes: Uint8Array, from: IpAddress, port: number): void {
    const { address: only, port: onlyPort } = (this.#peer ?? {}) as Partial<Peer>;
    if (only !== undefined && (only !== `${from}` || onlyPort !== port)) return;
    const remote: RemoteInfo = {
      address: `${from}`,
      family: from.family === 4 ? 'IPv4' : 'IPv6',
      port,
      size: bytes.length,
    };
    this.emit('message', Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length), remote);
  }

  /** As with the kernel, ICMP's errors are told to connected sockets alone. */
  #advised(failure: IcmpFailure, to: IpAddress, port: number): void {
    const { address, port: peerPort } = (this.#peer ?? {}) as Partial<Peer>;
    if (address === `${to}` && peerPort === port) this.emit('error', systemError(failureName(failure), 'recvmsg'));
  }

  close(callback?: () => void): this {
    this.#mustLive();
    if (callback !== undefined) this.on('close', callback);
    this.#state = 'closed';
    this.#udp?.close();
    this.#udp = null;
    this.#queue = [];
    this.#review();
    process.nextTick(() => this.emit('close'));
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#state !== 'closed') await new Promise<void>((resolve) => this.close(resolve));
  }

  address(): AddressInfo {
    this.#mustLive();
    if (this.#udp === null) throw systemError('EBADF', 'getsockname');
    const { localAddress, localPort } = this.#udp;
    return { address: `${localAddress ?? EVERY[this.type]}`, family: `IPv${this.#family}`, port: localPort };
  }

  remoteAddress(): AddressInfo {
    this.#mustLive();
    if (this.#peer === null || this.#peer === 'connecting') throw notConnected();
    return { ...this.#peer, family: `IPv${this.#family}` };
  }

  setTTL(ttl: number): number {
    if (!Number.isInteger(ttl) || ttl < 1 || ttl > 255) throw systemError('EINVAL', 'setTTL');
    this.#ttl = ttl;
    if (this.#udp !== null) this.#udp.ttl = ttl;
    return ttl;
  }

  /** Nothing that is sent here goes to more than one host. */
  setBroadcast(_on: boolean): void {}

  ref(): this {
    this.#ref = true;
    this.#review();
    return this;
  }

  unref(): this {
    this.#ref = false;
    this.#review();
    return this;
  }

  get #family(): 4 | 6 {
    return this.type === 'udp4' ? 4 : 6;
  }

  #whenBound(what: () => void): void {
    if (this.#state === 'bound') {
      what();
      return;
    }
    this.#queue.push(what);
    if (this.#state === 'unbound') this.bind({ port: 0 });
  }

  #resolve(name: string, then: (error: Error | null, address?: string) => void): void {
    const literal = IpAddress.parse(name);
    const living = (error: Error | null, address?: string): void => {
      if (this.#state !== 'closed') then(error, address);
    };
    if (literal !== undefined) process.nextTick(living, null, name);
    else this.#lookup(name, this.#family, (error, address) => living(error, address as string));
  }

  #mustLive(): void {
    if (this.#state === 'closed') throw coded(Error, 'ERR_SOCKET_DGRAM_NOT_RUNNING', 'Not running');
  }

  /** A bound socket keeps the process alive. */
  #review(): void {
    const wanted = this.#ref && (this.#state === 'bound' || this.#state === 'binding');
    if (wanted === this.#held) return;
    this.#held = wanted;
    if (wanted) this.#home.hold.take();
    else this.#home.hold.give();
  }
}

function gather(message: Message | readonly Message[]): Buffer {
  if (Array.isArray(message)) return Buffer.concat(message.map(gather));
  if (typeof message === 'string') return Buffer.from(message);
  if (ArrayBuffer.isView(message)) return Buffer.from(message.buffer, message.byteOffset, message.byteLength);
  throw invalidType('buffer', 'of type string or an instance of Buffer, TypedArray, or DataView', message);
}

function checkPort(port: unknown): number {
  const number = Number(port);
  if (port != null && Number.isInteger(number) && number > 0 && number < 65_536) return number;
  const got = port == null ? `${port}` : `type ${typeof port} (${port})`;
  throw coded(RangeError, 'ERR_SOCKET_BAD_PORT', `Port should be > 0 and < 65536. Received ${got}.`);
}

function notConnected(): Error {
  return coded(Error, 'ERR_SOCKET_DGRAM_NOT_CONNECTED', 'Not connected');
}
