/**
 * A connection of ours and a peer that is a script: what the peer sends, what must come, and when. Initial sequence numbers are just below the wrap,
 * so that every test crosses it. After every event the invariants of `invariants.ts` are checked. What fails is told with the
 * script so far.
 *
 *     const t = ladder({ role: 'passive' });
 *     t.peer('S 0:0 win 64240 <mss 1460>');
 *     t.expect('S. 0:0 ack 1 <mss 1460>');
 *     t.peer('. 1:1 ack 1');
 *     t.state('ESTABLISHED');
 *
 * An event is refused while something that was sent has not been expected.
 */

import { linux, type TcpConfig } from '../../src/tcp/config.ts';
import { ALL_CONGESTION } from '../../src/tcp/congestion/algorithms.ts';
import {
  abort,
  close,
  icmpError,
  openActive,
  openPassive,
  output,
  receive,
  release,
  segmentArrives,
  send,
  timeout,
} from '../../src/tcp/connection.ts';
import { Counters } from '../../src/tcp/counters.ts';
import { DROP_REASONS, type DropReason } from '../../src/tcp/drop.ts';
import type { Environment } from '../../src/tcp/environment.ts';
import { resetFor } from '../../src/tcp/events/closed.ts';
import { ALL_EXTENSIONS } from '../../src/tcp/extensions.ts';
import { ADVICE, CONNECTED, ENDED, OVER, READABLE, URGENT, WRITABLE } from '../../src/tcp/notices.ts';
import { type Cause, STATE_NAMES, type State, type StateName } from '../../src/tcp/state.ts';
import { Tcb } from '../../src/tcp/tcb.ts';
import { nextDeadline } from '../../src/tcp/timers.ts';
import { IpAddress } from '../../src/wire/address.ts';
import { ACK, RST, Segment, SYN } from '../../src/wire/segment.ts';
import { add, diff, type Seq, seq } from '../../src/wire/seq.ts';
import { Invariants } from './invariants.ts';
import { build, differences, format, parse, type Recorded, record } from './notation.ts';

export const SECOND = 1_000_000;
/** The clock's reading when a ladder begins, µs; TSval is then 1000. */
const START = SECOND;

export const US = IpAddress.of('192.0.2.1');
export const PEER = IpAddress.of('192.0.2.2');

/** Byte `i` of what the application sends, and of what the peer sends: any mix-up of positions shows. */
export function ourByte(i: number): number {
  return (i * 7 + (i >>> 8) * 13 + 3) & 255;
}
export function peerByte(i: number): number {
  return (i * 11 + (i >>> 8) * 5 + 101) & 255;
}

export interface LadderOptions {
  /** `passive`: in LISTEN. `active`: in SYN-SENT, its SYN still to be expected. `closed`: as made. */
  readonly role?: 'passive' | 'active' | 'closed';
  readonly config?: Partial<TcpConfig>;
  /** Numbers of the two SYNs; just below the wrap unless told. */
  readonly iss?: number;
  readonly irs?: number;
  /** The window field of the peer's segments where none is written. */
  readonly win?: number;
  /** How many challenge ACKs may be sent in all. */
  readonly challengeAcks?: number;
  readonly tsOffset?: number;
  /** Ours and the peer's. */
  readonly addresses?: readonly [IpAddress, IpAddress];
  /** Called with the TCB before it is opened. */
  readonly prepare?: (tcb: Tcb) => void;
}

const NOTICES = { CONNECTED, READABLE, WRITABLE, ENDED, OVER, URGENT, ADVICE };
export type Notice = keyof typeof NOTICES;

export type IcmpKind = Parameters<typeof icmpError>[1];

export class Ladder {
  readonly tcb: Tcb;
  readonly counters = new Counters();
  readonly iss: Seq;
  readonly irs: Seq;
  now = START;
  /** Every state entered, with its cause. */
  readonly transitions: { from: StateName; to: StateName; cause: Cause }[] = [];
  /** Everything sent so far. */
  readonly sent: Recorded[] = [];
  readonly user: User;

