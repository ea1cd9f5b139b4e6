import diagnostics from 'node:diagnostics_channel';
import { once } from 'node:events';
import nodeNet from 'node:net';
import { describe, expect, it } from 'vitest';
import synfinNet from '../../../src/node/net.ts';
import type { Net } from './support.ts';

/** Every name of `node:net`, of the Node that runs this: what it is, and that ours is the same. */

/** What Node has and we have not, and why. */
const ABSENT: Readonly<Record<string, string>> = {
  BoundSocket: 'a handle of the kernel (Node 24)',
  _getpeername: 'inner: remoteAddress and its like are built on it',
  _getsockname: 'inner: localAddress and its like are built on it',
  _writeGeneric: 'inner: _write and _writev are built on it',
  _listen2: 'inner: listen is built on it',
  _setupWorker: 'inner, of a cluster long gone',
  _usingWorkers: 'inner, of a cluster long gone',
  _workers: 'inner, of a cluster long gone',
  _closeAfterHandlingError: 'inner: a flag of handles of the kernel',
};

const sorted = (names: Iterable<string>): string[] => [...new Set(names)].sort();

/** `get`, `get and set`, or the type of its value. */
function kind(object: object | null, name: string): string {
  for (let at = object; at !== null; at = Object.getPrototypeOf(at)) {
    const found = Object.getOwnPropertyDescriptor(at, name);
    if (found === undefined) continue;
    if ('value' in found) return found.value === null ? 'object' : typeof found.value;
    return found.set === undefined ? 'get' : 'get and set';
  }
  return 'none';
}

/** Those names of `theirs` that are something else in `ours`. */
function differences(theirs: object, ours: object): string[] {
  const names = Object.getOwnPropertyNames(theirs).filter((name) => !(name in ABSENT));
  return names
    .filter((name) => kind(theirs, name) !== kind(ours, name))
    .map((name) => `${name}: ${kind(theirs, name)}, ${kind(ours, name)}`);
}

describe('names', () => {
  it('of the module', () => {
    // Classes that Node loads when they are first asked for.
    const lazy = (text: string) => !/^(BlockList|SocketAddress): get( and set)?, function$/.test(text);
    expect(differences(nodeNet, synfinNet).filter(lazy)).toEqual([]);
  });

  it.each(['Socket', 'Server'] as const)('of a %s: statics, methods, and what a new one has', (name) => {
    // A property of the kernel's sockets that looks for the handle in two places.
    const handle = (text: string) => !text.startsWith('_handle: get and set');
    const inner = (text: string) => !/^(arguments|caller|length|name|prototype): /.test(text);
    expect(differences(nodeNet[name], synfinNet[name]).filter(inner)).toEqual([]);
    expect(differences(nodeNet[name].prototype, synfinNet[name].prototype).filter(handle)).toEqual([]);
    expect(differences(new nodeNet[name](), new synfinNet[name]())).toEqual([]);
  });

  it.each(['Socket', 'Server'] as const)('of symbols that everybody knows, of a %s', (name) => {
    const known = Object.values(Object.getOwnPropertyDescriptors(Symbol)).map((d) => d.value as unknown);
    const symbols = Object.getOwnPropertySymbols(nodeNet[name].prototype).filter(
      (symbol) => known.includes(symbol) || Symbol.keyFor(symbol) !== undefined,
    );
    for (const symbol of symbols) expect(symbol in synfinNet[name].prototype, String(symbol)).toBe(true);
  });

  it('that are absent are Node’s, or were', () => {
    expect(sorted(Object.keys(ABSENT)).filter((name) => name in synfinNet || name in new synfinNet.Server())).toEqual(
      [],
    );
  });
});

