import type { TcpSocket } from '../stack/socket.ts';
import type { TcpConfig } from '../tcp/config.ts';
import type { Failure } from '../tcp/notices.ts';
import { TraceDigest } from './digest.ts';
import { exponential, uniform } from './distribution.ts';
import type { SimHost } from './host.ts';
import type { Link, LinkOptions } from './link.ts';
import { gilbertElliott } from './loss.ts';
import { Firewall } from './middlebox/firewall.ts';
import type { Middlebox } from './middlebox/middlebox.ts';
import { Nat } from './middlebox/nat.ts';
import { OptionStripper } from './middlebox/option-stripper.ts';
import { Network } from './network.ts';
import { CoDel, DropTail } from './queue.ts';
import { Random } from './random.ts';

/** What a campaign's run came to. */
export interface CampaignResult {
  readonly seed: number;
  /** What does not hold; empty when all is well. */
  readonly complaints: readonly string[];
  readonly connections: number;
  /** Connections that ended in order at both ends, and those that failed at one. */
  readonly orderly: number;
  readonly failed: number;
  readonly segments: number;
  readonly lost: number;
  readonly bytes: number;
  /** µs of virtual time. */
  readonly lasted: number;
  /** Of all packets, where that was asked for. */
  readonly digest: string;
}

export interface CampaignOptions {
  readonly digest?: boolean;
  /** Something done to the network before all else: to see that the run notices. */
  readonly sabotage?: (net: Network) => void;
}

const PORT = 80;
const MINUTE = 60_000_000;

/** One end of a connection, with an application that writes, reads and closes as chance has it. */
class End {
  readonly name: string;
  /** Its stream begins with this number: no two streams are alike. */
  readonly stream: number;
  readonly toSend: number;
  sent = 0;
  received = 0;
  /** It read something that was not next. */
  wrong = -1;
  ended = false;
  /** Undefined while it lives. */
  failure: Failure | null | undefined;
  readonly style: 'end' | 'close' | 'abort';
  socket: TcpSocket | null = null;
  host: SimHost;

  constructor(name: string, host: SimHost, stream: number, random: Random) {
    this.name = name;
    this.host = host;
    this.stream = stream;
    this.toSend = random.chance(0.2) ? 0 : Math.floor(random.next() ** 3 * 60_000);
    this.style = random.chance(0.05) ? 'abort' : random.chance(0.3) ? 'close' : 'end';
  }

  /** `slow`: it reads later, when called. */
  attach(socket: TcpSocket, chunk: number, later: (callback: () => void) => void, slow: boolean): void {
    this.socket = socket;
    socket.setKeepAlive(true, MINUTE, MINUTE / 4, 4);
    const write = () => this.#write(chunk);
    const read = () => {
      if (slow) later(() => this.#read());
      else this.#read();
    };
    socket.events = {
      onConnect: write,
      onWritable: write,
      onReadable: read,
      onEnd: () => {
        this.#read();
        this.ended = true;
        this.#finish();
      },
      onClose: (failure) => {
        this.failure = failure;
      },
    };
  }

  start(chunk: number): void {
    this.#write(chunk);
  }

  #write(chunk: number): void {
    const socket = this.socket!;
    while (this.sent < this.toSend) {
      const piece = new Uint8Array(Math.min(chunk, this.toSend - this.sent));
      for (let i = 0; i < piece.length; i++) piece[i] = byteAt(this.stream, this.sent + i);
      const taken = socket.send(piece);
      if (taken > 0) this.sent += taken;
      if (taken < piece.length) return;
    }
    this.#finish();
  }

  /** Everything is written: it ends its direction, in its own way. */
  #finish(): void {
    const socket = this.socket!;
    if (this.sent < this.toSend) return;
    if (this.style === 'abort') socket.abort();
    else if (this.style === 'end' || !this.ended) socket.shutdown();
    if (this.ended && socket.ended) socket.close();
  }

  #read(): void {
    this.socket!.consume((bytes) => {
      for (let i = 0; i < bytes.length; i++) {
        if (bytes[i] !== byteAt(this.peerStream, this.received + i) && this.wrong < 0) this.wrong = this.received + i;
      }
      this.received += bytes.length;
    });
    if (this.ended) this.#finish();
  }

  get peerStream(): number {
    return this.stream ^ 1;
  }
}

