import { describe, expect, it } from 'vitest';
import type { TcpSocket } from '../../src/stack/socket.ts';
import { linux } from '../../src/tcp/config.ts';
import { STATE_NAMES } from '../../src/tcp/state.ts';
import { ip, world } from './support/world.ts';

const SECOND = 1_000_000;

/** Left sends everything to right, which takes what it is told to. */
function routed() {
  const made = world();
  const { left, tee, right, run } = made;
  left.addRoute(ip('0.0.0.0'), 0, tee);
  left.addRoute(ip('::'), 0, tee);
  const accepted: TcpSocket[] = [];
  const listener = right.listen({ port: 'any' }, (socket) => accepted.push(socket));
  const connect = (remote: string, remotePort: number) => {
    const log: string[] = [];
    const socket = left.connect({
      remoteAddress: ip(remote),
      remotePort,
      events: { onConnect: () => log.push('connected'), onClose: (failure) => log.push(`closed ${failure}`) },
    });
    run();
    return { socket, log };
  };
  return { ...made, listener, accepted, connect };
}

describe('a listener for any port', () => {
  it('takes connections to every port of every address, and says where they wanted to go', () => {
    const { accepted, connect, left, right, run } = routed();
    for (const [address, port] of [
      ['10.0.0.2', 1],
      ['192.0.2.7', 443],
      ['2001:db8::1', 65_535],
    ] as const) {
      const { socket, log } = connect(address, port);
      expect(log).toEqual(['connected']);
      const end = accepted.pop()!;
      expect([`${end.localAddress}`, end.localPort]).toEqual([address, port]);
      end.send(new Uint8Array(100_000));
      run();
      expect(socket.readable).toBe(100_000);
      socket.receive();
      end.close();
      socket.close();
      run(left.host.now() + 120 * SECOND);
    }
    expect(right.stats()).toMatchObject({ connections: 0, timeWait: 0, listeners: 1 });
  });

  it('leaves to other listeners what is theirs', () => {
    const { accepted, connect, right } = routed();
    const theirs: TcpSocket[] = [];
    right.listen({ port: 80 }, (socket) => theirs.push(socket));
    connect('10.0.0.2', 80);
    expect([theirs.length, accepted.length]).toEqual([1, 0]);
    connect('10.0.0.2', 81);
    expect([theirs.length, accepted.length]).toEqual([1, 1]);
  });

  it('its connections outlive it, and nobody else is answered for others after that', () => {
    const { accepted, connect, listener, right, run } = routed();
    const { socket } = connect('192.0.2.7', 443);
    listener.close();
    accepted[0]!.send(new Uint8Array(10));
    socket.send(new Uint8Array(20));
    run();
    expect([socket.readable, accepted[0]!.readable]).toEqual([10, 20]);
    const before = right.ipCounters.InAddrErrors;
    const { socket: late, log } = connect('192.0.2.8', 443);
    expect([STATE_NAMES[late.state], log]).toEqual(['CLOSED', ['closed timed out']]);
    expect(right.ipCounters.InAddrErrors).toBe(before + 1 + linux.tcp_syn_retries);
  });

  it('is one for each family, and has no address', () => {
    const { listener, right } = routed();
    expect([listener.localAddress, listener.localPort, listener.backlog]).toEqual([null, 0, 511]);
    expect(() => right.listen({ port: 'any' })).toThrow('any port of every address is in use');
    expect(() => right.listen({ port: 'any', address: ip('10.0.0.2') })).toThrow(/is for every address/);
    listener.close();
    right.listen({ port: 'any', family: 4 });
    right.listen({ port: 'any', family: 6 });
    expect(right.connections().map(({ state, localPort }) => [state, localPort])).toEqual([
      ['LISTEN', 0],
      ['LISTEN', 0],
    ]);
  });

  it('lets the stack itself connect', () => {
    const { left, right, run } = routed();
    const server = left.listen({ port: 9 });
    const socket = right.connect({ remoteAddress: ip('10.0.0.1'), remotePort: 9, localPort: 1234 });
    run();
    expect(STATE_NAMES[socket.state]).toBe('ESTABLISHED');
    expect(server.acceptQueue).toBe(1);
  });
});

describe('the queues', () => {
  it('are told, and what they lost', () => {
    const { left, right, run } = world();
    const listener = right.listen({ port: 7, backlog: 2 });
    expect(listener).toMatchObject({ synQueue: 0, acceptQueue: 0, backlog: 2, overflows: 0 });
    for (let i = 0; i < 5; i++) left.connect({ remoteAddress: ip('10.0.0.2'), remotePort: 7 });
    run(SECOND / 2);
    expect(listener).toMatchObject({ acceptQueue: 3 });
    expect(listener.overflows).toBeGreaterThan(0);
  });
});
