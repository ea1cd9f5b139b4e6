import type { DropReason } from '../tcp/drop.ts';
import { type Cause, STATE_NAMES, type State, type StateName } from '../tcp/state.ts';
import type { FourTuple, TimerName, Trace } from '../tcp/trace.ts';
import { ACK, type Segment, SYN } from '../wire/segment.ts';
import { toUint32 } from '../wire/seq.ts';
import type { End, Endpoints, OptionsRecord, SegmentRecord, TraceEvent } from './event.ts';

export interface RecorderOptions {
  /** Events kept of the start of each connection (its handshake). Default 64. */
  readonly head?: number;
  /** Events kept of the end of each connection. Default 1024. */
  readonly tail?: number;
  /** Connections kept; beyond it the oldest is forgotten. Default 64. */
  readonly connections?: number;
}

interface Note {
  readonly serial: number;
  readonly end: End | null;
  readonly text: string;
  readonly ok: boolean | undefined;
}

/** What the network made of a segment. */
export interface SegmentFate {
  readonly lost?: string;
  readonly remark?: string;
  readonly forged?: true;
}

/** The events of one connection: its first and its last ones, and how many were left out between them. */
export class ConnectionTrace implements Endpoints {
  readonly id: number;
  readonly localAddress: string;
  readonly localPort: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** The last state this stack told of, of either end; null before the first. */
  lastState: StateName | null = null;
  /** Gone through at least one state, and back in CLOSED (or LISTEN): a SYN on the same four-tuple is another connection. */
  over = false;
  readonly #headLimit: number;
  readonly #tailLimit: number;
  readonly #head: TraceEvent[] = [];
  /** A ring once it is full; `#oldest` is where it starts. */
  readonly #tail: TraceEvent[] = [];
  #oldest = 0;
  #leftOut = 0;

  constructor(id: number, endpoints: Endpoints, head: number, tail: number) {
    this.id = id;
    this.localAddress = endpoints.localAddress;
    this.localPort = endpoints.localPort;
    this.remoteAddress = endpoints.remoteAddress;
    this.remotePort = endpoints.remotePort;
    this.#headLimit = head;
    this.#tailLimit = tail;
  }

  /** Events that are not in `events` any more. */
  get leftOut(): number {
    return this.#leftOut;
  }

  /** What was kept, in order. */
  get events(): TraceEvent[] {
    return [...this.#head, ...this.#tail.slice(this.#oldest), ...this.#tail.slice(0, this.#oldest)];
  }

  add(event: TraceEvent): void {
    if (this.#head.length < this.#headLimit) this.#head.push(event);
    else if (this.#tail.length < this.#tailLimit) this.#tail.push(event);
    else {
      this.#leftOut++;
      if (this.#tailLimit === 0) return;
      this.#tail[this.#oldest] = event;
      this.#oldest = (this.#oldest + 1) % this.#tailLimit;
    }
  }
}

/**
 * Copies what a stack does into plain events, connection by connection, and passes each on to whoever listens. Bounded: a run of any
 * length keeps at most `connections × (head + tail)` events.
 */
export class Recorder implements Trace {
  /**
   * For the stack at the other end, where that is ours too (an in-memory link): its states, timers and drops are recorded as the
   * peer's. Its segments are not: this end sees them.
   */
  readonly peer: Trace;
  /** Called with each event as it happens. */
  onEvent: ((event: TraceEvent, connection: ConnectionTrace) => void) | null = null;
  readonly #head: number;
  readonly #tail: number;
  readonly #limit: number;
  readonly #current = new Map<string, ConnectionTrace>();
  readonly #connections: ConnectionTrace[] = [];
  #forgotten = 0;
  #serial = 0;
  #nextId = 1;
  /** The connection of the last event, and notes that wait for the first. */
  #last: ConnectionTrace | null = null;
  readonly #notes: Note[] = [];

  constructor(options: RecorderOptions = {}) {
    this.#head = options.head ?? 64;
    this.#tail = options.tail ?? 1024;
    this.#limit = Math.max(1, options.connections ?? 64);
    this.peer = {
      segment: () => {},
      state: (tuple, from, to, cause, now) => this.#state('peer', this.#find(mirror(tuple)), from, to, cause, now),
      timer: (tuple, timer, now) => this.#timer('peer', this.#find(mirror(tuple)), timer, now),
      drop: (tuple, segment, reason, now) => this.#drop('peer', this.#find(mirror(tuple)), segment, reason, now),
    };
  }

  /** The connections kept, oldest first. */
  get connections(): readonly ConnectionTrace[] {
    return this.#connections;
  }

  /** Connections that were forgotten whole. */
  get forgotten(): number {
    return this.#forgotten;
  }

  /** `fate`: what the network made of it, where that is known. */
  segment(direction: 'in' | 'out', tuple: FourTuple, segment: Segment, now: number, fate: SegmentFate = {}): void {
    const opens = (segment.flags & (SYN | ACK)) === SYN;
    const connection = this.#find(tuple, opens);
    const { id } = connection;
    const record = copySegment(segment);
    this.#add(connection, {
      serial: this.#serial++,
      time: now,
      connection: id,
      kind: 'segment',
      direction,
      segment: record,
      ...fate,
    });
  }

  /** A segment of the peer's that will never be seen here. `tuple` is the peer's. */
  missed(tuple: FourTuple, segment: Segment, now: number, fate: SegmentFate): void {
    this.segment('in', mirror(tuple), segment, now, fate);
  }

  /** Something to be said at this point: beside the connection that was heard of last, or the next one where there was none. */
  note(end: End | null, text: string, now: number, ok?: boolean): void {
    const connection = this.#last ?? this.#connections.at(-1);
    const serial = this.#serial++;
    if (connection === undefined) this.#notes.push({ serial, end, text, ok });
    else this.#addNote(connection, { serial, end, text, ok }, now);
  }

  /** A timer of the connection that was heard of last runs, and nothing else happens for now. */
  running(end: End, timer: TimerName, due: number, now: number): void {
    const connection = this.#last;
    if (connection === null) return;
    const base = { serial: this.#serial++, time: now, connection: connection.id };
    this.#add(connection, { ...base, kind: 'timer', end, timer, due });
  }

  state(tuple: FourTuple, from: State, to: State, cause: Cause, now: number): void {
    this.#state('ours', this.#find(tuple, cause === 'active OPEN'), from, to, cause, now);
  }

  timer(tuple: FourTuple, timer: TimerName, now: number): void {
    this.#timer('ours', this.#find(tuple), timer, now);
  }

  drop(tuple: FourTuple, segment: Segment, reason: DropReason, now: number): void {
    this.#drop('ours', this.#find(tuple), segment, reason, now);
  }

  #state(end: End, connection: ConnectionTrace, from: State, to: State, cause: Cause, now: number): void {
    const event = { kind: 'state', end, from: STATE_NAMES[from], to: STATE_NAMES[to], cause } as const;
    if (end === 'ours') {
      connection.lastState = event.to;
      connection.over = event.to === 'CLOSED' || (event.to === 'LISTEN' && event.from !== 'CLOSED');
    }
    this.#add(connection, { serial: this.#serial++, time: now, connection: connection.id, ...event });
  }

  #timer(end: End, connection: ConnectionTrace, timer: TimerName, now: number): void {
    this.#add(connection, { serial: this.#serial++, time: now, connection: connection.id, kind: 'timer', end, timer });
  }

  #drop(end: End, connection: ConnectionTrace, segment: Segment, reason: DropReason, now: number): void {
    const base = { serial: this.#serial++, time: now, connection: connection.id };
    this.#add(connection, { ...base, kind: 'drop', end, reason, segment: copySegment(segment) });
  }

  #addNote(connection: ConnectionTrace, { serial, end, text, ok }: Note, now: number): void {
    const base = { serial, time: now, connection: connection.id, kind: 'note', end, text } as const;
    this.#add(connection, ok === undefined ? base : { ...base, ok });
  }

