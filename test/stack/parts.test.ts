import { describe, expect, it } from 'vitest';
import { Pair } from '../../src/link/pair.ts';
import { bbr, dormancy, fragments, icmp, inspection, many, type Parts, udp } from '../../src/stack/parts.ts';
import { ALL_PARTS } from '../../src/stack/parts-all.ts';
import type { TcpSocket } from '../../src/stack/socket.ts';
import { LeanStack } from '../../src/stack/stack.ts';
import { linux } from '../../src/tcp/config.ts';
import { ESTABLISHED } from '../../src/tcp/state.ts';
import { finish, sum } from '../../src/wire/checksum.ts';
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
    expect(client.state).toBe(ESTABLISHED);
    client.setOptions({ congestionControl: 'reno' });
    expect(() => client.setOptions({ congestionControl: 'bbr' })).toThrow('choose one of reno, cubic');
    expect(() => left.bind()).toThrow('give it the part `udp`');
    expect(() => client.info()).toThrow('give it the part `inspection`');
    expect(() => left.connections()).toThrow('give it the part `inspection`');
    expect(() => {
      left.onWarning = () => {};
    }).toThrow('give it the part `warnings`');
    const options = { host: new VirtualTime().host(), config: { ...linux, tcp_congestion_control: 'bbr' as const } };
    expect(() => new LeanStack(options)).toThrow('choose one of reno, cubic');
    expect(new LeanStack({ ...options, parts: bbr }).config.tcp_congestion_control).toBe('bbr');
    expect(echo(made, 2 * SECOND)).toBe(1000);
  });

  it.each([
    ['answers', icmp, ['port unreachable']],
    ['says nothing of', {}, []],
  ] as const)('%s datagrams that nobody can hear', (_, parts, answers) => {
    const { right, run } = ends(parts);
    const heard: string[] = [];
    const socket = right.bind({ events: { onError: (failure) => heard.push(failure) } });
    socket.send(new Uint8Array(1), ip('10.0.0.1'), 9);
    run(2 * SECOND);
    expect(heard).toEqual(answers);
  });

  it('has the parts that it is given', () => {
    const made = ends({ ...udp, ...bbr, ...inspection });
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
    ['with many and', { ...dormancy, ...many }, 1],
  ] as const)('keeps an idle connection %s dormancy', (_, parts, dormant) => {
    const made = ends(parts);
    made.run(60 * SECOND);
    expect(made.left.stats()).toMatchObject({ connections: 1, dormant });
    expect(echo(made, 61 * SECOND)).toBe(1000);
  });
});

describe('fragments', () => {
  const text = Uint8Array.from({ length: 100 }, (_, i) => i);

  it.each([
    ['make a packet', fragments, { ReasmOKs: 1, ReasmFails: 0 }, [108]],
    ['are counted where nobody puts them together', {}, { ReasmOKs: 0, ReasmFails: 2 }, []],
  ] as const)('%s', (_, parts, counters, answered) => {
    const time = new VirtualTime();
    const pair = new Pair();
    const stack = new LeanStack({ host: time.host(), parts: { ...parts, ...icmp } });
    stack.addDevice(pair.a, [{ address: ip('10.0.0.1'), prefixLength: 24 }]);
    const answers: number[] = [];
    pair.b.attach({ receive: ({ length }) => answers.push(length - 20), flush: () => {} });
    const echo = Uint8Array.from([8, 0, 0, 0, 0, 1, 0, 1, ...text]);
    new DataView(echo.buffer).setUint16(2, finish(sum(echo, 0, echo.length)));
    for (const [at, end, more] of [
      [0, 56, 0x2000],
      [56, 108, 0],
    ] as const) {
      const packet = Uint8Array.from([0x45, 0, 0, 20 + end - at, 0, 9, 0, 0, 64, 1, 0, 0, 10, 0, 0, 2, 10, 0, 0, 1]);
      const view = new DataView(packet.buffer);
      view.setUint16(6, more | (at >>> 3));
      view.setUint16(10, finish(sum(packet, 0, 20)));
      const frame = pair.b.allocate(20 + end - at);
      frame.length = 20 + end - at;
      frame.bytes.set(packet, frame.offset);
      frame.bytes.set(echo.subarray(at, end), frame.offset + 20);
      pair.b.transmit(frame);
    }
    for (let i = 0; i < 3; i++) pair.pump(0);
    expect(stack.ipCounters).toMatchObject(counters);
    expect(answers).toEqual(answered);
  });
});
