import { type Family, IpAddress } from '../wire/address.ts';
import { ARP_LENGTH, type Arp, buildArp, parseArp } from '../wire/arp.ts';
import { get16, get32 } from '../wire/bytes.ts';
import {
  buildEthernet,
  ETHERNET_HEADER,
  ETHERTYPE_ARP,
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  MacAddress,
} from '../wire/ethernet.ts';
import { buildIcmpError, fillIcmpChecksum, icmpErrorLength, icmpProtocol } from '../wire/icmp.ts';
import { buildIp, ipHeaderLength, parseIp } from '../wire/ip.ts';
import { ICMPV6, IpHeader, TCP, TRUST_CHECKSUM, UDP } from '../wire/ip-header.ts';
import { buildNeighbor, isNeighborDiscovery, NDP_LENGTH, parseNeighbor, solicitedNodeGroup } from '../wire/ndp.ts';
import type { Device, Frame, FrameSink, Offload } from './device.ts';
import { type Neighbor, Neighbors } from './neighbors.ts';

/** The clock and the one timer of an Ethernet: a `Host` will do, of its own, as each has but one wake-up. */
export interface EthernetHost {
  /** µs. */
  now(): number;
  wakeAt(deadline: number, callback: () => void): void;
}

export interface EthernetAddress {
  readonly address: IpAddress;
  /** 0 … 32 or 0 … 128: who shares it is on the link. */
  readonly prefixLength: number;
}

export interface EthernetOptions {
  readonly host: EthernetHost;
  /** Our addresses on this link: the same as for `Stack.addDevice`. */
  readonly addresses: readonly EthernetAddress[];
  /** Ours; where not given one is made from the first address. */
  readonly mac?: MacAddress;
  /** Routers on the link, at most one of a family: packets to elsewhere go there. Without one everybody is taken to be on the link. */
  readonly gateways?: readonly IpAddress[];
}

const NEIGHBOR_HOP_LIMIT = 255;
const HOST_UNREACHABLE = { 4: 1, 6: 3 } as const;
const ALL_NODES = IpAddress.of('ff02::1');

/**
 * IP over Ethernet: a device for IP packets on one whose frames are Ethernet's (a TAP device, a virtual machine's network card). It finds
 * the neighbors by ARP (RFC 826) and neighbor discovery (RFC 4861), and answers those who look for us.
 *
 * ```ts
 * const addresses = [{ address: IpAddress.of('10.9.0.2'), prefixLength: 24 }];
 * stack.addDevice(new Ethernet(openTap({ addresses: ['10.9.0.1/24'] }), { host: new NodeHost(), addresses }), addresses);
 * ```
 */
export class Ethernet implements Device {
  readonly name: string;
  readonly mtu: number;
  readonly offload: Offload;
  readonly mac: MacAddress;
  readonly neighbors = new Neighbors();
  /** Frames received that were none of ours, or broken; packets not sent because nobody answered. */
  readonly counters = { notForUs: 0, malformed: 0, unanswered: 0 };
  readonly #wire: Device;
  readonly #host: EthernetHost;
  readonly #addresses: readonly EthernetAddress[];
  readonly #gateways: readonly IpAddress[];
  readonly #header = new IpHeader();
  #sink: FrameSink | null = null;
  /** Where the last packet went: most go to the same. */
  #recent: { readonly destination: IpAddress; readonly neighbor: Neighbor } | null = null;

