import type { Frame } from '../link/device.ts';
import { IpAddress } from '../wire/address.ts';
import { type Disturbance, type Fault, Faults } from './faults.ts';
import { SimGate } from './gate.ts';
import { type HostEnd, type HostOptions, SimHost } from './host.ts';
import { type Direction, Link, type LinkOptions } from './link.ts';
import { SimRouter } from './router.ts';
import type { Rule, Rules } from './rules.ts';
import { type Duration, micros } from './units.ts';
import { type PacketObserver, Wire } from './wire.ts';

export interface NetworkOptions {
  /** Whatever is random comes from it: the same seed, the same bytes. 1 where not given. */
  readonly seed?: number;
  /** Lets all user code run that can run now, then fulfils. Some rounds of promises where not given; `synfin/testing` has Node's. */
  readonly settle?: () => Promise<void>;
  /** How much virtual time `run` allows. 100 days where not given. */
  readonly limit?: Duration;
  /** What befalls packets, links and hosts: 'record' keeps what chance decides; what was kept is played instead of chance. */
  readonly faults?: 'record' | readonly Fault[];
  /** What makes this network's time keep step with another clock. Without, time passes as fast as things can happen. */
  readonly pace?: Pace;
}

/** What `onSilence` calls silence, µs. */
const SILENCE = 200_000;

/** A clock outside: for a network with a `gate` to something that is not simulated. */
export interface Pace {
  /**
   * Fulfilled when `elapsed`, µs since the start, has come (Infinity: never), or something outside has happened before. Gives what has elapsed by then.
   */
  until(elapsed: number): Promise<number>;
}

/** The simulated time at the start: 1 s, so that no time is 0. */
const START = 1_000_000;
/** Promises of promises that a piece of user code may hang on, at one moment. */
const ROUNDS = 24;

type Node = SimHost | SimRouter | SimGate;

interface Edge {
  readonly link: Link;
  readonly a: Node;
  readonly b: Node;
  readonly out: ReadonlyMap<Node, (frame: Frame) => void>;
  readonly ends: ReadonlyMap<Node, HostEnd>;
}

/**
 * A network in virtual time: hosts that run the real stack, on links that lose, delay, reorder, duplicate and damage as they are told.
 *
 * ```ts
 * const net = new Network({ seed: 7 });
 * const [client, server] = [net.host('client'), net.host('server')];
 * net.link(client, server, { delay: '20ms', loss: 0.01 });
 * await net.run(async () => {
 *   const listener = server.listen(80);
 *   const socket = client.connect(server, 80);
 *   const accepted = await listener.accept();
 *   …
 * });
 * ```
 */
export class Network {
  readonly seed: number;
  readonly hosts: SimHost[] = [];
  readonly links: Link[] = [];
  readonly #wire: Wire;
  readonly #edges: Edge[] = [];
  readonly #settle: () => Promise<void>;
  readonly #limit: number;
  readonly #pace: Pace | null;
  readonly #gates: SimGate[] = [];
  /** Called when nothing will happen for a while, before time jumps there: what timers run then is worth telling. */
  onSilence: (() => void) | null = null;
  #running = false;
  #routed = true;

  constructor({ seed = 1, settle = settlePromises, limit = '100d', pace, faults }: NetworkOptions = {}) {
    if (!Number.isSafeInteger(seed)) throw new RangeError(`the seed is a whole number, not ${seed}`);
    this.seed = seed;
    this.#wire = new Wire(seed, START);
    if (faults !== undefined) this.#wire.faults = new Faults(faults === 'record' ? null : faults);
    this.#settle = settle;
    this.#limit = micros(limit);
    this.#pace = pace ?? null;
  }

