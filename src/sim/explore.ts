import { linux, type TcpConfig } from '../tcp/config.ts';
import { ALL_CONGESTION } from '../tcp/congestion/algorithms.ts';
import * as core from '../tcp/connection.ts';
import { Counters } from '../tcp/counters.ts';
import type { Environment } from '../tcp/environment.ts';
import { ALL_EXTENSIONS } from '../tcp/extensions.ts';
import type { Failure } from '../tcp/notices.ts';
import { CLOSED, LISTEN, STATE_NAMES, type State, TIME_WAIT } from '../tcp/state.ts';
import { NEVER, Tcb } from '../tcp/tcb.ts';
import type { FourTuple } from '../tcp/trace.ts';
import { IpAddress } from '../wire/address.ts';
import { ACK, FIN, Segment, SYN } from '../wire/segment.ts';
import { add, diff, type Seq, seq } from '../wire/seq.ts';

export type Side = 'a' | 'b';

/**
 * What the applications of a configuration do, in order; each call is a step of its own in every interleaving. 'close' and 'abort' come when there is a
 * connection, 'cancel' is a CLOSE in whatever state there is. With 'crash' the end loses its TCB, and nobody is told.
 */
export type Call = 'listen' | 'connect' | 'send' | 'close' | 'close at end' | 'abort' | 'cancel' | 'crash';

/** A small world to be explored to its end. */
export interface Configuration {
  readonly name: string;
  readonly a: readonly Call[];
  readonly b: readonly Call[];
  /** How many segments may be lost, and how many delivered twice, on one path. */
  readonly losses: number;
  readonly duplicates: number;
  /** How many timers may fire while something else could still happen. */
  readonly timers: number;
  /** What is left of an earlier connection, and on its way to b: flags, and whether there is text. */
  readonly old?: readonly { readonly flags: number; readonly text?: true }[];
}

/** A rule taken out, for `explore` to find the damage. */
export type Removed = 'FIN repeated' | 'TIME-WAIT' | 'third segment';

export interface Exploration {
  readonly configuration: string;
  readonly states: number;
  /** Steps that were tried. */
  readonly steps: number;
  readonly depth: number;
  /** No path was cut short. */
  readonly complete: boolean;
  /** Arrows of the diagram that were taken. */
  readonly transitions: ReadonlySet<string>;
  /** What does not hold, with the path that leads there. */
  readonly violations: readonly { readonly what: string; readonly path: readonly string[] }[];
}

export const CONFIGURATIONS: readonly Configuration[] = [
  { name: 'open', a: ['connect'], b: ['listen'], losses: 2, duplicates: 1, timers: 2 },
  { name: 'open, old SYN', a: ['connect'], b: ['listen'], losses: 1, duplicates: 0, timers: 2, old: [{ flags: SYN }] },
  { name: 'open with data', a: ['connect', 'send'], b: ['listen'], losses: 1, duplicates: 1, timers: 2 },
  {
    name: 'a closes first',
    a: ['connect', 'close'],
    b: ['listen', 'close at end'],
    losses: 1,
    duplicates: 1,
    timers: 1,
  },
  {
    name: 'b closes first',
    a: ['connect', 'close at end'],
    b: ['listen', 'send', 'close'],
    losses: 1,
    duplicates: 0,
    timers: 1,
  },
  { name: 'both close', a: ['connect', 'close'], b: ['listen', 'close'], losses: 1, duplicates: 1, timers: 1 },
  { name: 'simultaneous open', a: ['connect'], b: ['connect'], losses: 1, duplicates: 1, timers: 2 },
  {
    name: 'simultaneous open and close',
    a: ['connect', 'close'],
    b: ['connect', 'close'],
    losses: 1,
    duplicates: 0,
    timers: 1,
  },
  { name: 'abort', a: ['connect', 'abort'], b: ['listen', 'close at end'], losses: 0, duplicates: 1, timers: 2 },
  {
    name: 'abort while closing',
    a: ['connect', 'close', 'abort'],
    b: ['listen', 'close', 'abort'],
    losses: 0,
    duplicates: 0,
    timers: 1,
  },
  {
    name: 'abort after the peer closed',
    a: ['connect', 'send', 'close'],
    b: ['listen', 'abort'],
    losses: 0,
    duplicates: 0,
    timers: 1,
  },
  {
    name: 'close before it is open',
    a: ['connect', 'cancel'],
    b: ['listen', 'cancel'],
    losses: 1,
    duplicates: 0,
    timers: 1,
  },
  {
    name: 'listener that connects',
    a: ['connect', 'close'],
    b: ['listen', 'connect', 'close'],
    losses: 1,
    duplicates: 0,
    timers: 1,
  },
  {
    name: 'old duplicates',
    a: ['connect', 'send'],
    b: ['listen'],
    losses: 0,
    duplicates: 0,
    timers: 1,
    old: [{ flags: ACK, text: true }, { flags: FIN | ACK }],
  },
  {
    name: 'b crashes',
    a: ['connect', 'send', 'close'],
    b: ['listen', 'crash', 'listen', 'close at end'],
    losses: 0,
    duplicates: 0,
    timers: 1,
  },
  {
    name: 'a crashes',
    a: ['connect', 'crash', 'connect', 'close'],
    b: ['listen', 'close at end'],
    losses: 0,
    duplicates: 0,
    timers: 1,
  },
];

