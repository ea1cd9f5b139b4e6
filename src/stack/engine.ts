import { mayBeAnswered } from '../tcp/ack-policy.ts';
import type { TcpConfig } from '../tcp/config.ts';
import type { MoreCongestion } from '../tcp/congestion/algorithms.ts';
import { abort, openActive, output, segmentArrives, timeout } from '../tcp/connection.ts';
import { Counters } from '../tcp/counters.ts';
import type { DormantTcbs } from '../tcp/dormant.ts';
import type { Environment } from '../tcp/environment.ts';
import { resetFor } from '../tcp/events/closed.ts';
import { listenVerdict } from '../tcp/events/listen.ts';
import { mayReopen } from '../tcp/events/time-wait.ts';
import type { Extensions } from '../tcp/extensions.ts';
import { IsnGenerator } from '../tcp/isn.ts';
import { CLOSED, LISTEN, SYN_RECEIVED, TIME_WAIT } from '../tcp/state.ts';
import { Tcb } from '../tcp/tcb.ts';
import { freeze, thaw } from '../tcp/time-wait.ts';
import { nextDeadline } from '../tcp/timers.ts';
import type { FourTuple, Trace } from '../tcp/trace.ts';
import type { IpHeader } from '../wire/ip-header.ts';
import { ACK, RST, Segment, SYN } from '../wire/segment.ts';
import { add, diff, le, type Seq } from '../wire/seq.ts';
import { Batch } from './batch.ts';
import { ChallengeLimit } from './challenge-limit.ts';
import { Connection } from './connection.ts';
import { portsWord, tupleOf } from './demux.ts';
import type { Dormancy } from './dormancy.ts';
import type { FastOpenCache } from './fast-open-cache.ts';
import { fewTables } from './few-tables.ts';
import type { Host } from './host.ts';
import { type Listener, Listeners } from './listener.ts';
import { transmitSegment } from './output.ts';
import type { Parts } from './parts.ts';
import { PassiveOpens } from './passive-open.ts';
import { Paths } from './path-mtu.ts';
import type { Port } from './port.ts';
import { Slabs } from './slabs.ts';
import type { ConnectOptions } from './socket.ts';
import type { Tables } from './tables.ts';
import type { Warnings } from './warnings.ts';

/** Linux's distance between the numbers of a connection in TIME-WAIT and those of the next one with its four-tuple. */
const BEYOND_OLD = 65_537;
const SECOND = 1_000_000;

/**
 * What a stack does with segments and time: finds whom a segment is for, lets the protocol work, keeps timers, and tells applications last.
 * The rooms of the protocol know nothing of it; applications see `Stack` and sockets.
 *
 * A batch of frames is one turn: each segment is processed as it comes, and what may wait (ACKs, text, notices) is for the end of the
 * batch (RFC 9293 §3.10.7.4: MUST-58, MUST-59).
 */
export class Engine implements Environment {
  readonly host: Host;
  readonly config: TcpConfig;
  readonly counters = new Counters();
  readonly demux: Tables['demux'];
  readonly listeners = new Listeners();
  readonly timers: Tables['timers'];
  readonly timeWait: Tables['timeWait'];
  /** What idle connections are kept as, and what makes them so. */
  readonly dormant: DormantTcbs | null;
  readonly dormancy: Dormancy | null;
  /** Connections that peers are opening. */
  readonly passive: PassiveOpens;
  readonly fastOpen: FastOpenCache | null;
  readonly memory = new Slabs();
  readonly paths: Paths;
  readonly pathMetrics = ({ remoteAddress }: FourTuple) => this.paths.metrics(remoteAddress);
  readonly warnings: Warnings | null;
  readonly parts: Parts;
  readonly congestion: MoreCongestion;
  readonly extensions: Extensions;
  trace: Trace | null;
  /** Closed: what is left in TIME-WAIT wakes nobody. */
  halted = false;

