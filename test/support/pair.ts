/**
 * Two connections of ours, each the other's peer, over a channel that loses, repeats and reorders, in virtual time. Everything random comes from the
 * seed: the same seed is the same run. After every event the invariants of `invariants.ts` hold of the end it happened to, and what an
 * end has read is a beginning of what the other one sent.
 */
import { linux, type TcpConfig } from '../../src/tcp/config.ts';
import { ALL_CONGESTION } from '../../src/tcp/congestion/algorithms.ts';
import {
  close,
  nextDeadline,
  openActive,
  openPassive,
  output,
  receive,
  segmentArrives,
  send,
  timeout,
} from '../../src/tcp/connection.ts';
import { Counters } from '../../src/tcp/counters.ts';
import type { Environment } from '../../src/tcp/environment.ts';
import { resetFor } from '../../src/tcp/events/closed.ts';
import { ALL_EXTENSIONS } from '../../src/tcp/extensions.ts';
import { rfc9293 } from '../../src/tcp/profiles.ts';
import { CLOSED, STATE_NAMES, TIME_WAIT } from '../../src/tcp/state.ts';
import { Tcb } from '../../src/tcp/tcb.ts';
import { IpAddress } from '../../src/wire/address.ts';
import { Segment } from '../../src/wire/segment.ts';
import { type Seq, seq } from '../../src/wire/seq.ts';
import { Invariants } from './invariants.ts';
import { format, type Recorded, record } from './notation.ts';

const MS = 1000;
const SECOND = 1_000_000;