/** Arrows of the diagram that no order of events takes, and why: they are two arrows here, one after the other. */
export const UNREACHABLE: ReadonlyMap<string, string> = new Map([
  [
    'SYN-RECEIVED → CLOSE-WAIT',
    'a FIN is looked at last, and a segment gets there only with an ACK, which the fifth check has taken to ESTABLISHED (RFC 9293 §3.10.7.4)',
  ],
  [
    'FIN-WAIT-1 → TIME-WAIT',
    'of a FIN that acknowledges ours, the fifth check has taken the ACK to FIN-WAIT-2, and the eighth the FIN from there',
  ],
]);

const TEXT = Uint8Array.of(7);
const MILLISECOND = 1000;
const ISS: Readonly<Record<Side, number>> = { a: -3, b: 0x7fff_fffd };

interface Message {
  readonly to: Side;
  readonly segment: Segment;
  /** What makes it the same as another one. */
  readonly key: string;
}

/** One end: the real TCB, and an application. */
class End {
  tcb: Tcb;
  /** Lives it has lost: each has another ISS. */
  crashes = 0;
  readonly calls: readonly Call[];
  done = 0;
  received = 0;
  failure: Failure | null | undefined;
  finsSent = new Set<number>();

  constructor(tcb: Tcb, calls: readonly Call[]) {
    this.tcb = tcb;
    this.calls = calls;
  }

  get next(): Call | undefined {
    return this.calls[this.done];
  }
}

/** Everything there is at one moment of one path. Made anew, and played again, for each path. */
class World {
  now = 1_000_000;
  readonly ends: Readonly<Record<Side, End>>;
  wire: Message[] = [];
  losses: number;
  duplicates: number;
  timers: number;
  readonly transitions: Set<string>;
  readonly #removed: Removed | null;
  readonly #keepAlive: boolean;

