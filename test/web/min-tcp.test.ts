import { describe, expect, it } from 'vitest';
import { type Device, Frame, type FrameSink } from '../../src/link/device.ts';
import type { TcpSocket } from '../../src/stack/socket.ts';
import { Stack as WholeStack } from '../../src/stack/stack.ts';
import type { Trace } from '../../src/tcp/trace.ts';
import * as source from '../../src/web/index.ts';
import { VirtualTime } from '../support/virtual-host.ts';
import { bytes } from './support.ts';

// The protocol in `synfin/web/min` beside the sources that it was made of: in virtual time, over a path that loses, repeats and overtakes, they must say the
// same, octet by octet. A name that was shortened in one place and not in another shows.

const built = (await import(new URL('../../dist/web.min.js', import.meta.url).href)) as typeof source;
const whole = { ...source, Stack: WholeStack } as typeof source;

const SECOND = 1_000_000;
const DELAY = 10_000;

/** Two devices, and 10 ms between them. `harm`: of so many packets each is lost, comes twice, comes late or is damaged. */
function path(time: VirtualTime, harm: number) {
  const said: string[] = [];
  const sinks: (FrameSink | undefined)[] = [];
  let waiting: { at: number; to: number; packet: Uint8Array }[] = [];
  const clock = time.host();
  let cut = false;
  let count = 0;
  const wake = () => clock.wakeAt(Math.min(Number.POSITIVE_INFINITY, ...waiting.map(({ at }) => at)), deliver);
  const deliver = () => {
    const due = waiting.filter(({ at }) => at <= time.now);
    waiting = waiting.filter(({ at }) => at > time.now);
    for (const { to, packet } of due.sort((a, b) => a.at - b.at)) {
      const frame = new Frame(packet);
      frame.length = packet.length;
      sinks[to]?.receive(frame, time.now);
      sinks[to]?.flush(time.now);
    }
    wake();
  };
  const end = (from: number): Device => ({
    name: `end ${from}`,
    mtu: 1500,
    offload: { checksum: false, maxGso: 0 },
    attach: (sink) => {
      sinks[from] = sink;
    },
    allocate: (length) => new Frame(new Uint8Array(length)),
    transmit: (frame) => {
      const packet = frame.bytes.slice(frame.offset, frame.offset + frame.length);
      said.push(`${time.now} ${from} ${Buffer.from(packet).toString('hex')}`);
      if (cut) return true;
      const fate = harm === 0 ? -1 : ++count % harm;
      if (fate === 1) return true;
      if (fate === 5) packet[packet.length - 1]! ^= 1;
      waiting.push({ at: time.now + (fate === 3 ? 2 * DELAY : DELAY), to: 1 - from, packet });
      if (fate === 4) waiting.push({ at: time.now + DELAY, to: 1 - from, packet: packet.slice() });
      wake();
      return true;
    },
    release: () => {},
    close: () => {},
  });
  return {
    said,
    ends: [end(0), end(1)] as const,
    cut: () => {
      cut = true;
    },
  };
}

/** What a trace is told, in words. */
function recorder(into: string[]): Trace {
  const name = (t: Parameters<Trace['segment']>[1]) =>
    `${t.localAddress} ${t.localPort} ${t.remoteAddress} ${t.remotePort}`;
  const fields = (segment: object) =>
    Object.entries(segment)
      .filter(([, value]) => typeof value !== 'object')
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .join(' ');
  return {
    segment: (direction, tuple, segment, now) => into.push(`${now} ${direction} ${name(tuple)} ${fields(segment)}`),
    state: (tuple, from, to, cause, now) => into.push(`${now} ${name(tuple)} ${from} ${to} ${cause}`),
    timer: (tuple, timer, now) => into.push(`${now} ${name(tuple)} ${timer}`),
    drop: (tuple, segment, reason, now) => into.push(`${now} ${name(tuple)} ${reason} ${fields(segment)}`),
  };
}

interface Ends {
  readonly left: InstanceType<typeof source.Stack>;
  readonly right: InstanceType<typeof source.Stack>;
  readonly connect: (options?: Partial<Parameters<Ends['left']['connect']>[0]>) => TcpSocket;
  readonly accepted: TcpSocket[];
  readonly told: string[];
  readonly run: (seconds: number) => void;
  readonly cut: () => void;
}