/** Numbers in [0, 1) from a seed (mulberry32). */
export function random(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

export interface Channel {
  /** Shares of segments that are lost, and that come twice. */
  readonly loss: number;
  readonly repeat: number;
  /** One-way delay, µs, and by how much more some take: what makes segments overtake each other. */
  readonly delay: number;
  readonly jitter: number;
}

export interface EndOptions {
  readonly config?: Partial<TcpConfig>;
  /** Bytes that its application sends. */
  readonly bytes: number;
  readonly noDelay?: boolean;
  readonly mss?: number;
  /** It closes after the other has. */
  readonly closesLast?: boolean;
  /** Of a hundred times that the application could read, how many it does. */
  readonly reads: number;
}

export interface PairOptions {
  readonly seed: number;
  readonly channel: Channel;
  readonly ends: readonly [EndOptions, EndOptions];
  /** Both open actively (RFC 9293 §3.5, figure 8), or the second listens. */
  readonly simultaneous?: boolean;
}

/** A pair as its seed has it. */
export function randomPair(seed: number): PairOptions {
  const next = random(seed * 7919);
  const one = <T>(...of: T[]): T => of[Math.floor(next() * of.length)]!;
  // At a quarter lost, without timestamps, each time-out stays doubled (Karn): a long text takes hours.
  const loss = one(0, 0.01, 0.05, 0.1, 0.25);
  const end = (): EndOptions => ({
    bytes: loss > 0.1 ? one(0, 1, 1000, 4000) : one(0, 1, 1000, 50_000, 200_000),
    reads: one(5, 50, 100),
    noDelay: one(true, false),
    mss: one(88, 536, 1460, 1460),
    config: {
      ...one<Partial<TcpConfig>>({}, {}, rfc9293),
      tcp_sack: one(true, true, false),
      tcp_timestamps: one(true, true, false),
      tcp_window_scaling: one(true, false),
      receiveBuffer: one(3000, 20_000, 65_536, 1 << 20),
      sendBuffer: one(5000, 1 << 20),
      maxHoles: one(4, 4096),
    },
  });
  return {
    seed,
    channel: {
      loss,
      repeat: one(0, 0.05),
      delay: one(10, 5000, 100_000),
      jitter: one(0, 1000, 50_000),
    },
    ends: [end(), end()],
    simultaneous: one(true, false, false),
  };
}

interface Event {
  readonly at: number;
  readonly serial: number;
  readonly run: () => void;
}

export class End {
  readonly tcb: Tcb;
  readonly options: EndOptions;
  readonly invariants: Invariants;
  other!: End;
  written = 0;
  read = 0;
  closed = false;

  constructor(options: EndOptions, env: Environment, port: number, otherPort: number, iss: Seq) {
    this.options = options;
    this.tcb = new Tcb(env, {
      localAddress: IpAddress.of('192.0.2.1'),
      localPort: port,
      remoteAddress: IpAddress.of('192.0.2.1'),
      remotePort: otherPort,
    });
    this.tcb.noDelay = options.noDelay ?? false;
    this.tcb.rcvMss = options.mss ?? 1460;
    this.invariants = new Invariants(this.tcb, iss);
  }

  get counters(): Counters {
    return this.tcb.env.counters;
  }

  /** Byte `i` of what its application sends. */
  byte(i: number): number {
    return (i * 7 + (i >>> 8) * 13 + this.tcb.localPort) & 255;
  }

  /** Both directions are done, or the connection is. */
  get over(): boolean {
    return this.tcb.state === CLOSED || this.tcb.state === TIME_WAIT;
  }
}

export class Pair {
  readonly ends: readonly [End, End];
  readonly log: string[] = [];
  now = SECOND;
  private readonly options: PairOptions;
  private readonly random: () => number;
  private events: Event[] = [];
  private serial = 0;

  constructor(options: PairOptions) {
    this.options = options;
    this.random = random(options.seed);
    const numbers = [seq(-1 - this.below(5000)), seq(-1 - this.below(5000))] as const;
    const make = (i: 0 | 1): End => {
      const o = options.ends[i];
      const env: Environment = {
        config: { ...linux, ...o.config },
        counters: new Counters(),
        congestion: ALL_CONGESTION,
        extensions: ALL_EXTENSIONS,
        trace: {
          segment: () => {},
          state: (_t, from, to, cause) => {
            this.note(end, `${STATE_NAMES[from]} → ${STATE_NAMES[to]} (${cause})`);
            this.refuse(end, end.invariants.transition(from, to, cause));
          },
          timer: (_t, timer) => this.note(end, `${timer} timer`),
          drop: (_t, _s, reason) => this.note(end, `dropped: ${reason}`),
        },
        emit: (_t, segment, now) => this.emitted(end, record(segment, now)),
        initialSequence: () => numbers[i],
        timestampOffset: () => numbers[1 - i] as unknown as number,
        challengeAck: () => true,
        memory: { allocate: (size) => new Uint8Array(size) },
      };
      const end: End = new End(o, env, 1 + i, 2 - i, numbers[i]);
      return end;
    };
    this.ends = [make(0), make(1)];
    this.ends[0].other = this.ends[1];
    this.ends[1].other = this.ends[0];
    const [a, b] = this.ends;
    this.does(b, () => (options.simultaneous ? openActive(b.tcb, this.now) : openPassive(b.tcb, this.now)));
    this.does(a, () => openActive(a.tcb, this.now));
    for (const end of this.ends) this.schedule(this.below(20 * MS), () => this.application(end));
  }

  /** Runs until both ends are over and nothing is under way, or that many seconds have passed. */
  run(seconds: number): void {
    const limit = this.now + seconds * SECOND;
    for (let guard = 0; !this.ends.every((end) => end.over); guard++) {
      if (guard > 300_000) this.fail('it does not come to an end');
      const next = Math.min(
        this.events[0]?.at ?? Number.POSITIVE_INFINITY,
        ...this.ends.map((e) => nextDeadline(e.tcb)),
      );
      if (next > limit) return;
      this.now = Math.max(this.now, next);
      const event = this.events[0];
      if (event !== undefined && event.at <= this.now) {
        this.events.shift();
        event.run();
        continue;
      }
      const end = this.ends.find((e) => nextDeadline(e.tcb) <= this.now)!;
      this.does(end, () => timeout(end.tcb, this.now));
    }
    for (const end of this.ends) this.reads(end, Number.POSITIVE_INFINITY);
  }

  fail(why: string): never {
    throw new Error(
      `seed ${this.options.seed}: ${why}\n${JSON.stringify(this.options)}\n${this.log.slice(-60).join('\n')}`,
    );
  }

  private below(n: number): number {
    return Math.floor(this.random() * n);
  }

  private schedule(after: number, run: () => void): void {
    const event = { at: this.now + after, serial: this.serial++, run };
    let i = this.events.length;
    while (i > 0 && this.events[i - 1]!.at > event.at) i--;
    this.events.splice(i, 0, event);
  }

  private does(end: End, action: () => void): void {
    action();
    end.tcb.notices = 0;
    this.refuse(end, end.invariants.check(this.now));
  }

  private refuse(end: End, broken: string[]): void {
    if (broken.length > 0) this.fail(`end ${end.tcb.localPort}: ${broken.join('; ')}`);
  }

  private note(end: End, text: string): void {
    this.log.push(`${((this.now - SECOND) / SECOND).toFixed(6)} ${end.tcb.localPort}: ${text}`);
  }

  private emitted(end: End, r: Recorded): void {
    const { loss, repeat, delay, jitter } = this.options.channel;
    if (this.log.length > 500_000) this.fail('it does not come to an end');
    this.note(end, format(r.segment, end.tcb.iss, end.other.tcb.iss));
    this.refuse(
      end,
      end.invariants.emitted(r, (i) => end.byte(i)),
    );
    if (this.random() < loss) return;
    const times = this.random() < repeat ? 2 : 1;
    for (let i = 0; i < times; i++) this.schedule(delay + this.below(jitter + 1), () => this.arrives(end.other, r));
  }

  private arrives(end: End, { segment }: Recorded): void {
    this.does(end, () => {
      const reply = new Segment();
      const reason = segmentArrives(end.tcb, segment, this.now);
      if (reason === 'closed' && resetFor(segment, reply)) this.emitted(end, record(reply, this.now));
      output(end.tcb, this.now);
    });
  }

  /** What an application does from time to time: sends some, reads some, closes when it has sent everything. */
  private application(end: End): void {
    const { tcb, options } = end;
    if (end.written < options.bytes) {
      const wanted = 1 + this.below(this.random() < 0.5 ? 100 : 20_000);
      const n = Math.min(wanted, options.bytes - end.written, tcb.sendBufferSize - tcb.sendBuffer.length);
      const bytes = Uint8Array.from({ length: n }, (_, i) => end.byte(end.written + i));
      this.does(end, () => {
        end.written += Math.max(0, send(tcb, bytes, this.random() < 0.5, this.now));
      });
    } else if (!end.closed && tcb.state >= 3 && (!options.closesLast || tcb.finReceived)) {
      end.closed = true;
      this.does(end, () => close(tcb, this.now));
    }
    if (this.below(100) < options.reads) this.reads(end, 1 + this.below(30_000));
    if (!end.over) this.schedule(1 + this.below(50 * MS), () => this.application(end));
  }

  private reads(end: End, most: number): void {
    for (let left = most; left > 0; ) {
      let chunk: Uint8Array | null = null;
      this.does(end, () => {
        chunk = receive(end.tcb, Math.min(left, 0x7fffffff), this.now);
      });
      if (chunk === null) return;
      const bytes: Uint8Array = chunk;
      for (const byte of bytes) {
        if (byte !== end.other.byte(end.read))
          this.fail(`byte ${end.read} read by ${end.tcb.localPort} is not the other's`);
        end.read++;
      }
      left -= bytes.length;
    }
  }
}
