import type { Frame } from '../link/device.ts';
import type { Distribution } from './distribution.ts';
import type { EventQueue } from './events.ts';
import type { Chance } from './faults.ts';
import type { LossModel } from './loss.ts';
import { copyFrame, flipBit } from './packet.ts';
import { DropTail, type Queue } from './queue.ts';
import { bitsPerSecond, type Duration, micros, type Rate } from './units.ts';

/** One direction of a link. */
export interface PipeOptions {
  /** One way. 0 where not given. */
  readonly delay?: Duration;
  /** Added to the delay, packet by packet. */
  readonly jitter?: Distribution;
  /** With jitter, packets may overtake each other. False where not given: most networks keep the order of a flow. */
  readonly overtake?: boolean;
  /** Packets leave no faster, and wait in the queue. As fast as they come where not given. */
  readonly rate?: Rate;
  /** Makes the queue before a link with a rate: `() => new CoDel()`. A thousand packets, first in, first out, where not given. */
  readonly queue?: () => Queue;
  /** A probability, or what makes a model: `gilbertElliott(…)`. */
  readonly loss?: number | (() => LossModel);
  /** Probability, packet by packet, to arrive twice. */
  readonly duplicate?: number;
  /** Probability to be held up for `reorderBy` while the others go on. */
  readonly reorder?: number;
  /** 10 ms where not given. */
  readonly reorderBy?: Duration;
  /** Probability that one bit arrives turned over. */
  readonly corrupt?: number;
  /** Largest IP packet, bytes. 1500 where not given. */
  readonly mtu?: number;
  /** The same for a stretch on the way, of which the ends know nothing. `mtu` where not given. */
  readonly pathMtu?: number;
  /** Whoever's packet is too large, and may not be fragmented, is told by ICMP (RFC 1191, RFC 8201). True where not given; false makes a black hole. */
  readonly icmp?: boolean;
}

/** Where packets come out. The frames are the receiver's. */
export type Arrivals = (frames: Frame[], now: number) => void;

/** Tells what became of a packet. */
export interface PipeReport {
  /** Takes the frame back. */
  lost(frame: Frame, reason: string): void;
  changed(frame: Frame, how: string): void;
}

interface InFlight {
  readonly frame: Frame;
  readonly at: number;
}

/** One direction of a link: queue and rate first, then what can befall a packet on the way, then the way itself. */
export class Pipe {
  /** No packet gets in or out. */
  cut = false;
  readonly mtu: number;
  /** Largest packet that gets through. */
  readonly pathMtu: number;
  readonly icmp: boolean;
  readonly #events: EventQueue;
  readonly #report: PipeReport;
  readonly #arrivals: Arrivals;
  /** Largest delay so far has nothing to do with it: may be changed while packets fly. µs. */
  delay: number;
  readonly #rate: number;
  readonly #queue: Queue | null;
  readonly #chance: Chance;
  #sending = false;
  readonly #flying: InFlight[] = [];
  /** The first of them that has not arrived. */
  #landed = 0;
  #lastArrival = 0;

  constructor(events: EventQueue, chance: Chance, options: PipeOptions, arrivals: Arrivals, report: PipeReport) {
    this.#events = events;
    this.#chance = chance;
    this.#report = report;
    this.#arrivals = arrivals;
    this.mtu = options.mtu ?? 1500;
    if (!(Number.isInteger(this.mtu) && this.mtu >= 68 && this.mtu <= 65_535)) {
      throw new RangeError(`a link's mtu is 68 … 65535, not ${this.mtu}`);
    }
    this.pathMtu = Math.min(this.mtu, options.pathMtu ?? this.mtu);
    this.icmp = options.icmp ?? true;
    this.delay = micros(options.delay ?? 0);
    this.#rate = options.rate === undefined ? Number.POSITIVE_INFINITY : bitsPerSecond(options.rate);
    this.#queue = options.rate === undefined ? null : (options.queue?.() ?? new DropTail());
  }

  /** Packets that wait for the link, and bytes in them. */
  get queued(): { readonly packets: number; readonly bytes: number } {
    return { packets: this.#queue?.length ?? 0, bytes: this.#queue?.backlog ?? 0 };
  }

  /** A packet enters. `extra`: µs that it takes longer than others; it may then be overtaken. */
  send(frame: Frame, extra = 0): void {
    if (this.cut) this.#report.lost(frame, 'the link is cut');
    else if (frame.length > this.pathMtu) this.#report.lost(frame, `larger than the MTU of ${this.pathMtu}`);
    else if (this.#queue === null || extra > 0) this.#depart(frame, extra);
    else {
      const reason = this.#queue.enqueue(frame, this.#events.now);
      if (reason !== null) this.#report.lost(frame, reason);
      else if (!this.#sending) this.#transmit();
    }
  }

  /** The first of the queue goes onto the link, and takes its time. */
  #transmit = (): void => {
    const frame = this.#queue!.dequeue(this.#events.now, (lost, reason) => this.#report.lost(lost, reason));
    this.#sending = frame !== null;
    if (frame === null) return;
    const takes = (8e6 * frame.length) / this.#rate;
    this.#events.at(this.#events.now + takes, () => {
      this.#depart(frame, 0);
      this.#transmit();
    });
  };

  #depart(frame: Frame, extra: number): void {
    const chance = this.#chance;
    chance.next(frame);
    if (chance.lost()) {
      this.#report.lost(frame, 'lost on the way');
      return;
    }
    const bit = chance.damaged();
    if (bit >= 0) {
      flipBit(frame, bit);
      this.#report.changed(frame, 'a bit turned over on the way');
    }
    if (chance.doubled()) {
      const copy = copyFrame(frame);
      this.#fly(frame, extra, false);
      this.#report.changed(copy, 'it arrives twice');
      this.#fly(copy, extra, true);
    } else this.#fly(frame, extra, false);
  }

  #fly(frame: Frame, extra: number, copy: boolean): void {
    const chance = this.#chance;
    const by = chance.late(extra > 0, copy);
    let at = Math.round(this.#events.now + this.delay + by + extra);
    if (chance.overtaken) {
      this.#events.at(at, () => this.#arrive([frame]));
      return;
    }
    at = Math.max(at, this.#lastArrival);
    this.#lastArrival = at;
    this.#flying.push({ frame, at });
    if (this.#flying.length === 1) this.#events.at(at, this.#land);
  }

  /** The first that fly, and all that arrive with them. */
  #land = (): void => {
    const flying = this.#flying;
    const { now } = this.#events;
    const frames: Frame[] = [];
    let n = this.#landed;
    while (n < flying.length && flying[n]!.at <= now) frames.push(flying[n++]!.frame);
    if (n === flying.length) {
      flying.length = 0;
      n = 0;
    } else if (n >= 512) {
      flying.splice(0, n);
      n = 0;
    }
    this.#landed = n;
    // Before anything is delivered: what is sent in answer comes later.
    if (flying.length > 0) this.#events.at(flying[n]!.at, this.#land);
    this.#arrive(frames);
  };

  #arrive(frames: Frame[]): void {
    if (this.cut) for (const frame of frames) this.#report.lost(frame, 'the link was cut under it');
    else this.#arrivals(frames, this.#events.now);
  }
}
