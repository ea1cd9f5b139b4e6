import { CHECKSUM_COMPLETE } from '../link/device.ts';
import type { Connection } from '../stack/connection.ts';
import type { Host } from '../stack/host.ts';
import type { TcpSocket } from '../stack/socket.ts';
import { Stack } from '../stack/stack.ts';
import type { TcpConfig } from '../tcp/config.ts';
import { profiles } from '../tcp/profiles.ts';
import { IpAddress } from '../wire/address.ts';
import { get16, get32, put16, put32 } from '../wire/bytes.ts';
import { readCapture } from '../wire/capture.ts';
import { describeSegment } from '../wire/describe.ts';
import { buildIcmpError, fillIcmpChecksum, icmpProtocol, parseIcmp } from '../wire/icmp.ts';
import { buildIp, ipHeaderLength, parseIp } from '../wire/ip.ts';
import { IpHeader, TCP, TRUST_CHECKSUM } from '../wire/ip-header.ts';
import { Segment, SYN } from '../wire/segment.ts';
import { diff, seq, toUint32 } from '../wire/seq.ts';
import { buildTcp, fillChecksum, parseTcp, tcpHeaderLength } from '../wire/tcp.ts';
import { FuzzDevice } from './fuzz-device.ts';
import { Random } from './random.ts';

/** Something that takes any bytes, and throws where the code under it is at fault. */
export interface FuzzTarget {
  execute(input: Uint8Array): void;
}

/** The parsers: nothing throws, nothing is read outside, and what was read and written again is read the same. The first byte says which. */
export class WireTarget implements FuzzTarget {
  readonly #ip = new IpHeader();
  readonly #segment = new Segment();
  readonly #again = new Segment();

  execute(input: Uint8Array): void {
    if (input.length === 0) return;
    const bytes = input.subarray(1);
    switch (input[0]! & 3) {
      case 0:
        this.#packet(bytes);
        break;
      case 1:
        this.#tcp(bytes, 0, bytes.length);
        break;
      case 2:
        readCapture(bytes);
        break;
      case 3:
        for (const family of [4, 6] as const) {
          const copy = bytes.slice();
          if (copy.length >= 8) {
            put16(copy, 2, 0);
            fillIcmpChecksum(copy, 0, copy.length, 0);
          }
          parseIcmp(family, copy, 0, copy.length, 0);
        }
        break;
    }
  }

  #packet(bytes: Uint8Array): void {
    const ip = this.#ip;
    if (parseIp(bytes, 0, bytes.length, ip, TRUST_CHECKSUM) !== null) return;
    if (ip.payloadOffset + ip.payloadLength > bytes.length) throw new Error('a payload beyond the packet');
    if (ip.protocol === TCP && !ip.isFragment) this.#tcp(bytes, ip.payloadOffset, ip.payloadLength);
  }

  #tcp(bytes: Uint8Array, offset: number, length: number): void {
    const segment = this.#segment;
    if (parseTcp(bytes, offset, length, segment) !== null) return;
    if (segment.payloadOffset + segment.payloadLength !== offset + length) throw new Error('text beyond the segment');
    const copy = this.#written(segment);
    const again = this.#again;
    const reason = parseTcp(copy, 0, copy.length, again);
    if (reason !== null) throw new Error(`what was written cannot be read: ${reason}`);
    // What has no place in such a segment was left out; what is left stays as it is.
    const twice = this.#written(again);
    if (twice.length !== copy.length || twice.some((byte, i) => byte !== copy[i])) {
      throw new Error(`${describeSegment(again)} was not written as it was read`);
    }
  }

  #written(segment: Segment): Uint8Array {
    const size = tcpHeaderLength(segment) + segment.payloadLength;
    const copy = new Uint8Array(size);
    if (buildTcp(segment, copy, 0) !== size) throw new Error('the header has another length than was said');
    return copy;
  }
}

const OURS = { 4: IpAddress.of('10.0.0.2'), 6: IpAddress.of('fd00::2') } as const;
const THEIRS = { 4: IpAddress.of('10.0.0.1'), 6: IpAddress.of('fd00::1') } as const;
const PORT = 80;
/** The peer's initial sequence number: just below where int32 wraps. */
const THEIR_ISS = 0x7fff_ff00;
/** Executions that one stack lives for. */
const LIFE = 64;

