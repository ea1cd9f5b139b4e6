import { createHash } from 'node:crypto';
import { expect } from 'vitest';
import { Ethernet } from '../../../src/link/ethernet.ts';
import { Fault, type FaultRule } from '../../../src/link/fault.ts';
import { NodeHost } from '../../../src/node/host.ts';
import type { SocketEvents, TcpSocket } from '../../../src/stack/socket.ts';
import { Stack } from '../../../src/stack/stack.ts';
import { linux, type TcpConfig } from '../../../src/tcp/config.ts';
import type { Failure } from '../../../src/tcp/notices.ts';
import { STATE_NAMES, type StateName } from '../../../src/tcp/state.ts';
import type { FourTuple, Trace } from '../../../src/tcp/trace.ts';
import { IpAddress } from '../../../src/wire/address.ts';
import { describeFlags } from '../../../src/wire/describe.ts';
import { KERNEL4, KERNEL6, OURS4, OURS6, TestNetwork, type TestTunOptions } from './namespace.ts';
import { pattern } from './pattern.mjs';

/** What one connection went through, in the words of the RFC: our states, and the segments that came and went. */
export class Story {
  readonly states: StateName[] = ['CLOSED'];
  /** `> S`, `< S.`, `> .`: out and in, control bits in tcpdump's letters without the P. */
  readonly segments: string[] = [];
  readonly timers: string[] = [];
  readonly drops: string[] = [];

  /** Segments that are more than text and its ACKs: SYN, FIN, RST, in order. */
  get marks(): string[] {
    return this.segments.filter((s) => /[SFR]/.test(s));
  }
}

/** A stack of ours against the kernel's, with a fault device between them and the stories of all connections. */
export class World {
  readonly net: TestNetwork;
  readonly fault: Fault;
  readonly stack: Stack;
  /** By the ports of our connections: `80-45678`. The latest one last. */
  readonly stories = new Map<string, Story>();

  constructor(config: Partial<TcpConfig> = {}, rules: readonly FaultRule[] = [], options: TestTunOptions = {}) {
    this.net = new TestNetwork(options);
    const addresses = [
      { address: IpAddress.of(OURS4), prefixLength: 24 },
      { address: IpAddress.of(OURS6), prefixLength: 64 },
    ];
    const { device } = this.net;
    this.fault = new Fault(options.tap ? new Ethernet(device, { host: new NodeHost(), addresses }) : device, rules);
    this.stack = new Stack({ host: new NodeHost(), config: { ...linux, ...config }, trace: this.#trace() });
    this.stack.addDevice(this.fault, addresses);
  }

  /** The story of the connection that was opened last, or of the one given. */
  story(of?: FourTuple): Story {
    const story = of === undefined ? [...this.stories.values()].at(-1) : this.stories.get(key(of));
    if (story === undefined) throw new Error('no connection has a story yet');
    return story;
  }

  /** Accepts one connection, with an ear on it. */
  accept(port = 80): Promise<Ear> {
    return new Promise((resolve) => {
      const listener = this.stack.listen({ port }, (socket) => {
        resolve(new Ear(socket));
        listener.close();
      });
    });
  }

  connect(port: number, family: 4 | 6 = 4): Ear {
    const remoteAddress = IpAddress.of(family === 4 ? KERNEL4 : KERNEL6);
    return new Ear(this.stack.connect({ remoteAddress, remotePort: port }));
  }

  /** Nothing of ours is left: no connection, no timer, no buffer. */
  async empty(): Promise<void> {
    await expect
      .poll(() => this.stack.stats(), { timeout: 10_000 })
      .toMatchObject({ connections: 0, timeWait: 0, timers: 0, buffered: 0 });
  }

  async close(): Promise<void> {
    this.stack.close();
    await this.net.close();
  }

  #trace(): Trace {
    const of = (tuple: FourTuple): Story | undefined => this.stories.get(key(tuple));
    return {
      segment: (direction, tuple, segment) => {
        const flags = describeFlags(segment.flags).replace('P', '');
        of(tuple)?.segments.push(`${direction === 'in' ? '<' : '>'} ${flags}`);
      },
      state: (tuple, from, to) => {
        if (STATE_NAMES[from] === 'CLOSED') this.stories.set(key(tuple), new Story());
        of(tuple)?.states.push(STATE_NAMES[to]);
      },
      timer: (tuple, timer) => of(tuple)?.timers.push(timer),
      drop: (tuple, _segment, reason) => of(tuple)?.drops.push(reason),
    };
  }
}

/** An end of ours as a test uses it: reads what comes, writes the pattern, and can be waited for. */
export class Ear {
  readonly socket: TcpSocket;
  bytes = 0;
  connected = false;
  ended = false;
  /** undefined: not closed; null: orderly. */
  closed: Failure | null | undefined;
  /** Reads as it comes; a test that wants the window to close sets it to false. */
  reading = true;
  readonly #hash = createHash('sha256');
  #toSend = 0;
  #sent = 0;
  #thenShutdown = false;

  constructor(socket: TcpSocket) {
    this.socket = socket;
    const events: SocketEvents = {
      onConnect: () => {
        this.connected = true;
      },
      onReadable: () => this.read(),
      onWritable: () => this.#push(),
      onEnd: () => {
        this.read();
        this.ended = true;
      },
      onClose: (failure) => {
        this.read();
        this.closed = failure;
      },
    };
    socket.events = events;
    this.read();
  }

  get sha256(): string {
    return this.#hash.copy().digest('hex');
  }

  read(): void {
    if (!this.reading) return;
    for (let chunk = this.socket.receive(); chunk !== null; chunk = this.socket.receive()) {
      this.bytes += chunk.length;
      this.#hash.update(chunk);
    }
  }

  /** Sends the next `length` bytes of the pattern, and FIN after them if told. */
  write(length: number, thenShutdown = false): void {
    this.#toSend += length;
    this.#thenShutdown = thenShutdown;
    this.#push();
  }

  /** Everything that was to be sent has been taken by the stack. */
  get written(): boolean {
    return this.#toSend === 0;
  }

  until(what: 'connected' | 'ended' | 'closed' | 'written', timeout = 20_000): Promise<void> {
    const is = () => (what === 'closed' ? this.closed !== undefined : this[what]);
    return expect.poll(is, { timeout, interval: 10, message: what }).toBe(true);
  }

  #push(): void {
    while (this.#toSend > 0) {
      const piece = pattern(this.#sent, Math.min(this.#toSend, 65_536));
      const taken = this.socket.send(piece, false);
      if (taken < 0) throw new Error('the connection takes no more');
      this.#sent += taken;
      this.#toSend -= taken;
      if (taken < piece.length) return;
    }
    if (this.#thenShutdown) this.socket.shutdown();
  }
}

function key(tuple: FourTuple): string {
  return `${tuple.localPort}-${tuple.remotePort}`;
}