  readonly #isn: IsnGenerator;
  readonly #dirty = new Batch<Connection>();
  /** What came in this turn is acknowledged at its end, together with what the application says in answer. */
  readonly #answering = new Batch<Connection>();
  /** Their application is speaking, inside a callback. */
  readonly #held = new Batch<Connection>();
  readonly #heard = new Batch<Connection | Listener>();
  #delivering = false;
  /** A turn of our own is arranged with the host. */
  #soon = false;
  #now = 0;
  #wakeAt = Number.POSITIVE_INFINITY;
  /** The next connection's ISN must be beyond it. */
  #floor: Seq | null = null;
  memoryPressure: 0 | 1 | 2 = 0;
  /** Bytes in the buffers of all connections. */
  #memory = 0;
  #orphans = 0;
  readonly #challenges: ChallengeLimit;
  /** What else has deadlines: reassembly. */
  readonly clocks: { next(): number; expire(now: number): void }[] = [];
  readonly #reply = new Segment();

  constructor(host: Host, config: TcpConfig, trace: Trace | null, parts: Parts) {
    this.host = host;
    this.congestion = parts.congestion ?? {};
    this.extensions = parts;
    this.parts = parts;
    this.config = config;
    this.trace = trace;
    const secret = (length: number): Uint8Array => {
      const bytes = new Uint8Array(length);
      host.random(bytes);
      return bytes;
    };
    this.#isn = new IsnGenerator(secret(32));
    const tables = (parts.tables ?? fewTables)(secret, config.tcp_max_tw_buckets);
    this.demux = tables.demux;
    this.timers = tables.timers;
    this.timeWait = tables.timeWait;
    this.passive = new PassiveOpens(this, tables.halfOpen, secret(48), parts.floodGuard?.(this) ?? null);
    this.paths = new Paths(config);
    this.fastOpen = parts.fastOpen?.client(config) ?? null;
    this.warnings = parts.warnings?.() ?? null;
    this.dormant = parts.dormant?.(this) ?? null;
    this.dormancy = parts.dormancy?.(this) ?? null;
    if (this.dormancy !== null) this.clocks.push(this.dormancy);
    this.#challenges = new ChallengeLimit(host, config.tcp_challenge_ack_limit);
  }

  /** µs, never backwards. */
  now(): number {
    this.#now = Math.max(this.#now, this.host.now());
    return this.#now;
  }

  // Environment: what the protocol asks for.

  emit(tcb: Tcb, segment: Segment, now: number): boolean {
    const { port } = tcb.owner as { port: Port };
    const sent = transmitSegment(port.device, tcb.localAddress, tcb.remoteAddress, segment, tcb.ttl, tcb.dscp);
    this.trace?.segment('out', tcb, segment, now);
    return sent;
  }

  initialSequence(tuple: FourTuple, now: number): Seq {
    const isn = this.#isn.initialSequence(tuple, now);
    const floor = this.#floor;
    return floor !== null && le(isn, floor) ? add(floor, BEYOND_OLD) : isn;
  }

  timestampOffset(tuple: FourTuple): number {
    return this.#isn.timestampOffset(tuple);
  }

  challengeAck(now: number): boolean {
    return this.#challenges.take(now);
  }

  pathMtuLowered(tcb: Tcb, mtu: number, now: number): void {
    this.paths.known.set(tcb.remoteAddress, mtu, now);
  }

  pathDoubted(tcb: Tcb): void {
    this.paths.known.forget(tcb.remoteAddress);
  }

  fastOpenAnswered(tcb: Tcb, synAck: Segment, now: number): void {
    // The text not acknowledged and no cookie, in answer to a SYN sent again: the first one did not come through.
    const taken = synAck.fastOpenLength > 0 || diff(synAck.ack, tcb.iss) > 1;
    this.fastOpen?.answered(tcb.remoteAddress, synAck, taken, tcb.totalRetrans > 0, now);
  }

  fastOpenVanished(_tcb: Tcb, now: number): void {
    this.fastOpen?.blackHole(now);
  }

  // What arrives.