  #add(connection: ConnectionTrace, event: TraceEvent): void {
    this.#last = connection;
    const notes = this.#notes.splice(0);
    for (const note of notes) this.#addNote(connection, note, event.time);
    connection.add(event);
    this.onEvent?.(event, connection);
  }

  /** The connection of a four-tuple; a new one where there is none, or where `opens` and the one there is over. */
  #find(tuple: FourTuple, opens = false): ConnectionTrace {
    const { localAddress: l, remoteAddress: r } = tuple;
    const key = `${l.w0},${l.w1},${l.w2},${l.w3},${tuple.localPort},${r.w0},${r.w1},${r.w2},${r.w3},${tuple.remotePort}`;
    const known = this.#current.get(key);
    if (known !== undefined && !(opens && known.over)) return known;
    const endpoints = {
      localAddress: l.toString(),
      localPort: tuple.localPort,
      remoteAddress: r.toString(),
      remotePort: tuple.remotePort,
    };
    const connection = new ConnectionTrace(this.#nextId++, endpoints, this.#head, this.#tail);
    this.#current.set(key, connection);
    this.#connections.push(connection);
    if (this.#connections.length > this.#limit) this.#forget();
    return connection;
  }

  /** Forgets the oldest connection that is over, else the oldest. */
  #forget(): void {
    const over = this.#connections.findIndex((c) => c.over);
    const [gone] = this.#connections.splice(Math.max(over, 0), 1);
    for (const [key, connection] of this.#current) if (connection === gone) this.#current.delete(key);
    this.#forgotten++;
  }
}

function mirror(tuple: FourTuple): FourTuple {
  return {
    localAddress: tuple.remoteAddress,
    localPort: tuple.remotePort,
    remoteAddress: tuple.localAddress,
    remotePort: tuple.localPort,
  };
}

/** A segment as plain data: nothing of it refers to the segment any more. */
export function copySegment(segment: Segment): SegmentRecord {
  return {
    seq: toUint32(segment.seq),
    ack: toUint32(segment.ack),
    flags: segment.flags,
    length: segment.payloadLength,
    window: segment.wnd,
    urgent: segment.up,
    options: copyOptions(segment),
    wireSegments: segment.wireSegments,
  };
}

function copyOptions(segment: Segment): OptionsRecord {
  const options: { -readonly [K in keyof OptionsRecord]: OptionsRecord[K] } = {};
  if (segment.mss >= 0) options.mss = segment.mss;
  if (segment.sackPermitted) options.sackPermitted = true;
  if (segment.hasTimestamps) options.timestamps = [segment.tsVal >>> 0, segment.tsEcr >>> 0];
  if (segment.windowScale >= 0) options.windowScale = segment.windowScale;
  if (segment.sackCount > 0) {
    const blocks: [number, number][] = [];
    for (let i = 0; i < segment.sackCount; i++) {
      blocks.push([toUint32(segment.sack[2 * i]!), toUint32(segment.sack[2 * i + 1]!)]);
    }
    options.sack = blocks;
  }
  if (segment.userTimeout >= 0) options.userTimeout = segment.userTimeout;
  if (segment.fastOpenLength >= 0) options.fastOpen = segment.fastOpenLength;
  if (segment.hasSignature) options.signature = true;
  return options;
}
