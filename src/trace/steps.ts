import type { DropReason } from '../tcp/drop.ts';
import type { Cause, StateName } from '../tcp/state.ts';
import type { TimerName } from '../tcp/trace.ts';
import { ACK, PSH } from '../wire/segment.ts';
import { type End, type Endpoints, endpoint, type SegmentRecord, type TraceEvent } from './event.ts';
import { Follower, type Seen } from './follow.ts';
import { PeerModel } from './peer.ts';

/** A state that an end is in now. */
export interface StateNote {
  readonly state: StateName;
  /** The state before, where it has not been told. */
  readonly from: StateName | null;
  /** null where the state is inferred. */
  readonly cause: Cause | null;
}

/** What one side sent during a run. */
export interface Tally {
  segments: number;
  /** Of them, without text. */
  acks: number;
  bytes: number;
  /** First number and the one after the last, relative. */
  from: number;
  to: number;
  /** The last acknowledgment it sent, relative, or null. */
  ack: number | null;
  /** The same as on the wire. */
  rawFrom: number;
  rawTo: number;
  rawAck: number;
  /** Least and largest window, in bytes. */
  least: number;
  most: number;
}

/** A ladder is a list of these, from the top down. `time`: µs since the ladder began; `delta`: since the segment before. */
export type Step =
  | {
      readonly kind: 'connection';
      readonly id: number;
      readonly ours: string;
      readonly peer: string;
      readonly again: boolean;
    }
  | {
      readonly kind: 'segment';
      readonly time: number;
      readonly delta: number;
      readonly direction: 'in' | 'out';
      readonly segment: SegmentRecord;
      readonly seen: Seen;
      /** Why it never arrived; null where it did, or where that is not known. */
      readonly lost: string | null;
      readonly remark: string | null;
    }
  | {
      readonly kind: 'run';
      readonly time: number;
      readonly delta: number;
      readonly lasted: number;
      readonly out: Tally;
      readonly in: Tally;
    }
  | { readonly kind: 'state'; readonly time: number; readonly ours: StateNote | null; readonly peer: StateNote | null }
  /** It fires; or, with `due`, it runs and is due in so many µs. */
  | {
      readonly kind: 'timer';
      readonly time: number;
      readonly end: End;
      readonly timer: TimerName;
      readonly due: number | null;
    }
  | { readonly kind: 'drop'; readonly time: number; readonly end: End; readonly reason: DropReason }
  | {
      readonly kind: 'note';
      readonly time: number;
      readonly end: End | null;
      readonly text: string;
      readonly ok: boolean | null;
    }
  | { readonly kind: 'pause'; readonly lasted: number };

type SegmentStep = Extract<Step, { kind: 'segment' }>;
type StateStep = { kind: 'state'; time: number; ours: StateNote | null; peer: StateNote | null };
type RunStep = Extract<Step, { kind: 'run' }>;

export interface StepOptions {
  /**
   * Plain text and ACK segments shown before the rest of their run folds into one step, and one of each later run; Infinity folds nothing.
   * Default 4.
   */
  readonly unfolded?: number;
  /** A quiet time that gets a step of its own, µs. Default 0.2 s. */
  readonly pause?: number;
  /** The other end tells its states itself: nothing is inferred. */
  readonly peerKnown?: boolean;
}

/** Fewer than this do not fold: one line for them all would save nothing. */
const LEAST_FOLD = 3;

/** Connections that are followed at a time. */
const MOST_TOLD = 256;

/** A connection as far as it has been told. */
class Told {
  readonly follower = new Follower();
  readonly peer = new PeerModel();
  ours: StateName | null = null;
  peerState: StateName | null = null;
}

/** Turns events into the steps of a ladder, as they come: follows each connection, infers its peer, folds runs of data. */
export class Steps {
  #unfolded: number;
  readonly #pause: number;
  readonly #peerKnown: boolean;
  readonly #told = new Map<number, Told>();
  #current = -1;
  #start = -1;
  #last = 0;
  /** A state step that waits for the other end's, which may stand beside it. */
  #state: StateStep | null = null;
  /** Foldable segments of the present run that have been told one by one. */
  #runLength = 0;
  #held: SegmentStep[] = [];
  #run: RunStep | null = null;

  constructor(options: StepOptions = {}) {
    this.#unfolded = options.unfolded ?? 4;
    this.#pause = options.pause ?? 200_000;
    this.#peerKnown = options.peerKnown ?? false;
  }

  /** The run that is being folded now, as far as it has come. */
  get run(): Step | null {
    return this.#run;
  }