  private readonly queue: Recorded[] = [];
  private readonly script: string[] = [];
  private readonly invariants: Invariants;
  private readonly win: number;
  private challengeAcks: number;
  private notes = new Set<Notice>();
  private readonly counted = new Map<DropReason, number>();
  private batching = false;
  private foreign = false;
  private lastTsVal = 0;

  constructor(options: LadderOptions = {}) {
    this.iss = seq(options.iss ?? -3);
    this.irs = seq(options.irs ?? -5);
    this.win = options.win ?? 65535;
    this.challengeAcks = options.challengeAcks ?? Number.POSITIVE_INFINITY;
    const env: Environment = {
      config: { ...linux, pushBursts: false, receiveBuffer: 1 << 20, sendBuffer: 1 << 20, ...options.config },
      counters: this.counters,
      congestion: ALL_CONGESTION,
      extensions: ALL_EXTENSIONS,
      trace: {
        segment: () => {},
        state: (_tuple, from, to, cause) => this.onState(from, to, cause),
        timer: (_tuple, timer, now) => this.log(now, `      (${timer} timer)`),
        drop: (_tuple, _segment, reason, now) => this.log(now, `      (dropped: ${reason})`),
      },
      emit: (_tcb, segment, now) => this.onEmit(segment, now),
      initialSequence: () => this.iss,
      timestampOffset: () => options.tsOffset ?? 0,
      challengeAck: () => this.challengeAcks-- > 0,
      memory: { allocate: (size) => new Uint8Array(size) },
    };
    const active = options.role === 'active';
    this.tcb = new Tcb(env, {
      localAddress: options.addresses?.[0] ?? US,
      localPort: active ? 40_000 : 80,
      remoteAddress: options.addresses?.[1] ?? PEER,
      remotePort: active ? 80 : 40_000,
    });
    this.invariants = new Invariants(this.tcb, this.iss);
    this.user = new User(this);
    options.prepare?.(this.tcb);
    if (options.role === 'active') this.event('OPEN active', () => openActive(this.tcb, this.now));
    else if (options.role !== 'closed') this.event('OPEN passive', () => openPassive(this.tcb, this.now));
  }

  /** A segment from the peer, now. */
  peer(text: string): void {
    this.peerSegment(build(parse(text, this.irs, this.iss), this.defaults()), text);
  }

  /** As `peer`, for what the notation cannot say. Its text is filled in. */
  peerSegment(segment: Segment, text = format(segment, this.irs, this.iss)): void {
    segment.sourcePort = this.tcb.remotePort;
    segment.destinationPort = this.tcb.localPort;
    const first = diff(segment.seq, this.irs) - 1 + (segment.has(SYN) ? 1 : 0);
    for (let i = 0; i < segment.payloadLength; i++) segment.bytes[segment.payloadOffset + i] = peerByte(first + i);
    this.event(`> ${text}`, () => {
      const before = this.queue.length;
      const reason = segmentArrives(this.tcb, segment, this.now);
      // No connection: the answer is the stack's, and here the ladder's.
      const reply = new Segment();
      if (reason === 'closed' && resetFor(segment, reply)) this.onEmit(reply, this.now);
      if (!this.batching) output(this.tcb, this.now);
      if (segment.has(RST) && this.queue.slice(before).some((r) => r.segment.has(RST))) {
        this.fail('§3.5.2: a RST was answered by a RST');
      }
    });
  }

  private defaults(): { win: number; ts: { val: number; ecr: number } | undefined } {
    const ts = this.tcb.timestamps ? { val: this.peerClock(), ecr: this.lastTsVal } : undefined;
    return { win: this.win, ts };
  }

  /** The peer's timestamp clock: 1 at the beginning, a millisecond a tick. */
  peerClock(): number {
    return 1 + Math.floor((this.now - START) / 1000);
  }

  /** From now on the peer's text is of no one stream: what is read is not compared with it. */
  foreignText(): void {
    this.foreign = true;
  }
  get textIsForeign(): boolean {
    return this.foreign;
  }

