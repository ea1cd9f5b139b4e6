/**
 * Connections over one bottleneck, in virtual time: a queue of bounded length served at a rate, then a delay; the way back has the delay
 * only. The queue drops what does not fit, or marks what it can mark beyond a threshold; losses can be thrown in. Deterministic.
 */

import { linux, type TcpConfig } from '../../../../src/tcp/config.ts';
import { ALL_CONGESTION } from '../../../../src/tcp/congestion/algorithms.ts';
import type { CongestionName } from '../../../../src/tcp/congestion/controller.ts';
import {
  nextDeadline,
  openActive,
  openPassive,
  output,
  receive,
  segmentArrives,
  send,
  timeout,
} from '../../../../src/tcp/connection.ts';
import { Counters } from '../../../../src/tcp/counters.ts';
import type { Environment } from '../../../../src/tcp/environment.ts';
import { ALL_EXTENSIONS } from '../../../../src/tcp/extensions.ts';
import { ESTABLISHED } from '../../../../src/tcp/state.ts';
import { Tcb } from '../../../../src/tcp/tcb.ts';
import { IpAddress } from '../../../../src/wire/address.ts';
import { CE, NOT_ECT, Segment } from '../../../../src/wire/segment.ts';
import { seq } from '../../../../src/wire/seq.ts';

export const SECOND = 1_000_000;
const HEADERS = 52;
const ZEROS = new Uint8Array(1 << 16);
const CHUNK = new Uint8Array(1 << 18);

export interface PathOptions {
  /** Bits a second. */
  readonly rate: number;
  /** Both ways together, µs, without the queue. */
  readonly rtt: number;
  /** Bytes that the queue holds; one bandwidth-delay product unless told. */
  readonly queue?: number;
  /** Marks with CE what arrives when the queue is longer than this, bytes. */
  readonly markAbove?: number;
  /** Probability that a segment with text is lost at random. */
  readonly loss?: number;
  readonly seed?: number;
}

export interface FlowOptions {
  readonly control?: CongestionName;
  readonly config?: Partial<TcpConfig>;
  readonly peerConfig?: Partial<TcpConfig>;
  /** When it begins, µs. */
  readonly start?: number;
  /** The device segments: bytes of a frame. */
  readonly gso?: number;
  /** Bytes to send in all; without end unless told. */
  readonly total?: number;
  /** What is sent when, instead of as much as fits: bytes the application writes at a time, µs. */
  readonly writes?: readonly { readonly at: number; readonly bytes: number }[];
}

interface Event {
  readonly time: number;
  readonly serial: number;
  readonly run: () => void;
}

export interface Sample {
  readonly time: number;
  readonly cwnd: number;
  readonly ssthresh: number;
  readonly queue: number;
}

export class Flow {
  readonly sender: Tcb;
  readonly receiver: Tcb;
  /** Bytes that the receiving application got. */
  received = 0;
  written = 0;
  /** Segments of this flow that the queue dropped or the path lost, and that were marked. */
  drops = 0;
  marks = 0;
  /** When the first was dropped, µs. */
  firstDrop = Number.POSITIVE_INFINITY;
  readonly samples: Sample[] = [];
  /** Every segment with text, as it left. */
  readonly sent: { readonly time: number; readonly bytes: number; readonly ecn: number; readonly flags: number }[] = [];
  readonly options: FlowOptions;

  constructor(path: Path, port: number, options: FlowOptions) {
    this.options = options;
    const client = IpAddress.of('192.0.2.1');
    const server = IpAddress.of('192.0.2.2');
    const big = { receiveBuffer: 1 << 23, sendBuffer: 1 << 23 };
    this.sender = new Tcb(
      environment({ ...linux, ...big, ...options.config }, (s) => path.forward(this, s)),
      { localAddress: client, localPort: port, remoteAddress: server, remotePort: 80 },
    );
    if (options.control !== undefined) this.sender.congestionName = options.control;
    if (options.gso !== undefined) this.sender.gsoMax = options.gso;
    this.receiver = new Tcb(
      environment({ ...linux, ...big, ...(options.peerConfig ?? options.config) }, (s) => path.back(this, s)),
      { localAddress: server, localPort: 80, remoteAddress: client, remotePort: port },
    );
  }

