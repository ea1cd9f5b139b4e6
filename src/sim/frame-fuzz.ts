import { CHECKSUM_COMPLETE, CHECKSUM_VERIFIED } from '../link/device.ts';
import type { Host } from '../stack/host.ts';
import type { TcpSocket } from '../stack/socket.ts';
import { Stack } from '../stack/stack.ts';
import { linux } from '../tcp/config.ts';
import type { Cause } from '../tcp/state.ts';
import { STATE_NAMES } from '../tcp/state.ts';
import type { Tcb } from '../tcp/tcb.ts';
import type { FourTuple, Trace } from '../tcp/trace.ts';
import { IpAddress } from '../wire/address.ts';
import { buildIcmpError, fillIcmpChecksum, icmpProtocol } from '../wire/icmp.ts';
import { buildIp, ipHeaderLength } from '../wire/ip.ts';
import { IpHeader, TCP } from '../wire/ip-header.ts';
import { ACK, FIN, PSH, RST, Segment, SYN, URG } from '../wire/segment.ts';
import { add, diff, type Seq, seq } from '../wire/seq.ts';
import { buildTcp, fillChecksum } from '../wire/tcp.ts';
import { FuzzDevice } from './fuzz-device.ts';
import { Random } from './random.ts';

const OURS = { 4: IpAddress.of('10.0.0.2'), 6: IpAddress.of('fd00::2') } as const;
const THEIRS = { 4: IpAddress.of('10.0.0.1'), 6: IpAddress.of('fd00::1') } as const;
const PORT = 80;
/** Remote ports that are used: few, so that connections are hit again and again. */
const REMOTE_PORTS = 24;
const REMOTE_BASE = 4000;
const FLAG_SETS = [
  SYN,
  ACK,
  ACK,
  ACK | PSH,
  FIN | ACK,
  RST,
  RST | ACK,
  SYN | ACK,
  0,
  SYN | FIN,
  URG | ACK,
  0x1ff,
] as const;
/** Frames between two looks at the whole. */
const CHECK_EVERY = 5000;

export interface FuzzResult {
  readonly frames: number;
  /** Segments that reached a connection, and frames the stack sent. */
  readonly segments: number;
  readonly sent: number;
  readonly opened: number;
  /** How often each arrow of the diagram was taken: `ESTABLISHED → CLOSE-WAIT`. */
  readonly transitions: Readonly<Record<string, number>>;
}

/**
 * Throws frames at a stack: noise, well-formed segments with any fields, segments that fit a connection nearly or fully, mutations and
 * repetitions of all of them, fragments, ICMP errors; while applications open, read, write, close and abort at random. Everything comes
 * from the seed. Throws an error, with seed and number of the frame, where the stack throws, sends what is no packet, changes a state
 * without reason, holds more than it may, or does not come to rest in the end.
 */
export class FrameFuzz {
  readonly #seed: number;
  readonly #random: Random;
  readonly #device: FuzzDevice;
  readonly #stack: Stack;
  readonly #sockets = new Set<TcpSocket>();
  /** What each tuple's connection last said: where a segment must be to fit. */
  readonly #known = new Map<string, { next: Seq; expects: Seq; opening: boolean }>();
  readonly #recent: Uint8Array[] = [];
  readonly #transitions: Record<string, number> = {};
  #arrived: Segment | null = null;
  #now = 1_000_000;
  #wakeAt = Number.POSITIVE_INFINITY;
  #wake: () => void = nothing;
  #soon: (() => void)[] = [];
  #frames = 0;
  #segments = 0;
  #opened = 0;
  readonly #segment = new Segment();
  readonly #header = new IpHeader();

