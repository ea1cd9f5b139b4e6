import type { Device, Frame, FrameSink, Offload } from '../link/device.ts';
import type { Host } from '../stack/host.ts';
import type { ConnectionRow } from '../stack/netstat.ts';
import { type ListenOptions, StackError } from '../stack/socket.ts';
import { Stack } from '../stack/stack.ts';
import { linux, type TcpConfig } from '../tcp/config.ts';
import type { Trace } from '../tcp/trace.ts';
import { IpAddress } from '../wire/address.ts';
import type { SimEvent } from './events.ts';
import { ReceiveRing, type ReceiveRingOptions } from './middlebox/receive-ring.ts';
import type { Random } from './random.ts';
import { SimListener, SimSocket } from './socket.ts';
import type { Wire } from './wire.ts';

export interface HostOptions {
  /** 10.0.0.n and fd00::n where not given. */
  readonly addresses?: readonly string[];
  /** Linux's choices where not given; what is given here is changed in them. */
  readonly config?: Partial<TcpConfig>;
  /** A network card that is emptied now and then, and overflows. Without, all that arrives is taken at once. */
  readonly ring?: ReceiveRingOptions;
}

const OFFLOAD: Offload = { checksum: true, maxGso: 0 };

/** Stands between a host's stacks and its links: for counterfactuals, where one rule of the protocol is taken out. */
export interface Edge {
  /** What the stack sends: goes on by `send`, before this returns or not at all; what goes to `deliver` comes back to the stack as if it had arrived. */
  out(frame: Frame, send: (frame: Frame) => void, deliver: (frame: Frame) => void): void;
  /** What arrives, or what is to arrive instead. Null where it is used up. */
  in(frame: Frame): Frame | null;
}

/** One boot of a host: its clock and its timer die with it. */
class Boot implements Host {
  alive = true;
  readonly #host: SimHost;
  readonly #wire: Wire;
  readonly #random: Random;
  #deadline = Number.POSITIVE_INFINITY;
  #callback: () => void = () => {};
  #event: SimEvent | null = null;

  constructor(host: SimHost, wire: Wire, random: Random) {
    this.#host = host;
    this.#wire = wire;
    this.#random = random;
  }

  now(): number {
    return Math.floor(this.#wire.events.now);
  }

  random(bytes: Uint8Array): void {
    this.#random.fill(bytes);
  }

  wakeAt(deadline: number, callback: () => void): void {
    this.#deadline = deadline;
    this.#callback = callback;
    // One that is armed for an earlier time is left alone: deadlines mostly move on.
    if (this.#event !== null && this.#event.time <= deadline) return;
    this.#wire.events.cancel(this.#event);
    this.#event = null;
    this.#arm();
  }

  soon(callback: () => void): void {
    this.#wire.touched = true;
    this.#wire.events.at(this.#wire.events.now, () => this.#host.perform(this, callback));
  }

  #arm(): void {
    if (this.#deadline === Number.POSITIVE_INFINITY || !this.alive) return;
    this.#event = this.#wire.events.at(this.#deadline, this.#fire);
  }

  readonly #fire = (): void => {
    this.#event = null;
    if (this.#wire.events.now < this.#deadline) {
      this.#arm();
      return;
    }
    this.#deadline = Number.POSITIVE_INFINITY;
    this.#host.perform(this, this.#callback);
  };
}

/** A network card of a host, for one boot. */
class SimDevice implements Device {
  readonly name: string;
  readonly offload = OFFLOAD;
  readonly #end: HostEnd;
  readonly #wire: Wire;
  sink: FrameSink | null = null;

  constructor(name: string, end: HostEnd, wire: Wire) {
    this.name = name;
    this.#end = end;
    this.#wire = wire;
  }

  get mtu(): number {
    return this.#end.mtu;
  }

  attach(sink: FrameSink): void {
    this.sink = sink;
  }

  allocate(length: number): Frame {
    return this.#wire.pool.allocate(length);
  }

  transmit(frame: Frame): boolean {
    this.#end.transmit(this, frame);
    return true;
  }

  release(frame: Frame): void {
    this.#wire.free(frame);
  }

  close(): void {
    this.sink = null;
  }
}

/** Where a link meets a host. */
class HostEnd {
  device: SimDevice;
  /** Set when the link is there. */
  mtu = 1500;
  out: (frame: Frame) => void = () => {};
  readonly name: string;
  readonly #host: SimHost;
  readonly #wire: Wire;
  readonly #ring: ReceiveRing | null;

