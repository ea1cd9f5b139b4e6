import { linux, type TcpConfig } from '../../../src/tcp/config.ts';
import { ALL_CONGESTION } from '../../../src/tcp/congestion/algorithms.ts';
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
} from '../../../src/tcp/connection.ts';
import { Counters } from '../../../src/tcp/counters.ts';
import type { Environment } from '../../../src/tcp/environment.ts';
import { ALL_EXTENSIONS } from '../../../src/tcp/extensions.ts';
import { Tcb } from '../../../src/tcp/tcb.ts';
import type { FourTuple, Trace } from '../../../src/tcp/trace.ts';
import type { TraceEvent } from '../../../src/trace/event.ts';
import type { ConnectionTrace } from '../../../src/trace/recorder.ts';
import { Recorder } from '../../../src/trace/recorder.ts';
import { IpAddress } from '../../../src/wire/address.ts';
import { Segment } from '../../../src/wire/segment.ts';
import { seq } from '../../../src/wire/seq.ts';

export type Side = 'ours' | 'peer';

export interface TwoEndsOptions {
  readonly config?: Partial<TcpConfig>;
  /** One way, µs. */
  readonly delay?: number;
  /** The peer's states are recorded as well as ours. */
  readonly peerKnown?: boolean;
  /** Which segments are lost: the n-th (from 1) of a side. */
  readonly lose?: (from: Side, n: number, segment: Segment) => boolean;
  readonly family?: 4 | 6;
  /** Who sends the SYN; the peer where not given. */
  readonly opener?: Side;
}

/** Two connections of ours, joined in virtual time: what a recorder, a ladder and the checks are shown. */
export class TwoEnds {
  readonly recorder = new Recorder();
  readonly events: { event: TraceEvent; connection: ConnectionTrace }[] = [];
  readonly ours: Tcb;
  readonly peer: Tcb;
  now = 5_000_000;
  /** We close as soon as the peer's FIN is in, before anything is sent. */
  closeOnFin = false;
  readonly #wire: { at: number; to: Tcb; bytes: Segment }[] = [];
  readonly #options: TwoEndsOptions;
  readonly #sent = { ours: 0, peer: 0 };

  constructor(options: TwoEndsOptions = {}) {
    this.#options = options;
    const [local, remote] = options.family === 6 ? ['2001:db8::1', '2001:db8::2'] : ['192.0.2.1', '192.0.2.2'];
    const tuple = {
      localAddress: IpAddress.of(local),
      localPort: 80,
      remoteAddress: IpAddress.of(remote),
      remotePort: 41_000,
    };
    const mirror = {
      localAddress: tuple.remoteAddress,
      localPort: tuple.remotePort,
      remoteAddress: tuple.localAddress,
      remotePort: tuple.localPort,
    };
    this.recorder.onEvent = (event, connection) => this.events.push({ event, connection });
    this.ours = this.#end('ours', tuple, this.recorder, -10);
    this.peer = this.#end('peer', mirror, options.peerKnown ? this.recorder.peer : null, 0x7fff_fff0);
  }

  /** The one opens, and all is quiet afterwards. */
  open(): void {
    const opener = this.#options.opener ?? 'peer';
    openPassive(opener === 'peer' ? this.ours : this.peer, this.now);
    openActive(this[opener], this.now);
    this.settle();
  }

  /** `side` sends so many bytes, as fast as its buffer allows, and the other reads them. */
  transfer(side: Side, length: number): void {
    const from = this[side];
    let left = length;
    while (left > 0) {
      const taken = send(from, new Uint8Array(Math.min(left, 20_000)), true, this.now);
      left -= taken;
      this.settle();
    }
  }

  close(side: Side): void {
    close(this[side], this.now);
  }

  /** Lets time go by until nothing is on the way, reading what arrives. Timers later than `until` do not fire. */
  settle(until = this.now): void {
    for (;;) {
      this.#wire.sort((a, b) => a.at - b.at);
      const arrival = this.#wire[0]?.at ?? Number.POSITIVE_INFINITY;
      const timer = Math.min(nextDeadline(this.ours), nextDeadline(this.peer));
      const next = Math.min(arrival, timer <= until || arrival < Number.POSITIVE_INFINITY ? timer : arrival);
      if (next === Number.POSITIVE_INFINITY) break;
      this.now = Math.max(this.now, next);
      if (arrival <= timer) {
        const { to, bytes } = this.#wire.shift()!;
        if (to === this.ours) this.recorder.segment('in', to, bytes, this.now);
        if (to.state !== 0) segmentArrives(to, bytes, this.now);
        while (receive(to, 1 << 20, this.now) !== null);
        if (this.closeOnFin && to === this.ours && to.finReceived && !to.finQueued) close(to, this.now);
        output(to, this.now);
      } else {
        for (const tcb of [this.ours, this.peer]) if (nextDeadline(tcb) <= this.now) timeout(tcb, this.now);
      }
    }
    this.now = Math.max(this.now, until);
  }

  #end(side: Side, tuple: FourTuple, trace: Trace | null, iss: number): Tcb {
    const env: Environment = {
      config: { ...linux, receiveBuffer: 1 << 20, ...this.#options.config },
      counters: new Counters(),
      congestion: ALL_CONGESTION,
      extensions: ALL_EXTENSIONS,
      trace,
      emit: (tcb, segment, now) => this.#carry(side, tcb, segment, now),
      initialSequence: () => seq(iss),
      timestampOffset: () => (side === 'ours' ? 1000 : 900_000),
      challengeAck: () => true,
      memory: { allocate: (size) => new Uint8Array(size) },
    };
    return new Tcb(env, tuple);
  }

  #carry(side: Side, tcb: Tcb, segment: Segment, now: number): void {
    if (side === 'ours') this.recorder.segment('out', tcb, segment, now);
    const n = ++this.#sent[side];
    if (this.#options.lose?.(side, n, segment)) return;
    const copy = new Segment();
    Object.assign(copy, segment, {
      sack: [...segment.sack],
      source: null,
      bytes: new Uint8Array(segment.payloadLength),
    });
    segment.copyPayload(0, segment.payloadLength, copy.bytes, 0);
    copy.payloadOffset = 0;
    const to = side === 'ours' ? this.peer : this.ours;
    const at = now + (this.#options.delay ?? 40);
    this.#wire.push({ at, to, bytes: copy });
  }
}
