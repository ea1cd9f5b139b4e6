import type nodeNet from 'node:net';
import { expect, expectTypeOf, it } from 'vitest';
import type { Server } from '../../../src/node/net/server.ts';
import type { Socket } from '../../../src/node/net/socket.ts';
import net, { Socket as NamedSocket } from '../../../src/node/net.ts';

it('has the type of node:net', () => {
  expectTypeOf(net).toEqualTypeOf<typeof nodeNet>();
  expectTypeOf(NamedSocket).toEqualTypeOf<typeof nodeNet.Socket>();
});

/** Newer than Node 20, and about handles of the kernel, which we have none of. */
const KERNEL_ONLY = ['BoundSocket'];

it('has every name of node:net', async () => {
  const theirs = await import('node:net');
  const ours = net as unknown as Record<string, unknown>;
  const names = Object.entries(theirs.default).filter(([name]) => !KERNEL_ONLY.includes(name));
  for (const [name, value] of names) expect(typeof ours[name], name).toBe(typeof value);
});

/** Node's inner parts, which nobody calls from outside. */
const INNER = ['_getpeername', '_getsockname', '_writeGeneric', '_listen2', '_setupWorker'];

it.each(['Socket', 'Server'] as const)('has every property and method of a %s', async (name) => {
  const theirs = await import('node:net');
  const made = new net[name]();
  const missing = Object.getOwnPropertyNames(theirs[name].prototype).filter((n) => !(n in made) && !INNER.includes(n));
  expect(missing).toEqual([]);
});

type SocketMethods = 'destroy' | 'setTimeout' | 'setNoDelay' | 'setKeepAlive' | 'resetAndDestroy' | 'ref';
type ServerMethods = 'close' | 'getConnections' | 'ref' | 'unref';
type Method = (...args: never[]) => unknown;
/** What their methods take, ours take. */
type Takes<Ours, Theirs, K extends keyof Ours & keyof Theirs> = {
  [P in K]: Theirs[P] extends Method
    ? Ours[P] extends Method
      ? Parameters<Theirs[P]> extends Parameters<Ours[P]>
        ? true
        : [P, Parameters<Theirs[P]>, Parameters<Ours[P]>]
      : false
    : false;
};

it("takes what node:net's types say", () => {
  expectTypeOf<Takes<Socket, nodeNet.Socket, SocketMethods>>().toEqualTypeOf<Record<SocketMethods, true>>();
  expectTypeOf<Takes<Server, nodeNet.Server, ServerMethods>>().toEqualTypeOf<Record<ServerMethods, true>>();
});