  /** Segments of the peer that arrive as one batch: output comes after the last. */
  batch(...texts: string[]): void {
    this.batching = true;
    for (const text of texts) {
      const segment = build(parse(text, this.irs, this.iss), this.defaults());
      this.peerSegment(segment, text);
    }
    this.batching = false;
    this.event('(end of batch)', () => output(this.tcb, this.now));
  }

  /** A segment, and in the same turn, before its output pass, what the application does about it. */
  peerThen(text: string, reaction: () => void): void {
    this.batching = true;
    this.peer(text);
    this.batching = false;
    this.event('(reaction)', reaction);
  }

  /** The next segment sent must be this one; with `at`, seconds from the beginning, sent then (±1.5 ms) and nothing before. */
  expect(text: string, at?: number): Recorded {
    if (at !== undefined) {
      const due = START + at * SECOND;
      if (this.queue.length === 0) this.advance(due + 1500, true);
      const first = this.queue[0];
      if (first !== undefined && Math.abs(first.time - due) > 1500) {
        this.fail(
          `expected at ${at.toFixed(3)} s: ${text}\n     sent at ${seconds(first.time)} s: ${this.show(first)}`,
        );
      }
    }
    const next = this.queue.shift();
    if (next === undefined) this.fail(`expected: ${text}\n  nothing was sent`);
    const found = differences(parse(text, this.iss, this.irs), next.segment, this.iss, this.irs);
    if (found.length > 0) {
      this.fail(`expected: ${text}\n    sent: ${this.show(next)}\n  ${found.join('\n  ')}`);
    }
    return next;
  }

  /** Nothing may be sent, now or (seconds from the beginning) until then. */
  expectSilence(until?: number): void {
    if (until !== undefined) this.advance(START + until * SECOND, true);
    this.quiet('nothing was to be sent');
  }

  /** Lets time pass until then, seconds from the beginning. */
  at(time: number): void {
    this.quiet('not expected');
    this.advance(START + time * SECOND, true);
    this.quiet('not expected');
  }

  wait(time: number): void {
    this.at((this.now - START) / SECOND + time);
  }

  /** Lets time pass, and takes what is sent meanwhile, whatever it is. */
  run(until: number): Recorded[] {
    this.advance(START + until * SECOND, false);
    return this.drain();
  }

  /** Takes what was sent. */
  drain(): Recorded[] {
    return this.queue.splice(0);
  }

  /** The seconds that have passed. */
  get time(): number {
    return (this.now - START) / SECOND;
  }

  state(name: StateName): void {
    const is = STATE_NAMES[this.tcb.state]!;
    if (is !== name) this.fail(`state is ${is}, expected ${name}`);
  }

  /** What the application has been told since the last call. */
  told(): Notice[] {
    const all = [...this.notes].sort();
    this.notes.clear();
    return all;
  }

  /** The drops counted since the last call. */
  dropped(): DropReason[] {
    const found: DropReason[] = [];
    for (const reason of DROP_REASONS) {
      const n = this.counters.drops[reason];
      for (let i = this.counted.get(reason) ?? 0; i < n; i++) found.push(reason);
      this.counted.set(reason, n);
    }
    return found;
  }

  icmp(kind: IcmpKind): void {
    this.event(`ICMP ${String(kind)}`, () => icmpError(this.tcb, kind, this.now));
  }

  /** An event: it finds nothing unexpected, and leaves the invariants whole. */
  event<T>(text: string, action: () => T): T {
    if (!this.batching) this.quiet(`not expected before ${text}`);
    this.log(this.now, text);
    let result: T;
    try {
      result = action();
    } catch (error) {
      this.fail(`it threw: ${error instanceof Error ? error.stack : error}`);
    }
    this.afterEvent();
    return result;
  }

  fail(why: string): never {
    const error = new Error(`${why}\n\nthe ladder so far (peer > us, us < peer):\n${this.script.join('\n')}\n`);
    throw error;
  }