  constructor(configuration: Configuration, removed: Removed | null, transitions: Set<string>) {
    this.losses = configuration.losses;
    this.duplicates = configuration.duplicates;
    this.timers = configuration.timers;
    this.transitions = transitions;
    this.#removed = removed;
    this.#keepAlive = [...configuration.a, ...configuration.b].includes('crash');
    this.ends = { a: new End(this.#tcb('a'), configuration.a), b: new End(this.#tcb('b'), configuration.b) };
    for (const { flags, text } of configuration.old ?? []) {
      const old = new Segment();
      old.flags = flags;
      old.seq = seq(ISS.a - 1_000_000);
      if (flags & ACK) old.ack = seq(ISS.b - 1_000_000);
      old.wnd = 1000;
      if (text) {
        old.bytes = Uint8Array.of(9);
        old.payloadLength = 1;
      }
      this.#put('b', old);
    }
  }

  /** What can happen next. */
  steps(): string[] {
    const steps: string[] = [];
    for (const side of ['a', 'b'] as const) {
      const end = this.ends[side];
      if (end.next !== undefined && this.#may(end)) steps.push(`${side} ${end.next}`);
      if (this.timers > 0 && this.#mayFire(side)) steps.push(`${side} timer`);
    }
    const seen = new Set<string>();
    for (const [i, { key, to }] of this.wire.entries()) {
      // Two that are alike lead to the same place.
      if (seen.has(to + key)) continue;
      seen.add(to + key);
      steps.push(`deliver ${i}`);
      if (this.losses > 0) steps.push(`lose ${i}`);
      if (this.duplicates > 0) steps.push(`twice ${i}`);
    }
    return steps;
  }

  step(step: string): void {
    this.now += MILLISECOND;
    const [first, second] = step.split(' ') as [string, string];
    if (first === 'a' || first === 'b') {
      const end = this.ends[first];
      if (second === 'timer') {
        this.timers--;
        this.now = Math.max(this.now, core.nextDeadline(end.tcb));
        core.timeout(end.tcb, this.now);
      } else this.#call(end, step.slice(2) as Call);
    } else {
      const index = Number(second);
      const message = this.wire[index]!;
      if (first === 'twice') this.duplicates--;
      else this.wire.splice(index, 1);
      if (first === 'lose') this.losses--;
      else this.#deliver(message);
    }
    this.#settle();
  }

  /** What tells this moment from others; times do not count, only which timers run. */
  hash(): string {
    const ends = (['a', 'b'] as const).map((side) => {
      const { tcb: t, done, received, failure } = this.ends[side];
      const sent = [diff(t.sndUna, t.iss), diff(t.sndNxt, t.iss), t.state > LISTEN ? diff(t.rcvNxt, t.irs) : 0];
      const timers = [t.retransmitAt, t.persistAt, t.delayedAckAt, t.closeAt, t.keepAliveAt].map((at) =>
        at === NEVER ? 0 : 1,
      );
      const flags = [t.finQueued, t.finSent, t.finAcked, t.finReceived, t.synAcked, t.finHeld].map(Number);
      const text = [t.sendBuffer.length, t.receiveBuffer.outOfOrder, t.ackOwed, t.sndWnd > 0 ? 1 : 0];
      return [t.state, ...sent, ...timers, ...flags, ...text, Math.min(t.retries, 3), done, received, failure].join();
    });
    const wire = this.wire.map(({ to, key }) => to + key).sort();
    return `${ends.join('|')}|${wire.join(';')}|${this.losses}|${this.duplicates}|${this.timers}`;
  }

  /** Lets all end as a fair network would: everything arrives, in order, and timers fire when nothing else is left. */
  finish(): void {
    for (let i = 0; i < 400; i++) {
      const call = this.steps().find((s) => !/^(deliver|lose|twice) |timer$/.test(s));
      if (call !== undefined) this.step(call);
      else if (this.wire.length > 0) this.step('deliver 0');
      else {
        const [a, b] = [core.nextDeadline(this.ends.a.tcb), core.nextDeadline(this.ends.b.tcb)];
        if (Math.min(a, b) === NEVER) return;
        this.step(a <= b ? 'a timer' : 'b timer');
      }
    }
  }

  #may(end: End): boolean {
    const { next, tcb } = end;
    if (next === 'listen' || next === 'connect') return true;
    if (next === 'cancel' || next === 'crash') return end.done > 0;
    if (end.done === 0 || tcb.state === LISTEN || (tcb.state === CLOSED && !end.calls.includes('listen'))) return false;
    if (tcb.state <= 3 || tcb.state === TIME_WAIT) return false;
    return next !== 'close at end' || core.atEnd(tcb);
  }

  /** A timer may fire before what is on the wire arrives; but 2 MSL outlives every segment, and its repetition: that is what they are for. */
  #mayFire(side: Side): boolean {
    const { tcb } = this.ends[side];
    const deadline = core.nextDeadline(tcb);
    if (deadline === NEVER || tcb.state === CLOSED) return false;
    if (tcb.state !== TIME_WAIT || this.#removed === 'TIME-WAIT') return true;
    return this.wire.length === 0 && core.nextDeadline(this.ends[side === 'a' ? 'b' : 'a'].tcb) > deadline;
  }

  #call(end: End, call: Call): void {
    const { tcb } = end;
    end.done++;
    if (call === 'crash') {
      end.crashes++;
      end.failure = undefined;
      end.tcb = this.#tcb(end === this.ends.a ? 'a' : 'b');
    } else if (call === 'listen') core.openPassive(tcb, this.now);
    else if (call === 'connect') {
      // Else "connection already exists" (§3.10.1).
      if (tcb.state <= LISTEN) core.openActive(tcb, this.now);
    } else if (call === 'send') core.send(tcb, TEXT, true, this.now);
    else if (call === 'abort') core.abort(tcb, this.now);
    else core.close(tcb, this.now);
  }

  #deliver({ to, segment }: Message): void {
    const { tcb } = this.ends[to];
    if (tcb.state !== CLOSED) {
      core.segmentArrives(tcb, segment, this.now);
      core.output(tcb, this.now);
    } else if (!segment.has(4)) {
      // RFC 9293 §3.10.7.1, as the stack does it.
      const rst = new Segment();
      if (segment.has(ACK)) {
        rst.seq = segment.ack;
        rst.flags = 4;
      } else {
        rst.ack = add(segment.seq, segment.len);
        rst.flags = 4 | ACK;
      }
      this.#put(to === 'a' ? 'b' : 'a', rst);
    }
  }

  #settle(): void {
    for (const side of ['a', 'b'] as const) {
      const end = this.ends[side];
      const { tcb } = end;
      for (let text = core.receive(tcb, 100, this.now); text !== null; text = core.receive(tcb, 100, this.now)) {
        for (const byte of text) if (byte !== TEXT[0]) throw new Error(`${side} read a byte that nobody wrote`);
        end.received += text.length;
      }
      if (tcb.notices !== 0) {
        if (tcb.failure !== null) end.failure = tcb.failure;
        tcb.notices = 0;
      }
    }
    const sent = { a: count(this.ends.a), b: count(this.ends.b) };
    if (this.ends.a.received > sent.b || this.ends.b.received > sent.a)
      throw new Error('more was read than was written');
  }

