import { once } from 'node:events';
import nodeNet from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import synfinNet, { stack } from '../../../src/node/net.ts';
import type { Net } from './support.ts';

/**
 * Programs that do, inside any event, what they should not: throw, destroy the socket, open others, close the server. Whatever they do, on Node's
 * own net and on ours: nothing is heard after `close`, what fails is what was thrown, nobody is left waiting, and the next program finds
 * everything in order.
 */
type Deed =
  | 'throw'
  | 'destroy'
  | 'fail'
  | 'reset'
  | 'end'
  | 'write'
  | 'soon'
  | 'pause'
  | 'another'
  | 'close server'
  | 'unlisten';
type Side = 'client' | 'server';

const EVENTS = [
  'lookup',
  'connectionAttempt',
  'connect',
  'ready',
  'data',
  'drain',
  'end',
  'finish',
  'timeout',
  'error',
  'close',
] as const;
const DEEDS: readonly Deed[] = [
  'throw',
  'destroy',
  'fail',
  'reset',
  'end',
  'write',
  'soon',
  'pause',
  'another',
  'close server',
  'unlisten',
];

interface Twist {
  readonly side: Side;
  /** `connection`: in the server's own event. `written`: in the callback of `write`. */
  readonly event: (typeof EVENTS)[number] | 'connection' | 'written';
  readonly deed: Deed;
}

const thrown: string[] = [];
const rejected: unknown[] = [];
const onThrown = (error: Error): void => void thrown.push(error.message);
const onRejected = (reason: unknown): void => void rejected.push(reason);
const kept: Record<string, NodeJS.UncaughtExceptionListener[]> = {};
beforeAll(() => {
  for (const name of ['uncaughtException', 'unhandledRejection']) {
    kept[name] = process.listeners(name as 'uncaughtException');
    process.removeAllListeners(name);
  }
  process.on('uncaughtException', onThrown).on('unhandledRejection', onRejected);
});
afterAll(() => {
  process.off('uncaughtException', onThrown).off('unhandledRejection', onRejected);
  for (const [name, listeners] of Object.entries(kept)) {
    for (const listener of listeners) process.on(name, listener as never);
  }
});

let happened = 0;
/** Node's own trips over its missing handle here: a TypeError is thrown. To write or to end what has ended destroys, too. */
const possible = (net: Net, { event, deed }: Twist, alone: boolean): boolean =>
  net === synfinNet ||
  event !== 'connectionAttempt' ||
  !['destroy', 'fail', ...(alone ? [] : ['end', 'write'])].includes(deed);

