import { Addresses } from '../ip/addresses.ts';
import { sharedPrefix } from '../ip/prefix.ts';
import { type Hop, type RouteMetrics, Routes } from '../ip/routes.ts';
import type { Device } from '../link/device.ts';
import { Loopback } from '../link/loopback.ts';
import { linux, type TcpConfig } from '../tcp/config.ts';
import { congestionNames, createCongestion } from '../tcp/congestion/algorithms.ts';
import type { FourTuple, Trace } from '../tcp/trace.ts';
import { IpAddress } from '../wire/address.ts';
import { MAX_PACKET } from '../wire/ip-header.ts';
import { Engine } from './engine.ts';
import { retransmissionsIn } from './half-open.ts';
import type { Host } from './host.ts';
import { Input } from './input.ts';
import { IpCounters } from './ip-counters.ts';
import { ANY_PORT, Listener } from './listener.ts';
import { type ConnectionRow, type StackStats, stats } from './netstat.ts';
import type { Parts } from './parts.ts';
import { ALL_PARTS } from './parts-all.ts';
import { Port } from './port.ts';
import { EphemeralPorts } from './ports.ts';
import {
  type ConnectOptions,
  type ListenOptions,
  partOf,
  StackError,
  type TcpListener,
  type TcpSocket,
} from './socket.ts';
import { checkTcpOptions } from './tcp-options.ts';
import type { BindOptions, Udp, UdpSocket } from './udp.ts';
import type { StackWarning } from './warnings.ts';

export interface StackOptions {
  /** Clock, randomness and wake-ups: `NodeHost` of `synfin/tun`, or one of your own. */
  readonly host: Host;
  /** A profile, or one with changes: `{ ...linux, tcp_sack: false }`. Linux's choices where not given. */
  readonly config?: TcpConfig;
  /** Sees every segment, transition and timer. */
  readonly trace?: Trace | null;
  /** Whether the stack has 127.0.0.0/8 and ::1, and reaches its own addresses. True where not given. */
  readonly loopback?: boolean;
}

export interface LeanStackOptions extends StackOptions {
  /** What it has beyond TCP with Reno and CUBIC: `{ ...udp, ...bbr }`. */
  readonly parts?: Parts;
}

/** An address of the stack on a device, and the subnet behind it. */
export interface DeviceAddress {
  readonly address: IpAddress;
  /** 0 … 32 or 0 … 128. */
  readonly prefixLength: number;
}

const LOOPBACK_V4 = IpAddress.parse('127.0.0.1')!;
const LOOPBACK_V6 = IpAddress.parse('::1')!;
const DEFAULT_BACKLOG = 511;

/**
 * A host's TCP/IP: devices, addresses and routes below, listeners and connections above.
 *
 * ```ts
 * const stack = new Stack({ host: new NodeHost() });
 * stack.addDevice(openTun({ addresses: ['10.9.0.1/24'] }), [{ address: IpAddress.parse('10.9.0.2')!, prefixLength: 24 }]);
 * stack.listen({ port: 80 }, (socket) => { … });
 * ```
 *
 * Nothing calls back into the application before the call that it made returns.
 */
export class LeanStack {
  readonly host: Host;
  readonly config: TcpConfig;
  readonly ipCounters = new IpCounters();
  readonly #engine: Engine;
  readonly #addresses = new Addresses<Port>();
  readonly #routes = new Routes<Port>(this.#addresses);
  readonly #input: Input;
  readonly #ports: Port[] = [];
  readonly #ephemeral: EphemeralPorts;
  #loopback: Loopback | null = null;
  #loopbackPort: Port | null = null;
  #udp: Udp | null = null;
  #closed = false;

  constructor({ host, config = linux, trace = null, loopback = true, parts = {} }: LeanStackOptions) {
    // To find out now whether there is one.
    createCongestion(config.tcp_congestion_control, parts.congestion);
    this.host = host;
    this.config = config;
    this.#engine = new Engine(host, config, trace, parts);
    this.#input = new Input(this.#engine, this.#addresses, this.ipCounters, parts);
    const key = new Uint8Array(16);
    host.random(key);
    this.#ephemeral = new EphemeralPorts(config.ip_local_port_range, key, (bytes) => host.random(bytes));
    if (loopback) this.#addLoopback();
  }