/** Connects `left` to `right`, lets `scene` play, and ends it all. Returns what was seen on the way. */
function play(left: typeof source, right: typeof source, scene: Scene): Record<string, unknown> {
  const time = new VirtualTime();
  const { said, ends, cut } = path(time, scene.harm ?? 0);
  const told: string[] = [];
  const stacks = [left, right].map(({ Stack, linux, IpAddress }, i) => {
    const config = { ...linux, timeWait: SECOND, ...scene.config };
    const stack = new Stack({ host: time.host(), config, trace: recorder(told) });
    stack.addDevice(ends[i]!, [
      { address: IpAddress.of(`10.0.0.${i + 1}`), prefixLength: 24 },
      { address: IpAddress.of(`fd00::${i + 1}`), prefixLength: 64 },
    ]);
    return stack;
  });
  const events = (who: string) => ({
    onConnect: () => told.push(`${who} connected`),
    onEnd: () => told.push(`${who} ended`),
    onAdvice: (what: string) => told.push(`${who} advice ${what}`),
    onClose: (failure: string | null) => told.push(`${who} closed ${failure}`),
  });
  const accepted: TcpSocket[] = [];
  stacks[1]!.listen({ port: 7, backlog: 8, ...scene.listen }, (socket) => {
    socket.events = events('server');
    accepted.push(socket);
  });
  const results = scene.play({
    left: stacks[0]!,
    right: stacks[1]!,
    accepted,
    told,
    connect: (options) =>
      stacks[0]!.connect({
        remoteAddress: left.IpAddress.of(scene.address ?? '10.0.0.2'),
        remotePort: 7,
        events: events('client'),
        ...options,
      }),
    run: (seconds) => time.run(undefined, time.now + seconds * SECOND),
    cut,
  });
  const stats = stacks.map((stack) => stack.stats());
  const counters = stacks.map(({ counters: { drops, ...counts }, ipCounters }) => [counts, { ...drops }, ipCounters]);
  for (const stack of stacks) stack.close();
  const { stringify } = JSON;
  return { results, said, told, stats: stringify(stats), counters: stringify(counters) };
}

interface Scene {
  readonly harm?: number;
  readonly address?: string;
  readonly config?: Partial<source.TcpConfig>;
  readonly listen?: Partial<Parameters<Ends['right']['listen']>[0]>;
  readonly play: (ends: Ends) => unknown;
}

const LONG = bytes(400_000);

/** Sends all of `what` as there is room, and takes what comes, for so long. Returns how much of `expected` came, −1 where it was not that. */
function exchange(
  { run }: Ends,
  pairs: readonly (readonly [from: TcpSocket, to: TcpSocket])[],
  rounds: number,
): number[] {
  const sent = pairs.map(() => 0);
  const got = pairs.map(() => 0);
  for (let round = 0; round < rounds; round++) {
    for (const [i, [from, to]] of pairs.entries()) {
      if (sent[i]! < LONG.length) sent[i]! += Math.max(0, from.send(LONG.subarray(sent[i])));
      for (let some = to.receive(); some !== null; some = to.receive()) {
        const right = Buffer.compare(some, LONG.subarray(got[i], got[i]! + some.length)) === 0;
        got[i] = right ? got[i]! + some.length : Number.NaN;
      }
    }
    run(0.02);
  }
  return got;
}

