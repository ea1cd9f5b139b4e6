import type { Failure } from '../tcp/notices.ts';
import type { View } from '../tcp/receive-buffer.ts';
import type { State } from '../tcp/state.ts';
import type { IpAddress } from '../wire/address.ts';
import type { TcpInfo } from './tcp-info.ts';
import type { TcpOptions } from './tcp-options.ts';

/**
 * What an application hears from its connection. Called after the protocol has finished with an event: any call on any socket is
 * allowed inside, and none of them calls back before it returns. A listener that throws is the application's defect: the stack stays
 * consistent, and the error surfaces through the host as uncaught.
 */
export interface SocketEvents {
  /** ESTABLISHED. Not called for accepted sockets: they are established. */
  onConnect?(): void;
  /** `receive()` has something. Called again only after `receive()` has returned null, or `receiveInto()` 0. */
  onReadable?(): void;
  /** There is space again after a `send()` that did not take everything: a third of the send buffer. */
  onWritable?(): void;
  /** The peer closed its direction: after what `receive()` still has, nothing more comes. */
  onEnd?(): void;
  /**
   * The connection is over: last call. `failure` is null after an orderly close in both directions (also when TIME-WAIT begins), else
   * how it failed ('aborted' when this side did). Text that was received before the peer, the path or time failed can still be read.
   */
  onClose?(failure: Failure | null): void;
  /** ICMP errors, R1 retransmissions and urgent data (RFC 9293 §3.9.1.8, MUST-47), for whoever wants to know (SHLD-20). */
  onAdvice?(advice: Failure | 'retransmitting' | 'urgent'): void;
}

/** A connection as an application holds it. `Stack.connect` and `Listener.accept` give one. */
export interface TcpSocket {
  /** The application's ear; may be replaced at any time. */
  events: SocketEvents;
  readonly localAddress: IpAddress;
  readonly localPort: number;
  readonly remoteAddress: IpAddress;
  readonly remotePort: number;
  readonly state: State;

  /**
   * Queues `bytes` and returns how many were taken: fewer than `bytes.length`, down to 0, where the send buffer is full: offer the rest
   * after `onWritable`. With `copy` false the stack keeps a reference and `bytes` must not change until acknowledged.
   * Text may be queued in SYN-SENT. Returns −1 where no more can be sent: after `shutdown`, or when the connection is over (EPIPE).
   */
  send(bytes: Uint8Array, copy?: boolean): number;
  /**
   * The next received bytes, in order, now the caller's; null where there are none now. At most `max` bytes. `as` makes the array that is returned: of
   * [start, end) of a memory of which nothing else is the caller's; a view where it is not given.
   */
  receive<T extends Uint8Array = Uint8Array>(max?: number, as?: View<T>): T | null;
  /**
   * Shows `take` all received bytes there are now, piece by piece in order, and returns how many. A piece holds only until `take` returns: its
   * memory is used again. For whoever copies, hashes or parses and keeps nothing: a fast stream costs half as much as with `receive`.
   * `onReadable` is called when more comes.
   */
  consume(take: (bytes: Uint8Array) => void): number;
  /**
   * Copies the next received bytes, in order, to `target`, as many as there are and it has room for, and returns how many: 0 where there are none now.
   * The stack uses its own memory again, as with `consume`.
   */
  receiveInto(target: Uint8Array): number;
  /** True when the peer's FIN came and everything before it has been received by the application: end of file. */
  readonly ended: boolean;
  /** RFC 9293 CLOSE: sends FIN after what is queued; receiving goes on (half-close). */
  shutdown(): void;
  /** Lets go: sends FIN after what is queued (RST if something received was not read, SHLD-3), and reads no more. `onClose` still comes. */
  close(): void;
  /** RFC 9293 ABORT: RST, and everything queued is dropped. */
  abort(): void;

  setNoDelay(on: boolean): void;
  setCork(on: boolean): void;
  /** Delays in µs; those not given keep their value. */
  setKeepAlive(on: boolean, time?: number, interval?: number, probes?: number): void;
  setUserTimeout(time: number): void;
  /** The DS field of what is sent from now on, 0 … 63 (RFC 9293 §3.9.1.9: MUST-48, SHLD-21). */
  setDscp(dscp: number): void;
  /** The TTL, or hop limit, of what is sent from now on, 1 … 255 (RFC 9293 §3.9.2, MUST-49). */
  setTtl(ttl: number): void;
  /** Like `send`, and urgent (RFC 9293 §3.8.5). New applications do without (RFC 6093 §5, SHLD-13). */
  sendUrgent(bytes: Uint8Array, copy?: boolean): number;
  /** How many of the bytes not read yet, or not even come, are urgent (RFC 9293 §3.8.5, MUST-33). */
  readonly urgent: number;
  /** Several of them at once, and what has no function of its own. Throws a RangeError for a value that makes no sense. */
  setOptions(options: TcpOptions): void;
  /** How it goes: Linux's TCP_INFO. */
  info(): TcpInfo;
  /** Bytes queued and not acknowledged. */
  readonly unacknowledged: number;
  /** Free space of the send buffer, bytes. */
  readonly sendSpace: number;
  /** Whether it is time to send more, as poll(2) would say: a third of the send buffer is free, and less than half of `notsentLowat` unsent. */
  readonly writable: boolean;
  /** Bytes received in order and not read. */
  readonly readable: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
}