  #put(to: Side, segment: Segment): void {
    const { flags, len, wnd } = segment;
    const from = to === 'a' ? 'b' : 'a';
    const relative = (n: Seq, base: number) => diff(n, seq(base));
    const ack = segment.has(ACK) ? relative(segment.ack, ISS[to]) : '';
    this.wire.push({
      to,
      segment,
      key: `${flags}.${relative(segment.seq, ISS[from])}.${ack}.${len}.${wnd > 0 ? 1 : 0}`,
    });
  }

  #tcb(side: Side): Tcb {
    const [own, other]: [string, string] = side === 'a' ? ['10.0.0.1', '10.0.0.2'] : ['10.0.0.2', '10.0.0.1'];
    const tuple: FourTuple = {
      localAddress: IpAddress.of(own),
      localPort: 80,
      remoteAddress: IpAddress.of(other),
      remotePort: 80,
    };
    const config: TcpConfig = {
      ...linux,
      tcp_timestamps: false,
      tcp_sack: false,
      quickAcks: 1000,
      tcp_ecn: 0,
      tcp_syn_retries: 3,
      tcp_synack_retries: 3,
      tcp_retries2: 3,
      tcp_keepalive_probes: 2,
      ...(this.#removed === 'TIME-WAIT' && { timeWait: 0 }),
    };
    const env: Environment = {
      config,
      counters: new Counters(),
      congestion: ALL_CONGESTION,
      extensions: ALL_EXTENSIONS,
      trace: {
        segment: () => {},
        state: (_, from: State, to: State) => this.transitions.add(`${STATE_NAMES[from]} → ${STATE_NAMES[to]}`),
        timer: () => {},
        drop: () => {},
      },
      emit: (_, segment) => this.#emit(side, segment),
      initialSequence: () => seq(ISS[side] + 1_000_000 * (this.ends?.[side].crashes ?? 0)),
      timestampOffset: () => 0,
      challengeAck: () => true,
      memory: { allocate: (size) => new Uint8Array(size) },
    };
    const tcb = new Tcb(env, tuple, config);
    // Without it, one whose peer forgot everything and who has nothing to say would never know: TCP does not ask by itself (§3.8.4).
    tcb.keepAlive = this.#keepAlive;
    return tcb;
  }

  #emit(from: Side, segment: Segment): void {
    const to = from === 'a' ? 'b' : 'a';
    const copy = new Segment();
    Object.assign(copy, segment, {
      sack: [...segment.sack],
      source: null,
      bytes: new Uint8Array(segment.payloadLength),
    });
    segment.copyPayload(0, segment.payloadLength, copy.bytes, 0);
    copy.payloadOffset = 0;
    const end = this.ends?.[from];
    if (this.#removed === 'FIN repeated' && segment.has(FIN) && end !== undefined) {
      const number = diff(add(segment.seq, segment.payloadLength), seq(ISS[from]));
      if (end.finsSent.has(number)) return;
      end.finsSent.add(number);
    }
    this.#put(to, copy);
    if (this.#removed === 'third segment' && segment.has(SYN) && segment.has(ACK)) {
      const answer = new Segment();
      answer.flags = ACK;
      answer.seq = segment.ack;
      answer.ack = add(segment.seq, 1);
      answer.wnd = 1000;
      this.#put(from, answer);
    }
  }
}

