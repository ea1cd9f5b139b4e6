import { AsyncLocalStorage } from 'node:async_hooks';
import { spawnSync } from 'node:child_process';
import diagnostics from 'node:diagnostics_channel';
import { once } from 'node:events';
import nodeNet from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { Pair } from '../../../src/link/pair.ts';
import { afterPoll, NodeHost } from '../../../src/node/host.ts';
import net, { createNet } from '../../../src/node/net.ts';
import { Stack } from '../../../src/stack/stack.ts';
import { linux } from '../../../src/tcp/config.ts';
import { IpAddress } from '../../../src/wire/address.ts';

const open: { close(): void }[] = [];
afterEach(async () => {
  // Both ends of what a test began hear of its end.
  await sleep(20);
  for (const one of open.splice(0)) one.close();
});

/** A server of `on`, and where it listens. */
async function serve(
  listener: (socket: nodeNet.Socket) => void,
  { on = net, host = '127.0.0.1', ...options }: { on?: typeof net; host?: string } & nodeNet.ServerOpts = {},
): Promise<{ server: nodeNet.Server; port: number }> {
  const server = on.createServer(options, listener);
  server.listen(0, host);
  await once(server, 'listening');
  open.push(server);
  return { server, port: (server.address() as nodeNet.AddressInfo).port };
}

/** Two machines joined by a wire. */
function twoMachines(config = linux): { left: typeof net; right: typeof net; stacks: Stack[] } {
  const host = new NodeHost().unref();
  const pair: Pair = new Pair({ onPending: () => afterPoll(() => pair.pump(host.now())) });
  const stacks = [pair.a, pair.b].map((device, i) => {
    const stack = new Stack({ host: new NodeHost().unref(), config });
    stack.addDevice(device, [
      { address: IpAddress.of(`10.0.0.${i + 1}`), prefixLength: 24 },
      { address: IpAddress.of(`fd00::${i + 1}`), prefixLength: 64 },
    ]);
    open.push(stack);
    return stack;
  });
  return { left: createNet(stacks[0]!), right: createNet(stacks[1]!), stacks };
}

describe('a socket that flows', () => {
  it.each([
    ['ours', net],
    ["Node's", nodeNet],
  ] as const)('pauses, is read, decodes and is pushed to as ever: %s', async (_, on) => {
    const { port } = await serve((socket) => socket.pipe(socket), { on });
    const client = on.connect(port, '127.0.0.1');
    open.push({ close: () => client.destroy() });
    const heard: unknown[] = [];
    /** Sends, and waits until it is back; whether it may be heard or not. */
    const say = async (text: string): Promise<void> => {
      const before = client.bytesRead;
      client.write(text);
      while (client.bytesRead < before + text.length) await sleep(1);
      await sleep(1);
    };
    client.on('data', (bytes) => {
      heard.push(bytes.toString());
      if (bytes.toString() === 'stop') client.pause();
    });
    for (const text of ['a', 'b', 'stop', 'c', 'd']) await say(text);
    expect([heard, client.readableLength, client.readableDidRead]).toEqual([['a', 'b', 'stop'], 2, true]);
    client.resume();
    await sleep(1);
    await say('e');
    expect(heard.splice(0).join()).toMatch(/^a,b,stop,(cd|c,d),e$/);
    const { push } = client;
    client.push = (chunk) => push.call(client, `<${chunk}>`);
    await say('f');
    client.push = push;
    client.setEncoding('hex');
    await say('g');
    expect(heard).toEqual(['<f>', '67']);
  });
});