/** Byte `at` of a stream. */
function byteAt(stream: number, at: number): number {
  return (Math.imul(at + 1, 0x9e3779b1) ^ Math.imul(stream + 1, 0x85ebca6b)) >>> 24;
}

/**
 * A run of everything that chance can put together: hosts and links, faults, applications. What must hold whatever happens: readers read a prefix of
 * what was written, and all of it where both ends close in order; every connection ends; and nothing of it is left.
 */
export function runCampaign(seed: number, options: CampaignOptions = {}): CampaignResult {
  const random = new Random(seed);
  const net = new Network({ seed });
  const digest = new TraceDigest();
  if (options.digest) net.observe(digest.observer);
  options.sabotage?.(net);
  const { hosts, links } = build(net, random);
  const complaints: string[] = [];
  const pairs = converse(net, hosts, random);
  disturb(net, hosts, links, random);
  // The longest that anything may take: retransmissions to the end, twice, and TIME-WAIT.
  const drained = net.drain('3h');
  if (!drained) complaints.push('something is still due after three hours');
  for (const { a, b } of pairs) complaints.push(...judge(a, b));
  for (const host of hosts) {
    for (const row of host.stack.connections()) {
      if (row.state !== 'LISTEN') complaints.push(`${host.name}: a connection is left in ${row.state}`);
    }
    const { timers, buffered } = host.stack.stats();
    if (timers + buffered > 0) complaints.push(`${host.name}: ${timers} timers and ${buffered} bytes are left`);
  }
  if (net.outstanding > 0) complaints.push(`${net.outstanding} frames are left`);
  const { sent, lost } = net.counters;
  const over = pairs.filter(({ a, b }) => a.failure === null && b.failure === null).length;
  return {
    seed,
    complaints,
    connections: pairs.length,
    orderly: over,
    failed: pairs.length - over,
    segments: sent,
    lost,
    bytes: pairs.reduce((n, { a, b }) => n + a.received + b.received, 0),
    lasted: net.elapsed,
    digest: digest.value,
  };
}

interface Built {
  readonly hosts: SimHost[];
  readonly links: Link[];
}

/** Damage is done on one link of a path only: two bits turned over can cancel each other out in TCP's checksum, and then no TCP could tell. */
function build(net: Network, random: Random): Built {
  const clients = 1 + random.below(3);
  const server = net.host('server', { config: someConfig(random) });
  const hosts = [server];
  const links: Link[] = [];
  const router = clients > 1 || random.chance(0.2) ? net.router('router') : null;
  if (router !== null) links.push(net.link(router, server, { ...someLink(random), corrupt: 0 }));
  for (let i = 0; i < clients; i++) {
    const ring = random.chance(0.1) ? { ring: { slots: 4 + random.below(60), every: 100 + random.below(2000) } } : {};
    const client = net.host(`client${i + 1}`, { config: someConfig(random), ...ring });
    hosts.push(client);
    links.push(net.link(client, router ?? server, { ...someLink(random), middleboxes: someBoxes(random, i) }));
  }
  return { hosts, links };
}

function someConfig(random: Random): Partial<TcpConfig> {
  const coin = (p = 0.8) => random.chance(p);
  return {
    tcp_timestamps: coin(),
    tcp_sack: coin(),
    tcp_window_scaling: coin(),
    tcp_congestion_control: random.pick(['cubic', 'reno', 'bbr'] as const),
    tcp_ecn: random.pick([0, 1, 2, 3] as const),
    receiveBuffer: random.pick([4096, 16_384, 65_536, 1 << 20]),
    sendBuffer: random.pick([4096, 65_536, 1 << 20]),
    tcp_retries2: 8,
    tcp_orphan_retries: 6,
    tcp_fin_timeout: 10_000_000,
    timeWait: random.pick([1_000_000, 60_000_000]),
    tcp_syncookies: random.pick([0, 1, 2] as const),
  };
}

function someLink(random: Random): LinkOptions {
  const some = (p: number, most: number) => (random.chance(p) ? random.next() * most : 0);
  const rate = random.chance(0.4) ? { rate: 10 ** (5.5 + 3 * random.next()) } : {};
  const queue = random.chance(0.5)
    ? { queue: () => new CoDel({ ecn: true }) }
    : { queue: () => new DropTail({ packets: 20 }) };
  const jitter = random.chance(0.3)
    ? { jitter: random.chance(0.5) ? uniform(0, 5000) : exponential(2000), overtake: random.chance(0.3) }
    : {};
  const bursts = gilbertElliott({ toBad: 0.01, toGood: 0.4 });
  return {
    delay: Math.floor(random.next() ** 2 * 100_000),
    mtu: random.chance(0.2) ? 576 : 1500,
    loss: random.chance(0.2) ? bursts : some(0.5, 0.08),
    duplicate: some(0.2, 0.05),
    reorder: some(0.2, 0.1),
    corrupt: some(0.2, 0.03),
    ...rate,
    ...queue,
    ...jitter,
  };
}

