import type { Addresses } from '../ip/addresses.ts';
import { resetOutgoing } from '../ip/header.ts';
import type { IcmpAdvice, IcmpFailure } from '../ip/icmp-input.ts';
import type { Hop } from '../ip/routes.ts';
import { CHECKSUM_COMPLETE, CHECKSUM_PARTIAL } from '../link/device.ts';
import type { IpAddress } from '../wire/address.ts';
import { put16 } from '../wire/bytes.ts';
import type { DropReason } from '../wire/drop.ts';
import { buildIp, ipHeaderLength } from '../wire/ip.ts';
import { IpHeader, UDP } from '../wire/ip-header.ts';
import { buildUdp, Datagram, fillUdpChecksum, parseUdp, UDP_CHECKSUM, UDP_HEADER } from '../wire/udp.ts';
import type { Port } from './port.ts';
import type { EphemeralPorts } from './ports.ts';
import { StackError } from './socket.ts';

/** Bytes of text that wait for one socket, at most: what comes beyond is lost (Linux's net.core.rmem_default). */
const RECEIVE_BUFFER = 212_992;

/** What an application hears of its UDP socket: any call on any socket is allowed inside. */
export interface UdpEvents {
  /** A datagram. The bytes are the application's now. */
  onMessage?(bytes: Uint8Array, remoteAddress: IpAddress, remotePort: number): void;
  /** ICMP says that what was sent to there did not arrive. */
  onError?(failure: IcmpFailure, remoteAddress: IpAddress, remotePort: number): void;
}

export interface BindOptions {
  /** An address of the stack; every address of both families, or of `family`, without. */
  readonly address?: IpAddress;
  readonly family?: 4 | 6;
  /** 0 or none: an ephemeral one. */
  readonly port?: number;
  readonly events?: UdpEvents;
}

/** A UDP socket (RFC 768). `Stack.bind` gives one. */
export class UdpSocket {
  events: UdpEvents;
  /** Null: every address. */
  readonly localAddress: IpAddress | null;
  readonly localPort: number;
  readonly family: 4 | 6 | null;
  /** TTL, or hop limit, of what is sent. */
  ttl: number;
  /** Lost because too much waited. */
  dropped = 0;
  readonly #udp: Udp;
  #waiting: { readonly size: number; readonly tell: () => void }[] = [];
  #bytes = 0;

  constructor(udp: Udp, { address, family, port = 0, events = {} }: BindOptions, ttl: number) {
    this.#udp = udp;
    this.localAddress = address ?? null;
    this.family = address?.family ?? family ?? null;
    this.localPort = port;
    this.events = events;
    this.ttl = ttl;
  }

  /**
   * Sends a datagram, which may be lost. Throws a StackError: ENETUNREACH without a route, EMSGSIZE where it is longer than the way carries (nothing is
   * fragmented), EINVAL for an address of the other family.
   */
  send(bytes: Uint8Array, remoteAddress: IpAddress, remotePort: number): void {
    this.#udp.send(this, bytes, remoteAddress, remotePort);
  }

  /** Hears and says nothing any more. */
  close(): void {
    this.#waiting = [];
    this.#udp.remove(this);
  }

  // For `Udp`.

  takes(address: IpAddress): boolean {
    if (this.localAddress !== null) return this.localAddress.equals(address);
    return this.family === null || this.family === address.family;
  }

  conflicts(address: IpAddress | null, family: 4 | 6 | null): boolean {
    if (this.localAddress !== null && address !== null) return this.localAddress.equals(address);
    const other = address?.family ?? family;
    return this.family === null || other === null || this.family === other;
  }

  /** What is to be told later, and the bytes that wait with it. False where there are too many. */
  arrived(size: number, tell: () => void): boolean {
    if (this.#bytes + size > RECEIVE_BUFFER) {
      this.dropped++;
      return false;
    }
    this.#bytes += size;
    this.#waiting.push({ size, tell });
    return true;
  }

  deliver(): void {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      this.#bytes -= next.size;
      next.tell();
    }
  }
}

/** What UDP needs of the stack. */
export interface UdpHome {
  readonly addresses: Addresses<Port>;
  readonly ephemeral: EphemeralPorts;
  readonly ttl: number;
  way(remote: IpAddress): Hop<Port> | null;
  /** The address itself, or for the unspecified one that of this host. */
  host(address: IpAddress): IpAddress;
}

/** UDP (RFC 768), as far as asking a name server takes it. */
export class Udp {
  InDatagrams = 0;
  NoPorts = 0;
  InErrors = 0;
  OutDatagrams = 0;
  readonly #home: UdpHome;
  readonly #byPort = new Map<number, UdpSocket[]>();
  readonly #heard = new Set<UdpSocket>();
  // One of each serves all.
  readonly #datagram = new Datagram();
  readonly #header = new IpHeader();

  constructor(home: UdpHome) {
    this.#home = home;
  }