  /** Throws a TypeError without an address, for a MAC address of a group, and for a gateway that is not on the link. */
  constructor(wire: Device, { host, addresses, mac, gateways = [] }: EthernetOptions) {
    const [first] = addresses;
    if (first === undefined) throw new TypeError('an Ethernet needs an address: neighbors are asked from it');
    this.mac = mac ?? MacAddress.for(first.address);
    if (this.mac.isGroup) throw new TypeError(`${this.mac} is the address of a group: choose one for a host`);
    this.#addresses = addresses;
    for (const gateway of gateways) {
      if (!this.#onLink(gateway)) throw new TypeError(`the gateway ${gateway} is in no subnet of this link`);
    }
    this.name = wire.name;
    this.mtu = wire.mtu - ETHERNET_HEADER;
    const { checksum, maxGso, maxGsoIpv4 = maxGso } = wire.offload;
    const room = (frame: number): number => Math.max(0, frame - ETHERNET_HEADER);
    this.offload = { checksum, maxGso: room(maxGso), maxGsoIpv4: room(maxGsoIpv4) };
    this.#wire = wire;
    this.#host = host;
    this.#gateways = gateways;
  }

  get behind(): number {
    return this.#wire.behind ?? 0;
  }

  attach(sink: FrameSink): void {
    this.#sink = sink;
    this.#wire.attach({
      receive: (frame, now) => this.#receive(frame, now),
      flush: (now) => this.#sink?.flush(now),
    });
  }

  /** The header goes into the room before the packet. */
  allocate(length: number): Frame {
    return this.#wire.allocate(length);
  }

  transmit(frame: Frame): boolean {
    const recent = this.#recent;
    const now = this.#host.now();
    if (recent !== null && isFor(frame, recent.destination)) {
      const { mac } = recent.neighbor;
      if (mac !== null && now < recent.neighbor.sureUntil) return this.#send(frame, mac);
    }
    const destination = destinationOf(frame);
    if (destination === null) {
      this.#wire.release(frame);
      return false;
    }
    if (this.#isForAll(destination)) return this.#send(frame, MacAddress.BROADCAST);
    if (destination.isMulticast) return this.#send(frame, MacAddress.ofGroup(destination.family, destination.w3));
    const neighbor = this.neighbors.get(this.#nextHop(destination), (old) => this.#wire.release(old));
    this.#recent = { destination, neighbor };
    if (neighbor.mac !== null && neighbor.mayAsk(now)) {
      // Packets go on to where it was, while it is asked whether it still is (RFC 4861 §7.3.3, PROBE).
      if (neighbor.silent) neighbor.forget();
      else this.#ask(neighbor, now);
    }
    if (neighbor.mac !== null) return this.#send(frame, neighbor.mac);
    const old = neighbor.hold(frame);
    if (old !== null) this.#wire.release(old);
    if (neighbor.mayAsk(now)) this.#ask(neighbor, now);
    this.#schedule();
    return true;
  }

  release(frame: Frame): void {
    this.#wire.release(frame);
  }

  close(): void {
    this.#sink = null;
    for (const neighbor of this.neighbors) for (const frame of neighbor.waiting.splice(0)) this.#wire.release(frame);
    this.#host.wakeAt(Number.POSITIVE_INFINITY, () => {});
    this.#wire.close();
  }

  #send(frame: Frame, to: MacAddress): boolean {
    const type = frame.bytes[frame.offset]! >>> 4 === 4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6;
    frame.offset -= ETHERNET_HEADER;
    frame.length += ETHERNET_HEADER;
    buildEthernet(to, this.mac, type, frame.bytes, frame.offset);
    return this.#wire.transmit(frame);
  }

  #receive(frame: Frame, now: number): void {
    const { bytes, offset } = frame;
    if (frame.length < ETHERNET_HEADER) {
      this.counters.malformed++;
      return;
    }
    const to = MacAddress.read(bytes, offset);
    if (!to.isGroup && !to.equals(this.mac)) {
      this.counters.notForUs++;
      return;
    }
    frame.offset += ETHERNET_HEADER;
    frame.length -= ETHERNET_HEADER;
    const type = get16(bytes, offset + 12);
    if (type === ETHERTYPE_ARP) this.#arpArrives(frame, now);
    else if (type !== ETHERTYPE_IPV4 && type !== ETHERTYPE_IPV6) this.counters.notForUs++;
    else if (to.isGroup && !this.#mayComeToAll(frame)) this.counters.notForUs++;
    else if (type === ETHERTYPE_IPV4 || !this.#neighborArrives(frame, now)) this.#sink?.receive(frame, now);
  }

  /** RFC 1122 §3.3.6: a broadcast frame with a packet for one host is somebody's mistake, and 2000 hosts would answer it. */
  #mayComeToAll(frame: Frame): boolean {
    const destination = destinationOf(frame);
    return destination !== null && (destination.isMulticast || this.#isForAll(destination));
  }

  #arpArrives(frame: Frame, now: number): void {
    const arp = parseArp(frame.bytes, frame.offset, frame.length);
    if (arp === undefined || arp.senderMac.isGroup) {
      this.counters.malformed++;
      return;
    }
    const forUs = this.#isOurs(arp.target);
    // 0.0.0.0 asks whether an address is free (RFC 5227 §2.1.1), and tells nothing.
    if (!arp.sender.isUnspecified && !this.#isOurs(arp.sender)) {
      this.#learn(arp.sender, arp.senderMac, arp.operation === 'reply' && forUs, forUs, now);
    }
    if (arp.operation === 'request' && forUs) {
      const { sender, senderMac: targetMac } = arp;
      const answer: Arp = { operation: 'reply', senderMac: this.mac, sender: arp.target, targetMac, target: sender };
      this.#sendArp(answer, targetMac);
    }
  }

  /** True where the packet was neighbor discovery. */
  #neighborArrives(frame: Frame, now: number): boolean {
    // What is TCP or UDP needs no second reading: the stack parses it.
    const next = frame.bytes[frame.offset + 6]!;
    if (next === TCP || next === UDP) return false;
    const header = this.#header;
    if (parseIp(frame.bytes, frame.offset, frame.length, header) !== null) return false;
    if (!isNeighborDiscovery(header, frame.bytes)) return false;
    const message = parseNeighbor(header, frame.bytes);
    if (message === undefined || message.mac?.isGroup) {
      this.counters.malformed++;
      return true;
    }
    const source = header.sourceAddress();
    const { target, mac } = message;
    if (message.type === 'advertisement') {
      const known = this.neighbors.find(target)?.mac ?? null;
      // RFC 4861 §7.2.5: one that may not override is not believed against what is known.
      const believed = known === null || message.override || mac === null || mac.equals(known);
      const learnt = mac ?? known;
      if (believed && learnt !== null) this.#learn(target, learnt, message.solicited, false, now);
      return true;
    }
    if (!this.#isOurs(target)) return true;
    if (!source.isUnspecified && mac !== null) this.#learn(source, mac, false, true, now);
    // RFC 4861 §7.2.4: to whom asks whether the address is free all are told.
    const to = source.isUnspecified ? ALL_NODES : source;
    const toMac = source.isUnspecified
      ? MacAddress.ofGroup(6, ALL_NODES.w3)
      : (mac ?? this.neighbors.find(source)?.mac);
    if (toMac) this.#sendNeighbor('advertisement', target, target, to, toMac);
    return true;
  }

  /** `make`: also where nobody here wants to send to it: it is about to hear from us (RFC 826's merge flag). */
  #learn(address: IpAddress, mac: MacAddress, sure: boolean, make: boolean, now: number): void {
    const neighbor = make
      ? this.neighbors.get(address, (old) => this.#wire.release(old))
      : this.neighbors.find(address);
    if (neighbor === null) return;
    neighbor.heard(mac, sure, now);
    for (const frame of neighbor.waiting.splice(0)) this.#send(frame, mac);
  }

  #ask(neighbor: Neighbor, now: number): void {
    neighbor.ask(now);
    const { address: target, mac } = neighbor;
    const source = this.#sourceFor(target);
    if (target.family === 4) {
      const nobody = new MacAddress(0, 0);
      const question: Arp = { operation: 'request', senderMac: this.mac, sender: source, targetMac: nobody, target };
      this.#sendArp(question, mac ?? MacAddress.BROADCAST);
    } else {
      const to = mac === null ? solicitedNodeGroup(target) : target;
      this.#sendNeighbor('solicitation', target, source, to, mac ?? MacAddress.ofGroup(6, to.w3));
    }
  }

  #sendArp(arp: Arp, to: MacAddress): void {
    const frame = this.#wire.allocate(ETHERNET_HEADER + ARP_LENGTH);
    buildEthernet(to, this.mac, ETHERTYPE_ARP, frame.bytes, frame.offset);
    frame.length = ETHERNET_HEADER + buildArp(arp, frame.bytes, frame.offset + ETHERNET_HEADER);
    this.#wire.transmit(frame);
  }

  #sendNeighbor(
    type: 'solicitation' | 'advertisement',
    target: IpAddress,
    from: IpAddress,
    to: IpAddress,
    mac: MacAddress,
  ): void {
    const header = new IpHeader();
    header.setAddresses(from, to);
    header.hopLimit = NEIGHBOR_HOP_LIMIT;
    header.protocol = ICMPV6;
    header.payloadLength = NDP_LENGTH;
    const answer = type === 'advertisement';
    const frame = this.#wire.allocate(ipHeaderLength(6) + NDP_LENGTH);
    const at = frame.offset + buildIp(header, frame.bytes, frame.offset);
    const solicited = answer && !to.isMulticast;
    buildNeighbor({ type, target, mac: this.mac, solicited, override: answer }, header, frame.bytes, at);
    frame.length = ipHeaderLength(6) + NDP_LENGTH;
    this.#send(frame, mac);
  }

  /** The next question, or the end of waiting. */
  #schedule(): void {
    let due = Number.POSITIVE_INFINITY;
    for (const neighbor of this.neighbors) due = Math.min(due, neighbor.waiting.length > 0 ? neighbor.dueAt : due);
    this.#host.wakeAt(due, () => this.#lookAgain());
  }

  #lookAgain(): void {
    const now = this.#host.now();
    for (const neighbor of [...this.neighbors]) {
      if (neighbor.waiting.length === 0 || now < neighbor.dueAt) continue;
      if (neighbor.silent) this.#giveUp(neighbor, now);
      else this.#ask(neighbor, now);
    }
    this.#sink?.flush(now);
    this.#schedule();
  }

  /** RFC 1122 §2.3.2.2, RFC 4861 §7.2.2: who sent what waited hears that the host is unreachable. */
  #giveUp(neighbor: Neighbor, now: number): void {
    this.neighbors.delete(neighbor);
    for (const frame of neighbor.waiting) {
      this.counters.unanswered++;
      this.#report(frame, neighbor.address, now);
      this.#wire.release(frame);
    }
  }

  /** The ICMP error that a router would send about the packet. In the neighbor's name: from outside nothing comes from ourselves. */
  #report(packet: Frame, from: IpAddress, now: number): void {
    const header = this.#header;
    if (parseIp(packet.bytes, packet.offset, packet.length, header, TRUST_CHECKSUM) !== null) return;
    const { version } = header;
    const size = ipHeaderLength(version);
    const code = HOST_UNREACHABLE[version];
    const length = icmpErrorLength(version, packet.length);
    const error = this.#wire.allocate(size + length);
    const at = error.offset + size;
    const { bytes, offset } = packet;
    buildIcmpError(version, 'destination unreachable', code, 0, bytes, offset, packet.length, error.bytes, at);
    const outer = new IpHeader();
    outer.setAddresses(from, header.sourceAddress());
    outer.protocol = icmpProtocol(version);
    outer.payloadLength = length;
    buildIp(outer, error.bytes, error.offset);
    fillIcmpChecksum(error.bytes, at, length, version === 4 ? 0 : outer.pseudoSum(ICMPV6, length));
    error.length = size + length;
    this.#sink?.receive(error, now);
    this.#wire.release(error);
  }

  #isOurs(address: IpAddress): boolean {
    return this.#addresses.some((own) => own.address.equals(address));
  }

  #onLink(address: IpAddress): boolean {
    return this.#addresses.some((own) => sharesPrefix(own, address));
  }

  #nextHop(destination: IpAddress): IpAddress {
    if (this.#onLink(destination)) return destination;
    return this.#gateways.find((gateway) => gateway.family === destination.family) ?? destination;
  }

  /** The address to ask from: on the same subnet where there is one. */
  #sourceFor(target: IpAddress): IpAddress {
    const own =
      this.#addresses.find((a) => sharesPrefix(a, target)) ??
      this.#addresses.find((a) => a.address.family === target.family) ??
      this.#addresses[0]!;
    return own.address;
  }

  /** 255.255.255.255, or all ones in a subnet of ours. */
  #isForAll(address: IpAddress): boolean {
    if (address.family === 6) return false;
    if (address.isBroadcast) return true;
    return this.#addresses.some(({ address: own, prefixLength }) => {
      if (own.family === 6 || prefixLength > 30) return false;
      const host = prefixLength === 0 ? -1 : (1 << (32 - prefixLength)) - 1;
      return (address.w3 | host) === address.w3 && ((address.w3 ^ own.w3) & ~host) === 0;
    });
  }
}

