import type { Addresses } from '../ip/addresses.ts';
import { icmpArrives } from '../ip/icmp-input.ts';
import { isLoopbackWords } from '../ip/prefix.ts';
import { CHECKSUM_COMPLETE, type Frame } from '../link/device.ts';
import { icmpError } from '../tcp/events/icmp.ts';
import { parseIp } from '../wire/ip.ts';
import { ICMP, ICMPV6, IpHeader, NO_NEXT_HEADER, TCP, UDP } from '../wire/ip-header.ts';
import { Segment } from '../wire/segment.ts';
import { parseTcp, verifyChecksum } from '../wire/tcp.ts';
import { portsWord } from './demux.ts';
import type { Engine } from './engine.ts';
import type { Fragments } from './fragments.ts';
import type { IcmpAnswers } from './icmp-answers.ts';
import type { IpCounters } from './ip-counters.ts';
import type { Parts } from './parts.ts';
import type { Port } from './port.ts';
import type { Udp } from './udp.ts';

/**
 * From frames to segments: IP's and ICMP's part of what arrives. Nothing that a frame holds throws here; what is dropped is counted by
 * reason.
 */
export class Input {
  readonly #engine: Engine;
  readonly #addresses: Addresses<Port>;
  readonly #counters: IpCounters;
  readonly #answers: IcmpAnswers | null;
  readonly #fragments: Fragments | null;
  /** Whom datagrams are for, where there is somebody. */
  udp: Udp | null = null;
  // One of each serves all frames.
  readonly #header = new IpHeader();
  readonly #segment = new Segment();