  /** Segments lost in the sender's opinion, sent again. */
  get retransmissions(): number {
    return this.sender.totalRetrans;
  }
}

function environment(config: TcpConfig, emit: (segment: Segment) => void): Environment {
  return {
    config,
    counters: new Counters(),
    congestion: ALL_CONGESTION,
    extensions: ALL_EXTENSIONS,
    trace: null,
    emit: (_tcb, segment) => emit(segment),
    initialSequence: () => seq(-1000),
    timestampOffset: () => 0,
    challengeAck: () => true,
    memory: { allocate: (size) => new Uint8Array(size) },
  };
}

export class Path {
  now = SECOND;
  readonly flows: Flow[] = [];
  /** The longest that the queue was, bytes. */
  longestQueue = 0;
  private readonly options: PathOptions;
  private readonly limit: number;
  private readonly bytesPerMicrosecond: number;
  private freeAt = 0;
  private events: Event[] = [];
  private serial = 0;
  private random: number;

  constructor(options: PathOptions) {
    this.options = options;
    this.bytesPerMicrosecond = options.rate / 8 / 1e6;
    this.limit = options.queue ?? (this.bytesPerMicrosecond * options.rtt) | 0;
    this.random = options.seed ?? 1;
  }

  /** Most bytes of text that the bottleneck carries in a second. */
  get textRate(): number {
    return ((this.options.rate / 8) * 1448) / 1500;
  }

  flow(options: FlowOptions = {}): Flow {
    const flow = new Flow(this, 40_000 + this.flows.length, options);
    this.flows.push(flow);
    this.at(SECOND + (options.start ?? 0), () => {
      openPassive(flow.receiver, this.now);
      openActive(flow.sender, this.now);
    });
    for (const write of options.writes ?? []) {
      this.at(SECOND + write.at, () => {
        send(flow.sender, CHUNK.subarray(0, write.bytes), false, this.now);
        flow.written += write.bytes;
      });
    }
    return flow;
  }

  /** Lets so many seconds pass. */
  run(seconds: number): void {
    const until = this.now + seconds * SECOND;
    for (;;) {
      let next = this.events[0]?.time ?? Number.POSITIVE_INFINITY;
      let who: Tcb | null = null;
      for (const flow of this.flows) {
        for (const tcb of [flow.sender, flow.receiver]) {
          const due = nextDeadline(tcb);
          if (due < next) {
            next = due;
            who = tcb;
          }
        }
      }
      if (next > until) break;
      this.now = Math.max(this.now, next);
      if (who === null) this.pop().run();
      else timeout(who, this.now);
      for (const flow of this.flows) this.applications(flow);
    }
    this.now = until;
  }

