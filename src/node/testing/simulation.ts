import type { HostOptions, SimHost } from '../../sim/host.ts';
import type { Link, LinkOptions } from '../../sim/link.ts';
import { Network, type NetworkOptions } from '../../sim/network.ts';
import { recordBetween } from '../../sim/record.ts';
import { createNet, type Net } from '../net/create-net.ts';
import { type PlayedTest, plannedFaults, shrinkTest } from './shrink-test.ts';
import { installVirtualTime, settled } from './virtual-globals.ts';

/** A host of a simulation, with `node:net`. */
export type NetHost = SimHost & {
  /** `node:net` on this host: a name that it does not know as an address is looked up among the hosts. Another one after a reboot. */
  readonly net: Net;
};

/** A `Network` for Node's programs: each host has `net`, and while it runs, `setTimeout`, `Date` and their kin follow virtual time. */
export class NodeNetwork extends Network {
  constructor(options: NetworkOptions = {}) {
    super({ settle: settled, ...options });
  }

  override host(name: string, options: HostOptions = {}): NetHost {
    const host = super.host(name, options);
    let stack = host.stack;
    let net: Net | null = null;
    Object.defineProperty(host, 'net', {
      get: () => {
        if (net === null || host.stack !== stack) net = createNet(host.stack, { lookup: this.#lookup });
        stack = host.stack;
        return net;
      },
    });
    return host as NetHost;
  }

  override async run<T>(script: () => Promise<T> | T): Promise<T> {
    const restore = installVirtualTime(this);
    try {
      return await super.run(script);
    } finally {
      restore();
    }
  }

  readonly #lookup = (
    name: string,
    options: { all?: boolean; family?: number },
    callback: (error: NodeJS.ErrnoException | null, address: never, family?: number) => void,
  ): void => {
    const found = (this.hosts.find((host) => host.name === name)?.addresses ?? [])
      .filter((address) => !options.family || address.family === options.family)
      .map((address) => ({ address: `${address}`, family: address.family as number }));
    process.nextTick(() => {
      const [first] = found;
      if (first === undefined) {
        const error: NodeJS.ErrnoException = new Error(`getaddrinfo ENOTFOUND ${name}`);
        callback(
          Object.assign(error, { code: 'ENOTFOUND', syscall: 'getaddrinfo', hostname: name }),
          undefined as never,
        );
      } else if (options.all) callback(null, found as never);
      else callback(null, first.address as never, first.family);
    });
  };
}

/** What a simulated test has to play with. */
export interface World {
  readonly net: NodeNetwork;
  /** Two hosts, joined by `link`: 10.0.0.1 and 10.0.0.2. */
  readonly client: NetHost;
  readonly server: NetHost;
  readonly link: Link;
  readonly seed: number;
}

export interface SimulationOptions {
  /** 1 where not given. The environment's SYNFIN_SEED goes before it. */
  readonly seed?: number;
  /** The test is run with so many seeds, one after the other. */
  readonly seeds?: number;
  /** What joins client and server. 1 ms each way where not given. */
  readonly link?: LinkOptions;
  readonly client?: HostOptions;
  readonly server?: HostOptions;
  /** Virtual time that a run may take. 100 days where not given. */
  readonly limit?: NetworkOptions['limit'];
}

export type SimulatedTest = (world: World) => Promise<unknown> | unknown;

/**
 * Makes a test function for vitest, node:test or another runner of one that wants a network:
 *
 * ```ts
 * test('my client gives up on a server that vanishes', simulation(async ({ client, server }) => {
 *   server.net.createServer((socket) => socket.once('data', () => server.crash())).listen(80);
 *   await expect(myClient({ connect: client.net.connect })).rejects.toThrow('timed out');
 * }));
 * ```
 *
 * A failure says which seed it was; SYNFIN_SEED runs that one again, byte by byte. With SYNFIN_SHRINK=FILE a failing run is shrunk to the faults that
 * it takes, and saved: SYNFIN_FAULTS=FILE runs it with these alone, `synfin scenario FILE` draws it.
 */
export function simulation(test: SimulatedTest): () => Promise<void>;
export function simulation(options: SimulationOptions, test: SimulatedTest): () => Promise<void>;
export function simulation(a: SimulationOptions | SimulatedTest, b?: SimulatedTest): () => Promise<void> {
  const options = typeof a === 'function' ? {} : a;
  const test = typeof a === 'function' ? a : b;
  if (typeof test !== 'function') throw new TypeError('simulation(options, test): the test function is missing');
  return async () => {
    for (const seed of seedsOf(options)) await runOne(options, test, seed);
  };
}

async function runOne(options: SimulationOptions, test: SimulatedTest, seed: number): Promise<void> {
  const planned = plannedFaults();
  if (planned !== null) {
    const { failure } = await play(options, test, planned.seed, planned.faults);
    if (failure !== null) throw withSeed(failure.error, planned.seed, '');
    return;
  }
  const save = process.env['SYNFIN_SHRINK'];
  if (!save) {
    const { failure } = await play(options, test, seed);
    if (failure === null) return;
    const hint = `; SYNFIN_SEED=${seed} SYNFIN_SHRINK=failure.json finds the least faults that make it fail`;
    throw withSeed(failure.error, seed, hint);
  }
  const whole = await play(options, test, seed, 'record');
  if (whole.failure === null) return;
  const told = await shrinkTest(seed, save, whole, (faults) => play(options, test, seed, faults));
  throw withSeed(whole.failure.error, seed, `\n${told}`);
}

/** Runs a test once, with the faults that are given, or those that chance brings. */
async function play(
  options: SimulationOptions,
  test: SimulatedTest,
  seed: number,
  faults?: NetworkOptions['faults'],
): Promise<PlayedTest> {
  const { limit } = options;
  const net = new NodeNetwork({ seed, ...(limit !== undefined && { limit }), ...(faults !== undefined && { faults }) });
  const client = net.host('client', options.client);
  const server = net.host('server', options.server);
  const link = net.link(client, server, options.link ?? { delay: '1ms' });
  const recorder = faults === undefined ? null : recordBetween(net, client, server);
  let failure: PlayedTest['failure'] = null;
  try {
    await net.run(() => test({ net, client, server, link, seed }));
  } catch (error) {
    failure = { error };
  }
  return { failure, faults: net.faults, connections: recorder?.connections ?? [] };
}

function seedsOf({ seed = 1, seeds = 1 }: SimulationOptions): number[] {
  const asked = process.env['SYNFIN_SEED'];
  if (asked !== undefined && asked !== '') {
    if (!/^-?\d+$/.test(asked))
      throw new TypeError(`SYNFIN_SEED=${asked} is no seed: give the whole number that a failure printed`);
    return [Number(asked)];
  }
  return Array.from({ length: seeds }, (_, i) => seed + i);
}

/** The same error, which says how to have it again. */
function withSeed(thrown: unknown, seed: number, more: string): Error {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown), { cause: thrown });
  const before = error.message;
  const message = `${before}\n\nsimulated with seed ${seed}: SYNFIN_SEED=${seed} runs it again${more}`;
  const { stack } = error;
  error.message = message;
  if (stack !== undefined) error.stack = stack.includes(before) ? stack.replace(before, () => message) : stack;
  return error;
}