function count(end: End): number {
  return end.calls.slice(0, end.done).filter((call) => call === 'send').length;
}

export interface ExploreOptions {
  /** Longest path. 40 where not given. */
  readonly depth?: number;
  /** Most states. 20,000 where not given. */
  readonly states?: number;
  readonly removed?: Removed;
}

/**
 * Tries every order in which calls, deliveries, losses, duplicates and timers of a configuration can come, on the real code. Moments are told apart
 * by a hash of both TCBs and what is on the wire; from each, a fair network must lead to the end.
 */
export function explore(configuration: Configuration, options: ExploreOptions = {}): Exploration {
  const { depth = 40, states: most = 20_000, removed = null } = options;
  const transitions = new Set<string>();
  const violations: { what: string; path: string[] }[] = [];
  const seen = new Set<string>();
  let tried = 0;
  let deepest = 0;
  let complete = true;
  const replay = (path: readonly string[]): World => {
    const world = new World(configuration, removed, transitions);
    for (const step of path) world.step(step);
    return world;
  };
  let border: string[][] = [[]];
  while (border.length > 0 && violations.length < 20) {
    const next: string[][] = [];
    for (const path of border) {
      for (const step of replay(path).steps()) {
        tried++;
        const longer = [...path, step];
        try {
          const world = replay(longer);
          const hash = world.hash();
          if (seen.has(hash)) continue;
          if (seen.size >= most || longer.length > depth) {
            complete = false;
            continue;
          }
          seen.add(hash);
          deepest = Math.max(deepest, longer.length);
          next.push(longer);
          world.finish();
          const what = judge(world, configuration);
          if (what !== null) violations.push({ what, path: longer });
        } catch (error) {
          violations.push({ what: error instanceof Error ? error.message : String(error), path: longer });
        }
        if (violations.length >= 20) break;
      }
    }
    border = next;
  }
  const { name } = configuration;
  return { configuration: name, states: seen.size, steps: tried, depth: deepest, complete, transitions, violations };
}

/** What does not hold after a fair end; null where all does. */
function judge({ ends: { a, b }, wire }: World, configuration: Configuration): string | null {
  const states = `${STATE_NAMES[a.tcb.state]} and ${STATE_NAMES[b.tcb.state]}`;
  if (wire.length > 0) return `segments go back and forth for ever (${states})`;
  const closes = (calls: readonly Call[]) => calls.some((call) => call.startsWith('close') || call === 'abort');
  const does = (...what: Call[]) => [...configuration.a, ...configuration.b].some((call) => what.includes(call));
  const failed = a.failure !== undefined || b.failure !== undefined;
  // Nobody listened, or called, yet: that is for the caller to try again.
  if (a.failure === 'refused' || b.failure === 'refused') return null;
  if (closes(configuration.a) && closes(configuration.b)) {
    for (const [side, end] of [
      ['a', a],
      ['b', b],
    ] as const) {
      if (end.tcb.state !== CLOSED && end.tcb.state !== LISTEN && end.done > 0) {
        return `${side} is left in ${STATE_NAMES[end.tcb.state]} (${states})`;
      }
    }
    if (failed && configuration.losses < 3 && !does('abort', 'cancel', 'crash')) {
      return `a fails with ${a.failure}, b with ${b.failure}, though both closed in order`;
    }
  } else if (!failed && (a.tcb.state === CLOSED) !== (b.tcb.state === CLOSED || b.tcb.state === LISTEN)) {
    return `they do not agree: ${states}`;
  }
  const told = (end: End, other: End) => end.received === count(other) || failed;
  if (!told(a, b) || !told(b, a)) return 'not everything that was written was read';
  return null;
}
