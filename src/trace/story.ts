import type { DropReason } from '../tcp/drop.ts';
import type { StateName } from '../tcp/state.ts';
import { ACK, FIN, RST, SYN } from '../wire/segment.ts';
import type { End, SegmentRecord, TraceEvent } from './event.ts';
import { Follower, type Seen } from './follow.ts';
import { PeerModel } from './peer.ts';

/** A segment that mattered, in the terms of its connection. */
export interface Moment {
  /** µs of the stack's clock. */
  readonly time: number;
  readonly by: End;
  readonly segment: SegmentRecord;
  readonly seen: Seen;
}

export interface StateMoment {
  readonly time: number;
  readonly state: StateName;
  /** From the wire alone. */
  readonly inferred: boolean;
}

/** What one end sent. */
export interface Sent {
  segments: number;
  /** On the wire: more, with segmentation offload. */
  wireSegments: number;
  /** Text, each byte once. */
  bytes: number;
  retransmissions: number;
  /** Relative: one past the highest number sent, and the highest the other end acknowledged. */
  high: number;
  acked: number;
}

/**
 * The outline of a connection's life, kept while it goes by: its handshake, its close, the states of both ends, and sums. It does
 * not grow with what is transferred.
 */
export class Story {
  /** First SYN, the SYN that answers it, and the ACK of that; null where not seen. */
  syn: Moment | null = null;
  synAck: Moment | null = null;
  thirdAck: Moment | null = null;
  /** Both ends sent a SYN without ACK (RFC 9293 §3.5, figure 7). */
  simultaneousOpen = false;
  /** The FINs in order, each the first time it was sent. */
  readonly fins: Moment[] = [];
  /** The segments that carry a FIN or are the first to acknowledge one, in order, without repetitions. */
  readonly closing: Moment[] = [];
  /** Ends whose FIN was acknowledged. */
  readonly finAcked = new Set<End>();
  readonly resets: Moment[] = [];
  readonly sent: Readonly<Record<End, Sent>> = { ours: sums(), peer: sums() };
  readonly states: Readonly<Record<End, StateMoment[]>> = { ours: [], peer: [] };
  readonly drops = new Map<DropReason, number>();
  readonly #follower = new Follower();
  readonly #model: PeerModel | null;

  /** `peerKnown`: the trace tells the peer's states as well, and none is inferred. */
  constructor(options: { readonly peerKnown?: boolean } = {}) {
    this.#model = options.peerKnown ? null : new PeerModel();
  }

  push(event: TraceEvent): void {
    switch (event.kind) {
      case 'segment': {
        const by = event.direction === 'out' ? 'ours' : 'peer';
        const seen = this.#follower.see(event);
        this.#sum(by, event.segment, seen);
        this.#outline({ time: event.time, by, segment: event.segment, seen });
        for (const state of this.#model?.observe(event, seen) ?? []) {
          this.states.peer.push({ time: event.time, state, inferred: true });
        }
        break;
      }
      case 'state':
        this.states[event.end].push({ time: event.time, state: event.to, inferred: false });
        break;
      case 'drop':
        this.drops.set(event.reason, (this.drops.get(event.reason) ?? 0) + 1);
        break;
      case 'timer':
      case 'note':
        break;
    }
  }

  /** Who sent the first FIN; null before. */
  get closedFirst(): End | null {
    return this.fins[0]?.by ?? null;
  }

  /** Each end sent its FIN before it had the other's. */
  get simultaneousClose(): boolean {
    const [first, second] = this.fins;
    return first !== undefined && second !== undefined && (second.seen.ack ?? 0) < first.seen.end;
  }

  #sum(by: End, segment: SegmentRecord, seen: Seen): void {
    const own = this.sent[by];
    const other = this.sent[by === 'ours' ? 'peer' : 'ours'];
    own.segments++;
    own.wireSegments += segment.wireSegments;
    if (seen.retransmission) own.retransmissions++;
    const textEnd = seen.end - (segment.flags & FIN ? 1 : 0);
    if (segment.length > 0) own.bytes += Math.max(0, Math.min(segment.length, textEnd - Math.max(own.high, 1)));
    own.high = Math.max(own.high, seen.end);
    if (seen.ack !== null) other.acked = Math.max(other.acked, seen.ack);
  }

  #outline(moment: Moment): void {
    const { by, segment, seen } = moment;
    const { flags } = segment;
    if (flags & RST) this.resets.push(moment);
    if (flags & SYN) {
      if (this.syn === null) this.syn = moment;
      else if (by !== this.syn.by && this.synAck === null) {
        this.synAck = moment;
        this.simultaneousOpen = (flags & ACK) === 0;
      }
    } else if (seen.acksSyn && this.synAck !== null && by === this.syn?.by) this.thirdAck ??= moment;
    const isNewFin = (flags & FIN) !== 0 && !this.fins.some((fin) => fin.by === by);
    if (isNewFin) this.fins.push(moment);
    if (seen.acksFin) this.finAcked.add(by === 'ours' ? 'peer' : 'ours');
    if (isNewFin || seen.acksFin) this.closing.push(moment);
  }
}

function sums(): Sent {
  return { segments: 0, wireSegments: 0, bytes: 0, retransmissions: 0, high: 0, acked: 0 };
}