  /** A segment for one of our addresses. `now`: when it arrived, never before an earlier one's. */
  segment(port: Port, header: IpHeader, segment: Segment, now: number): void {
    this.#now = Math.max(this.#now, now);
    this.counters.InSegs += segment.wireSegments;
    const family = header.version;
    const ports = portsWord(segment.destinationPort, segment.sourcePort);
    const { destination0: l0, destination1: l1, destination2: l2, destination3: l3 } = header;
    const { source0: r0, source1: r1, source2: r2, source3: r3 } = header;
    const connection = this.demux.findWords(family, l0, l1, l2, l3, r0, r1, r2, r3, ports);
    if (connection !== null) {
      this.#toConnection(connection, segment, this.#now);
      return;
    }
    const halfOpen = this.passive.table.findWords(family, l0, l1, l2, l3, r0, r1, r2, r3, ports);
    if (halfOpen >= 0) {
      this.passive.segment(port, family, halfOpen, segment, this.#now);
      return;
    }
    const id = this.timeWait.findWords(family, l0, l1, l2, l3, r0, r1, r2, r3, ports);
    if (id >= 0) this.#toTimeWait(port, family, id, segment, this.#now);
    else this.#toListener(port, tupleOf(header, segment), segment, this.#now);
  }

  /** The end of a batch. */
  flush(now: number): void {
    this.#now = Math.max(this.#now, now);
    const dirty = this.#dirty;
    for (let i = 0; i < dirty.count; i++) {
      const connection = dirty.at(i);
      connection.dirty = false;
      if (connection.timer < 0) continue;
      if (mayBeAnswered(connection.tcb)) this.#answering.add(connection);
      else output(connection.tcb, this.#now);
      this.#review(connection);
    }
    dirty.drop(dirty.count);
    this.deliver();
  }

  #toConnection(connection: Connection, segment: Segment, now: number): void {
    const { tcb } = connection;
    this.trace?.segment('in', tcb, segment, now);
    segmentArrives(tcb, segment, now);
    this.#weigh(connection, buffered(tcb));
    const { state } = tcb;
    if (state <= LISTEN || state === TIME_WAIT) {
      output(tcb, now);
      this.#review(connection);
      return;
    }
    this.#touch(connection);
  }

  /** It takes part in the output pass at the end of the batch. */
  #touch(connection: Connection): void {
    if (connection.dirty) return;
    connection.dirty = true;
    this.#dirty.add(connection);
  }

  /** The handshake of a peer's connection is complete, or Fast Open does not wait for it: it is one, and waits to be accepted. */
  opened(tcb: Tcb, port: Port, listener: Listener): void {
    const connection = this.#adopt(tcb, port);
    listener.opened(connection);
    if (tcb.state === SYN_RECEIVED) {
      connection.fastOpenAt = listener;
      listener.fastOpenPending++;
      this.timers.arm(connection.timer, nextDeadline(tcb));
    }
    this.#touch(connection);
    if (listener.heard) return;
    listener.heard = true;
    this.#heard.add(listener);
  }

  /** A listener closes. */
  abandon(listener: Listener): void {
    this.passive.abandon(listener);
    this.#arrange();
  }

  #toTimeWait(port: Port, family: 4 | 6, id: number, segment: Segment, now: number): void {
    const tuple = this.timeWait.tuple(family, id);
    const record = this.timeWait.record(family, id, this.#isn.timestampOffset(tuple), now);
    const listener = this.listeners.hears(tuple.localAddress, tuple.localPort);
    if (listener !== null && !listener.deaf && mayReopen(record, segment)) {
      this.timeWait.remove(family, id);
      this.trace?.state(tuple, TIME_WAIT, CLOSED, 'rcv SYN', now);
      this.#floor = record.sndNxt;
      this.passive.open(listener, port, tuple, segment, now, true);
      this.#floor = null;
      return;
    }
    const tcb = thaw(this, tuple, record, now);
    tcb.owner = port.owner;
    this.trace?.segment('in', tuple, segment, now);
    segmentArrives(tcb, segment, now);
    output(tcb, now);
    if (tcb.state === CLOSED) this.timeWait.remove(family, id);
    else {
      this.timeWait.answered(family, id, tcb.lastInvalidAck);
      // Last: the record gets another number by it.
      if (tcb.closeAt !== record.closeAt) this.timeWait.restart(family, id, tcb.closeAt, tcb.tsRecent);
    }
  }