  private advance(target: number, stopAtOutput: boolean): void {
    for (let guard = 0; ; guard++) {
      const due = nextDeadline(this.tcb);
      if (due > target) break;
      if (guard > 100_000) this.fail(`timers run wild at ${seconds(this.now)} s`);
      if (due < this.now && guard > 0) this.fail(`a deadline ${this.now - due} µs in the past`);
      this.now = Math.max(this.now, due);
      try {
        timeout(this.tcb, this.now);
      } catch (error) {
        this.fail(`timeout threw: ${error instanceof Error ? error.stack : error}`);
      }
      this.afterEvent();
      if (stopAtOutput && this.queue.length > 0) return;
    }
    if (target > this.now) this.now = target;
  }

  private afterEvent(): void {
    const { tcb } = this;
    for (const [name, bit] of Object.entries(NOTICES)) if (tcb.notices & bit) this.notes.add(name as Notice);
    tcb.notices = 0;
    // Inside a batch the output pass is still to come.
    const broken = this.batching ? [] : this.invariants.check(this.now);
    if (broken.length > 0) this.fail(`broken: ${broken.join('\n        ')}`);
  }

  private quiet(why: string): void {
    if (this.queue.length > 0) this.fail(`${why}: ${this.queue.map((r) => this.show(r)).join('\n  ')}`);
  }

  private onEmit(segment: Segment, now: number): void {
    const recorded = record(segment, now);
    this.queue.push(recorded);
    this.sent.push(recorded);
    if (segment.hasTimestamps) this.lastTsVal = segment.tsVal;
    this.log(now, `                                        < ${this.show(recorded)}`);
    const broken = this.invariants.emitted(recorded, ourByte);
    if (broken.length > 0) this.fail(`malformed: ${broken.join('\n           ')}`);
  }

  private onState(from: State, to: State, cause: Cause): void {
    this.log(this.now, `      ${STATE_NAMES[from]} → ${STATE_NAMES[to]} (${cause})`);
    this.transitions.push({ from: STATE_NAMES[from], to: STATE_NAMES[to], cause });
    const broken = this.invariants.transition(from, to, cause);
    if (broken.length > 0) this.fail(broken.join('\n'));
  }

  private show(r: Recorded): string {
    return format(r.segment, this.iss, this.irs);
  }

  private log(now: number, text: string): void {
    this.script.push(`${seconds(now)}  ${text}`);
  }
}

function seconds(now: number): string {
  return ((now - START) / SECOND).toFixed(6).padStart(11);
}

/** The application. */
export class User {
  private readonly ladder: Ladder;
  /** Bytes handed to `send`, and taken from `receive`. */
  sent = 0;
  received = 0;

  constructor(ladder: Ladder) {
    this.ladder = ladder;
  }

  /** Sends the next `n` bytes of its stream. Returns how many were taken. */
  send(n: number, copy = true): number {
    const { tcb } = this.ladder;
    const bytes = Uint8Array.from({ length: n }, (_, i) => ourByte(this.sent + i));
    const taken = this.ladder.event(`SEND ${n}`, () => send(tcb, bytes, copy, this.ladder.now));
    if (taken > 0) this.sent += taken;
    return taken;
  }

  /** Reads until there is nothing, or `max` bytes. Checks that it is what the peer sent, in order. Returns how many. */
  receive(max = Number.POSITIVE_INFINITY): number {
    const { ladder } = this;
    let total = 0;
    while (total < max) {
      const chunk = ladder.event('RECEIVE', () => receive(ladder.tcb, Math.min(max - total, 0x7fffffff), ladder.now));
      if (chunk === null) break;
      if (chunk.length === 0) ladder.fail('RECEIVE gave an empty chunk');
      for (const byte of chunk) {
        if (byte !== peerByte(this.received) && !ladder.textIsForeign)
          ladder.fail(`byte ${this.received} of the stream is not the peer's`);
        this.received++;
      }
      total += chunk.length;
    }
    return total;
  }

  close(): void {
    this.ladder.event('CLOSE', () => close(this.ladder.tcb, this.ladder.now));
  }
  release(): void {
    this.ladder.event('RELEASE', () => release(this.ladder.tcb, this.ladder.now));
  }
  abort(): void {
    this.ladder.event('ABORT', () => abort(this.ladder.tcb, this.ladder.now));
  }
}

export function ladder(options: LadderOptions = {}): Ladder {
  return new Ladder(options);
}