  /** The steps that are complete with this event. */
  push(event: TraceEvent, endpoints: Endpoints): Step[] {
    const steps: Step[] = [];
    if (this.#start < 0) {
      this.#start = event.time;
      this.#last = event.time;
    }
    let told = this.#told.get(event.connection);
    if (told === undefined || this.#current !== event.connection) {
      steps.push(...this.flush());
      this.#runLength = 0;
      const { localAddress, localPort, remoteAddress, remotePort } = endpoints;
      steps.push({
        kind: 'connection',
        id: event.connection,
        ours: endpoint(localAddress, localPort),
        peer: endpoint(remoteAddress, remotePort),
        again: told !== undefined,
      });
      this.#current = event.connection;
      if (told === undefined) {
        told = new Told();
        this.#told.set(event.connection, told);
        // The oldest is first: a ladder may go on for days.
        if (this.#told.size > MOST_TOLD) this.#told.delete(this.#told.keys().next().value!);
      }
    }
    const time = event.time - this.#start;
    switch (event.kind) {
      case 'segment':
        this.#segment(steps, event, told, time);
        break;
      case 'state': {
        const ours = event.end === 'ours';
        const from = (ours ? told.ours : told.peerState) === null ? event.from : null;
        const note = { state: event.to, from: from === 'CLOSED' ? null : from, cause: event.cause };
        if (ours) told.ours = event.to;
        else told.peerState = event.to;
        this.#note(steps, ours ? 'ours' : 'peer', note, time);
        break;
      }
      case 'timer':
        this.#before(steps, time);
        this.#runLength = 0;
        steps.push({ kind: 'timer', time, end: event.end, timer: event.timer, due: event.due ?? null });
        break;
      case 'drop':
        steps.push(...this.flush(), { kind: 'drop', time, end: event.end, reason: event.reason });
        this.#runLength = 0;
        break;
      case 'note':
        this.#before(steps, time);
        this.#runLength = 0;
        steps.push({ kind: 'note', time, end: event.end, text: event.text, ok: event.ok ?? null });
        break;
    }
    return steps;
  }

  /** The steps that were waiting for company. Call it when nothing more comes for now, and at the end. */
  flush(): Step[] {
    return [...this.#endRun(), ...this.settle()];
  }

  /** As `flush`, but leaves the fold of a run open. */
  settle(): Step[] {
    const state = this.#state;
    this.#state = null;
    return state === null ? [] : [state];
  }

  #segment(steps: Step[], event: TraceEvent & { kind: 'segment' }, told: Told, time: number): void {
    const { direction, segment, lost = null, remark = null } = event;
    const seen = told.follower.see(event);
    const path = this.#peerKnown ? [] : told.peer.observe(event, seen);
    const isPlain = (segment.flags & ~(ACK | PSH)) === 0 && (segment.flags & ACK) !== 0;
    const isNews = path.length > 0 || seen.retransmission || seen.acksSyn || seen.acksFin || segment.window === 0;
    const isHurt = lost !== null || remark !== null;
    const foldable = isPlain && !isNews && !isHurt;
    // A state of the peer that its own segment shows came before it; one that our segment brings about, after.
    if (direction === 'in') this.#peerStates(steps, told, path, time);

    if (foldable && this.#runLength >= this.#unfolded && time - this.#last < this.#pause) {
      this.#fold({ kind: 'segment', time, delta: time - this.#last, direction, segment, seen, lost, remark });
      this.#last = time;
      return;
    }
    this.#before(steps, time);
    steps.push({ kind: 'segment', time, delta: time - this.#last, direction, segment, seen, lost, remark });
    this.#last = time;
    this.#runLength = foldable ? this.#runLength + 1 : 0;
    if (direction === 'out') this.#peerStates(steps, told, path, time);
  }

  #peerStates(steps: Step[], told: Told, path: readonly StateName[], time: number): void {
    for (const state of path) {
      told.peerState = state;
      this.#note(steps, 'peer', { state, from: null, cause: null }, time);
    }
  }

  #note(steps: Step[], end: End, note: StateNote, time: number): void {
    steps.push(...this.#endRun());
    this.#runLength = 0;
    if (this.#state !== null && this.#state[end] === null && time - this.#state.time < this.#pause) {
      this.#state[end] = note;
      return;
    }
    this.#before(steps, time);
    this.#state = { kind: 'state', time, ours: null, peer: null };
    this.#state[end] = note;
  }

  /** What must be told before something that happens at `time`: what waits, and a long silence. */
  #before(steps: Step[], time: number): void {
    steps.push(...this.flush());
    if (time - this.#last < this.#pause) return;
    steps.push({ kind: 'pause', lasted: time - this.#last });
    this.#last = time;
    this.#runLength = 0;
  }

  #fold(step: SegmentStep): void {
    if (this.#run === null) {
      this.#run = { kind: 'run', time: step.time, delta: step.delta, lasted: 0, out: tally(), in: tally() };
    }
    if (this.#held.length < LEAST_FOLD) this.#held.push(step);
    this.#run = { ...this.#run, lasted: step.time - this.#run.time };
    addTo(this.#run[step.direction], step);
  }

  #endRun(): Step[] {
    const run = this.#run;
    if (run === null) return [];
    const held = this.#held;
    this.#run = null;
    this.#held = [];
    this.#unfolded = 1;
    return run.out.segments + run.in.segments < LEAST_FOLD ? held : [run];
  }
}

function tally(): Tally {
  return {
    segments: 0,
    acks: 0,
    bytes: 0,
    from: 0,
    to: 0,
    ack: null,
    rawFrom: 0,
    rawTo: 0,
    rawAck: 0,
    least: 0,
    most: 0,
  };
}

function addTo(t: Tally, { segment, seen }: SegmentStep): void {
  if (t.segments === 0) {
    t.from = seen.seq;
    t.rawFrom = segment.seq;
    t.least = seen.window;
  }
  t.segments += segment.wireSegments;
  if (segment.length === 0) t.acks++;
  t.bytes += segment.length;
  t.to = seen.end;
  t.ack = seen.ack;
  t.rawTo = (segment.seq + segment.length) >>> 0;
  t.rawAck = segment.ack;
  t.least = Math.min(t.least, seen.window);
  t.most = Math.max(t.most, seen.window);
}