  /** Throws a StackError: EADDRINUSE, EADDRNOTAVAIL. */
  bind(options: BindOptions): UdpSocket {
    const { addresses, ephemeral, ttl } = this.#home;
    const address = options.address === undefined || options.address.isUnspecified ? null : options.address;
    const family = address?.family ?? options.family ?? options.address?.family ?? null;
    if (address !== null && !addresses.has(address)) {
      throw new StackError('EADDRNOTAVAIL', `${address} is not an address of this stack: add it to a device first`);
    }
    const free = (port: number) => !this.#byPort.get(port)?.some((one) => one.conflicts(address, family));
    const asked = options.port ?? 0;
    const port = asked || ephemeral.pick(address, null, 0, free);
    if (port === 0 || !free(port)) {
      throw new StackError('EADDRINUSE', `UDP port ${asked || 'range'} is in use: choose another`);
    }
    const { events } = options;
    const socket = new UdpSocket(
      this,
      { port, ...(address !== null && { address }), ...(family !== null && { family }), ...(events && { events }) },
      ttl,
    );
    this.#byPort.set(port, [...(this.#byPort.get(port) ?? []), socket]);
    return socket;
  }

  remove(socket: UdpSocket): void {
    this.#heard.delete(socket);
    const rest = this.#byPort.get(socket.localPort)?.filter((one) => one !== socket) ?? [];
    if (rest.length === 0) this.#byPort.delete(socket.localPort);
    else this.#byPort.set(socket.localPort, rest);
  }

  closeAll(): void {
    for (const sockets of [...this.#byPort.values()]) for (const socket of sockets) socket.close();
  }

  send(socket: UdpSocket, bytes: Uint8Array, remoteAddress: IpAddress, remotePort: number): void {
    const remote = this.#home.host(remoteAddress);
    if (!Number.isInteger(remotePort) || remotePort < 1 || remotePort > 65_535) {
      throw new StackError('EINVAL', `${remotePort} is no port to send to: 1 … 65535`);
    }
    if (socket.family !== null && socket.family !== remote.family) {
      throw new StackError('EINVAL', `this socket is not for ${remote}: it is of the other family`);
    }
    const hop = this.#home.way(remote);
    if (hop === null) throw new StackError('ENETUNREACH', `no route to ${remote}: add one with addRoute`);
    const { device } = hop.device;
    const headers = ipHeaderLength(remote.family) + UDP_HEADER;
    if (headers + bytes.length > Math.min(device.mtu, 65_535)) {
      throw new StackError(
        'EMSGSIZE',
        `${bytes.length} bytes are too many for ${device.name}: ${device.mtu - headers}`,
      );
    }
    const length = UDP_HEADER + bytes.length;
    const frame = device.allocate(headers + bytes.length);
    const header = resetOutgoing(this.#header);
    header.setAddresses(socket.localAddress ?? hop.source, remote);
    header.protocol = UDP;
    header.hopLimit = socket.ttl;
    header.payloadLength = length;
    const start = frame.offset + buildIp(header, frame.bytes, frame.offset);
    buildUdp(socket.localPort, remotePort, bytes, frame.bytes, start);
    const pseudo = header.pseudoSum(UDP, length);
    if (device.offload.checksum) {
      put16(frame.bytes, start + UDP_CHECKSUM, pseudo);
      frame.checksum = CHECKSUM_PARTIAL;
    } else fillUdpChecksum(frame.bytes, start, length, pseudo);
    frame.length = headers + bytes.length;
    frame.gsoSize = 0;
    this.OutDatagrams++;
    device.transmit(frame);
  }

  /** A packet whose protocol is UDP. `checksum`: the frame's. Returns false where nobody listens on that port, or why it is no datagram. */
  arrives(header: IpHeader, bytes: Uint8Array, checksum: number): boolean | DropReason {
    const datagram = this.#datagram;
    const reason = parseUdp(bytes, header, checksum === CHECKSUM_COMPLETE, datagram);
    if (reason !== null) {
      this.InErrors++;
      return reason;
    }
    const socket = this.#find(header.destinationAddress(), datagram.destinationPort);
    if (socket === null) {
      this.NoPorts++;
      return false;
    }
    const { payloadOffset, payloadLength, sourcePort } = datagram;
    const text = bytes.slice(payloadOffset, payloadOffset + payloadLength);
    const from = header.sourceAddress();
    if (socket.arrived(payloadLength, () => socket.events.onMessage?.(text, from, sourcePort))) this.InDatagrams++;
    this.#heard.add(socket);
    return true;
  }

  /** ICMP quotes a datagram of ours. */
  advised({ failure, localAddress, localPort, remoteAddress, remotePort }: IcmpAdvice): void {
    const socket = this.#find(localAddress, localPort);
    if (socket === null) return;
    socket.arrived(0, () => socket.events.onError?.(failure, remoteAddress, remotePort));
    this.#heard.add(socket);
  }

  /** Applications hear what has come. What throws there leaves; the rest is told with the next batch. */
  deliver(): void {
    for (const socket of this.#heard) {
      this.#heard.delete(socket);
      socket.deliver();
    }
  }

  /** One that is bound to the address goes before one for every address. */
  #find(address: IpAddress, port: number): UdpSocket | null {
    const there = this.#byPort.get(port);
    if (there === undefined) return null;
    return (
      there.find((one) => one.localAddress !== null && one.takes(address)) ??
      there.find((one) => one.takes(address)) ??
      null
    );
  }
}