  constructor(seed: number) {
    this.#seed = seed;
    this.#random = new Random(seed);
    const random = this.#random;
    const host: Host = {
      now: () => this.#now,
      random: (bytes) => random.fill(bytes),
      wakeAt: (deadline, callback) => {
        this.#wakeAt = deadline;
        this.#wake = callback;
      },
      soon: (callback) => {
        this.#soon.push(callback);
      },
    };
    this.#device = new FuzzDevice();
    const config = {
      ...linux,
      receiveBuffer: 32_768,
      sendBuffer: 32_768,
      maxHoles: 64,
      tcp_max_syn_backlog: 16,
      tcp_max_tw_buckets: 16,
    };
    this.#stack = new Stack({ host, config, trace: this.#trace(), loopback: false });
    this.#stack.addDevice(this.#device, [
      { address: OURS[4], prefixLength: 24 },
      { address: OURS[6], prefixLength: 64 },
    ]);
    this.#stack.listen({ port: PORT, backlog: 8 }, (socket) => this.#adopt(socket));
  }

  /** Throws `count` frames, and lets everything come to rest. `progress` is called now and then. */
  run(count: number, progress: (frames: number) => void = nothing): FuzzResult {
    try {
      while (this.#frames < count) {
        this.#step();
        if (this.#frames % CHECK_EVERY === 0) {
          this.#checkBounds();
          progress(this.#frames);
        }
      }
      this.#rest();
    } catch (error) {
      throw new Error(`seed ${this.#seed}, frame ${this.#frames}: ${(error as Error).message}`, { cause: error });
    }
    return {
      frames: this.#frames,
      segments: this.#segments,
      sent: this.#device.sent,
      opened: this.#opened,
      transitions: this.#transitions,
    };
  }

  #step(): void {
    const random = this.#random;
    const batch = 1 + random.below(8);
    for (let i = 0; i < batch; i++) {
      this.#frames++;
      this.#device.deliver(this.#frame(), this.#now, random.chance(0.05) ? CHECKSUM_VERIFIED : CHECKSUM_COMPLETE);
    }
    this.#device.flush(this.#now);
    this.#settle();
    if (random.chance(0.1)) this.#act();
    if (random.chance(0.3)) this.#pass(random.chance(0.02) ? 5_000_000 : 20_000);
  }

  #frame(): Uint8Array {
    const random = this.#random;
    const dice = random.next();
    if (dice < 0.05) return this.#noise();
    if (dice < 0.2 && this.#recent.length > 0) return this.#mutated();
    if (dice < 0.22) return this.#icmp();
    const family = random.chance(0.8) ? 4 : 6;
    const packet = this.#tcp(family);
    if (this.#recent.length < 256) this.#recent.push(packet);
    else this.#recent[random.below(256)] = packet;
    return packet;
  }

  #noise(): Uint8Array {
    const bytes = new Uint8Array(this.#random.below(200));
    this.#random.fill(bytes);
    if (bytes.length > 0 && this.#random.chance(0.8)) bytes[0] = this.#random.chance(0.5) ? 0x45 : 0x60;
    return bytes;
  }

  /** An earlier one: again, cut short, or with some bytes changed (and the checksum not, mostly). */
  #mutated(): Uint8Array {
    const random = this.#random;
    const bytes = random.pick(this.#recent).slice();
    const dice = random.next();
    if (dice < 0.4) return bytes;
    if (dice < 0.6) return bytes.subarray(0, random.below(bytes.length));
    for (let i = random.below(4); i >= 0; i--) bytes[random.below(bytes.length)] = random.below(256);
    return bytes;
  }

  #icmp(): Uint8Array {
    const random = this.#random;
    const quoted = this.#device.lastSent;
    if (quoted.length === 0) return this.#noise();
    const family = quoted[0]! >>> 4 === 6 ? 6 : 4;
    const message = new Uint8Array(8 + quoted.length);
    const type = random.pick(['destination unreachable', 'packet too big', 'time exceeded'] as const);
    const code = random.below(5);
    const length = buildIcmpError(family, type, code, random.below(2000), quoted, 0, quoted.length, message, 0);
    const header = this.#header;
    header.setAddresses(THEIRS[family], OURS[family]);
    const protocol = icmpProtocol(family);
    fillIcmpChecksum(message, 0, length, family === 6 ? header.pseudoSum(protocol, length) : 0);
    return this.#packet(family, protocol, message.subarray(0, length));
  }

  /** A segment: of a connection mostly, and then mostly where it fits. */
  #tcp(family: 4 | 6): Uint8Array {
    const random = this.#random;
    const s = this.#segment;
    s.clear();
    s.sourcePort = REMOTE_BASE + random.below(REMOTE_PORTS);
    s.destinationPort = random.pick([PORT, PORT, PORT, PORT, 5000 + random.below(4)]);
    if (random.chance(0.02)) s.destinationPort = random.below(65_536);
    const known = this.#known.get(`${family} ${s.destinationPort} ${s.sourcePort}`);
    s.flags = random.pick(FLAG_SETS);
    s.seq = seq(random.word());
    s.ack = seq(random.word());
    if (known !== undefined && random.chance(0.95)) {
      if (random.chance(0.7)) s.flags = random.pick([ACK, ACK, ACK, ACK | PSH, FIN | ACK]);
      if (known.opening && random.chance(0.5)) s.flags = random.pick([SYN | ACK, SYN]);
      s.seq = add(known.expects, this.#near());
      s.ack = add(known.next, random.chance(0.7) ? 0 : this.#near());
    } else if (random.chance(0.7)) s.flags = SYN;
    s.wnd = random.chance(0.1) ? 0 : random.below(65_536);
    s.up = random.chance(0.9) ? 0 : random.below(65_536);
    this.#options(s);
    if (random.chance(0.5)) {
      s.payloadLength = random.chance(0.2) ? random.below(1400) : random.below(100);
      s.bytes = new Uint8Array(s.payloadLength);
    }
    const bytes = new Uint8Array(60 + s.payloadLength);
    const length = buildTcp(s, bytes, 0);
    const header = this.#header;
    header.setAddresses(THEIRS[family], OURS[family]);
    fillChecksum(bytes, 0, length, header.pseudoSum(TCP, length));
    return this.#packet(family, TCP, bytes.subarray(0, length));
  }

  #near(): number {
    const dice = this.#random.next();
    if (dice < 0.6) return 0;
    if (dice < 0.9) return this.#random.below(3000) - 1000;
    return this.#random.below(200_000) - 100_000;
  }

  #options(s: Segment): void {
    const random = this.#random;
    if (s.flags & SYN) {
      if (random.chance(0.8)) s.mss = random.chance(0.2) ? random.below(100) : random.below(9000);
      if (random.chance(0.7)) s.windowScale = random.below(16);
      s.sackPermitted = random.chance(0.7);
    }
    if (random.chance(0.3)) {
      s.hasTimestamps = true;
      s.tsVal = Math.floor(this.#now / 1000) + (random.chance(0.1) ? random.word() : 0);
      s.tsEcr = random.word();
    }
    if (s.flags & ACK && random.chance(0.1)) {
      s.sackCount = 1 + random.below(s.hasTimestamps ? 3 : 4);
      for (let i = 0; i < s.sackCount; i++) {
        s.sack[2 * i] = add(s.ack, this.#near());
        s.sack[2 * i + 1] = add(s.sack[2 * i]!, random.below(3000));
      }
    }
  }

  #packet(family: 4 | 6, protocol: number, payload: Uint8Array): Uint8Array {
    const random = this.#random;
    const header = this.#header;
    header.setAddresses(THEIRS[family], OURS[family]);
    header.protocol = protocol;
    header.payloadLength = payload.length;
    header.ecn = random.below(4);
    header.id = random.below(65_536);
    header.fragmentOffset = 0;
    header.moreFragments = family === 4 && random.chance(0.01) && payload.length % 8 === 0 && payload.length > 0;
    const bytes = new Uint8Array(ipHeaderLength(family) + payload.length);
    bytes.set(payload, buildIp(header, bytes, 0));
    return bytes;
  }

  #adopt(socket: TcpSocket): void {
    this.#opened++;
    this.#sockets.add(socket);
    const lazy = this.#random.chance(0.2);
    socket.events = {
      onReadable: () => {
        if (lazy) return;
        while (socket.receive() !== null);
      },
      onEnd: () => {
        if (this.#random.chance(0.7)) socket.shutdown();
      },
      onClose: () => this.#sockets.delete(socket),
    };
  }

  /** Something an application does. */
  #act(): void {
    const random = this.#random;
    const dice = random.next();
    const all = [...this.#sockets];
    if (dice < 0.1 && all.length < 40) {
      const family = random.chance(0.8) ? 4 : 6;
      const remotePort = REMOTE_BASE + random.below(REMOTE_PORTS);
      try {
        this.#adopt(
          this.#stack.connect({ remoteAddress: THEIRS[family], remotePort, localPort: 5000 + random.below(4) }),
        );
      } catch (error) {
        if (!/in use/.test((error as Error).message)) throw error;
      }
      this.#settle();
      return;
    }
    if (all.length === 0) return;
    const socket = random.pick(all);
    if (dice < 0.5) socket.send(new Uint8Array(random.below(5000)));
    else if (dice < 0.7) socket.shutdown();
    else if (dice < 0.8) socket.close();
    else if (dice < 0.83) socket.abort();
    else while (socket.receive(1 + random.below(1000)) !== null);
    this.#settle();
  }

  #settle(): void {
    while (this.#soon.length > 0) for (const callback of this.#soon.splice(0)) callback();
  }

  #pass(most: number): void {
    const until = this.#now + this.#random.below(most);
    while (this.#wakeAt <= until) {
      this.#now = Math.max(this.#now, this.#wakeAt);
      this.#wakeAt = Number.POSITIVE_INFINITY;
      this.#wake();
      this.#settle();
    }
    this.#now = until;
  }

  /** Applications let go, the peer is silent: everything must come to an end by its timers. */
  #rest(): void {
    for (const socket of [...this.#sockets]) {
      while (socket.receive() !== null);
      socket.close();
    }
    this.#settle();
    for (let i = 0; i < 400 && this.#stack.stats().timers > 0; i++) {
      this.#pass(60_000_000);
      for (const socket of [...this.#sockets]) socket.close();
      this.#settle();
    }
    const { connections, timeWait, timers, buffered } = this.#stack.stats();
    if (connections + timeWait + timers + buffered > 0) {
      const left = this.#stack.connections().map((c) => `${c.state} ${c.timer?.name ?? 'no timer'}`);
      throw new Error(
        `not at rest: ${left.join(', ')}; ${JSON.stringify({ connections, timeWait, timers, buffered })}`,
      );
    }
    if (this.#device.pool.outstanding > 0) throw new Error(`${this.#device.pool.outstanding} frames not handed back`);
  }

  #checkBounds(): void {
    const { connections, timeWait, buffered } = this.#stack.stats();
    if (timeWait > 16) throw new Error(`${timeWait} in TIME-WAIT`);
    if (connections > 2 * REMOTE_PORTS * 8) throw new Error(`${connections} connections`);
    const most = connections * (32_768 + 32_768 + (1 << 14));
    if (buffered > most) throw new Error(`${buffered} bytes buffered for ${connections} connections`);
  }

  #trace(): Trace {
    return {
      segment: (direction, tuple, segment) => {
        if (direction === 'in') {
          this.#arrived = segment;
          this.#segments++;
          return;
        }
        if (segment.flags & RST) return;
        const key = `${tuple.localAddress.family} ${tuple.localPort} ${tuple.remotePort}`;
        const opening = (segment.flags & (SYN | ACK)) === SYN;
        this.#known.set(key, { next: add(segment.seq, segment.len), expects: segment.ack, opening });
      },
      state: (tuple, from, to, cause) => {
        const arrow = `${STATE_NAMES[from]} → ${STATE_NAMES[to]}`;
        this.#transitions[arrow] = (this.#transitions[arrow] ?? 0) + 1;
        this.#checkCause(tuple, arrow, cause);
      },
      timer: nothing,
      drop: nothing,
    };
  }

  /** A transition that a segment caused: the segment must have what it takes. */
  #checkCause(tuple: FourTuple, arrow: string, cause: Cause): void {
    const s = this.#arrived;
    if (!cause.startsWith('rcv') || s === null) return;
    const tcb = tuple as Partial<Tcb>;
    const fail = (why: string): never => {
      throw new Error(`${arrow} by "${cause}": ${why}`);
    };
    if (cause === 'rcv SYN' && !s.has(SYN)) fail('no SYN');
    if (cause === 'rcv SYN,ACK' && (s.flags & (SYN | ACK)) !== (SYN | ACK)) fail('no SYN,ACK');
    if (cause === 'rcv ACK of SYN' && !s.has(ACK)) fail('no ACK');
    if (cause === 'rcv RST') {
      if (!s.has(RST)) fail('no RST');
      // RFC 5961 §3.2: at RCV.NXT exactly; while opening, an acceptable ACK instead (RFC 9293 §3.10.7.3).
      if (!arrow.startsWith('SYN-SENT') && tcb.rcvNxt !== undefined && diff(s.seq, tcb.rcvNxt) !== 0)
        fail('not at RCV.NXT');
      if (arrow.startsWith('SYN-SENT') && !s.has(ACK)) fail('no ACK with it');
    }
    if (cause === 'rcv ACK of FIN' && !s.has(ACK)) fail('no ACK');
  }
}

function nothing(): void {}