describe('two machines', () => {
  it.each(['10.0.0.2', 'fd00::2'])('echo over the wire to %s', async (host) => {
    const { left, right, stacks } = twoMachines();
    const { port } = await serve((socket) => socket.pipe(socket), { on: right, host: '::' });
    const client = left.connect(port, host);
    const sent = Buffer.alloc(1_000_000, 'synfin');
    client.on('connect', () => expect(client.remoteFamily).toBe(host.includes(':') ? 'IPv6' : 'IPv4'));
    client.end(sent);
    const got: Buffer[] = [];
    for await (const bytes of client) got.push(bytes as Buffer);
    expect(Buffer.concat(got).equals(sent)).toBe(true);
    await once(client, 'close');
    expect(stacks.map((s) => s.stats().connections)).toEqual([0, 0]);
  });

  it('a reader who stops makes the writer wait, and nothing grows', async () => {
    const { left, right, stacks } = twoMachines({ ...linux, receiveBuffer: 65_536, sendBuffer: 65_536 });
    let far: nodeNet.Socket | undefined;
    const { port } = await serve(
      (socket) => {
        far = socket.pause();
      },
      { on: right, host: '10.0.0.2' },
    );
    const client = left.connect(port, '10.0.0.2');
    await once(client, 'connect');
    const piece = Buffer.alloc(16_384, 7);
    let written = 0;
    while (client.write(piece) || written < 4_000_000) {
      written += piece.length;
      if (client.writableNeedDrain) {
        const drained = await Promise.race([once(client, 'drain').then(() => true), sleep(100, false)]);
        if (!drained) break;
      }
    }
    expect(written).toBeLessThan(65_536 * 6);
    expect(stacks[1]!.connections().some((row) => row.recvQ > 0)).toBe(true);
    let received = 0;
    far!.on('data', (bytes) => {
      received += bytes.length;
    });
    far!.resume();
    await once(client, 'drain');
    client.end();
    await Promise.all([once(far!, 'close'), once(client, 'close')]);
    expect(received).toBe(client.bytesWritten);
  });

  it('says why a connection cannot be', async () => {
    const { left } = twoMachines();
    const failure = async (options: nodeNet.NetConnectOpts): Promise<unknown> =>
      (await once(left.connect(options), 'error'))[0];
    expect(await failure({ port: 9, host: '10.0.0.2' })).toMatchObject({
      message: 'connect ECONNREFUSED 10.0.0.2:9',
      code: 'ECONNREFUSED',
      errno: -111,
      syscall: 'connect',
      address: '10.0.0.2',
      port: 9,
    });
    expect(await failure({ port: 9, host: '192.0.2.1' })).toMatchObject({
      message: 'connect ENETUNREACH 192.0.2.1:9 - Local (0.0.0.0:0)',
    });
    expect(await failure({ port: 9, host: '10.0.0.2', localAddress: '10.0.0.9' })).toMatchObject({
      message: 'bind EADDRNOTAVAIL 10.0.0.9',
    });
  });

  it('gives up on one who does not answer', async () => {
    const host = new NodeHost().unref();
    const stack = new Stack({ host, config: { ...linux, rtoInitial: 5000, tcp_syn_retries: 1 } });
    const pair = new Pair();
    stack.addDevice(pair.a, [{ address: IpAddress.of('10.0.0.1'), prefixLength: 24 }]);
    open.push(stack);
    const [error] = await once(createNet(stack).connect(80, '10.0.0.2'), 'error');
    expect(error).toMatchObject({ message: 'connect ETIMEDOUT 10.0.0.2:80', code: 'ETIMEDOUT', errno: -110 });
  });

  it('two addresses at once: the second where the first is silent', async () => {
    const { left, right } = twoMachines();
    const { port } = await serve((socket) => socket.end('hello'), { on: right, host: '10.0.0.2' });
    const events: string[] = [];
    const client = left.connect({
      port,
      host: 'both.test',
      autoSelectFamily: true,
      autoSelectFamilyAttemptTimeout: 20,
      lookup: (_name, _options, callback) =>
        setImmediate(callback as (e: null, all: unknown) => void, null, [
          { address: 'fd00::9', family: 6 },
          { address: '10.0.0.2', family: 4 },
        ]),
    });
    for (const event of ['connectionAttempt', 'connectionAttemptTimeout', 'connect']) {
      client.on(event, (address) => events.push(`${event} ${address ?? ''}`.trim()));
    }
    client.resume();
    await once(client, 'end');
    expect(events).toEqual([
      'connectionAttempt fd00::9',
      'connectionAttemptTimeout fd00::9',
      'connectionAttempt 10.0.0.2',
      'connect',
    ]);
    expect(client.autoSelectFamilyAttemptedAddresses).toEqual([`fd00::9:${port}`, `10.0.0.2:${port}`]);
  });
});