/** A listener. `Stack.listen` gives one. */
export interface TcpListener {
  /** The address listened on, or null for every address of the stack (both families). */
  readonly localAddress: IpAddress | null;
  /** 0 of one for any port. */
  readonly localPort: number;
  /** Called when `accept()` has something. */
  onConnection: () => void;
  /** The oldest established connection nobody has accepted yet, or null. */
  accept(): TcpSocket | null;
  /** It has its port, and refuses who calls. */
  deaf: boolean;
  /** Stops listening; connections not yet accepted are reset, accepted ones live on. */
  close(): void;
  /** Lengths now: half-open, and established but not accepted. */
  readonly synQueue: number;
  readonly acceptQueue: number;
  /** As many as this may wait to be accepted, and one more, as with Linux. */
  readonly backlog: number;
  /** SYNs and handshakes lost because the queues were full. */
  readonly overflows: number;
}

export interface ListenOptions {
  /** An address of the stack; every address of both families without. */
  readonly address?: IpAddress;
  /** Only one family, where no address is given. */
  readonly family?: 4 | 6;
  /**
   * 0 or none: an ephemeral one. 'any': a transparent listener, which takes what nobody else listens for, on every port and every address, also those
   * that are not the stack's; `localAddress` and `localPort` of its sockets are where the peer wanted to go.
   */
  readonly port?: number | 'any';
  /** Length of the accept queue, at most `somaxconn`. Default 511, as Node. */
  readonly backlog?: number;
  /**
   * Accept connections when their first text is there, or after so long, µs: the handshake's bare ACK is left aside (`TCP_DEFER_ACCEPT`). 0, the
   * default: when the handshake is done.
   */
  readonly deferAccept?: number;
  /**
   * TCP Fast Open (RFC 7413): connections whose SYN brings a good cookie are accepted with its text, before their handshake is done; at most so many
   * whose handshake is not. Needs bit 2 of `tcp_fastopen`. A SYN that was duplicated may be accepted twice: for requests that may be repeated. 0, the
   * default: none.
   */
  readonly fastOpen?: number;
  /** IP_TTL (IPV6_UNICAST_HOPS), 1 … 255, and the upper six bits of IP_TOS (IPV6_TCLASS), of all that is sent for it, and of what it accepts. */
  readonly ttl?: number;
  readonly dscp?: number;
  /** bind(2) without listen(2): the port is taken, and who calls is refused, until `deaf` of the listener is set to false. */
  readonly deaf?: boolean;
}

export interface ConnectOptions {
  readonly remoteAddress: IpAddress;
  readonly remotePort: number;
  /** Default: the address of the interface that the route goes through (MUST-44). */
  readonly localAddress?: IpAddress;
  /** Default: an ephemeral one (RFC 6056). */
  readonly localPort?: number;
  /** Text to send first: what of it the send buffer has no room for is not taken (`unacknowledged` tells). */
  readonly data?: Uint8Array;
  /**
   * TCP Fast Open (RFC 7413): `data` leaves on the SYN where the server has given us a cookie before; else we ask for one. The server may get `data`
   * twice: for requests that may be repeated.
   */
  readonly fastOpen?: boolean;
  /** Set before the SYN leaves. */
  readonly options?: TcpOptions;
  readonly events?: SocketEvents;
}

/** Thrown by `listen` and `connect` for what the caller can mend. `node/errors.ts` knows the codes. */
export class StackError extends Error {
  readonly code: 'EADDRINUSE' | 'EADDRNOTAVAIL' | 'ENETUNREACH' | 'EACCES' | 'EINVAL' | 'ENOBUFS' | 'EMSGSIZE';
  constructor(code: StackError['code'], message: string) {
    super(message);
    this.name = 'StackError';
    this.code = code;
  }
}

/** A part that a call needs. */
export function partOf<T>(part: T | null | undefined, name: string): T {
  if (part == null) throw new StackError('EINVAL', `this stack was made without it: give it the part \`${name}\``);
  return part;
}