/** What a program of the stack's target consists of: the first byte of each instruction. */
export const SEGMENT = 0;
export const PACKET = 1;
export const PASS = 2;
export const CALL = 3;
export const ICMP = 4;
const INSTRUCTIONS = 5;

/** What applications do: the second byte of `CALL`. */
export const CALLS = [
  'send',
  'shutdown',
  'close',
  'abort',
  'receive',
  'connect',
  'send a lot',
  'receive little',
] as const;

/** Stacks of several kinds: the first byte of a program chooses. */
const KINDS: readonly Partial<TcpConfig>[] = [
  {},
  { ...profiles.freebsd },
  { ...profiles.rfc9293, tcp_sack: false, tcp_timestamps: false },
  { tcp_syncookies: 2, tcp_congestion_control: 'bbr', tcp_ecn: 3, tcp_mtu_probing: 2 },
];

/**
 * A whole stack with a listener, and a program of segments, packets, calls, ICMP errors and time. Segments are numbered from both ends' initial numbers,
 * and bear right checksums: mutations of a program are about TCP. Throws where the stack throws, sends what is no packet, gives a reader what nobody
 * sent, or does not come to rest.
 */
export class StackTarget implements FuzzTarget {
  /** Frames that were put in, over all executions. */
  frames = 0;
  readonly #worlds: (World | null)[] = KINDS.map(() => null);
  readonly #lives: number[] = KINDS.map(() => 0);
  /** Programs that the stack of the last execution has run, that one last: what it takes to have a failure again. */
  readonly history: Uint8Array[][] = KINDS.map(() => []);

  execute(input: Uint8Array): void {
    if (input.length === 0) return;
    const kind = (input[0]! >>> 1) % KINDS.length;
    if (this.#worlds[kind] === null || this.#lives[kind]! >= LIFE) {
      this.#worlds[kind] = new World(KINDS[kind]!);
      this.#lives[kind] = 0;
      this.history[kind] = [];
    }
    this.#lives[kind]!++;
    this.history[kind]!.push(input.slice());
    const world = this.#worlds[kind]!;
    try {
      world.run(input);
    } catch (error) {
      this.#worlds[kind] = null;
      throw error;
    } finally {
      this.frames += world.frames;
    }
  }
}

/** An application's end of a connection. */
interface Reader {
  readonly socket: TcpSocket;
  /** Where its stream begins in the peer's pattern. */
  from: number | null;
  received: number;
}

class World {
  frames = 0;
  readonly #random = new Random(1);
  readonly #device = new FuzzDevice();
  readonly #stack: Stack;
  readonly #readers: Reader[] = [];
  /** By ports: the number of our SYN. */
  readonly #iss = new Map<string, number>();
  readonly #header = new IpHeader();
  #now = 1_000_000;
  #wakeAt = Number.POSITIVE_INFINITY;
  #wake: () => void = () => {};
  #soon: (() => void)[] = [];
  /** Text came that is not of the pattern. */
  #foreign = false;