function sharesPrefix({ address: own, prefixLength }: EthernetAddress, other: IpAddress): boolean {
  if (own.family !== other.family) return false;
  const ours = own.family === 4 ? [own.w3] : [own.w0, own.w1, own.w2, own.w3];
  const theirs = own.family === 4 ? [other.w3] : [other.w0, other.w1, other.w2, other.w3];
  return ours.every((word, i) => {
    const bits = Math.min(32, Math.max(0, prefixLength - 32 * i));
    return bits === 0 || (word ^ theirs[i]!) >>> (32 - bits) === 0;
  });
}

/** Null where the frame holds no IP packet. */
function destinationOf({ bytes, offset, length }: Frame): IpAddress | null {
  const family: Family | 0 = length < 20 ? 0 : bytes[offset]! >>> 4 === 4 ? 4 : length >= 40 ? 6 : 0;
  if (family === 0) return null;
  if (family === 4) return IpAddress.v4(get32(bytes, offset + 16));
  return IpAddress.read(6, bytes, offset + 24);
}

/** Whether the frame's packet goes to that address. */
function isFor({ bytes, offset, length }: Frame, { family, w0, w1, w2, w3 }: IpAddress): boolean {
  if (length < (family === 4 ? 20 : 40) || bytes[offset]! >>> 4 !== family) return false;
  if (family === 4) return get32(bytes, offset + 16) === w3;
  if (get32(bytes, offset + 36) !== w3 || get32(bytes, offset + 32) !== w2) return false;
  return get32(bytes, offset + 28) === w1 && get32(bytes, offset + 24) === w0;
}
