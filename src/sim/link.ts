import type { Frame } from '../link/device.ts';
import { Dice } from './faults.ts';
import type { Middlebox, Way } from './middlebox/middlebox.ts';
import { copyFrame, flipBit, rewrite } from './packet.ts';
import { type Arrivals, Pipe, type PipeOptions } from './pipe.ts';
import { tooBig } from './too-big.ts';
import type { Wire } from './wire.ts';

/** A link between two nodes. What is given at the top is for both directions. */
export interface LinkOptions extends PipeOptions {
  /** For what goes from the first node to the second, and back, instead. */
  readonly forward?: PipeOptions;
  readonly back?: PipeOptions;
  /** What stands in the way, from the first node to the second. */
  readonly middleboxes?: readonly Middlebox[];
}

/** From the first node to the second, or back. */
export type Direction = 'forward' | 'back';

/** Two nodes joined: rules, then middleboxes, then the pipe of the direction. */
export class Link {
  /** The names of both, with a dash. */
  readonly name: string;
  readonly middleboxes: readonly Middlebox[];
  readonly #wire: Wire;
  readonly #pipes: Readonly<Record<Direction, Pipe>>;

  constructor(wire: Wire, name: string, options: LinkOptions, first: Arrivals, second: Arrivals) {
    this.#wire = wire;
    this.name = name;
    this.middleboxes = options.middleboxes ?? [];
    const { forward, back, middleboxes: _, ...both } = options;
    const report = {
      lost: (frame: Frame, reason: string) => wire.lost(frame, reason, name),
      changed: (frame: Frame, how: string) => wire.changed(frame, how, name),
    };
    const pipe = (way: Direction, own: PipeOptions | undefined, arrivals: Arrivals) => {
      const options = { ...both, ...own };
      const dice = new Dice(wire.random.fork(), options);
      const chance = wire.faults?.chance(name, way, dice) ?? dice;
      return new Pipe(wire.events, chance, options, arrivals, report);
    };
    this.#pipes = { forward: pipe('forward', forward, second), back: pipe('back', back, first) };
  }

  /** Largest IP packet that both directions take, bytes. */
  get mtu(): number {
    return Math.min(this.#pipes.forward.mtu, this.#pipes.back.mtu);
  }

  /** Packets that wait in a direction's queue. */
  queued(direction: Direction): { readonly packets: number; readonly bytes: number } {
    return this.#pipes[direction].queued;
  }

  /** Nothing gets through, and what is on the way is lost, until `mend`. One direction alone where given. */
  cut(direction?: Direction): void {
    this.#setCut(true, direction);
  }

  mend(direction?: Direction): void {
    this.#setCut(false, direction);
  }

  /** Changes the delay from now on, µs. */
  setDelay(delay: number, direction?: Direction): void {
    if (direction !== 'back') this.#pipes.forward.delay = delay;
    if (direction !== 'forward') this.#pipes.back.delay = delay;
  }

  /** A packet from a node. */
  send(frame: Frame, direction: Direction): void {
    const wire = this.#wire;
    const verdict = wire.rules.judge(frame, this.name, wire.events.now, wire.nameOf);
    switch (verdict?.kind) {
      case 'drop':
        wire.lost(frame, verdict.reason, this.name);
        return;
      case 'delay':
        wire.changed(frame, 'held up', this.name);
        this.#through(frame, direction, 0, verdict.by);
        return;
      case 'duplicate': {
        const copy = copyFrame(frame);
        wire.changed(frame, 'copied', this.name);
        this.#through(frame, direction, 0);
        this.#through(copy, direction, 0, verdict.after);
        return;
      }
      case 'hold':
        wire.changed(frame, 'held', this.name);
        verdict.hold.take(frame, (held) => this.#through(held, direction, 0));
        return;
      case 'corrupt':
        flipBit(frame, wire.random.next());
        wire.changed(frame, 'a bit turned over on the way', this.name);
        break;
      case 'mutate': {
        const changed = rewrite(frame, verdict.change);
        if (changed === null) break;
        wire.changed(frame, 'changed', this.name);
        wire.free(frame);
        this.#through(changed, direction, 0);
        return;
      }
    }
    this.#through(frame, direction, 0);
  }

  /** On from the `next`-th middlebox in this direction. */
  #through(frame: Frame, direction: Direction, next: number, extra = 0): void {
    const { length } = this.middleboxes;
    if (next >= length) {
      const pipe = this.#pipes[direction];
      const answer = frame.length > pipe.pathMtu && pipe.icmp && !pipe.cut ? tooBig(frame, pipe.pathMtu) : null;
      pipe.send(frame, extra);
      if (answer !== null) this.#through(answer, direction === 'forward' ? 'back' : 'forward', 0);
      return;
    }
    const box = this.middleboxes[direction === 'forward' ? next : length - 1 - next]!;
    const wire = this.#wire;
    const way: Way = {
      now: wire.events.now,
      random: wire.random,
      forward: (f) => this.#through(f, direction, next + 1, extra),
      back: (f) => this.#through(f, direction === 'forward' ? 'back' : 'forward', length - next),
      lose: (f, reason) => wire.lost(f, `${box.name}: ${reason}`, this.name),
      free: (f) => wire.free(f),
      at: (time, callback) => void wire.events.at(time, callback),
    };
    box.handle(frame, direction, way);
  }

  #setCut(cut: boolean, direction: Direction | undefined): void {
    if (direction !== 'back') this.#pipes.forward.cut = cut;
    if (direction !== 'forward') this.#pipes.back.cut = cut;
  }
}