  constructor(host: SimHost, wire: Wire, name: string, ring: ReceiveRingOptions | undefined) {
    this.#host = host;
    this.#wire = wire;
    this.name = name;
    this.device = new SimDevice(name, this, wire);
    const full = (frame: Frame) => wire.lost(frame, `the receive ring of ${host.name} is full`, host.name);
    const take = (frames: Frame[]) => host.arrive(() => this.#deliver(frames));
    this.#ring = ring === undefined ? null : new ReceiveRing(ring, wire.events, take, full);
  }

  transmit(device: SimDevice, frame: Frame): void {
    const wire = this.#wire;
    if (device !== this.device || this.#host.isDown) {
      wire.free(frame);
      return;
    }
    const { edge } = this.#host;
    if (edge === null) wire.send(frame, this.#host.name, this.out);
    else {
      let gone = false;
      const send = (f: Frame) => {
        if (f === frame) gone = true;
        wire.send(f, this.#host.name, this.out);
      };
      edge.out(frame, send, (f) => void wire.events.at(wire.events.now, () => this.arrives([f])));
      // It stopped it, or sent another one instead.
      if (!gone) wire.free(frame);
    }
  }

  arrives(frames: Frame[]): void {
    if (this.#host.isDown) {
      for (const frame of frames) this.#wire.lost(frame, `${this.#host.name} is down`, this.#host.name);
    } else if (this.#ring !== null) this.#ring.add(frames);
    else this.#host.arrive(() => this.#deliver(frames));
  }

  #through(edge: Edge, frame: Frame): Frame | null {
    const changed = edge.in(frame);
    if (changed !== frame) this.#wire.free(frame);
    return changed;
  }

  #deliver(arrived: Frame[]): void {
    const wire = this.#wire;
    const { edge } = this.#host;
    const frames = edge === null ? arrived : arrived.map((f) => this.#through(edge, f)).filter((f) => f !== null);
    const { sink } = this.device;
    const now = Math.floor(wire.events.now);
    for (const frame of frames) {
      if (this.#host.isDown || sink === null) {
        wire.lost(frame, `${this.#host.name} is down`, this.#host.name);
        continue;
      }
      wire.delivered(frame, this.#host.name);
      try {
        sink.receive(frame, now);
      } finally {
        wire.free(frame);
      }
    }
    sink?.flush(now);
  }
}

/** A host of a `Network`: a stack with addresses, which can be paused, crash, and come back without its memory. */
export class SimHost {
  readonly name: string;
  readonly addresses: readonly IpAddress[];
  /** Sees what the stack does; stays over a reboot. */
  #trace: Trace | null = null;
  readonly config: TcpConfig;
  edge: Edge | null = null;
  readonly #wire: Wire;
  readonly #random: Random;
  readonly #ends: HostEnd[] = [];
  readonly #routes: { readonly prefix: IpAddress; readonly end: HostEnd }[] = [];
  readonly #ring: ReceiveRingOptions | undefined;
  #boot: Boot;
  #stack: Stack;
  #down = false;
  #paused = false;
  /** What is to be done when it goes on, and of that what takes in packets. */
  #waiting: (() => void)[] = [];
  readonly #arrived: (() => void)[] = [];

  constructor(wire: Wire, name: string, addresses: readonly IpAddress[], options: HostOptions) {
    this.name = name;
    this.addresses = addresses;
    this.config = { ...linux, ...options.config };
    this.#wire = wire;
    this.#random = wire.random.fork();
    this.#ring = options.ring;
    this.#boot = new Boot(this, wire, this.#random.fork());
    this.#stack = this.#makeStack();
  }

  /** The host's TCP/IP. Another one after a reboot. */
  get stack(): Stack {
    return this.#stack;
  }

  /** The first address. */
  get address(): string {
    return `${this.addresses[0]}`;
  }

  get trace(): Trace | null {
    return this.#trace;
  }

  set trace(trace: Trace | null) {
    this.#trace = trace;
    this.#stack.trace = trace;
  }

  get isDown(): boolean {
    return this.#down;
  }

  /** It crashed at least once: what lived before has heard of nothing since. */
  get hasCrashed(): boolean {
    return this.crashes > 0;
  }

  /** How often. */
  crashes = 0;
  /** Called when it is back: to open listeners anew. */
  onReboot: () => void = () => {};

  get isPaused(): boolean {
    return this.#paused;
  }

  /** Opens a connection; `await socket.opened`, or write at once. */
  connect(
    target: { readonly addresses: readonly IpAddress[] } | string,
    port: number,
    options: { localPort?: number } = {},
  ): SimSocket {
    this.#mustBeUp();
    const remoteAddress = typeof target === 'string' ? address(target) : target.addresses[0]!;
    return SimSocket.connect(this.#wire, this.#stack, { ...options, remoteAddress, remotePort: port });
  }

  listen(port: number, options: ListenOptions & { readonly accept?: boolean } = {}): SimListener {
    this.#mustBeUp();
    return new SimListener(this.#wire, this.#stack, { ...options, port });
  }

  /** What `netstat` shows: listeners, connections, TIME-WAITs. */
  connections(): ConnectionRow[] {
    return this.#stack.connections();
  }

  /** A counter of `nstat`, by its name there without the prefix; 0 for one that is not kept. */
  counter(name: string): number {
    return (this.#stack.counters as unknown as Readonly<Record<string, number>>)[name] ?? 0;
  }

  /** Stands still: nothing is sent, read or timed until `resume`. What arrives waits. */
  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    for (const task of this.#waiting.splice(0)) task();
  }

  /** The power goes: all state is lost, nothing is sent, nobody is told. */
  crash(): void {
    this.crashes++;
    this.#down = true;
    this.#paused = false;
    this.#waiting = [];
    this.#boot.alive = false;
    for (const lose of this.#arrived.splice(0)) lose();
  }

  /** Comes back with an empty memory: the same addresses, another stack. Listeners are to be opened anew. */
  reboot(): void {
    if (!this.#down) this.crash();
    this.#down = false;
    this.#boot = new Boot(this, this.#wire, this.#random.fork());
    this.#stack = this.#makeStack();
    for (const [i, end] of this.#ends.entries()) {
      end.device = new SimDevice(end.name, end, this.#wire);
      this.#attach(end, i === 0);
    }
    for (const { prefix, end } of this.#routes)
      this.#stack.addRoute(prefix, prefix.family === 4 ? 32 : 128, end.device);
    this.onReboot();
  }

  // For the network.

  addEnd(name: string): HostEnd {
    const end = new HostEnd(this, this.#wire, name, this.#ring);
    this.#ends.push(end);
    return end;
  }

  /** The link is there: the stack may use it. */
  attachEnd(end: HostEnd): void {
    this.#attach(end, this.#ends[0] === end);
  }

  addRoute(prefix: IpAddress, end: HostEnd): void {
    if (this.#routes.some((r) => r.prefix.equals(prefix))) return;
    this.#routes.push({ prefix, end });
    this.#stack.addRoute(prefix, prefix.family === 4 ? 32 : 128, end.device);
  }

  /** Does something of this boot, later if the host is paused, never if it is down. */
  perform(boot: Boot, task: () => void): void {
    if (!boot.alive) return;
    if (this.#paused) {
      this.#waiting.push(() => this.perform(boot, task));
      return;
    }
    this.#wire.touched = true;
    task();
  }

  /** Takes in what arrived, later if the host is paused; it is lost where the host goes down before. */
  arrive(deliver: () => void): void {
    if (this.#paused) {
      this.#arrived.push(deliver);
      this.#waiting.push(() => this.#arrived.shift()?.());
      return;
    }
    this.#wire.touched = true;
    deliver();
  }

  #attach(end: HostEnd, first: boolean): void {
    const own = first ? this.addresses : [];
    this.#stack.addDevice(
      end.device,
      own.map((one) => ({ address: one, prefixLength: one.family === 4 ? 24 : 64 })),
    );
  }

  #makeStack(): Stack {
    return new Stack({ host: this.#boot, config: this.config, trace: this.#trace });
  }

  #mustBeUp(): void {
    if (this.#down) throw new StackError('ENETUNREACH', `${this.name} is down: reboot() it first`);
  }
}

export type { HostEnd };

function address(text: string): IpAddress {
  const parsed = IpAddress.parse(text);
  if (parsed === undefined) throw new StackError('EINVAL', `${text} is no address: give one, or a host of the network`);
  return parsed;
}