describe('servers', () => {
  it('a port can be taken once', async () => {
    const { port } = await serve(() => {});
    const second = net.createServer().listen(port, '127.0.0.1');
    const [error] = await once(second, 'error');
    expect(error).toMatchObject({
      message: `listen EADDRINUSE: address already in use 127.0.0.1:${port}`,
      code: 'EADDRINUSE',
      errno: -98,
      syscall: 'listen',
      address: '127.0.0.1',
      port,
    });
  });

  it('more connections than allowed are dropped, and told', async () => {
    const { server, port } = await serve(() => {});
    server.maxConnections = 1;
    const first = net.connect(port, '127.0.0.1');
    await once(first, 'connect');
    const second = net.connect(port, '127.0.0.1');
    const [data] = await once(server, 'drop');
    expect(data).toMatchObject({ localAddress: '127.0.0.1', localPort: port, remoteFamily: 'IPv4' });
    second.on('error', () => {});
    await once(second, 'close');
    first.destroy();
  });

  it('a path is the kernel’s', async () => {
    const server = net.createServer((socket) => socket.end('local'));
    const path = `\0synfin-${process.pid}`;
    server.listen(path);
    await once(server, 'listening');
    open.push(server);
    expect(server.address()).toBe(path);
    const client = net.connect(path);
    const [bytes] = await once(client, 'data');
    expect(String(bytes)).toBe('local');
  });
});

describe('a socket that was made before it knew where to', () => {
  it('connects to a path, which is the kernel’s, and to a port again', async () => {
    const path = `\0synfin-late-${process.pid}`;
    const door = net.createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket)).listen(path);
    open.push(door);
    await once(door, 'listening');
    const { port } = await serve((socket) => socket.pipe(socket));
    const socket = new net.Socket();
    const sent = Buffer.alloc(300_000, 'path');
    for (const where of [{ path }, { port, host: '127.0.0.1' }, { path }]) {
      socket.connect(where);
      const pieces: Buffer[] = [];
      const onData = (bytes: Buffer) => pieces.push(bytes);
      socket.on('data', onData).end(sent);
      await once(socket, 'close');
      socket.off('data', onData);
      expect(Buffer.concat(pieces).equals(sent)).toBe(true);
      expect([socket.bytesRead, socket.bytesWritten]).toEqual([sent.length, sent.length]);
    }
  });

  it('hears what the kernel has against the path', async () => {
    const socket = new net.Socket();
    socket.connect('/nowhere/to/be/found');
    await expect(once(socket, 'connect')).rejects.toMatchObject({
      message: 'connect ENOENT /nowhere/to/be/found',
      code: 'ENOENT',
      syscall: 'connect',
      address: '/nowhere/to/be/found',
    });
    expect(socket.destroyed).toBe(true);
  });
});

