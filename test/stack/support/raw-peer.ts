import type { Frame } from '../../../src/link/device.ts';
import { Pair } from '../../../src/link/pair.ts';
import { Stack } from '../../../src/stack/stack.ts';
import { linux, type TcpConfig } from '../../../src/tcp/config.ts';
import { type Cause, STATE_NAMES } from '../../../src/tcp/state.ts';
import type { Trace } from '../../../src/tcp/trace.ts';
import { IpAddress } from '../../../src/wire/address.ts';
import { put16 } from '../../../src/wire/bytes.ts';
import { finish, sum } from '../../../src/wire/checksum.ts';
import { buildIcmpError, fillIcmpChecksum, icmpProtocol } from '../../../src/wire/icmp.ts';
import { buildIp, ipHeaderLength, parseIp } from '../../../src/wire/ip.ts';
import { IpHeader, TCP } from '../../../src/wire/ip-header.ts';
import { ACK, Segment, SYN } from '../../../src/wire/segment.ts';
import { type Seq, seq } from '../../../src/wire/seq.ts';
import { buildTcp, fillChecksum, parseTcp } from '../../../src/wire/tcp.ts';
import { VirtualTime } from '../../support/virtual-host.ts';

export const ip = (text: string): IpAddress => IpAddress.parse(text)!;
export const OURS = { 4: ip('10.0.0.2'), 6: ip('fd00::2') };
export const THEIRS = { 4: ip('10.0.0.1'), 6: ip('fd00::1') };

/** What the stack sent: a copy. */
export interface Heard {
  readonly segment: Segment;
  readonly to: IpAddress;
  readonly packet: Uint8Array;
  readonly at: number;
}

export interface RawOptions {
  readonly config?: Partial<TcpConfig>;
  readonly mtu?: number;
  /** Hears what the stack sends instead of keeping it. */
  readonly onFrame?: (frame: Frame) => void;
  /** Do not follow states. */
  readonly traced?: boolean;
}

/** Puts options, whole words of them, into the header of an IPv4 packet. */
function insertOptions(frame: Frame, options: Uint8Array): void {
  const { bytes, offset } = frame;
  bytes.copyWithin(offset + 20 + options.length, offset + 20, offset + frame.length);
  bytes.set(options, offset + 20);
  frame.length += options.length;
  bytes[offset] = 0x45 + options.length / 4;
  put16(bytes, offset + 2, frame.length);
  put16(bytes, offset + 10, 0);
  put16(bytes, offset + 10, finish(sum(bytes, offset, 20 + options.length, 0)));
}

/** A stack, and at the raw other end of its link a peer that is told what to send. */
export class RawPeer {
  readonly time = new VirtualTime();
  readonly pair: Pair;
  readonly stack: Stack;
  readonly heard: Heard[] = [];
  sentByStack = 0;
  /** Transitions, as `LISTEN → SYN-RECEIVED`, and timers, as `timer retransmission`. */
  readonly story: string[] = [];
  readonly #header = new IpHeader();

  constructor({ config = {}, mtu = 1500, onFrame, traced = true }: RawOptions = {}) {
    this.pair = new Pair({ mtu });
    const trace: Trace = {
      segment: () => {},
      state: (_t, from, to, _cause: Cause) => this.story.push(`${STATE_NAMES[from]} → ${STATE_NAMES[to]}`),
      timer: (_t, timer) => this.story.push(`timer ${timer}`),
      drop: (_t, _s, reason) => this.story.push(`drop ${reason}`),
    };
    this.stack = new Stack({ host: this.time.host(), config: { ...linux, ...config }, trace: traced ? trace : null });
    this.pair.a.attach({
      receive: (frame: Frame) => {
        this.sentByStack++;
        if (onFrame !== undefined) onFrame(frame);
        else this.#hear(frame.bytes.slice(frame.offset, frame.offset + frame.length));
      },
      flush: () => {},
    });
    this.stack.addDevice(this.pair.b, [
      { address: OURS[4], prefixLength: 8 },
      { address: OURS[6], prefixLength: 64 },
    ]);
    this.stack.addRoute(ip('0.0.0.0'), 0, this.pair.b);
  }