export interface EstablishedOptions extends Omit<LadderOptions, 'role'> {
  readonly role?: 'passive' | 'active';
  /** Options of the peer's SYN. */
  readonly mss?: number | null;
  readonly sack?: boolean;
  readonly ts?: boolean;
  readonly wscale?: number;
  /** The window field of the peer's SYN (never scaled). */
  readonly synWin?: number;
}

/** The options of the peer's SYN or SYN,ACK, in the notation. */
export function synOptions(options: EstablishedOptions, ecr: number): string {
  const parts: string[] = [];
  if (options.mss !== null) parts.push(`mss ${options.mss ?? 1460}`);
  if (options.sack) parts.push('sackOK');
  if (options.ts) parts.push(`TS val 1 ecr ${ecr}`);
  if (options.wscale !== undefined) parts.push(`wscale ${options.wscale}`);
  return `<${parts.join(',')}>`;
}

/** A connection in ESTABLISHED, nothing sent, nothing owed. The peer's SYN has MSS 1460 and no other option unless told. */
export function established(options: EstablishedOptions = {}): Ladder {
  const t = new Ladder({ ...options, role: options.role ?? 'passive' });
  const win = options.synWin ?? Math.min(65535, (options.win ?? 65535) << (options.wscale ?? 0));
  if (options.role === 'active') {
    const syn = t.expect('S 0:0');
    t.peer(`S. 0:0 ack 1 win ${win} ${synOptions(options, syn.segment.tsVal)}`);
    t.expect('. 1:1 ack 1');
  } else {
    t.peer(`S 0:0 win ${win} ${synOptions(options, 0)}`);
    t.expect('S. 0:0 ack 1');
    t.peer('. 1:1 ack 1');
  }
  t.state('ESTABLISHED');
  t.expectSilence();
  t.told();
  t.dropped();
  return t;
}

/** A connection in the state of that name, reached by legal moves; nothing queued, nothing owed. Each side has sent 0 bytes of text. */
export function inState(name: StateName, options: EstablishedOptions = {}): Ladder {
  if (name === 'CLOSED') return new Ladder({ ...options, role: 'closed' });
  if (name === 'LISTEN') return new Ladder({ ...options, role: 'passive' });
  if (name === 'SYN-SENT') {
    const t = new Ladder({ ...options, role: 'active' });
    t.expect('S 0:0');
    t.state(name);
    return t;
  }
  if (name === 'SYN-RECEIVED') {
    const t = new Ladder({ ...options, role: options.role ?? 'passive' });
    const syn = `S 0:0 win ${options.synWin ?? 65535} ${synOptions(options, 0)}`;
    if (options.role === 'active') t.expect('S 0:0');
    t.peer(syn);
    t.expect('S. 0:0 ack 1');
    t.state(name);
    t.told();
    t.dropped();
    return t;
  }
  const t = established(options);
  if (name === 'CLOSE-WAIT' || name === 'LAST-ACK') {
    t.peer('F. 1:1 ack 1');
    t.expect('. 1:1 ack 2');
    if (name === 'LAST-ACK') {
      t.user.close();
      t.expect('F. 1:1 ack 2');
    }
  } else if (name !== 'ESTABLISHED') {
    t.user.close();
    t.expect('F. 1:1 ack 1');
    if (name === 'CLOSING') {
      t.peer('F. 1:1 ack 1');
      t.expect('. 2:2 ack 2');
    } else if (name !== 'FIN-WAIT-1') {
      t.peer('. 1:1 ack 2');
      if (name === 'TIME-WAIT') {
        t.peer('F. 1:1 ack 2');
        t.expect('. 2:2 ack 2');
      }
    }
  }
  t.state(name);
  t.told();
  t.dropped();
  return t;
}

/** SND.NXT and RCV.NXT as distances from the initial numbers, and whether our segments carry an ACK yet. */
export function positions(t: Ladder): { sndNxt: number; rcvNxt: number } {
  return { sndNxt: diff(t.tcb.sndNxt, t.iss), rcvNxt: diff(t.tcb.rcvNxt, t.irs) };
}

export { ACK, add, diff, seq };