  constructor(kind: Partial<TcpConfig>) {
    const host: Host = {
      now: () => this.#now,
      random: (bytes) => this.#random.fill(bytes),
      wakeAt: (deadline, callback) => {
        this.#wakeAt = deadline;
        this.#wake = callback;
      },
      soon: (callback) => void this.#soon.push(callback),
    };
    const small = {
      receiveBuffer: 8192,
      sendBuffer: 8192,
      maxHoles: 16,
      tcp_max_syn_backlog: 4,
      tcp_max_tw_buckets: 4,
    };
    const nothing = () => {};
    this.#stack = new Stack({
      host,
      config: { ...profiles.linux, ...kind, ...small },
      loopback: false,
      trace: {
        segment: (direction, tuple, segment) => {
          if (direction === 'out' && segment.flags & SYN)
            this.#iss.set(`${tuple.localPort} ${tuple.remotePort}`, toUint32(segment.seq));
        },
        state: nothing,
        timer: nothing,
        drop: nothing,
      },
    });
    this.#stack.addDevice(this.#device, [
      { address: OURS[4], prefixLength: 24 },
      { address: OURS[6], prefixLength: 64 },
    ]);
    this.#stack.listen({ port: PORT, backlog: 2 }, (socket) => this.#adopt(socket));
  }

  run(program: Uint8Array): void {
    this.frames = 0;
    this.#foreign = false;
    this.#iss.clear();
    let at = 1;
    for (let n = 0; n < 64 && at < program.length; n++) {
      at = this.#instruction(program, at);
      this.#settle();
    }
    this.#rest((program[0]! & 1) === 0);
  }

  /** Carries one out; returns where the next one begins. What is missing of it is 0. */
  #instruction(p: Uint8Array, at: number): number {
    const byte = (i: number) => p[at + i] ?? 0;
    const word = (i: number) => (byte(i) << 8) | byte(i + 1);
    switch (byte(0) % INSTRUCTIONS) {
      case SEGMENT: {
        const options = 4 * (byte(2) % 11);
        this.#deliver(this.#tcp(p.subarray(at, at + 20 + options), options));
        return at + 20 + options;
      }
      case PACKET: {
        const length = Math.min(word(1), 600);
        this.#foreign = true;
        this.#deliver(p.slice(at + 3, at + 3 + length));
        return at + 3 + length;
      }
      case PASS:
        this.#pass(word(1) * 10_000);
        return at + 3;
      case CALL:
        this.#call(CALLS[byte(1) % CALLS.length]!, byte(2));
        return at + 3;
      default:
        this.#icmp(byte(1), word(2));
        return at + 4;
    }
  }

  /** [SEGMENT, flags, words of options, length of text ×2, ports, SEQ ×4, ACK ×4, window ×2, urgent ×2, reserved ×3, options]. */
  #tcp(p: Uint8Array, options: number): Uint8Array {
    const q = new Uint8Array(20 + options);
    q.set(p);
    const length = Math.min(get16(q, 3), 1400);
    const active = (q[5]! & 1) === 1;
    const family = q[5]! & 2 ? 6 : 4;
    const [theirs, ours] = active ? [7, 5000 + (q[5]! >>> 6)] : [4000 + (q[5]! >>> 6), PORT];
    const relative = get32(q, 6);
    const iss = this.#iss.get(`${ours} ${theirs}`) ?? 0;
    const bytes = new Uint8Array(20 + options + length);
    put16(bytes, 0, theirs);
    put16(bytes, 2, ours);
    put32(bytes, 4, (THEIR_ISS + relative) >>> 0);
    put32(bytes, 8, (iss + get32(q, 10)) >>> 0);
    bytes[12] = ((20 + options) << 2) | (q[18]! & 1);
    bytes[13] = q[1]!;
    put16(bytes, 14, get16(q, 14));
    put16(bytes, 18, get16(q, 16));
    bytes.set(q.subarray(20), 20);
    const first = (relative + (q[1]! & SYN ? 1 : 0)) | 0;
    for (let i = 0; i < length; i++) bytes[20 + options + i] = pattern(first + i);
    const header = this.#header;
    header.setAddresses(THEIRS[family], OURS[family]);
    fillChecksum(bytes, 0, bytes.length, header.pseudoSum(TCP, bytes.length));
    return this.#packet(family, TCP, bytes, q[18]! >>> 6);
  }

  #icmp(what: number, mtu: number): void {
    const quoted = this.#device.lastSent;
    if (quoted.length === 0) return;
    const family = quoted[0]! >>> 4 === 6 ? 6 : 4;
    const type = (['destination unreachable', 'packet too big', 'time exceeded'] as const)[what % 3]!;
    const message = new Uint8Array(8 + quoted.length);
    const length = buildIcmpError(family, type, what >>> 4, mtu, quoted, 0, quoted.length, message, 0);
    const header = this.#header;
    header.setAddresses(THEIRS[family], OURS[family]);
    const protocol = icmpProtocol(family);
    fillIcmpChecksum(message, 0, length, family === 6 ? header.pseudoSum(protocol, length) : 0);
    this.#deliver(this.#packet(family, protocol, message.subarray(0, length), 0));
  }

  #packet(family: 4 | 6, protocol: number, payload: Uint8Array, ecn: number): Uint8Array {
    const header = this.#header;
    header.setAddresses(THEIRS[family], OURS[family]);
    header.protocol = protocol;
    header.payloadLength = payload.length;
    header.ecn = ecn;
    const bytes = new Uint8Array(ipHeaderLength(family) + payload.length);
    bytes.set(payload, buildIp(header, bytes, 0));
    return bytes;
  }

  #deliver(packet: Uint8Array): void {
    this.frames++;
    this.#device.deliver(packet, this.#now, CHECKSUM_COMPLETE);
    this.#device.flush(this.#now);
  }

  #adopt(socket: TcpSocket): void {
    const reader: Reader = { socket, from: null, received: 0 };
    this.#readers.push(reader);
    const gone = () => {
      const at = this.#readers.indexOf(reader);
      if (at >= 0) this.#readers.splice(at, 1);
    };
    socket.events = { onClose: gone };
  }

  #call(call: (typeof CALLS)[number], which: number): void {
    if (call === 'connect') {
      const family = which & 2 ? 6 : 4;
      const localPort = 5000 + (which >>> 6);
      try {
        this.#adopt(this.#stack.connect({ remoteAddress: THEIRS[family], remotePort: 7, localPort }));
      } catch (error) {
        if (!/in use/.test((error as Error).message)) throw error;
      }
      return;
    }
    const reader = this.#readers[which % Math.max(1, this.#readers.length)];
    if (reader === undefined) return;
    const { socket } = reader;
    if (call === 'send') socket.send(new Uint8Array(1 + which));
    else if (call === 'send a lot') socket.send(new Uint8Array(64 * which));
    else if (call === 'receive') this.#read(reader, 100_000);
    else if (call === 'receive little') this.#read(reader, 1 + which);
    else socket[call]();
  }

  #read(reader: Reader, most: number): void {
    const text = reader.socket.receive(most);
    if (text === null) return;
    reader.from ??= (diff((reader.socket as Connection).tcb.irs, seq(THEIR_ISS)) + 1) | 0;
    if (!this.#foreign) {
      for (const [i, byte] of text.entries()) {
        const place = reader.received + i;
        if (byte !== pattern(reader.from + place)) throw new Error(`a reader got a byte at ${place} that nobody sent`);
      }
    }
    reader.received += text.length;
  }

  #settle(): void {
    while (this.#soon.length > 0) for (const callback of this.#soon.splice(0)) callback();
  }

  #pass(time: number): void {
    const until = this.#now + time;
    for (let n = 0; n < 5000 && this.#wakeAt <= until; n++) {
      this.#now = Math.max(this.#now, this.#wakeAt);
      this.#wakeAt = Number.POSITIVE_INFINITY;
      this.#wake();
      this.#settle();
    }
    if (this.#wakeAt <= until) throw new Error('timers fire without end');
    this.#now = until;
  }

  /** All is let go, the peer is silent: nothing may be left. */
  #rest(abruptly: boolean): void {
    for (const reader of [...this.#readers]) {
      this.#read(reader, 100_000);
      if (abruptly) reader.socket.abort();
      else reader.socket.close();
    }
    this.#settle();
    for (let i = 0; i < 200 && this.#stack.stats().timers > 0; i++) {
      this.#pass(120_000_000);
      for (const reader of [...this.#readers]) reader.socket.close();
      this.#settle();
    }
    const { connections, timeWait, timers, buffered } = this.#stack.stats();
    if (connections + timeWait + timers + buffered > 0) {
      const left = this.#stack.connections().map((c) => `${c.state} ${c.timer?.name ?? 'no timer'}`);
      throw new Error(`not at rest: ${left.join(', ')}; ${timers} timers, ${buffered} bytes`);
    }
    if (this.#readers.length > 0) throw new Error('an application was never told that its connection is over');
    if (this.#device.pool.outstanding > 0) throw new Error(`${this.#device.pool.outstanding} frames not handed back`);
  }
}

/** The peer's byte at a number relative to its initial one. */
function pattern(at: number): number {
  return (Math.imul(at, 0x9e37_79b1) >>> 16) & 0xff;
}
