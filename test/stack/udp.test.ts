import { describe, expect, it } from 'vitest';
import type { UdpEvents } from '../../src/stack/udp.ts';
import { ip, world } from './support/world.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

function ear(): UdpEvents & { log: string[] } {
  const log: string[] = [];
  return {
    log,
    onMessage: (message, from, port) => log.push(`${new TextDecoder().decode(message)} from ${from} ${port}`),
    onError: (failure, to, port) => log.push(`${failure} ${to} ${port}`),
  };
}

describe('UDP', () => {
  it.each(['10.0.0.2', 'fd00::2'])('carries datagrams and answers (%s)', (address) => {
    const { left, right, run } = world();
    const events = ear();
    const server = right.bind({ port: 53, events });
    server.events = {
      onMessage: (message, from, port) => {
        events.onMessage!(message, from, port);
        server.send(bytes('answer'), from, port);
      },
    };
    const heard = ear();
    const client = left.bind({ events: heard });
    client.send(bytes('question'), ip(address), 53);
    client.send(bytes(''), ip(address), 53);
    run();
    const ours = address.includes(':') ? 'fd00::1' : '10.0.0.1';
    expect(events.log).toEqual([`question from ${ours} ${client.localPort}`, ` from ${ours} ${client.localPort}`]);
    expect(heard.log).toEqual([`answer from ${address} 53`, `answer from ${address} 53`]);
  });

  it.each(['10.0.0.2', 'fd00::2'])('hears that nobody listens (%s)', (address) => {
    const { left, run } = world();
    const events = ear();
    left.bind({ events }).send(bytes('x'), ip(address), 9);
    run();
    expect(events.log).toEqual([`port unreachable ${address} 9`]);
  });

  it('reaches the stack itself', () => {
    const { left, run } = world();
    const events = ear();
    left.bind({ port: 5, events });
    const other = left.bind();
    for (const to of ['127.0.0.1', '10.0.0.1', '0.0.0.0']) other.send(bytes('x'), ip(to), 5);
    run();
    const port = other.localPort;
    expect(events.log).toEqual([`x from 127.0.0.1 ${port}`, `x from 10.0.0.1 ${port}`, `x from 127.0.0.1 ${port}`]);
  });

  it('one that is bound to an address goes before one for all', () => {
    const { left, right, run } = world();
    const [all, one] = [ear(), ear()];
    right.bind({ port: 5, family: 6, events: all });
    right.bind({ port: 5, address: ip('10.0.0.2'), events: one });
    const client = left.bind();
    client.send(bytes('four'), ip('10.0.0.2'), 5);
    client.send(bytes('six'), ip('fd00::2'), 5);
    run();
    expect([all.log.length, one.log.length]).toEqual([1, 1]);
  });

  it('says what cannot be', () => {
    const { left } = world();
    const socket = left.bind({ port: 5, family: 4 });
    expect(() => left.bind({ port: 5 })).toThrow('UDP port 5 is in use');
    expect(() => left.bind({ address: ip('192.0.2.1') })).toThrow(/not an address of this stack/);
    expect(() => socket.send(bytes('x'), ip('192.0.2.1'), 5)).toThrow(/no route/);
    expect(() => socket.send(bytes('x'), ip('fd00::2'), 5)).toThrow(/other family/);
    expect(() => socket.send(new Uint8Array(1473), ip('10.0.0.2'), 5)).toThrow(/too many for pair-a: 1472/);
    expect(() => socket.send(bytes('x'), ip('10.0.0.2'), 0)).toThrow(/no port/);
    socket.close();
    left.bind({ port: 5 });
    left.close();
    expect(() => left.bind()).toThrow('this stack is closed');
  });
});