  constructor(engine: Engine, addresses: Addresses<Port>, counters: IpCounters, parts: Parts) {
    this.#engine = engine;
    this.#addresses = addresses;
    this.#counters = counters;
    this.#answers = parts.icmp?.(addresses, counters, engine.host) ?? null;
    this.#fragments = parts.fragments?.(counters, this.#answers) ?? null;
    if (this.#fragments !== null) engine.clocks.push(this.#fragments);
  }

  receive(port: Port, frame: Frame, now: number): void {
    this.#engine.memory.arrived = frame;
    this.#packet(port, frame.bytes, frame.offset, frame.length, frame.checksum, frame.gsoSize, now);
  }

  flush(now: number): void {
    try {
      this.#engine.flush(now);
    } finally {
      this.udp?.deliver();
    }
  }

  #packet(
    port: Port,
    bytes: Uint8Array,
    offset: number,
    length: number,
    checksum: number,
    gsoSize: number,
    now: number,
  ): void {
    const header = this.#header;
    this.#counters.InReceives++;
    const reason = parseIp(bytes, offset, length, header);
    if (reason !== null) {
      this.#counters.drop(reason);
      if (header.problemCode >= 0) this.#answers?.parameterProblem(port, header, bytes, offset, length, now);
      return;
    }
    // RFC 1122 §3.2.1.3: silently discarded. TCP takes only what came from one host for one host (RFC 9293 MUST-57, MUST-63).
    // What comes from outside with an address of ours is forged (RFC 1122 §3.2.1.3; the "land" attack), or for the loopback has lost its way (there, (g)).
    // What is not for us may be for a transparent listener.
    const foreign = !this.#addresses.isUnicastToUs(header);
    if (
      (foreign && !this.#mayBeTaken(header)) ||
      !this.#addresses.isUnicastSource(header) ||
      (!port.isLoopback && (this.#isOurs(header) || isForLoopback(header)))
    ) {
      this.#counters.InAddrErrors++;
      return;
    }
    if (header.isFragment) {
      this.#fragment(port, bytes, offset, length, now);
      return;
    }
    this.#counters.InDelivers++;
    switch (header.protocol) {
      case TCP:
        this.#tcp(port, bytes, checksum, gsoSize, foreign, now);
        return;
      case ICMP:
      case ICMPV6:
        this.#icmpArrives(port, bytes, foreign, now);
        return;
      case UDP:
        this.#udpArrives(port, bytes, offset, checksum, now);
        return;
      case NO_NEXT_HEADER:
        return;
      default:
        this.#counters.InUnknownProtos++;
        this.#answers?.unknown(port, header, bytes, offset, now);
    }
  }

  #isOurs({ version, source0, source1, source2, source3 }: IpHeader): boolean {
    return this.#addresses.hasWords(version, source0, source1, source2, source3);
  }

  /** TCP for addresses that are not ours, and what ICMP has to say about our answers. */
  #mayBeTaken(header: IpHeader): boolean {
    if (!this.#engine.listeners.wasTransparent || this.#addresses.isMartian(header)) return false;
    return header.protocol === TCP || header.protocol === ICMP || header.protocol === ICMPV6;
  }

  /** A segment for an address that is not ours: for a transparent listener, or a connection that one accepted. */
  #isForSomebody(header: IpHeader, segment: Segment): boolean {
    const { demux, listeners } = this.#engine;
    if (listeners.isTransparent) return true;
    const { destination0: l0, destination1: l1, destination2: l2, destination3: l3 } = header;
    const { source0: r0, source1: r1, source2: r2, source3: r3 } = header;
    const ports = portsWord(segment.destinationPort, segment.sourcePort);
    return demux.findWords(header.version, l0, l1, l2, l3, r0, r1, r2, r3, ports) !== null;
  }

  #tcp(port: Port, bytes: Uint8Array, checksum: number, gsoSize: number, foreign: boolean, now: number): void {
    const header = this.#header;
    const { payloadOffset: start, payloadLength: length } = header;
    if (this.#isRefused(port, bytes, now)) return;
    if (checksum === CHECKSUM_COMPLETE && !verifyChecksum(bytes, start, length, header.pseudoSum(TCP, length))) {
      this.#counters.drop('TCP checksum');
      this.#engine.counters.InErrs++;
      return;
    }
    const segment = this.#segment;
    const reason = parseTcp(bytes, start, length, segment);
    if (reason !== null) {
      this.#counters.drop(reason);
      this.#engine.counters.InErrs++;
      return;
    }
    if (foreign && !this.#isForSomebody(header, segment)) {
      this.#counters.InAddrErrors++;
      return;
    }
    segment.ecn = header.ecn;
    segment.gsoSize = gsoSize;
    this.#engine.segment(port, header, segment, now);
  }

  /** One SYN too many, where nobody looks on. */
  #isRefused({ device }: Port, bytes: Uint8Array, now: number): boolean {
    const { passive, counters, trace } = this.#engine;
    if (passive.guard === null || trace !== null) return false;
    const listener = passive.guard.refuses(this.#header, bytes, device, now);
    if (listener === null) return false;
    counters.InSegs++;
    passive.refused(listener, now);
    return true;
  }

  #udpArrives(port: Port, bytes: Uint8Array, offset: number, checksum: number, now: number): void {
    const header = this.#header;
    const taken = this.udp?.arrives(header, bytes, checksum) ?? false;
    if (typeof taken === 'string') this.#counters.drop(taken);
    else if (!taken) this.#answers?.unknown(port, header, bytes, offset, now);
  }

  #fragment(port: Port, bytes: Uint8Array, offset: number, length: number, now: number): void {
    if (this.#fragments === null) this.#counters.ReasmFails++;
    const whole = this.#fragments?.accept(port, bytes, offset, length, now) ?? null;
    if (whole !== null) this.#packet(port, whole, 0, whole.length, CHECKSUM_COMPLETE, 0, now);
  }

  #icmpArrives(port: Port, bytes: Uint8Array, foreign: boolean, now: number): void {
    const header = this.#header;
    this.#counters.IcmpInMsgs++;
    const message = icmpArrives(header, bytes);
    if (typeof message === 'string') {
      this.#counters.drop(message);
      return;
    }
    if (message.type === 'echo request') {
      if (!foreign) this.#answers?.echo(port, header, bytes, message);
    } else if (message.type === 'advice' && message.protocol === UDP) {
      this.udp?.advised(message);
    } else if (message.type === 'advice' && message.protocol === TCP && message.seq !== null) {
      if (message.failure === 'message too long' && this.#engine.paths.metrics(message.remoteAddress).lockMtu) return;
      const connection = this.#engine.quoted(message, message.seq);
      if (connection === null) {
        this.#engine.passive.advised(message, message.seq, message.failure);
        return;
      }
      icmpError(connection.tcb, message, now);
      this.#engine.settle(connection);
    }
  }
}

function isForLoopback({ version, destination0, destination1, destination2, destination3 }: IpHeader): boolean {
  return isLoopbackWords(version, destination0, destination1, destination2, destination3);
}