  at(time: number, run: () => void): void {
    const event = { time, serial: this.serial++, run };
    const { events } = this;
    let i = events.push(event) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!before(event, events[parent]!)) break;
      events[i] = events[parent]!;
      i = parent;
    }
    events[i] = event;
  }

  private pop(): Event {
    const { events } = this;
    const first = events[0]!;
    const last = events.pop()!;
    if (events.length > 0) {
      let i = 0;
      for (;;) {
        let child = 2 * i + 1;
        if (child >= events.length) break;
        if (child + 1 < events.length && before(events[child + 1]!, events[child]!)) child++;
        if (!before(events[child]!, last)) break;
        events[i] = events[child]!;
        i = child;
      }
      events[i] = last;
    }
    return first;
  }

  private applications(flow: Flow): void {
    const { sender, receiver } = flow;
    sender.notices = 0;
    receiver.notices = 0;
    for (;;) {
      const bytes = receive(receiver, 1 << 24, this.now);
      if (bytes === null) break;
      flow.received += bytes.length;
    }
    if (flow.options.writes !== undefined || sender.state !== ESTABLISHED) return;
    const total = flow.options.total ?? Number.POSITIVE_INFINITY;
    while (flow.written < total && sender.sendBuffer.length < sender.sendBufferSize / 2) {
      const length = Math.min(CHUNK.length, total - flow.written);
      flow.written += send(sender, CHUNK.subarray(0, length), false, this.now);
    }
  }

  /** From the sender through the bottleneck. What stands for several segments is cut up first. */
  forward(flow: Flow, segment: Segment): void {
    if (segment.payloadLength > 0) {
      const { payloadLength: bytes, ecn, flags } = segment;
      flow.sent.push({ time: this.now, bytes, ecn, flags });
    }
    if (segment.wireSegments === 1) {
      this.enqueue(flow, copy(segment, 0, segment.payloadLength));
      return;
    }
    for (let at = 0; at < segment.payloadLength; at += segment.gsoSize) {
      this.enqueue(flow, copy(segment, at, Math.min(segment.gsoSize, segment.payloadLength - at)));
    }
  }

  private enqueue(flow: Flow, segment: Segment): void {
    const size = segment.payloadLength + HEADERS;
    const queued = Math.max(0, this.freeAt - this.now) * this.bytesPerMicrosecond;
    this.sample(flow, queued);
    const unlucky = segment.payloadLength > 0 && this.dice() < (this.options.loss ?? 0);
    if (unlucky || queued + size > this.limit) {
      flow.drops++;
      flow.firstDrop = Math.min(flow.firstDrop, this.now);
      return;
    }
    if (queued > (this.options.markAbove ?? Number.POSITIVE_INFINITY) && segment.ecn !== NOT_ECT) {
      segment.ecn = CE;
      flow.marks++;
    }
    this.longestQueue = Math.max(this.longestQueue, queued + size);
    this.freeAt = Math.max(this.freeAt, this.now) + size / this.bytesPerMicrosecond;
    this.deliver(flow.receiver, segment, Math.round(this.freeAt + this.options.rtt / 2));
  }

  back(flow: Flow, segment: Segment): void {
    this.deliver(flow.sender, copy(segment, 0, segment.payloadLength), this.now + this.options.rtt / 2);
  }

  private deliver(tcb: Tcb, segment: Segment, time: number): void {
    this.at(time, () => {
      segmentArrives(tcb, segment, this.now);
      output(tcb, this.now);
    });
  }

  private sample(flow: Flow, queue: number): void {
    const { cwnd, ssthresh } = flow.sender;
    flow.samples.push({ time: this.now - SECOND, cwnd, ssthresh, queue });
  }

  /** xorshift: 0 … 1. */
  private dice(): number {
    let x = this.random;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.random = x;
    return (x >>> 0) / 2 ** 32;
  }
}

function before(a: Event, b: Event): boolean {
  return a.time < b.time || (a.time === b.time && a.serial < b.serial);
}

/** One wire segment, with text of zeros. */
function copy(from: Segment, at: number, length: number): Segment {
  const to = new Segment();
  const { sack, bytes: _bytes, source: _source, fastOpenCookie: _cookie, ...fields } = from;
  Object.assign(to, fields);
  for (let i = 0; i < sack.length; i++) to.sack[i] = sack[i]!;
  to.seq = seq((from.seq as unknown as number) + at);
  to.bytes = ZEROS;
  to.payloadOffset = 0;
  to.payloadLength = length;
  to.gsoSize = 0;
  return to;
}

/** Jain's index: 1 where all get the same, 1/n where one gets everything. */
export function fairness(shares: readonly number[]): number {
  const sum = shares.reduce((a, b) => a + b, 0);
  const squares = shares.reduce((a, b) => a + b * b, 0);
  return (sum * sum) / (shares.length * squares);
}