  #toListener(port: Port, tuple: FourTuple, segment: Segment, now: number): void {
    const bound = this.listeners.hears(tuple.localAddress, tuple.localPort);
    const listener = bound?.deaf ? null : bound;
    const verdict = listener === null ? 'reset' : listenVerdict(segment);
    if (listener !== null && verdict === 'open') {
      this.passive.open(listener, port, tuple, segment, now, false);
      return;
    }
    if (listener !== null && this.passive.cookie(listener, port, tuple, segment, now)) return;
    this.trace?.segment('in', tuple, segment, now);
    const reason =
      listener === null
        ? 'closed'
        : segment.has(RST)
          ? 'RST to LISTEN'
          : segment.has(ACK)
            ? 'ACK to LISTEN'
            : 'no SYN to LISTEN';
    this.counters.drops[reason]++;
    this.trace?.drop(tuple, segment, reason, now);
    const silent = listener !== null && segment.has(SYN) && !this.config.resetSynAckToListen;
    if (verdict === 'reset' && !silent) this.#reset(port, bound, tuple, segment, now);
  }

  /** RFC 9293 §3.10.7.1: the answer to a segment for nobody. */
  #reset(port: Port, bound: Listener | null, tuple: FourTuple, segment: Segment, now: number): void {
    if (!resetFor(segment, this.#reply)) return;
    this.counters.OutRsts++;
    this.counters.OutSegs++;
    const { localAddress, remoteAddress } = tuple;
    const ttl = bound?.ttl || this.config.ip_default_ttl;
    transmitSegment(port.device, localAddress, remoteAddress, this.#reply, ttl, bound?.dscp ?? 0);
    this.trace?.segment('out', tuple, this.#reply, now);
  }

  /** RFC 5927 §4.1: the number an ICMP error quotes must be one that is in flight. Null where there is no such connection. */
  quoted(tuple: FourTuple, sequence: Seq): Connection | null {
    const connection = this.demux.find(tuple.localAddress, tuple.localPort, tuple.remoteAddress, tuple.remotePort);
    if (connection === null || connection.isDormant) return null;
    const { tcb } = connection;
    const at = diff(sequence, tcb.sndUna);
    return at >= 0 && at < diff(tcb.sndNxt, tcb.sndUna) ? connection : null;
  }

  // Connections' lives.

  /** Whether an outgoing connection may have this four-tuple: nobody has, or it is in TIME-WAIT and may be taken over (`tcp_tw_reuse`). */
  isFree(tuple: FourTuple, isLoopback: boolean): boolean {
    const { localAddress, localPort, remoteAddress, remotePort } = tuple;
    if (this.demux.find(localAddress, localPort, remoteAddress, remotePort) !== null) return false;
    const old = this.timeWait.get(tuple, 0);
    if (old === null) return true;
    const { tcp_tw_reuse, tcp_timestamps, timeWait } = this.config;
    // Timestamps tell the old incarnation's segments from the new one's, as soon as their clock has moved on (RFC 6191 §2).
    const allowed = tcp_tw_reuse === 1 || (tcp_tw_reuse === 2 && isLoopback);
    return allowed && tcp_timestamps && old.timestamps && this.now() - (old.closeAt - timeWait) >= SECOND;
  }

  /** Opens an outgoing connection: see `openActive`. */
  connect(tuple: FourTuple, port: Port, { events, fastOpen, data, options }: ConnectOptions): Connection {
    const now = this.now();
    const old = this.timeWait.get(tuple, 0);
    if (old !== null) {
      this.timeWait.forget(tuple);
      this.counters.TWRecycled++;
      this.trace?.state(tuple, TIME_WAIT, CLOSED, 'active OPEN', now);
      this.#floor = old.sndNxt;
    }
    const connection = this.create(tuple, port);
    if (events !== undefined) connection.events = events;
    if (fastOpen) connection.tcb.fastOpen = this.fastOpen?.ask(tuple.remoteAddress, now) ?? null;
    if (options !== undefined) connection.setOptions(options);
    openActive(connection.tcb, now, data);
    this.#floor = null;
    this.settle(connection);
    return connection;
  }

  /** A connection that the stack knows from now on. The tuple must be free. */
  create(tuple: FourTuple, port: Port): Connection {
    return this.#adopt(this.newTcb(tuple, port), port);
  }

  /** A TCB that nobody knows yet. */
  newTcb(tuple: FourTuple, port: Port): Tcb {
    const tcb = new Tcb(this, tuple, this.config);
    tcb.pathMss = this.pathMss(tuple, port);
    tcb.rcvMss = this.rcvMss(tuple, port);
    return tcb;
  }

  rcvMss(tuple: FourTuple, port: Port): number {
    return this.paths.rcvMss(tuple, port, this.#now);
  }

  pathMss(tuple: FourTuple, port: Port): number {
    return this.paths.pathMss(tuple, port, this.#now);
  }

  #adopt(tcb: Tcb, port: Port): Connection {
    const connection = new Connection(this, tcb, port);
    connection.timer = this.timers.add(connection);
    this.demux.insert(connection);
    return connection;
  }

  /** After an application's call: timers and notices follow, and the callbacks come when the call has returned. */
  settle(connection: Connection): void {
    this.#review(connection);
    this.#arrange();
  }

  /** After an application's call by which nothing left: its buffers hold less. */
  lighten(connection: Connection): void {
    if (connection.timer < 0) return;
    this.dormancy?.touch(connection.timer);
    this.#weigh(connection, buffered(connection.tcb));
  }

  /** Its application has let go of it. With too many such it is reset (`tcp_max_orphans`). */
  orphaned(connection: Connection): void {
    if (connection.orphan || connection.timer < 0) return;
    const { state } = connection.tcb;
    if (state <= LISTEN || state === TIME_WAIT) return;
    if (this.#orphans >= this.config.tcp_max_orphans) {
      this.counters.TCPAbortOnMemory++;
      this.warnings?.add('too many orphans', this.config.tcp_max_orphans, this.now());
      abort(connection.tcb, this.now());
      return;
    }
    connection.orphan = true;
    this.#orphans++;
  }

  /** What the TCB's state means for the stack. */
  #review(connection: Connection): void {
    const { tcb } = connection;
    if (connection.fastOpenAt !== null && tcb.state !== SYN_RECEIVED) {
      connection.fastOpenAt.fastOpenPending--;
      connection.fastOpenAt = null;
    }
    if (connection.timer >= 0) {
      this.dormancy?.touch(connection.timer);
      const { state } = tcb;
      if (state > LISTEN && state !== TIME_WAIT) {
        this.timers.arm(connection.timer, nextDeadline(tcb));
        this.#weigh(connection, buffered(tcb));
      } else this.#forget(connection);
    }
    if (tcb.notices !== 0 && connection.listener === null && !connection.heard) {
      connection.heard = true;
      this.#heard.add(connection);
    }
  }

  /** What its buffers hold counts for `tcp_mem`. */
  #weigh(connection: Connection, held: number): void {
    if (held === connection.held) return;
    this.#memory += held - connection.held;
    connection.held = held;
    const [low, pressure, high] = this.config.tcp_mem;
    const before = this.memoryPressure;
    if (this.#memory > high) this.memoryPressure = 2;
    else if (this.#memory > pressure) this.memoryPressure = 1;
    else if (this.#memory <= low) this.memoryPressure = 0;
    else this.memoryPressure = before > 0 ? 1 : 0;
    if (before === this.memoryPressure) return;
    if (before === 0) this.counters.TCPMemoryPressures++;
    if (this.memoryPressure === 2) this.warnings?.add('out of memory', high, this.#now);
  }

  #forget(connection: Connection): void {
    const { tcb } = connection;
    tcb.receiveBuffer.leaveFrames();
    this.#weigh(connection, 0);
    this.timers.remove(connection.timer);
    this.dormancy?.forget(connection.timer);
    connection.timer = -1;
    this.demux.remove(connection);
    if (connection.orphan) this.#orphans--;
    if (tcb.state === TIME_WAIT) this.#wait(tcb);
  }

  #wait(tcb: Tcb): void {
    if (this.timeWait.add(tcb, freeze(tcb))) return;
    this.counters.TCPTimeWaitOverflow++;
    this.warnings?.add('time-wait overflow', this.config.tcp_max_tw_buckets, this.#now);
    this.trace?.state(tcb, TIME_WAIT, CLOSED, 'timeout', this.#now);
  }

  // Time and callbacks.

  #turn = (): void => {
    this.#soon = false;
    const answering = this.#answering;
    for (let i = 0; i < answering.count; i++) {
      const connection = answering.at(i);
      if (connection.timer < 0) continue;
      output(connection.tcb, this.now());
      this.#review(connection);
    }
    answering.drop(answering.count);
    this.deliver();
  };

  /** Someone must hear something, and it is not the moment. */
  #arrange(): void {
    if (this.#delivering) return;
    if ((this.#heard.count > 0 || this.#answering.count > 0 || this.warnings?.pending) && !this.#soon) {
      this.#soon = true;
      this.host.soon(this.#turn);
    }
    this.#wake();
  }

  /** Applications hear what came up. What throws there is theirs: it leaves through the host, and the rest is told in the next turn. */
  deliver(): void {
    if (this.#delivering) return;
    this.#delivering = true;
    let told = 0;
    try {
      while (told < this.#heard.count) {
        const one = this.#heard.at(told++);
        one.heard = false;
        if (one instanceof Connection) this.#tell(one);
        else if (!one.closed) one.onConnection();
        if (this.#held.count > 0) this.#letGo();
      }
      this.warnings?.deliver();
    } finally {
      this.#letGo();
      this.#heard.drop(told);
      this.#delivering = false;
      this.dormancy?.restNow();
      this.#arrange();
    }
  }

  /**
   * Before an application's call on a connection: made inside a callback, it leaves no segment until the callback returns, so that what is said
   * in one breath (an answer in two pieces, its end) leaves together.
   */
  hold(connection: Connection): void {
    if (!this.#delivering || connection.tcb.outputHeld) return;
    connection.tcb.outputHeld = true;
    this.#held.add(connection);
  }

  #letGo(): void {
    const held = this.#held;
    for (let i = 0; i < held.count; i++) {
      const connection = held.at(i);
      connection.tcb.outputHeld = false;
      output(connection.tcb, this.now());
      this.#review(connection);
    }
    held.drop(held.count);
  }

  #tell(connection: Connection): void {
    try {
      connection.deliver();
    } finally {
      // What it called has had its own look; what was not told, as something threw, is told in the next turn.
      if (connection.tcb.notices !== 0) this.#review(connection);
    }
  }

  #wake(): void {
    let next = Math.min(this.timers.next, this.timeWait.nextExpiry, this.passive.table.nextExpiry);
    for (let i = 0; i < this.clocks.length; i++) next = Math.min(next, this.clocks[i]!.next());
    if (this.halted) next = Number.POSITIVE_INFINITY;
    if (next === this.#wakeAt) return;
    this.#wakeAt = next;
    this.host.wakeAt(next, this.#awake);
  }

  #awake = (): void => {
    this.#wakeAt = Number.POSITIVE_INFINITY;
    const now = this.now();
    this.timers.expire(now, this.#fire);
    this.passive.expire(now);
    this.timeWait.expire(now, this.#expired);
    for (const clock of this.clocks) clock.expire(now);
    this.deliver();
  };

  #fire = (connection: Connection): void => {
    timeout(connection.tcb, this.#now);
    this.#review(connection);
  };

  #expired = (tuple: FourTuple): void => {
    this.trace?.timer(tuple, 'TIME-WAIT', this.#now);
    this.trace?.state(tuple, TIME_WAIT, CLOSED, 'timeout', this.#now);
  };
}

/** Bytes in a connection's buffers. */
function buffered({ sendBuffer, receiveBuffer }: Tcb): number {
  return sendBuffer.length + receiveBuffer.memory;
}
