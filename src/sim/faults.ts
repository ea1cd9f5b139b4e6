import type { Frame } from '../link/device.ts';
import { flagWords } from '../trace/event.ts';
import type { Segment } from '../wire/segment.ts';
import type { Distribution } from './distribution.ts';
import type { Direction } from './link.ts';
import { type LossModel, randomLoss } from './loss.ts';
import { Sight } from './packet.ts';
import type { PipeOptions } from './pipe.ts';
import type { Random } from './random.ts';
import { micros } from './units.ts';

/** Something that befell a packet on a link: the `packet`-th that left in that direction, counted from 0. */
export interface PacketFault {
  readonly kind: 'lost' | 'damaged' | 'doubled' | 'late' | 'copy late';
  readonly link: string;
  readonly way: Direction;
  readonly packet: number;
  /** Of a damaged one: where, 0 ≤ … < 1. Of a late one: by how much, µs. */
  readonly by?: number;
  /** Late, and others may overtake it. */
  readonly overtaken?: true;
  /** What the packet was, for people. */
  readonly what?: string;
}

/** Something that befalls a link or a host for a while. Times are µs since the network's start. */
export type Disturbance =
  | {
      readonly kind: 'cut';
      readonly link: string;
      readonly way?: Direction;
      readonly at: number;
      readonly until: number;
    }
  /** `until`: when a host that was paused goes on, or one that crashed is back. */
  | { readonly kind: 'pause' | 'crash'; readonly host: string; readonly at: number; readonly until: number };

/** One decision of chance against a network. All of them together are a run's schedule: with it, a run is the same without dice. */
export type Fault = PacketFault | Disturbance;

/** One fault in a line: `client-server, packet 7 lost: FIN, ACK …`. */
export function describeFault(fault: Fault): string {
  if (!('packet' in fault)) {
    const [from, to] = [fault.at, fault.until].map((time) => `${(time / 1e6).toFixed(3)} s`);
    if (fault.kind !== 'cut') return `${fault.host}: ${fault.kind} from ${from} to ${to}`;
    return `${fault.link}: cut${fault.way === undefined ? '' : ` ${fault.way}`} from ${from} to ${to}`;
  }
  const { kind, link, way, packet, by = 0, what } = fault;
  const late = `${kind} by ${(by / 1000).toFixed(1)} ms${fault.overtaken ? ', overtaken' : ''}`;
  const how = kind === 'late' || kind === 'copy late' ? late : kind;
  return `${link} ${way}, packet ${packet} ${how}${what === undefined ? '' : `: ${what}`}`;
}

/** What befalls the packets of one direction of a link: asked about each in turn. */
export interface Chance {
  /** The next packet leaves: what follows is about it. */
  next(frame: Frame): void;
  lost(): boolean;
  /** Where a bit is turned over, 0 ≤ … < 1; −1: nowhere. */
  damaged(): number;
  doubled(): boolean;
  /** How much longer the way takes it, µs. `free`: it is out of the order of the others already. `copy`: asked for the second of two. */
  late(free: boolean, copy: boolean): number;
  /** Of the last `late`: it need not wait for those before it. */
  readonly overtaken: boolean;
}

/** As the options of a link have it, by dice. */
export class Dice implements Chance {
  overtaken = false;
  readonly #random: Random;
  readonly #loss: LossModel | null;
  readonly #jitter: Distribution | null;
  readonly #overtake: boolean;
  readonly #duplicate: number;
  readonly #reorder: number;
  readonly #reorderBy: number;
  readonly #corrupt: number;

  constructor(random: Random, options: PipeOptions) {
    this.#random = random;
    this.#loss = typeof options.loss === 'number' ? randomLoss(options.loss) : (options.loss?.() ?? null);
    this.#jitter = options.jitter ?? null;
    this.#overtake = options.overtake ?? false;
    this.#duplicate = probability('duplicate', options.duplicate);
    this.#reorder = probability('reorder', options.reorder);
    this.#reorderBy = micros(options.reorderBy ?? '10ms');
    this.#corrupt = probability('corrupt', options.corrupt);
  }

  next(): void {}

  lost(): boolean {
    return this.#loss?.(this.#random) ?? false;
  }

  damaged(): number {
    return this.#corrupt > 0 && this.#random.chance(this.#corrupt) ? this.#random.next() : -1;
  }

  doubled(): boolean {
    return this.#duplicate > 0 && this.#random.chance(this.#duplicate);
  }

  late(free: boolean): number {
    let by = this.#jitter?.(this.#random) ?? 0;
    this.overtaken = free || (this.#overtake && this.#jitter !== null);
    if (!this.overtaken && this.#reorder > 0 && this.#random.chance(this.#reorder)) {
      by += this.#reorderBy;
      this.overtaken = true;
    }
    return by;
  }
}

/** Dice whose falls are written down. */
class WrittenDice implements Chance {
  readonly #dice: Chance;
  readonly #write: (fault: Omit<PacketFault, 'link' | 'way'>) => void;
  #packet = -1;

