import { StackError, type TcpSocket } from '../stack/socket.ts';
import { CampaignEnd, type CampaignPair, judgePair } from './campaign-end.ts';
import { buildWorld, type CampaignWorld, disturb } from './campaign-world.ts';
import { TraceDigest } from './digest.ts';
import type { Fault } from './faults.ts';
import type { SimHost } from './host.ts';
import { Network, type NetworkOptions } from './network.ts';
import { Random } from './random.ts';
import { type MutationName, mutation } from './scenarios/mutations.ts';

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
  /** What befell packets, links and hosts, where that was asked for. */
  readonly faults: readonly Fault[];
  /** The conversations that were held, by number. */
  readonly conversations: readonly number[];
}

export interface CampaignOptions {
  readonly digest?: boolean;
  /** 'record' tells in the result what chance decided; what was told is played instead of chance. */
  readonly faults?: NonNullable<NetworkOptions['faults']>;
  /** Only these conversations. All where not given. */
  readonly conversations?: readonly number[];
  /** A rule of TCP taken out of all hosts: to see that the run notices. */
  readonly mutation?: MutationName | null;
  /** Something done to the network before all else: to see that the run notices. */
  readonly sabotage?: (net: Network) => void;
  /** Is shown the hosts before anything happens: the server last. */
  readonly watch?: (net: Network, clients: readonly SimHost[], server: SimHost) => void;
}

const PORT = 80;
const FIRST_PORT = 10_000;

/**
 * A run of everything that chance can put together: hosts and links, faults, applications. What must hold whatever happens: readers read a prefix of
 * what was written, and all of it where both ends close in order; every connection ends, and in order where nothing was done to it that must end it;
 * and nothing of it is left.
 */
export function runCampaign(seed: number, options: CampaignOptions = {}): CampaignResult {
  const { faults, conversations } = options;
  const random = new Random(seed);
  const net = new Network({ seed, ...(faults !== undefined && { faults }) });
  const digest = new TraceDigest();
  if (options.digest) net.observe(digest.observer);
  options.sabotage?.(net);
  const world = buildWorld(net, random, options.mutation ? mutation(options.mutation)! : null);
  options.watch?.(net, world.clients, world.server);
  const talk = new Conversations(net, world, random, conversations ?? null);
  disturb(net, world, random);
  // The longest that anything may take: retransmissions to the end, twice, and TIME-WAIT.
  const drained = net.drain('3h');
  const complaints: string[] = [];
  if (!drained) complaints.push('something is still due after three hours');
  const { pairs } = talk;
  // A cookie is good for the segment right behind the handshake only: where that is lost or overtaken, the connection is refused (as with Linux).
  const refused = world.server.stack.counters.SyncookiesFailed > 0;
  const excused = world.hostile || net.disturbed || refused;
  for (const pair of pairs) complaints.push(...judgePair(pair, excused));
  for (const host of [world.server, ...world.clients]) complaints.push(...leftAt(host));
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
    faults: net.faults,
    conversations: [...new Set(pairs.map((pair) => pair.conversation))],
  };
}

/** Memory that no connection should have any more. */
function leftAt({ name, stack }: SimHost): string[] {
  const complaints: string[] = [];
  for (const row of stack.connections()) {
    if (row.state !== 'LISTEN') complaints.push(`${name}: a connection is left in ${row.state}`);
    else if (row.recvQ > 0) complaints.push(`${name}: ${row.recvQ} connections were never accepted`);
  }
  const { timers, buffered, halfOpen, timeWait, connections } = stack.stats();
  if (timers + buffered > 0) complaints.push(`${name}: ${timers} timers and ${buffered} bytes are left`);
  const records = halfOpen + timeWait + connections;
  if (records > 0) complaints.push(`${name}: ${records} records are left`);
  return complaints;
}

/** Who speaks with whom, and when. Each conversation has dice of its own: one that is left out leaves the others as they were. */
class Conversations {
  readonly pairs: CampaignPair[] = [];
  readonly #net: Network;
  readonly #world: CampaignWorld;
  /** Which conversation it is, is told by the port, which NATs keep here. */
  readonly #waiting = new Map<number, CampaignEnd>();

  constructor(net: Network, world: CampaignWorld, random: Random, only: readonly number[] | null) {
    this.#net = net;
    this.#world = world;
    const backlog = random.pick([1, 8, 511]);
    const fastOpen = random.chance(0.5) ? 16 : 0;
    const listen = () =>
      void world.server.stack.listen({ port: PORT, backlog, fastOpen }, (socket) => {
        const end = this.#waiting.get(socket.remotePort);
        if (end === undefined) return socket.abort();
        this.#waiting.delete(socket.remotePort);
        end.attach(socket);
        end.write();
      });
    listen();
    world.server.onReboot = listen;
    const total = 1 + random.below(6);
    for (let i = 0; i < total; i++) {
      const own = random.fork();
      const at = net.now + own.below(3_000_000);
      if (only === null || only.includes(i)) net.schedule(at, () => this.#begin(i, 0, own));
    }
  }

  /** The `turn`-th time, counted from 0. */
  #begin(i: number, turn: number, random: Random): void {
    const net = this.#net;
    const { clients, server, family } = this.#world;
    const client = clients[i % clients.length]!;
    const later = (callback: () => void) => {
      net.schedule(net.now + 1000 * random.below(2000), callback);
    };
    const name = `#${i}${'+'.repeat(turn)}`;
    const a = new CampaignEnd(client.name + name, client, 16 * i + 2 * turn, random, later);
    const b = new CampaignEnd(`server${name}`, server, 16 * i + 2 * turn + 1, random, later);
    if (client.isDown) return;
    const localPort = FIRST_PORT + i;
    const remoteAddress = server.addresses.find((address) => address.family === family)!;
    const text = a.fastOpen && a.toSend > 0 ? { fastOpen: true, data: a.first() } : {};
    let socket: TcpSocket;
    try {
      socket = client.stack.connect({ remoteAddress, remotePort: PORT, localPort, ...text });
    } catch (error) {
      // The old one is still in TIME-WAIT, and without timestamps it may not be taken over.
      if (turn > 0 && error instanceof StackError && error.code === 'EADDRINUSE') return;
      throw error;
    }
    a.attach(socket, socket.unacknowledged);
    this.pairs.push({ conversation: i, a, b });
    this.#waiting.set(localPort, b);
    // The same ports again: what is left of the old connection, on the way or in TIME-WAIT, must do the new one no harm.
    if (turn < 3 && random.chance(0.3)) this.#again(i, turn + 1, random, a, b);
  }

  #again(i: number, turn: number, random: Random, a: CampaignEnd, b: CampaignEnd): void {
    const net = this.#net;
    const go = () => {
      if (!a.isOver || !b.isOver) return;
      a.onOver = nothing;
      b.onOver = nothing;
      // Soon, over a TIME-WAIT; or when that may have ended.
      const after = random.below(3_000_000) + (random.chance(0.5) ? 61_000_000 : 0);
      net.schedule(net.now + after, () => this.#begin(i, turn, random));
    };
    a.onOver = go;
    b.onOver = go;
  }
}

function nothing(): void {}