  #hear(packet: Uint8Array): void {
    const header = new IpHeader();
    if (parseIp(packet, 0, packet.length, header) !== null || header.protocol !== TCP) return;
    const segment = new Segment();
    parseTcp(packet, header.payloadOffset, header.payloadLength, segment);
    segment.ecn = header.ecn;
    this.heard.push({ segment, to: header.destinationAddress(), packet, at: this.time.now });
  }

  /** A segment from the peer's port 4000 (unless `fill` says otherwise) to port 80, and a turn of the stack. */
  send(fill: (s: Segment) => void, from = THEIRS[4], to = OURS[from.family], ipOptions = new Uint8Array(0)): void {
    this.queue(fill, from, to, ipOptions);
    this.turn();
  }

  /** The same without the turn. */
  queue(fill: (s: Segment) => void, from = THEIRS[4], to = OURS[from.family], ipOptions = new Uint8Array(0)): void {
    const segment = new Segment();
    segment.sourcePort = 4000;
    segment.destinationPort = 80;
    segment.wnd = 65_535;
    fill(segment);
    const header = this.#header;
    header.setAddresses(from, to);
    header.protocol = TCP;
    header.ecn = segment.ecn;
    const frame = this.pair.a.allocate(100 + segment.payloadLength);
    const start = frame.offset + ipHeaderLength(from.family);
    const length = buildTcp(segment, frame.bytes, start);
    header.payloadLength = length;
    buildIp(header, frame.bytes, frame.offset);
    fillChecksum(frame.bytes, start, length, header.pseudoSum(TCP, length));
    frame.length = start - frame.offset + length;
    if (ipOptions.length > 0) insertOptions(frame, ipOptions);
    this.pair.a.transmit(frame);
  }

  /** A router (or the peer) complains about `packet`, which the stack sent. */
  complain(packet: Uint8Array, type: 'packet too big' | 'destination unreachable', code: number, mtu = 0): void {
    const quoted = new IpHeader();
    parseIp(packet, 0, packet.length, quoted);
    const version = quoted.version;
    const message = new Uint8Array(1300);
    const length = buildIcmpError(version, type, code, mtu, packet, 0, packet.length, message, 0);
    const header = new IpHeader();
    header.setAddresses(THEIRS[version], OURS[version]);
    header.protocol = icmpProtocol(version);
    header.payloadLength = length;
    fillIcmpChecksum(message, 0, length, version === 6 ? header.pseudoSum(header.protocol, length) : 0);
    const frame = this.pair.a.allocate(length + 40);
    const start = frame.offset + buildIp(header, frame.bytes, frame.offset);
    frame.bytes.set(message.subarray(0, length), start);
    frame.length = start - frame.offset + length;
    this.pair.a.transmit(frame);
    this.turn();
  }

  /** The same with an ICMP message of this type and code, of which `buildIcmpError` may know nothing. IPv4. */
  icmp(type: number, code: number, about: Uint8Array): void {
    const message = new Uint8Array(8 + about.length);
    message[0] = type;
    message[1] = code;
    message.set(about, 8);
    fillIcmpChecksum(message, 0, message.length, 0);
    const header = new IpHeader();
    header.setAddresses(THEIRS[4], OURS[4]);
    header.protocol = icmpProtocol(4);
    header.payloadLength = message.length;
    const frame = this.pair.a.allocate(message.length + 20);
    const start = frame.offset + buildIp(header, frame.bytes, frame.offset);
    frame.bytes.set(message, start);
    frame.length = start - frame.offset + message.length;
    this.pair.a.transmit(frame);
    this.turn();
  }

  /** What is queued is taken in, and answered. */
  turn(): void {
    this.time.run((now) => this.pair.pump(now), this.time.now);
  }

  /** Lets `µs` pass. */
  wait(us: number): void {
    this.time.run((now) => this.pair.pump(now), this.time.now + us);
  }

  /** The next segment that the stack sent. */
  next(): Segment {
    const first = this.heard.shift();
    if (first === undefined) throw new Error('the stack sent nothing');
    return first.segment;
  }

  /** A handshake as the client, with the options of its SYN; returns the next numbers (the peer's, ours). */
  open(fill: (s: Segment) => void = () => {}, from = THEIRS[4]): { mine: Seq; theirs: Seq } {
    let ports = { sourcePort: 4000, destinationPort: 80 };
    this.send((s) => {
      s.flags = SYN;
      s.seq = seq(1000);
      fill(s);
      ports = { sourcePort: s.sourcePort, destinationPort: s.destinationPort };
    }, from);
    const answer = this.next();
    const theirs = seq(((answer.seq as unknown as number) + 1) | 0);
    this.send((s) => {
      Object.assign(s, ports);
      s.flags = ACK;
      s.seq = seq(1001);
      s.ack = theirs;
      if (answer.hasTimestamps) {
        s.hasTimestamps = true;
        s.tsVal = 2;
        s.tsEcr = answer.tsVal;
      }
    }, from);
    return { mine: seq(1001), theirs };
  }
}
