import nodeDgram from 'node:dgram';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import ourDgram from '../../src/node/dgram.ts';

/** The parts of both that the tests use. */
type Socket = nodeDgram.Socket;
const ours = ourDgram as unknown as typeof nodeDgram;

describe.each([
  ['node:dgram', nodeDgram],
  ['synfin/dgram', ours],
])('%s', (_, dgram) => {
  async function bound(type: 'udp4' | 'udp6' = 'udp4'): Promise<[Socket, number]> {
    const socket = dgram.createSocket(type);
    socket.bind(0, type === 'udp4' ? '127.0.0.1' : '::1');
    await once(socket, 'listening');
    return [socket, socket.address().port];
  }

  it('sends and hears', async () => {
    const [server, port] = await bound();
    server.on('message', (message, { port: from, address }) => server.send([message, '!'], from, address));
    const client = dgram.createSocket('udp4');
    const sent = new Promise((resolve) => client.send('hello', port, (...args) => resolve(args)));
    expect(await sent).toEqual([null, 5]);
    const [message, from] = (await once(client, 'message')) as [Buffer, nodeDgram.RemoteInfo];
    expect([`${message}`, from]).toEqual(['hello!', { address: '127.0.0.1', family: 'IPv4', port, size: 6 }]);
    client.send(Buffer.from('0123456789'), 2, 3, port, '127.0.0.1');
    expect(`${(await once(client, 'message'))[0]}`).toBe('234!');
    server.close();
    client.close();
    await once(client, 'close');
  });

  it('connects', async () => {
    const [server, port] = await bound();
    const client = dgram.createSocket('udp4');
    client.connect(port, '127.0.0.1');
    await once(client, 'connect');
    expect(client.remoteAddress()).toEqual({ address: '127.0.0.1', family: 'IPv4', port });
    client.send('x');
    expect(`${(await once(server, 'message'))[0]}`).toBe('x');
    expect(() => client.send('x', 0, 1, port)).toThrow(
      expect.objectContaining({ code: 'ERR_SOCKET_DGRAM_IS_CONNECTED' }),
    );
    client.disconnect();
    expect(() => client.remoteAddress()).toThrow(expect.objectContaining({ code: 'ERR_SOCKET_DGRAM_NOT_CONNECTED' }));
    server.close();
    client.close();
  });

  it('tells mistakes as Node does', async () => {
    const [server, port] = await bound();
    const error = (code: string, message: string) => expect.objectContaining({ code, message });
    expect(() => dgram.createSocket('x' as 'udp4')).toThrow(
      error('ERR_SOCKET_BAD_TYPE', 'Bad socket type specified. Valid types are: udp4, udp6'),
    );
    expect(() => server.bind()).toThrow(error('ERR_SOCKET_ALREADY_BOUND', 'Socket is already bound'));
    const other = dgram.createSocket('udp4');
    expect(() => other.address()).toThrow(error('EBADF', 'getsockname EBADF'));
    expect(() => other.send('x', 0)).toThrow(
      error('ERR_SOCKET_BAD_PORT', 'Port should be > 0 and < 65536. Received type number (0).'),
    );
    other.bind(port, '127.0.0.1');
    const [taken] = (await once(other, 'error').catch((e) => [e])) as [NodeJS.ErrnoException];
    expect(taken).toMatchObject({ code: 'EADDRINUSE', syscall: 'bind', message: `bind EADDRINUSE 127.0.0.1:${port}` });
    server.close();
    expect(() => server.close()).toThrow(error('ERR_SOCKET_DGRAM_NOT_RUNNING', 'Not running'));
  });
});

it('a connected socket hears that nobody listens', async () => {
  const client = ours.createSocket('udp6');
  client.connect(9, '::1');
  await once(client, 'connect');
  client.send('x');
  const [error] = await once(client, 'error').catch((e) => [e]);
  expect(error).toMatchObject({ code: 'ECONNREFUSED', syscall: 'recvmsg' });
  client.close();
});

it('asks a name server, by hand', async () => {
  const server = ours.createSocket('udp4');
  server.on('message', (query, { port, address }) => {
    // The question again, as an answer, with one address.
    const answer = Buffer.concat([query, Buffer.from('c00c00010001000000050004c0000201', 'hex')]);
    answer.writeUInt16BE(0x8180, 2);
    answer.writeUInt16BE(1, 6);
    server.send(answer, port, address);
  });
  server.bind(53, '127.0.0.1');
  await once(server, 'listening');
  const client = ours.createSocket('udp4');
  const query = Buffer.from(
    `123401000001000000000000${Buffer.from('\x07example\x03com\0').toString('hex')}00010001`,
    'hex',
  );
  client.send(query, 53, '127.0.0.1');
  const [answer] = (await once(client, 'message')) as [Buffer];
  expect([answer.readUInt16BE(0), [...answer.subarray(-4)].join('.')]).toEqual([0x1234, '192.0.2.1']);
  client.close();
  server.close();
});
