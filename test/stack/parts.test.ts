import { describe, expect, it } from 'vitest';
import { Pair } from '../../src/link/pair.ts';
import { ALL_PARTS, bbr, dormancy, type Parts, udp } from '../../src/stack/parts.ts';
import type { TcpSocket } from '../../src/stack/socket.ts';
import { LeanStack } from '../../src/stack/stack.ts';
import { linux } from '../../src/tcp/config.ts';
import { VirtualTime } from '../support/virtual-host.ts';
import { ip } from './support/world.ts';

const SECOND = 1_000_000;

/** Two stacks, of which `left` has these parts, and a connection from it. */
function ends(parts: Parts) {
  const time = new VirtualTime();
  const pair = new Pair();
  const left = new LeanStack({ host: time.host(), parts });
  const right = new LeanStack({ host: time.host(), parts: ALL_PARTS });
  left.addDevice(pair.a, [{ address: ip('10.0.0.1'), prefixLength: 24 }]);
  right.addDevice(pair.b, [{ address: ip('10.0.0.2'), prefixLength: 24 }]);
  const run = (until: number) => time.run((now) => pair.pump(now), until);
  const accepted: TcpSocket[] = [];
  right.listen({ port: 7 }, (socket) => accepted.push(socket));
  const client = left.connect({ remoteAddress: ip('10.0.0.2'), remotePort: 7 });
  run(SECOND);
  return { left, right, run, client, server: accepted[0]! };
}

function echo({ client, server, run }: ReturnType<typeof ends>, until: number): number {
  expect(client.send(new Uint8Array(1000).fill(7))).toBe(1000);
  run(until);
  server.send(server.receive() ?? new Uint8Array());
  run(until + SECOND);
  return client.receive()?.length ?? 0;
}

describe('LeanStack', () => {
  it('has TCP with CUBIC and Reno, and says what it has not', () => {
    const made = ends({});
    const { left, client } = made;
    expect(client.info()).toMatchObject({ tcpi_state: 'ESTABLISHED', tcpi_congestion: 'cubic' });
    client.setOptions({ congestionControl: 'reno' });
    expect(client.info().tcpi_congestion).toBe('reno');
    expect(() => client.setOptions({ congestionControl: 'bbr' })).toThrow('choose one of reno, cubic');
    expect(() => left.bind()).toThrow('give it the part `udp`');
    const options = { host: new VirtualTime().host(), config: { ...linux, tcp_congestion_control: 'bbr' as const } };
    expect(() => new LeanStack(options)).toThrow('choose one of reno, cubic');
    expect(new LeanStack({ ...options, parts: bbr }).config.tcp_congestion_control).toBe('bbr');
    expect(echo(made, 2 * SECOND)).toBe(1000);
  });

  it('answers datagrams that nobody can hear', () => {
    const { right, run } = ends({});
    const heard: string[] = [];
    const socket = right.bind({ events: { onError: (failure) => heard.push(failure) } });
    socket.send(new Uint8Array(1), ip('10.0.0.1'), 9);
    run(2 * SECOND);
    expect(heard).toEqual(['port unreachable']);
  });

  it('has the parts that it is given', () => {
    const made = ends({ ...udp, ...bbr });
    const { left, right, run, client } = made;
    client.setOptions({ congestionControl: 'bbr' });
    expect(client.info().tcpi_congestion).toBe('bbr');
    expect(echo(made, 2 * SECOND)).toBe(1000);
    const heard: number[] = [];
    right.bind({ port: 53, events: { onMessage: (bytes) => heard.push(bytes.length) } });
    left.bind().send(new Uint8Array(3), ip('10.0.0.2'), 53);
    run(4 * SECOND);
    expect(heard).toEqual([3]);
  });

  it.each([
    ['without', {}, 0],
    ['with', dormancy, 1],
  ] as const)('keeps an idle connection %s dormancy', (_, parts, dormant) => {
    const made = ends(parts);
    made.run(60 * SECOND);
    expect(made.left.stats()).toMatchObject({ connections: 1, dormant });
    expect(echo(made, 61 * SECOND)).toBe(1000);
  });
});