  /** A host with a stack of its own. */
  host(name: string, options: HostOptions = {}): SimHost {
    if (this.hosts.some((h) => h.name === name))
      throw new Error(`there is a host ${name} already: choose another name`);
    const host = new SimHost(this.#wire, name, this.#addresses(name, options.addresses), options);
    this.hosts.push(host);
    return host;
  }

  /** A host that is not simulated: what is sent to it is handed out, and what is handed in it has sent. */
  gate(name: string, addresses?: readonly string[]): SimGate {
    const gate = new SimGate(this.#wire, name, this.#addresses(name, addresses));
    this.#gates.push(gate);
    return gate;
  }

  /** A node that only hands packets on: where several links meet. */
  router(name: string): SimRouter {
    return new SimRouter(this.#wire, name);
  }

  /** Joins two nodes. */
  link(a: Node, b: Node, options: LinkOptions = {}): Link {
    if (a === b) throw new Error(`${a.name} needs no link to itself: it has 127.0.0.1`);
    const name = `${a.name}-${b.name}`;
    const ends = new Map<Node, HostEnd>();
    for (const node of [a, b]) if (node instanceof SimHost) ends.set(node, node.addEnd(name));
    const arrivals = (node: Node) => (frames: Frame[]) => {
      if (node instanceof SimHost) ends.get(node)!.arrives(frames);
      else node.arrives(frames);
    };
    const link = new Link(this.#wire, name, options, arrivals(a), arrivals(b));
    const out = new Map<Node, (frame: Frame) => void>([
      [a, (frame) => link.send(frame, 'forward')],
      [b, (frame) => link.send(frame, 'back')],
    ]);
    for (const [node, end] of ends) {
      end.mtu = link.mtu;
      end.out = out.get(node)!;
      (node as SimHost).attachEnd(end);
    }
    for (const node of [a, b]) if (node instanceof SimGate) node.out = out.get(node)!;
    this.#edges.push({ link, a, b, out, ends });
    this.links.push(link);
    for (const box of link.middleboxes) {
      for (const address of box.addresses ?? []) this.#wire.name(address.toString(), box.name);
    }
    this.#routed = false;
    this.#route();
    return link;
  }

  /** What befalls packets: verdicts over patterns, the first that matches wins. */
  get rules(): Rules {
    return this.#wire.rules;
  }

  /** Nothing passes between hosts of the two groups until what is returned is called. */
  partition(some: readonly SimHost[], others: readonly SimHost[]): () => void {
    const [left, right] = [new Set(some.map((h) => h.name)), new Set(others.map((h) => h.name))];
    const rule: Rule = ({ from, to }) => {
      const between = (left.has(from) && right.has(to)) || (right.has(from) && left.has(to));
      return between ? { kind: 'drop', reason: 'the network is partitioned' } : undefined;
    };
    this.rules.list.unshift(rule);
    return () => this.rules.remove(rule);
  }

  /** What befell packets, links and hosts so far. Empty where `faults` was not given. */
  get faults(): readonly Fault[] {
    return this.#wire.faults?.happened ?? [];
  }

  /** Something was cut, paused or crashed by `disturb`, or will be. */
  disturbed = false;

  /** Cuts a link, or pauses or crashes a host, for a while: one more of the faults, which may be recorded, left out, and played again. */
  disturb(disturbance: Disturbance): void {
    if (this.#wire.faults?.allows(disturbance) === false) return;
    this.disturbed = true;
    const begin = START + disturbance.at;
    const end = START + disturbance.until;
    if (disturbance.kind === 'cut') {
      const { way } = disturbance;
      const link = named(this.links, disturbance.link, 'link');
      this.schedule(begin, () => link.cut(way));
      this.schedule(end, () => link.mend());
      return;
    }
    const host = named(this.hosts, disturbance.host, 'host');
    if (disturbance.kind === 'crash') {
      this.schedule(begin, () => host.crash());
      this.schedule(end, () => {
        if (host.isDown) host.reboot();
      });
      return;
    }
    this.schedule(begin, () => {
      if (!host.isDown) host.pause();
    });
    this.schedule(end, () => host.resume());
  }

  /** Watches all packets. Returns what ends that. */
  observe(observer: PacketObserver): () => void {
    const { observers } = this.#wire;
    observers.push(observer);
    return () => {
      const at = observers.indexOf(observer);
      if (at >= 0) observers.splice(at, 1);
    };
  }

  /** What became of the packet that a stack sent last: for observers of stacks. */
  get fate(): Wire['fate'] {
    return this.#wire.fate;
  }

  /** Virtual time since the start, µs. */
  get elapsed(): number {
    return this.#wire.events.now - START;
  }

  /** The clock of all hosts, µs. */
  get now(): number {
    return this.#wire.events.now;
  }

  /** Packets that stacks sent, that were lost, that were delivered to stacks; events that happened. */
  get counters(): { readonly sent: number; readonly lost: number; readonly arrived: number; readonly events: number } {
    const { sent, lostCount, arrived, events } = this.#wire;
    return { sent, lost: lostCount, arrived, events: events.happened };
  }

  /** Packets in memory: on links, in queues, held by rules. 0 when nothing is on its way. */
  get outstanding(): number {
    return this.#wire.pool.outstanding;
  }

  /** Fulfilled when so much virtual time has gone by. */
  sleep(duration: Duration): Promise<void> {
    const by = micros(duration);
    return new Promise((resolve) => this.schedule(this.now + by, resolve));
  }

  /** Calls back at a time of the hosts' clock, µs. What is returned cancels it. */
  schedule(time: number, callback: () => void): () => void {
    const wire = this.#wire;
    const event = wire.events.at(time, () => {
      wire.touched = true;
      callback();
    });
    return () => wire.events.cancel(event);
  }

  /** Runs user code in virtual time until its promise is settled. Time stands still while it works, and passes while it waits. */
  async run<T>(script: () => Promise<T> | T): Promise<T> {
    if (this.#running) throw new Error('this network runs already: await what the first run() returned');
    this.#running = true;
    const wire = this.#wire;
    let outcome: { ok: true; value: T } | { ok: false; error: unknown } | null = null;
    const until = this.now + this.#limit;
    try {
      Promise.resolve()
        .then(script)
        .then(
          (value) => {
            outcome = { ok: true, value };
          },
          (error: unknown) => {
            outcome = { ok: false, error };
          },
        );
      await this.#settle();
      while (outcome === null) {
        wire.touched = false;
        if (this.onSilence !== null && wire.events.next - this.now >= SILENCE) this.onSilence();
        if (this.#pace !== null) await this.#keepPace(this.#pace);
        else if (!wire.events.step(until)) {
          await this.#stalled(() => outcome !== null);
          continue;
        }
        if (wire.touched || this.#pace !== null) await this.#settle();
      }
    } finally {
      this.#running = false;
    }
    const settled = outcome as { ok: true; value: T } | { ok: false; error: unknown };
    if (settled.ok) return settled.value;
    throw settled.error;
  }

  /** Lets so much virtual time go by at once, without waiting for promises: for code that lives from callbacks. */
  advance(duration: Duration): void {
    const { events } = this.#wire;
    const until = this.now + micros(duration);
    while (events.step(until));
    events.now = Math.max(events.now, until);
  }

  /** The same until nothing is left to happen, or the limit is reached. True where nothing is left. */
  drain(limit: Duration = '30d'): boolean {
    const { events } = this.#wire;
    const until = this.now + micros(limit);
    while (events.step(until));
    return events.next === Number.POSITIVE_INFINITY;
  }

  /** Waits for the next event, or for what comes from outside, and lets all happen that is due by then: each thing at its own time. */
  async #keepPace(pace: Pace): Promise<void> {
    const { events } = this.#wire;
    const now = START + (await pace.until(events.next - START));
    if (events.next <= now) events.step(now);
    else events.now = Math.max(events.now, now);
  }

  /** Those of a host; 10.0.0.n and fd00::n for the n-th. */
  #addresses(name: string, texts: readonly string[] | undefined): IpAddress[] {
    const n = this.hosts.length + this.#gates.length + 1;
    return (texts ?? [`10.0.0.${n}`, `fd00::${n.toString(16)}`]).map((text) => {
      const address = IpAddress.parse(text);
      if (address === undefined) throw new TypeError(`${text} is no IP address`);
      this.#wire.name(address.toString(), name);
      return address;
    });
  }

  /** Nothing is due. Code may still be on its way through promises, or wait for the world outside. */
  async #stalled(over: () => boolean): Promise<void> {
    const { events } = this.#wire;
    for (let i = 0; i < 100; i++) {
      await this.#settle();
      if (over() || events.next < this.now + this.#limit) return;
    }
    const at = (this.elapsed / 1e6).toFixed(3);
    throw new Error(
      events.next === Number.POSITIVE_INFINITY
        ? `the simulation stands still at ${at} s: no packet is on its way and no timer runs, yet run() still waits for something`
        : `run() has not ended at ${at} s of virtual time: raise limit if it is to run so long`,
    );
  }

  /** Gives each host and router the shortest way to each address. */
  #route(): void {
    if (this.#routed) return;
    this.#routed = true;
    for (const target of [...this.hosts, ...this.#gates]) this.#routeTo(target, target.addresses);
    for (const edge of this.#edges) {
      for (const box of edge.link.middleboxes) {
        // Its addresses are outside: from there they lead to it.
        const addresses = box.addresses ?? [];
        this.#routeTo(edge.a, addresses, edge);
      }
    }
  }

  /** Breadth first from the target: each node's way is where it was first reached from. */
  #routeTo(target: Node, addresses: readonly IpAddress[], first: Edge | null = null): void {
    const reached = new Set<Node>([target]);
    let border: Node[] = [target];
    while (border.length > 0) {
      const next: Node[] = [];
      for (const node of border) {
        for (const edge of this.#edges) {
          if (node === target && first !== null && edge !== first) continue;
          const other = edge.a === node ? edge.b : edge.b === node ? edge.a : null;
          if (other === null || reached.has(other)) continue;
          reached.add(other);
          next.push(other);
          for (const address of addresses) {
            if (other instanceof SimRouter) other.addRoute(address, edge.out.get(other)!);
            else if (other instanceof SimHost) other.addRoute(address, edge.ends.get(other)!);
          }
        }
      }
      // A host hands nothing on.
      border = next.filter((node) => node instanceof SimRouter);
    }
  }
}

function named<T extends { readonly name: string }>(all: readonly T[], name: string, what: string): T {
  const found = all.find((one) => one.name === name);
  if (found === undefined) throw new Error(`there is no ${what} ${name}: ${all.map((one) => one.name).join(', ')}`);
  return found;
}

export type { Direction };

async function settlePromises(): Promise<void> {
  for (let i = 0; i < ROUNDS; i++) await null;
}