/** Every event and message of a few programs, in the order of each object, and what a socket and a server are on the way. */
async function story(net: Net): Promise<Record<string, string[]>> {
  const log: Record<string, string[]> = {};
  const note = (who: string, what: string): void => {
    log[who] ??= [];
    log[who].push(what);
  };
  const over = (one: nodeNet.Socket) => new Promise((resolve) => one.on('error', () => {}).on('close', resolve));
  /** Node's streams tell themselves apart there; they are not `net`'s. */
  const streams = ['newListener', 'removeListener', 'prefinish', 'readable', 'resume', 'pause', 'pipe', 'unpipe'];
  const form = (value: unknown): string =>
    value instanceof Error
      ? `${value.name} ${(value as NodeJS.ErrnoException).code}`
      : value instanceof net.Socket
        ? 'a socket'
        : Buffer.isBuffer(value)
          ? 'bytes'
          : value !== null && typeof value === 'object'
            ? sorted(Object.keys(value)).join(' ')
            : typeof value === 'number' && value > 1024
              ? 'a port'
              : `${value}`;
  const follow = <T extends nodeNet.Socket | nodeNet.Server>(who: string, one: T): T => {
    const { emit } = one;
    one.emit = function told(this: T, event: string, ...args: unknown[]) {
      if (!streams.includes(event)) {
        note(who, `${event}(${args.map(form).join(', ')})`);
        note(who, state(one));
      }
      return Reflect.apply(emit, this, [event, ...args]);
    } as never;
    note(who, state(one));
    return one;
  };
  const state = (one: nodeNet.Socket | nodeNet.Server): string => {
    if (!('readyState' in one)) {
      const address = one.address() as nodeNet.AddressInfo | null;
      return `  ${one.listening} ${one.maxConnections} ${address === null ? null : `${address.address} ${address.family}`}`;
    }
    const { readyState, connecting, pending, destroyed, timeout, bufferSize, allowHalfOpen } = one;
    const { localAddress, localFamily, remoteAddress, remoteFamily } = one;
    const names = sorted(Object.keys(one.address())).join(' ');
    const flags = [readyState, connecting, pending, destroyed, timeout, bufferSize, allowHalfOpen];
    return `  ${flags} ${localAddress} ${localFamily} ${remoteAddress} ${remoteFamily} ${names}`;
  };

  const names = ['net.client.socket', 'net.server.socket'].concat(
    ['asyncStart', 'asyncEnd', 'error', 'start', 'end'].map((phase) => `tracing:net.server.listen:${phase}`),
  );
  const heard = names.map((name) => {
    const listener = (message: unknown): void => note(name, sorted(Object.keys(message as object)).join(' '));
    diagnostics.subscribe(name, listener);
    return () => diagnostics.unsubscribe(name, listener);
  });
  try {
    const server = follow('server', net.createServer({ noDelay: true }));
    server.maxConnections = 1;
    let count = 0;
    server.on('connection', (socket) => {
      follow(`accepted ${++count}`, socket).on('data', (bytes) => socket.write(bytes));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as nodeNet.AddressInfo;

    const client = follow('client', net.connect({ port, host: 'localhost', family: 4, timeout: 10_000 }));
    await once(client, 'connect');
    client.write('hello');
    await once(client, 'data');
    const dropped = follow('dropped', net.connect({ port, host: '127.0.0.1' }));
    await over(dropped);
    client.setTimeout(10);
    await once(client, 'timeout');
    client.end();
    await once(client, 'close');
    note('client', state(client));

    const second = follow('in use', net.createServer().listen(port, '127.0.0.1'));
    await new Promise((resolve) => second.on('error', resolve));
    server.close();
    await once(server, 'close');
    const refused = follow('refused', net.connect({ port, host: '127.0.0.1' }));
    await over(refused);
    const aborted = follow('aborted', net.connect({ port, host: '127.0.0.1', signal: AbortSignal.abort() }));
    await over(aborted);
    // It goes on, as Node's does, and is refused.
    await expect.poll(() => log['aborted']!.filter((event) => event.startsWith('close')).length).toBe(2);
  } finally {
    for (const stop of heard) stop();
  }
  return log;
}

it('events and diagnostics channels, with all that a socket says of itself at each', async () => {
  const [theirs, ours] = [await story(nodeNet), await story(synfinNet)];
  expect(ours).toEqual(theirs);
  expect(Object.keys(theirs)).toContain('net.server.socket');
});