  constructor(dice: Chance, write: (fault: Omit<PacketFault, 'link' | 'way'>) => void) {
    this.#dice = dice;
    this.#write = write;
  }

  get overtaken(): boolean {
    return this.#dice.overtaken;
  }

  next(frame: Frame): void {
    this.#packet++;
    this.#dice.next(frame);
  }

  lost(): boolean {
    const lost = this.#dice.lost();
    if (lost) this.#write({ kind: 'lost', packet: this.#packet });
    return lost;
  }

  damaged(): number {
    const by = this.#dice.damaged();
    if (by >= 0) this.#write({ kind: 'damaged', packet: this.#packet, by });
    return by;
  }

  doubled(): boolean {
    const doubled = this.#dice.doubled();
    if (doubled) this.#write({ kind: 'doubled', packet: this.#packet });
    return doubled;
  }

  late(free: boolean, copy: boolean): number {
    const by = this.#dice.late(free, copy);
    const overtaken = this.overtaken && !free;
    if (by !== 0 || overtaken) {
      const kind = copy ? 'copy late' : 'late';
      this.#write({ kind, packet: this.#packet, by, ...(overtaken && { overtaken }) });
    }
    return by;
  }
}

/** No dice: what a schedule says, and nothing else. */
class Planned implements Chance {
  overtaken = false;
  readonly #plan: ReadonlyMap<number, readonly PacketFault[]>;
  readonly #happened: (fault: PacketFault) => void;
  readonly #sight = new Sight();
  #packet = -1;
  #frame: Frame | null = null;

  constructor(plan: ReadonlyMap<number, readonly PacketFault[]>, happened: (fault: PacketFault) => void) {
    this.#plan = plan;
    this.#happened = happened;
  }

  next(frame: Frame): void {
    this.#packet++;
    this.#frame = frame;
  }

  lost(): boolean {
    return this.#find('lost') !== undefined;
  }

  damaged(): number {
    return this.#find('damaged')?.by ?? -1;
  }

  doubled(): boolean {
    return this.#find('doubled') !== undefined;
  }

  late(free: boolean, copy: boolean): number {
    const fault = this.#find(copy ? 'copy late' : 'late');
    this.overtaken = free || fault?.overtaken === true;
    return fault?.by ?? 0;
  }

  #find(kind: PacketFault['kind']): PacketFault | undefined {
    const fault = this.#plan.get(this.#packet)?.find((one) => one.kind === kind);
    if (fault !== undefined) {
      const { segment } = this.#sight.look(this.#frame!);
      const { what: _, ...bare } = fault;
      this.#happened(segment === null ? bare : { ...bare, what: describe(segment) });
    }
    return fault;
  }
}

/** The faults of a network: written down as they happen, or played as they were written. */
export class Faults {
  /** What happened so far, in order. */
  readonly happened: Fault[] = [];
  readonly #planned: readonly Fault[] | null;

  /** `planned` null: what happens is for dice to say. */
  constructor(planned: readonly Fault[] | null) {
    this.#planned = planned;
  }

  /** The chance of one direction of a link. */
  chance(link: string, way: Direction, dice: Chance): Chance {
    const happened = (fault: Fault) => void this.happened.push(fault);
    if (this.#planned === null) return new WrittenDice(dice, (fault) => happened({ ...fault, link, way }));
    const plan = new Map<number, PacketFault[]>();
    for (const fault of this.#planned) {
      if (!('packet' in fault) || fault.link !== link || fault.way !== way) continue;
      const others = plan.get(fault.packet);
      if (others === undefined) plan.set(fault.packet, [fault]);
      else others.push(fault);
    }
    return new Planned(plan, happened);
  }

  /** Whether a disturbance that somebody wants is to be. */
  allows(wanted: Disturbance): boolean {
    const text = key(wanted);
    const allowed = this.#planned === null || this.#planned.some((one) => !('packet' in one) && key(one) === text);
    if (allowed) this.happened.push(wanted);
    return allowed;
  }
}

function describe({ flags, payloadLength, sourcePort, destinationPort }: Segment): string {
  const text = payloadLength > 0 ? `, ${payloadLength} bytes` : '';
  return `${flagWords(flags).join(', ')}${text}, port ${sourcePort} to ${destinationPort}`;
}

function key(d: Disturbance): string {
  return d.kind === 'cut' ? `${d.link} ${d.way} ${d.at} ${d.until}` : `${d.kind} ${d.host} ${d.at} ${d.until}`;
}

function probability(name: string, p = 0): number {
  if (!(p >= 0 && p <= 1)) throw new RangeError(`${name} is a probability, 0 … 1, not ${p}`);
  return p;
}
