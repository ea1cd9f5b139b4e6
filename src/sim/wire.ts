import type { Frame } from '../link/device.ts';
import { FramePool } from '../link/pool.ts';
import { frameMemory } from '../wire/frame-memory.ts';
import type { IpHeader } from '../wire/ip-header.ts';
import { EventQueue } from './events.ts';
import type { Faults } from './faults.ts';
import { Random } from './random.ts';
import { Rules } from './rules.ts';

/** Something that happened to a packet. The frame holds during the call only. */
export interface PacketEvent {
  readonly kind: 'sent' | 'lost' | 'changed' | 'arrived';
  /** µs. */
  readonly time: number;
  /** The link, or the host, where. */
  readonly where: string;
  /** Why it was lost, or how it was changed. */
  readonly what: string;
  readonly frame: Frame;
}

/** Sees all packets of a network. Changes nothing and does not throw. */
export type PacketObserver = (event: PacketEvent) => void;

/** What became of the packet that a stack sent last, as far as that was settled at once. */
export interface Fate {
  lost: string | null;
  changed: string | null;
}

/** What all parts of a network share. */
export class Wire {
  readonly events: EventQueue;
  readonly random: Random;
  readonly rules = new Rules();
  readonly pool = new FramePool(4096, frameMemory);
  readonly fate: Fate = { lost: null, changed: null };
  readonly observers: PacketObserver[] = [];
  /** Null where nobody asked for a record of what befalls packets. */
  faults: Faults | null = null;
  /** Packets that were sent by stacks, lost anywhere, and delivered to stacks. */
  sent = 0;
  lostCount = 0;
  arrived = 0;
  /** A packet is being sent at this moment: what happens to it now is `fate`. */
  #sending = false;
  /** A stack, or an application, was called: what waits for it in promises is to run before time goes on. */
  touched = false;
  /** Host names by address. */
  readonly #names = new Map<string, string>();

  constructor(seed: number, start: number) {
    this.random = new Random(seed);
    this.events = new EventQueue(start);
  }

  name(address: string, host: string): void {
    this.#names.set(address, host);
  }

  readonly nameOf = (ip: IpHeader, source: boolean): string => {
    if (this.#names.size === 0) return '';
    return this.#names.get((source ? ip.sourceAddress() : ip.destinationAddress()).toString()) ?? '';
  };

  /** A stack sends: `on` puts the frame on its link. */
  send(frame: Frame, where: string, on: (frame: Frame) => void): void {
    const { fate } = this;
    fate.lost = null;
    fate.changed = null;
    this.sent++;
    if (this.observers.length > 0) this.#tell('sent', frame, '', where);
    this.#sending = true;
    on(frame);
    this.#sending = false;
  }

  lost(frame: Frame, reason: string, where: string): void {
    this.lostCount++;
    if (this.#sending) this.fate.lost = reason;
    this.#tell('lost', frame, reason, where);
    this.free(frame);
  }

  changed(frame: Frame, how: string, where: string): void {
    if (this.#sending) this.fate.changed = how;
    this.#tell('changed', frame, how, where);
  }

  delivered(frame: Frame, where: string): void {
    this.arrived++;
    if (this.observers.length > 0) this.#tell('arrived', frame, '', where);
  }

  /** Gives a frame back that nobody needs any more. */
  free(frame: Frame): void {
    if (this.pool.owns(frame)) this.pool.release(frame);
  }

  #tell(kind: PacketEvent['kind'], frame: Frame, what: string, where: string): void {
    for (const observer of this.observers) observer({ kind, time: this.events.now, where, what, frame });
  }
}
