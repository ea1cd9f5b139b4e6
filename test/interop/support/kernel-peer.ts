import type { NetConnectOpts, ServerOpts } from 'node:net';
import { fileURLToPath } from 'node:url';
import { Program } from './child.ts';

const SCRIPT = fileURLToPath(new URL('kernel-peer.mjs', import.meta.url));

/** What happened to a socket or a server of the kernel's side, in the order it happened. */
export interface KernelEvent {
  readonly id: string;
  readonly event: 'ready' | 'listening' | 'accepted' | 'connected' | 'data' | 'written' | 'end' | 'error' | 'close';
  /** Bytes received so far. */
  readonly bytes?: number;
  /** Bytes of the pattern sent so far. */
  readonly sent?: number;
  /** Of all that was received, at the end of the stream. */
  readonly sha256?: string;
  /** ECONNRESET, … */
  readonly code?: string;
  readonly syscall?: string;
  readonly hadError?: boolean;
  readonly port?: number;
  readonly socket?: string;
}

/** A process with sockets of the kernel's TCP. The test says what they do, one command at a time. */
export class KernelPeer {
  /** The process: kill it, and the kernel closes what it had open. */
  readonly program: Program;
  readonly events: KernelEvent[] = [];
  #parsed = 0;
  #sockets = 0;

  private constructor(timeout: number) {
    this.program = new Program(process.execPath, [SCRIPT], { timeout });
    this.program.onOutput(() => this.#parse());
  }

  /** Starts it in the network namespace of the test. It is killed after `timeout` ms. */
  static async start(timeout = 60_000): Promise<KernelPeer> {
    const peer = new KernelPeer(timeout);
    await peer.until('', 'ready');
    return peer;
  }

  /** A server. `echo` sends back what comes; `pauseOnConnect` reads nothing until told to. */
  async listen(
    port: number,
    options: ServerOpts & { host?: string; backlog?: number; echo?: boolean } = {},
  ): Promise<KernelServer> {
    const { host = '::', ...rest } = options;
    const server = new KernelServer(this, `server${++this.#sockets}`);
    this.send('listen', server.id, port, host, rest);
    await server.until('listening');
    return server;
  }

  /** A client, connecting; `until('connected')`, or `'error'`, tells when. */
  connect(port: number, host: string, options: Partial<NetConnectOpts> = {}): KernelSocket {
    const socket = new KernelSocket(this, `client${++this.#sockets}`);
    this.send('connect', socket.id, port, host, options);
    return socket;
  }

  send(...command: readonly unknown[]): void {
    this.program.write(`${JSON.stringify(command)}\n`);
  }

  /** Waits for an event, or finds it among those that were. */
  until(
    id: string,
    event: KernelEvent['event'],
    which: (event: KernelEvent) => boolean = () => true,
    timeout?: number,
  ): Promise<KernelEvent> {
    const find = () => this.events.find((one) => one.id === id && one.event === event && which(one));
    return this.program.until(`${id} ${event}`, find, timeout);
  }

  #parse(): void {
    const { stdout } = this.program;
    for (let end = stdout.indexOf('\n', this.#parsed); end >= 0; end = stdout.indexOf('\n', this.#parsed)) {
      this.events.push(JSON.parse(stdout.slice(this.#parsed, end)) as KernelEvent);
      this.#parsed = end + 1;
    }
  }
}

export class KernelServer {
  readonly id: string;
  readonly #peer: KernelPeer;
  #accepted = 0;

  constructor(peer: KernelPeer, id: string) {
    this.#peer = peer;
    this.id = id;
  }

  until(event: KernelEvent['event'], which?: (event: KernelEvent) => boolean, timeout?: number): Promise<KernelEvent> {
    return this.#peer.until(this.id, event, which, timeout);
  }

  /** The next connection, in the order of their arrival. */
  async accept(timeout?: number): Promise<KernelSocket> {
    const index = this.#accepted++;
    const { socket } = await this.#peer.program.until(
      `${this.id} accepted`,
      () => this.#peer.events.filter((one) => one.id === this.id && one.event === 'accepted')[index],
      timeout,
    );
    return new KernelSocket(this.#peer, socket!);
  }

  close(): void {
    this.#peer.send('unlisten', this.id);
  }
}

/** A socket of the kernel's side, half-open if the peer ends first: what it does, the test says. */
export class KernelSocket {
  readonly id: string;
  readonly #peer: KernelPeer;

  constructor(peer: KernelPeer, id: string) {
    this.#peer = peer;
    this.id = id;
  }

  until(event: KernelEvent['event'], which?: (event: KernelEvent) => boolean, timeout?: number): Promise<KernelEvent> {
    return this.#peer.until(this.id, event, which, timeout);
  }

  /** Waits until it has received `bytes` in all. */
  received(bytes: number, timeout?: number): Promise<KernelEvent> {
    return this.until('data', (one) => one.bytes! >= bytes, timeout);
  }

  /** What happened to it so far. */
  get events(): KernelEvent[] {
    return this.#peer.events.filter((one) => one.id === this.id);
  }

  /** Sends the next `bytes` of the pattern (pattern.mjs); `until('written')` tells when the kernel has taken them. */
  write(bytes: number): void {
    this.#peer.send('write', this.id, bytes);
  }

  text(text: string): void {
    this.#peer.send('text', this.id, text);
  }

  /** FIN, once all is sent. */
  end(): void {
    this.#peer.send('end', this.id);
  }

  /** close(2): a FIN, or a RST where something was unread. */
  destroy(): void {
    this.#peer.send('destroy', this.id);
  }

  /** A RST (SO_LINGER with 0). */
  reset(): void {
    this.#peer.send('reset', this.id);
  }

  /** Stops reading: the kernel's buffer fills, and its window closes. */
  pause(): void {
    this.#peer.send('pause', this.id);
  }

  resume(): void {
    this.#peer.send('resume', this.id);
  }

  noDelay(): void {
    this.#peer.send('noDelay', this.id);
  }
}