function someBoxes(random: Random, i: number): Middlebox[] {
  const boxes: Middlebox[] = [];
  if (random.chance(0.15)) boxes.push(new Firewall({ idle: '30s', answer: random.chance(0.5) ? 'reset' : 'drop' }));
  if (random.chance(0.15))
    boxes.push(new OptionStripper(random.chance(0.5) ? ['timestamps'] : ['windowScale', 'sack']));
  if (random.chance(0.15)) boxes.push(new Nat({ address: `203.0.113.${i + 1}`, keepPorts: true }));
  return boxes;
}

interface Pair {
  readonly a: End;
  readonly b: End;
}

function converse(net: Network, hosts: readonly SimHost[], random: Random): Pair[] {
  const [server, ...clients] = hosts as [SimHost, ...SimHost[]];
  const pairs: Pair[] = [];
  const chunks = [100, 1000, 8192, 65_536];
  const waiting = new Map<number, End>();
  const later = (callback: () => void) => {
    net.schedule(net.now + 1000 * random.below(2000), callback);
  };
  // Which conversation it is, is told by the port, which NATs keep here.
  server.stack.listen({ port: PORT }, (socket) => {
    const key = socket.remotePort;
    const end = waiting.get(key);
    if (end === undefined) return socket.abort();
    waiting.delete(key);
    end.attach(socket, random.pick(chunks), later, random.chance(0.2));
    end.start(random.pick(chunks));
  });
  const total = 1 + random.below(6);
  for (let i = 0; i < total; i++) {
    const client = random.pick(clients);
    const a = new End(`${client.name}#${i}`, client, 2 * i, random);
    const b = new End(`server#${i}`, server, 2 * i + 1, random);
    const chunk = random.pick(chunks);
    const slow = random.chance(0.2);
    pairs.push({ a, b });
    net.schedule(net.now + random.below(3_000_000), () => {
      if (client.isDown) return;
      const localPort = 10_000 + i;
      waiting.set(localPort, b);
      const socket = client.stack.connect({ remoteAddress: server.addresses[0]!, remotePort: PORT, localPort });
      a.attach(socket, chunk, later, slow);
    });
  }
  return pairs;
}

/** Cuts, pauses, crashes: each heals in the end, but what was lost is lost. */
function disturb(net: Network, hosts: readonly SimHost[], links: readonly Link[], random: Random): void {
  for (let n = random.chance(0.5) ? 0 : 1 + random.below(3); n > 0; n--) {
    const at = net.now + random.below(10_000_000);
    const until = at + random.below(random.chance(0.2) ? 1_500_000_000 : 20_000_000);
    const host = random.pick(hosts);
    const link = random.pick(links);
    const kind = random.pick(['cut', 'half cut', 'pause', 'crash'] as const);
    net.schedule(at, () => {
      if (kind === 'cut') link.cut();
      else if (kind === 'half cut') link.cut('forward');
      else if (kind === 'pause' && !host.isDown) host.pause();
      else if (kind === 'crash') host.crash();
    });
    net.schedule(until, () => {
      if (kind === 'cut' || kind === 'half cut') link.mend();
      else if (kind === 'pause') host.resume();
      else if (host.isDown) host.reboot();
    });
  }
}

function judge(a: End, b: End): string[] {
  const complaints: string[] = [];
  for (const [one, other] of [
    [a, b],
    [b, a],
  ] as const) {
    if (one.wrong >= 0) complaints.push(`${one.name} read a wrong byte at ${one.wrong}`);
    if (one.received > other.sent) complaints.push(`${one.name} read ${one.received} bytes of ${other.sent}`);
    if (one.ended && one.wrong < 0 && one.received < other.toSend) {
      complaints.push(`${one.name} saw the end after ${one.received} of ${other.toSend} bytes`);
    }
    if (one.socket !== null && one.failure === undefined && !one.host.hasCrashed) {
      complaints.push(`${one.name} was never told how it ended`);
    }
  }
  return complaints;
}