const SCENES: Record<string, Scene> = {
  'opens, talks and closes': {
    play: ({ connect, accepted, run, left, right }) => {
      const client = connect();
      run(1);
      client.send(bytes(3000));
      run(1);
      const heard = accepted[0]!.receive()!.length;
      accepted[0]!.send(bytes(10));
      client.shutdown();
      run(1);
      accepted[0]!.close();
      run(0.5);
      const waiting = left.stats().timeWait;
      run(10);
      return [heard, client.receive()!.length, client.state, waiting, left.stats().timeWait, right.stats().connections];
    },
  },
  ...Object.fromEntries(
    [
      ['streams both ways', 0, '10.0.0.2', {}],
      ['streams both ways over a bad path', 41, '10.0.0.2', {}],
      ['streams both ways over a bad path, IPv6', 37, 'fd00::2', {}],
      ['streams without SACK over a bad path', 43, '10.0.0.2', { tcp_sack: false }],
      [
        'streams without timestamps over a bad path, Reno and ECN',
        47,
        'fd00::2',
        {
          tcp_timestamps: false,
          tcp_congestion_control: 'reno',
          tcp_ecn: 1,
        },
      ],
      ['streams by a worse path, with small buffers', 17, '10.0.0.2', { receiveBuffer: 20_000, sendBuffer: 30_000 }],
    ].map(([name, harm, address, config]) => [
      name as string,
      {
        harm: harm as number,
        address: address as string,
        config: config as Partial<source.TcpConfig>,
        play: (ends: Ends) => {
          const client = ends.connect();
          ends.run(20);
          const server = ends.accepted[0]!;
          const got = exchange(
            ends,
            [
              [client, server],
              [server, client],
            ],
            3000,
          );
          client.close();
          server.close();
          ends.run(200);
          return [...got, ends.left.stats().connections, ends.right.stats().connections];
        },
      },
    ]),
  ),
  'waits for a reader': {
    config: { receiveBuffer: 8000 },
    play: (ends) => {
      const client = ends.connect();
      ends.run(1);
      const taken = client.send(LONG.subarray(0, 20_000));
      ends.run(30);
      const server = ends.accepted[0]!;
      const unread = server.readable;
      ends.run(1);
      let got = 0;
      for (let i = 0; i < 100; i++) {
        got += server.receive()?.length ?? 0;
        ends.run(0.1);
      }
      return [taken, unread, got];
    },
  },
  'is refused, aborts and is aborted': {
    play: ({ connect, accepted, run }) => {
      connect({ remotePort: 8 });
      const one = connect();
      const other = connect();
      run(1);
      one.send(bytes(100));
      one.abort();
      accepted[1]!.abort();
      run(1);
      return [one.state, other.state, accepted.length];
    },
  },
  'closes at both ends at once': {
    play: ({ connect, accepted, run, left, right }) => {
      const client = connect();
      run(1);
      client.close();
      accepted[0]!.close();
      run(0.1);
      const states = [left.stats().timeWait, right.stats().timeWait];
      run(5);
      return [states, left.stats().connections];
    },
  },
  'knows a peer that is gone': {
    play: ({ connect, run, cut }) => {
      const quiet = connect({ options: { keepAlive: true, keepAliveTime: SECOND, keepAliveInterval: SECOND } });
      const talking = connect({ options: { userTimeout: 5 * SECOND, noDelay: true } });
      run(0.5);
      cut();
      talking.send(bytes(10));
      const late = connect();
      run(300);
      return [quiet.state, talking.state, late.state];
    },
  },
  'has more SYNs than its queues hold': {
    config: { tcp_max_syn_backlog: 2 },
    listen: { backlog: 1 },
    play: ({ connect, accepted, run }) => {
      const clients = Array.from({ length: 8 }, () => connect());
      run(30);
      return [clients.map(({ state }) => state), accepted.length];
    },
  },
};

describe.each(Object.entries(SCENES))('%s', { timeout: 60_000 }, (_, scene) => {
  it('as the sources', () => {
    const ours = play(built, built, scene);
    const theirs = play(source, source, scene);
    for (const what of Object.keys(theirs)) expect(ours[what], what).toEqual(theirs[what]);
    expect((theirs['said'] as string[]).length).toBeGreaterThan(5);
  });

  it('with a whole stack as peer, at either end', () => {
    for (const [lean, reference] of [
      [play(built, whole, scene), play(source, whole, scene)],
      [play(whole, built, scene), play(whole, source, scene)],
    ] as const) {
      expect(lean['said']).toEqual(reference['said']);
      expect(lean['results']).toEqual(reference['results']);
    }
  });
});

it.each(Object.entries(SCENES).filter(([name]) => name.startsWith('streams')))('%s, whole', (_, scene) => {
  expect(play(built, built, scene)['results']).toEqual([LONG.length, LONG.length, 0, 0]);
});