  get counters(): Engine['counters'] {
    return this.#engine.counters;
  }

  /** The observer; may be changed at any time. */
  get trace(): Trace | null {
    return this.#engine.trace;
  }

  set trace(trace: Trace | null) {
    this.#engine.trace = trace;
  }

  /** Called for what an operator should know of, at most once in five seconds for each kind. */
  set onWarning(listener: ((warning: StackWarning) => void) | null) {
    partOf(this.#engine.warnings, 'warnings').listener = listener;
  }

  /**
   * Starts to use a device, and adds routes to the subnets of its addresses. Throws a TypeError where an address cannot be a host's or is
   * there already.
   */
  addDevice(device: Device, addresses: readonly DeviceAddress[]): void {
    const port = new Port(device, this.#input);
    this.#ports.push(port);
    for (const { address, prefixLength } of addresses) {
      this.#addresses.add(address, prefixLength, port);
      this.#routes.add({ prefix: address, length: prefixLength, device: port });
    }
    device.attach(port);
  }

  /** Adds an address to a device. */
  addAddress(device: Device, address: IpAddress, prefixLength: number): void {
    const port = this.#portOf(device);
    this.#addresses.add(address, prefixLength, port);
    this.#routes.add({ prefix: address, length: prefixLength, device: port });
  }

  /**
   * Packets to this prefix leave through `device`. A length of 0 is the default route. `metrics`: what is known of the way; connections that are open
   * follow a change of its MTU. A route to the same prefix through the same device is replaced.
   */
  addRoute(prefix: IpAddress, length: number, device: Device, metrics: RouteMetrics = {}): void {
    const port = this.#portOf(device);
    this.#routes.remove(prefix, length, port);
    this.#routes.add({ prefix, length, device: port, metrics });
    const { paths } = this.#engine;
    if (paths.routes === null && Object.keys(metrics).length === 0) return;
    paths.routes ??= (destination) => this.#routes.lookup(destination)?.metrics ?? {};
    for (const connection of this.#engine.demux) {
      const { remoteAddress: remote } = connection;
      if (remote.family === prefix.family && sharedPrefix(remote, prefix) >= length) connection.rerouted();
    }
  }

  /** The stack's addresses, in the order they were added. */
  get addresses(): readonly IpAddress[] {
    return this.#addresses.list().map((a) => a.address);
  }

  /**
   * Listens: passive OPEN (RFC 9293 §3.9.1.1). On the address given (MUST-43), or on all; also on a port that connections use, opening or open,
   * which go on as they are (MUST-41, MUST-42). With `onSocket` each connection is accepted as it comes, else `accept` it when `onConnection` says so. Throws a StackError:
   * EADDRINUSE, EADDRNOTAVAIL, EINVAL.
   */
  listen(options: ListenOptions, onSocket?: (socket: TcpSocket) => void): TcpListener {
    const { address: asked, family, port = 0, backlog = DEFAULT_BACKLOG } = options;
    this.#mustBeOpen();
    if (port !== 'any') checkPort(port);
    checkTcpOptions(options, congestionNames(this.#engine.parts.congestion));
    const address = asked === undefined || asked.isUnspecified ? null : asked;
    const only = address === null ? (family ?? (asked?.family === 4 ? 4 : null)) : address.family;
    if (address !== null && !this.#addresses.has(address)) {
      throw new StackError('EADDRNOTAVAIL', `${address} is not an address of this stack: add it to a device first`);
    }
    const { listeners } = this.#engine;
    const transparent = port === 'any';
    if (transparent && address !== null) {
      throw new StackError('EINVAL', `a listener for any port is for every address: leave ${address} out`);
    }
    const chosen = transparent
      ? ANY_PORT
      : port || this.#ephemeral.pick(address, null, 0, (p) => listeners.free(address, only, p));
    if (chosen === 0 && !transparent)
      throw new StackError('EADDRINUSE', 'all ports of ip_local_port_range are in use: widen it');
    const length = Math.min(Math.max(0, backlog), this.config.somaxconn);
    const listener = new Listener(this.#engine, address, chosen, only, length);
    listener.deferAccept = retransmissionsIn(options.deferAccept ?? 0, this.config);
    listener.fastOpen = options.fastOpen ?? 0;
    listener.ttl = options.ttl ?? 0;
    listener.dscp = options.dscp ?? 0;
    listener.deaf = options.deaf ?? false;
    listeners.add(listener);
    if (onSocket !== undefined) {
      listener.onConnection = () => {
        for (let socket = listener.accept(); socket !== null; socket = listener.accept()) onSocket(socket);
      };
    }
    return listener;
  }

  /**
   * Opens a connection: the SYN leaves at once, how it goes is told to `events`. It comes from the address given, or from the route's (RFC 9293
   * §3.9.1.1, MUST-43, MUST-44), as does all that follows (MUST-45). Throws a StackError: ENETUNREACH without a route, or to an address of many (MUST-46), EADDRINUSE
   * where the ports or the four-tuple are taken, EADDRNOTAVAIL, EINVAL.
   */
  connect(options: ConnectOptions): TcpSocket {
    const { remotePort, localPort = 0 } = options;
    this.#mustBeOpen();
    if (options.options !== undefined) checkTcpOptions(options.options, congestionNames(this.#engine.parts.congestion));
    checkPort(localPort);
    checkPort(remotePort);
    // RFC 1122 §3.2.1.3: "this host"; as everywhere, it means the loopback address.
    const remote = options.remoteAddress.isUnspecified ? loopbackOf(options.remoteAddress) : options.remoteAddress;
    if (remote.isMulticast || this.#addresses.isBroadcast(remote.family, remote.w3)) {
      throw new StackError('ENETUNREACH', `${remote} is no address of one host: TCP connects two hosts`);
    }
    const hop = this.#way(remote);
    if (hop === null) throw new StackError('ENETUNREACH', `no route to ${remote}: add one with addRoute`);
    const local = options.localAddress?.isUnspecified === false ? options.localAddress : hop.source;
    if (local.family !== remote.family) {
      throw new StackError('EINVAL', `${local} cannot connect to ${remote}: they are of two families`);
    }
    if (!this.#addresses.has(local)) throw new StackError('EADDRNOTAVAIL', `${local} is not an address of this stack`);
    const tuple = this.#tuple(local, localPort, remote, remotePort, hop.device.isLoopback);
    return this.#engine.connect(tuple, hop.device, options);
  }

  /**
   * How much of `length` bytes the SYN of a `connect` with `fastOpen` to there would carry now; 0 where it would only ask for a cookie, or not even that.
   */
  fastOpenRoom(remoteAddress: IpAddress, length = Number.MAX_SAFE_INTEGER): number {
    const hop = this.#way(remoteAddress);
    const asked = this.#engine.fastOpen?.ask(remoteAddress, this.#engine.now()) ?? null;
    if (hop === null || asked === null) return 0;
    const tuple = { localAddress: hop.source, localPort: 0, remoteAddress, remotePort: 0 };
    return asked.textOfSyn(length, this.#engine.pathMss(tuple, hop.device));
  }

  /** Forgets what servers gave and refused for Fast Open. */
  forgetFastOpen(): void {
    this.#engine.fastOpen?.clear();
  }

  /** A UDP socket on a port of its own. Throws a StackError: EADDRINUSE, EADDRNOTAVAIL, EINVAL. */
  bind(options: BindOptions = {}): UdpSocket {
    this.#mustBeOpen();
    checkPort(options.port ?? 0);
    const udp = partOf(this.#engine.parts.udp, 'udp');
    this.#udp ??= udp({
      addresses: this.#addresses,
      ephemeral: this.#ephemeral,
      ttl: this.config.ip_default_ttl,
      way: (remote) => this.#way(remote),
      host: (address) => (address.isUnspecified ? loopbackOf(address) : address),
    });
    this.#input.udp = this.#udp;
    return this.#udp.bind(options);
  }

  /** Ends every TIME-WAIT now, as `tcpdrop -s TIME_WAIT` does. */
  forgetTimeWait(): void {
    this.#engine.timeWait.expire(Number.MAX_SAFE_INTEGER, () => {});
  }

  /** Every connection and listener, in the columns of `ss`. */
  connections(): ConnectionRow[] {
    return partOf(this.#engine.parts.inspection, 'inspection').rows(this.#engine);
  }

  /** How much there is of everything: all zero when all is over. */
  stats(): StackStats {
    return stats(this.#engine);
  }

  /** Resets what is open, closes the devices, and forgets what waits: nothing wakes the host any more. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#engine.halted = true;
    this.#udp?.closeAll();
    for (const listener of [...this.#engine.listeners]) listener.close();
    for (const connection of [...this.#engine.demux]) connection.abort();
    for (const port of this.#ports) port.device.close();
    this.#loopback?.close();
  }

  /** The way to `remote`: to ourselves it leads through the loopback. */
  #way(remote: IpAddress): Hop<Port> | null {
    if (this.#loopbackPort !== null && this.#addresses.has(remote)) {
      return { device: this.#loopbackPort, source: remote };
    }
    return this.#routes.lookup(remote);
  }

  #tuple(
    localAddress: IpAddress,
    localPort: number,
    remoteAddress: IpAddress,
    remotePort: number,
    isLoopback: boolean,
  ): FourTuple {
    const { listeners } = this.#engine;
    const free = (port: number): boolean =>
      this.#engine.isFree({ localAddress, localPort: port, remoteAddress, remotePort }, isLoopback);
    if (localPort !== 0) {
      if (listeners.find(localAddress, localPort) !== null || !free(localPort)) {
        throw new StackError('EADDRINUSE', `${localAddress}:${localPort} is in use: choose another port, or none`);
      }
      return { localAddress, localPort, remoteAddress, remotePort };
    }
    const usable = (port: number): boolean => listeners.find(localAddress, port) === null && free(port);
    const chosen = this.#ephemeral.pick(localAddress, remoteAddress, remotePort, usable);
    if (chosen === 0) {
      throw new StackError(
        'EADDRNOTAVAIL',
        `all ports of ip_local_port_range to ${remoteAddress}:${remotePort} are in use: widen it, or wait for TIME-WAIT`,
      );
    }
    return { localAddress, localPort: chosen, remoteAddress, remotePort };
  }

  #addLoopback(): void {
    const loopback = new Loopback({
      checksum: true,
      maxGso: MAX_PACKET,
      onPending: () => this.host.soon(() => loopback.pump(this.#engine.now())),
    });
    const port = new Port(loopback, this.#input, true);
    this.#loopback = loopback;
    this.#loopbackPort = port;
    this.#addresses.add(LOOPBACK_V4, 8, port);
    this.#addresses.add(LOOPBACK_V6, 128, port);
    this.#routes.add({ prefix: LOOPBACK_V4, length: 8, device: port, source: LOOPBACK_V4 });
    this.#routes.add({ prefix: LOOPBACK_V6, length: 128, device: port });
    loopback.attach(port);
  }

  #portOf(device: Device): Port {
    const port = this.#ports.find((p) => p.device === device);
    if (port === undefined)
      throw new StackError('EINVAL', `${device.name} is not a device of this stack: add it first`);
    return port;
  }

  #mustBeOpen(): void {
    if (this.#closed) throw new StackError('EINVAL', 'this stack is closed');
  }
}

/** With all its parts. */
export class Stack extends LeanStack {
  constructor(options: StackOptions) {
    super({ ...options, parts: ALL_PARTS });
  }
}

function loopbackOf(address: IpAddress): IpAddress {
  return address.family === 4 ? LOOPBACK_V4 : LOOPBACK_V6;
}

function checkPort(port: number): void {
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new StackError('EINVAL', `${port} is no port: 0 … 65535`);
  }
}