describe('programs', () => {
  it('keep their async context across events', async () => {
    const storage = new AsyncLocalStorage<string>();
    const seen: string[] = [];
    const note = (what: string) => (): void => void seen.push(`${what} ${storage.getStore()}`);
    const { port } = await storage.run('listening', () =>
      serve((socket) => {
        note('connection')();
        socket.on('data', note('server data'));
        socket.on('end', note('server end'));
      }),
    );
    const client = storage.run('connecting', () => net.connect(port, '127.0.0.1'));
    client.on('connect', note('connect'));
    client.on('end', note('end'));
    client.on('close', note('close'));
    client.resume();
    storage.run('writing', () => client.end('x'));
    await once(client, 'close');
    expect(
      seen.filter((s) => s.startsWith('server') || s.startsWith('connection')).every((s) => s.endsWith('listening')),
    ).toBe(true);
    expect(seen.filter((s) => /^(connect|end|close) /.test(s))).toEqual([
      'connect connecting',
      'end connecting',
      'close connecting',
    ]);
    expect(seen).toHaveLength(6);
  });

  it('hear of sockets on diagnostic channels', async () => {
    const heard: string[] = [];
    const client = (m: unknown): void =>
      void heard.push(`client ${(m as { socket: unknown }).socket instanceof net.Socket}`);
    const server = (m: unknown): void =>
      void heard.push(`server ${(m as { socket: unknown }).socket instanceof net.Socket}`);
    diagnostics.subscribe('net.client.socket', client);
    diagnostics.subscribe('net.server.socket', server);
    const { port } = await serve((socket) => socket.end());
    const socket = net.connect(port, '127.0.0.1').resume();
    await once(socket, 'close');
    diagnostics.unsubscribe('net.client.socket', client);
    diagnostics.unsubscribe('net.server.socket', server);
    expect(heard).toEqual(['client true', 'server true']);
  });

  it('end when no socket is busy, and not before', () => {
    const run = (code: string): string => {
      const url = new URL('../../../dist/node/net.js', import.meta.url).href;
      const source = `import net from ${JSON.stringify(url)};\n${code}`;
      const { stdout, status } = spawnSync(process.execPath, ['--input-type=module', '-e', source], {
        encoding: 'utf8',
        timeout: 10_000,
      });
      return `${stdout.trim()} ${status}`;
    };
    expect(run("net.createServer().listen(1).unref(); process.on('exit', () => console.log('over'));")).toBe('over 0');
    expect(
      run(`const s = net.createServer((c) => { setTimeout(() => { c.end('late'); s.close(); }, 200); });
           s.listen(1, () => net.connect(1).on('data', (d) => console.log(String(d))));`),
    ).toBe('late 0');
  });

  it('may throw in any event: the next one comes all the same', async () => {
    const caught: string[] = [];
    const listeners = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.on('uncaughtException', (error) => caught.push(error.message));
    try {
      const { port } = await serve((socket) => {
        socket.on('data', () => {
          throw new Error('data');
        });
        socket.on('end', () => socket.end('bye'));
        throw new Error('connection');
      });
      const client = net.connect(port, '127.0.0.1');
      client.end('x');
      client.on('finish', () => {
        throw new Error('finish');
      });
      const [bytes] = await once(client, 'data');
      expect(String(bytes)).toBe('bye');
      await once(client, 'close');
    } finally {
      process.removeAllListeners('uncaughtException');
      for (const listener of listeners) process.on('uncaughtException', listener);
    }
    expect(caught.toSorted()).toEqual(['connection', 'data', 'finish']);
  });

  it('stop a connection by its signal', async () => {
    const { port } = await serve(() => {});
    const control = new AbortController();
    const socket = net.connect({ port, host: '127.0.0.1', signal: control.signal });
    setImmediate(() => control.abort());
    const [error] = await once(socket, 'error');
    expect(error.name).toBe('AbortError');
  });

  it('read into a buffer of their own', async () => {
    const { port } = await serve((socket) => socket.end('0123456789'.repeat(10)));
    const buffer = Buffer.alloc(8);
    let text = '';
    const socket = net.connect({
      port,
      host: '127.0.0.1',
      onread: {
        buffer,
        callback(n, bytes) {
          expect(bytes).toBe(buffer);
          text += Buffer.from(bytes.subarray(0, n)).toString();
          return true;
        },
      },
    });
    await once(socket, 'end');
    expect(text).toBe('0123456789'.repeat(10));
  });

  it('reconnect with the same socket', async () => {
    const { port } = await serve((socket) => socket.end('again'));
    const socket = new net.Socket();
    for (let i = 0; i < 3; i++) {
      socket.connect(port, '127.0.0.1');
      const [bytes] = await once(socket, 'data');
      expect(String(bytes)).toBe('again');
      await once(socket, 'close');
    }
  });

  it('call the constructors as they always could', () => {
    const { Server, Socket } = net as unknown as { Server: () => nodeNet.Server; Socket: () => nodeNet.Socket };
    expect(Server()).toBeInstanceOf(net.Server);
    expect(Socket()).toBeInstanceOf(net.Socket);
    class Special extends net.Server {}
    expect(new Special()).toBeInstanceOf(Special);
    function Old(this: object): void {
      (net.Server as unknown as { call(self: object): void }).call(this);
    }
    Object.setPrototypeOf(Old.prototype, net.Server.prototype);
    expect(new (Old as unknown as new () => nodeNet.Server)().listening).toBe(false);
  });
});