/** Runs one program with its twists. Returns what should not have been. */
async function run(net: Net, twists: readonly Twist[]): Promise<string[]> {
  const wrong: string[] = [];
  const sockets: nodeNet.Socket[] = [];
  let throws = 0;
  thrown.length = 0;
  rejected.length = 0;
  const left = twists.filter((twist) => possible(net, twist, twists.length === 1));

  const twist = (side: Side, event: Twist['event'], socket: nodeNet.Socket): void => {
    const at = left.findIndex((t) => t.side === side && t.event === event);
    if (at < 0) return;
    const [{ deed }] = left.splice(at, 1) as [Twist];
    happened++;
    switch (deed) {
      case 'throw':
        throws++;
        throw new Error('on purpose');
      case 'destroy':
        return void socket.destroy();
      case 'fail':
        return void socket.destroy(new Error('enough'));
      case 'reset':
        return void socket.resetAndDestroy();
      case 'end':
        return void socket.end('the end');
      case 'write':
        return void socket.write('more', () => {});
      case 'soon':
        return void socket.destroySoon();
      case 'pause':
        socket.pause();
        return void setTimeout(() => socket.resume(), 5);
      case 'another':
        if (server.listening) follow('client', net.connect(port, '127.0.0.1')).end('another');
        return;
      case 'close server':
        return void server.close();
      case 'unlisten':
        return void socket.removeAllListeners('data');
    }
  };

  const follow = (side: Side, socket: nodeNet.Socket): nodeNet.Socket => {
    sockets.push(socket);
    let closed = false;
    for (const event of EVENTS) {
      socket.on(event, () => {
        if (closed) wrong.push(`${event} after close`);
        if (event === 'close') closed = true;
        twist(side, event, socket);
      });
    }
    socket.write(Buffer.alloc(50_000, side), () => twist(side, 'written', socket));
    socket.on('end', () => socket.end());
    return socket;
  };

  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    follow('server', socket);
    twist('server', 'connection', socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as nodeNet.AddressInfo;
  const client = follow('client', net.connect({ port, host: 'localhost', family: 4, allowHalfOpen: true }));
  client.setTimeout(20);
  client.once('timeout', () => client.end());

  // Time enough to be over by themselves; what then still waits (for an end that never comes) is ended.
  for (let i = 0; i < 100 && !sockets.every((s) => s.closed); i++) await sleep(3);
  for (const socket of sockets) socket.destroy();
  for (let i = 0; i < 1000 && !sockets.every((s) => s.closed); i++) await sleep(5);
  if (!sockets.every((s) => s.closed)) wrong.push('a socket never closes');
  if (server.listening) server.close();
  for (let i = 0; i < 1000 && (server as unknown as { _connections: number })._connections > 0; i++) await sleep(1);
  await sleep(5);

  if (thrown.filter((message) => message === 'on purpose').length !== throws)
    wrong.push(`thrown: ${thrown}, ${throws} on purpose`);
  if (thrown.some((message) => message !== 'on purpose')) wrong.push(`thrown by others: ${thrown}`);
  if (rejected.length > 0) wrong.push(`rejected: ${rejected}`);
  const { _connections } = server as unknown as { _connections: number };
  if (_connections !== 0) wrong.push(`the server counts ${_connections}`);
  if (net === synfinNet) {
    const { connections, listeners, buffered } = stack.stats();
    if (connections + listeners + buffered !== 0)
      wrong.push(`left in the stack: ${connections} ${listeners} ${buffered}`);
  }
  return wrong;
}

/** A program without twists. */
async function works(net: Net): Promise<boolean> {
  const server = net.createServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = net.connect((server.address() as nodeNet.AddressInfo).port, '127.0.0.1');
  socket.end('in order');
  let heard = '';
  for await (const bytes of socket) heard += bytes;
  server.close();
  await once(server, 'close');
  return heard === 'in order';
}

const twist: fc.Arbitrary<Twist> = fc.record({
  side: fc.constantFrom<Side>('client', 'server'),
  event: fc.constantFrom<Twist['event']>(...EVENTS, 'connection', 'written'),
  deed: fc.constantFrom(...DEEDS),
});
const numRuns = Number(process.env['DISORDER_RUNS'] ?? 60);

describe.each([
  ['node:net', nodeNet],
  ['synfin/net', synfinNet],
] as const)('%s', (_, net) => {
  it('every deed in every event', { timeout: 240_000 }, async () => {
    const all = (['client', 'server'] as const).flatMap((side) =>
      [...EVENTS, 'connection' as const, 'written' as const].flatMap((event) =>
        DEEDS.map((deed): Twist => ({ side, event, deed })),
      ),
    );
    const failed: [Twist, string[]][] = [];
    happened = 0;
    for (const one of all) {
      const wrong = await run(net, [one]);
      if (wrong.length > 0) failed.push([one, wrong]);
    }
    expect(failed).toEqual([]);
    // Without another deed before it, no program of these has an error.
    expect(happened).toBeGreaterThan(0.6 * all.length);
    expect(await works(net)).toBe(true);
  });

  it('several, at random', { timeout: 60_000 + numRuns * 1000 }, async () => {
    const property = fc.asyncProperty(fc.array(twist, { minLength: 2, maxLength: 6 }), async (twists) => {
      expect(await run(net, twists)).toEqual([]);
    });
    await fc.assert(property, { numRuns, endOnFailure: true });
    expect(await works(net)).toBe(true);
  });
});
