import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { built, found, gvisor, kernel, lwip, ours, pasta, SERVER_CORE, slirp } from './arms.mjs';
import { Child } from './children.mjs';
import { CpuWatch, residentBytes } from './cpu.mjs';

/**
 * What is measured. A row has contenders, ours first; `sample` of one gives
 *
 *   figures   named values, of which the first is the row's; `less`: there, smaller is better
 *   foreign   how many cores others' processes took meanwhile
 *   series    optional: what can be drawn, an array of [x, y]; `axes` names x and y
 *
 * `targets`: `[figure, against, bound]`: ours ÷ theirs, or ours alone where `against` is null, at least the bound (at most where the figure
 * is one of which less is better: `least: false`).
 *
 * @typedef {{ figures: Record<string, number>, foreign: number, series?: [number, number][] }} Sample
 * @typedef {{ warm: number, seconds: number, against?: string, node: string[] }} Options
 * @typedef {{ figure: string, against: string | null, bound: number, least?: boolean }} Target
 */

const PEER = built('peer');
const script = (name) => fileURLToPath(new URL(`../${name}`, import.meta.url));

/** A row over a wire: `work` drives a running arm and returns figures. */
function wire({ arms, work, ...row }) {
  return {
    ...row,
    root: true,
    contenders: (options) =>
      arms(options).map((arm) => ({
        name: arm.name,
        missing: arm.missing,
        async sample() {
          const running = await arm.start();
          try {
            return await work(running, options);
          } finally {
            await running.stop();
          }
        },
      })),
  };
}

/** Runs one of `peer.c`'s clients; CPU is that of the server while the client measured. */
async function client({ server, client }, command, { warm, seconds }) {
  const [mode, ...rest] = command;
  const child = client([PEER, mode, 'ADDRESS', String(warm), String(seconds), ...rest]);
  const finished = child.result((warm + seconds) * 1000 + 10_000);
  // Whoever waits for "begin" hears of a client that fails: this is for the promise that nobody looks at then.
  finished.catch(() => {});
  await child.says('begin');
  const watch = new CpuWatch(server.pid, child.pid);
  // Before the client ends: a process that is gone has no CPU time any more.
  await sleep(seconds * 1000 - 20);
  const cpu = watch.end();
  return { result: await finished, cpu: cpu.used[0] * (seconds / cpu.seconds), foreign: cpu.foreign };
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function ourArms(options, flags = []) {
  const arms = [ours('synfin', { flags, node: options.node })];
  if (options.against !== undefined) arms.push(ours('against', { dist: options.against, flags, node: options.node }));
  return arms;
}

function stream(mode) {
  return async (running, options) => {
    const { result, cpu, foreign } = await client(running, [mode], options);
    const gigabits = (result.bytes * 8) / 1e9;
    const series = result.tenths.map((bytes, i) => [(i + 1) / 10, (bytes * 8) / 1e8]);
    const figures = {
      'Gbit/s': gigabits / result.seconds,
      'Gbit/core-s': gigabits / cpu,
      retransmits: result.retransmits,
    };
    return { figures, foreign, series };
  };
}

const TIME_AXES = ['seconds', 'Gbit/s'];
const vnetArms = (options) => [...ourArms(options), kernel(), gvisor('gvisor'), slirp(), pasta()];
const plainArms = (options) => [...ourArms(options, ['--plain']), gvisor('gvisor', ['-plain']), lwip('lwip')];

const crr = async (running, options, parallel) => {
  const { result, cpu, foreign } = await client(running, ['crr', String(parallel)], options);
  return {
    foreign,
    figures: {
      'conn/s': result.connections / result.seconds,
      'µs CPU/conn': (cpu * 1e6) / result.connections,
      failed: result.failed,
    },
  };
};

const PARALLEL = [1, 4, 16, 64, 256];
const SYN_RATE = 200_000;
const CONNECTS = 100;

/** A job of ours in one process, without a wire: `command` says one line of JSON, the figures. */
function job(name, command, missing = null) {
  return {
    name,
    missing,
    async sample({ seconds }) {
      const child = new Child('taskset', ['-c', SERVER_CORE, ...command(seconds)]);
      const watch = new CpuWatch(child.pid);
      const said = await child.result(900_000);
      const figures = Object.fromEntries(Object.entries(said).filter(([, value]) => typeof value === 'number'));
      // The job's own time is gone with it: what is left over 1 core is others'.
      const { foreign } = watch.end();
      return { figures, foreign: Math.max(0, foreign - 1) };
    },
  };
}

const memory =
  (what, ...more) =>
  (seconds) => [
    ...[process.execPath, '--expose-gc', script('memory.mjs'), '--seconds', String(seconds), ...more, what],
  ];

function alone(title, command, targets, rest = {}) {
  return {
    title,
    targets,
    most: 3,
    ...rest,
    contenders: () => [job('synfin', command, rest.needs?.() ?? null)],
  };
}

const TCPIP = process.env.SYNFIN_BENCH_TCPIP;
const tcpip = (what) =>
  job(
    'tcpip.js',
    (seconds) => [process.execPath, script('peers/tcpip.mjs'), TCPIP, what, String(seconds)],
    TCPIP !== undefined && existsSync(TCPIP)
      ? null
      : 'SYNFIN_BENCH_TCPIP names no directory with the package tcpip: docs/performance.md',
  );

function inMemory(what, title, figure, targets, contenders = []) {
  return {
    title,
    targets: [{ figure, against: 'tcpip.js', bound: 10 }, ...targets],
    contenders: () => [job('synfin', memory(what)), ...contenders, tcpip(what)],
  };
}

export const ROWS = {
  receive: wire({
    title: 'one stream received',
    arms: vnetArms,
    work: stream('send'),
    axes: TIME_AXES,
    targets: [
      { figure: 'Gbit/s', against: 'kernel veth', bound: 0.9 },
      { figure: 'Gbit/core-s', against: 'gvisor', bound: 2 },
    ],
  }),
  send: wire({
    title: 'one stream sent',
    arms: vnetArms,
    work: stream('receive'),
    axes: TIME_AXES,
    targets: [
      { figure: 'Gbit/s', against: 'kernel veth', bound: 0.85 },
      { figure: 'Gbit/core-s', against: 'gvisor', bound: 2.5 },
    ],
  }),
  'plain-receive': wire({
    title: 'one stream received, plain TUN, a frame for each packet',
    arms: plainArms,
    work: stream('send'),
    axes: TIME_AXES,
    targets: [
      { figure: 'Gbit/s', against: 'gvisor', bound: 2 },
      { figure: 'Gbit/s', against: 'lwip', bound: 1.2 },
    ],
  }),
  'plain-send': wire({
    title: 'one stream sent, plain TUN, a frame for each packet',
    arms: plainArms,
    work: stream('receive'),
    axes: TIME_AXES,
    targets: [
      { figure: 'Gbit/s', against: 'gvisor', bound: 3 },
      { figure: 'Gbit/s', against: 'lwip', bound: 0.8 },
    ],
  }),
  crr: wire({
    title: 'connect–request–response–close, 64 at a time',
    arms: vnetArms,
    work: (running, options) => crr(running, options, 64),
    targets: [
      { figure: 'conn/s', against: 'kernel veth', bound: 1.2 },
      { figure: 'conn/s', against: 'gvisor', bound: 3 },
      { figure: 'µs CPU/conn', against: null, bound: 60, least: false },
    ],
  }),
  'crr-many': wire({
    title: `connect–request–response–close, ${PARALLEL.join(', ')} at a time`,
    arms: (options) => [...ourArms(options), kernel(), gvisor('gvisor')],
    axes: ['connections at a time', 'µs of server CPU a connection'],
    logarithmic: true,
    less: true,
    async work(running, options) {
      const figures = {};
      const series = [];
      let foreign = 0;
      for (const parallel of PARALLEL) {
        const one = await crr(running, options, parallel);
        figures[`µs CPU, ${parallel}`] = one.figures['µs CPU/conn'];
        series.push([parallel, one.figures['µs CPU/conn']]);
        foreign = Math.max(foreign, one.foreign);
      }
      return { figures, foreign, series };
    },
  }),
  rr: wire({
    title: 'request–response, one at a time',
    less: true,
    arms: (options) => [
      ...ourArms(options),
      ours('synfin spin', { flags: ['--spin', '50'], node: options.node }),
      kernel(),
      gvisor('gvisor'),
    ],
    async work(running, options) {
      const { result, cpu, foreign } = await client(running, ['rr'], options);
      const figures = {
        'p50 µs': result.p50,
        'p99 µs': result.p99,
        'µs CPU/request': (cpu * 1e6) / result.requests,
        'requests/s': result.requests / result.seconds,
      };
      return { figures, foreign };
    },
    targets: [
      { figure: 'p50 µs', against: 'kernel veth', bound: 1.2, least: false },
      { figure: 'p50 µs', of: 'synfin spin', against: 'kernel veth', bound: 0.4, least: false },
    ],
  }),
  http: wire({
    title: "HTTP/1.1 by Node's http, wrk with 64 connections",
    missing: () => (found('wrk') ? null : 'wrk is not installed: scripts/setup-debian.sh'),
    arms: (options) => [
      ours('synfin/net', { http: true, node: options.node }),
      ...(options.against === undefined
        ? []
        : [ours('against', { http: true, dist: options.against, node: options.node })]),
      kernel('node:net, kernel veth', { http: true }),
    ],
    async work({ server, client }, { warm, seconds }) {
      const run = (length) =>
        client(['wrk', '-t', '1', '-c', '64', '-d', `${Math.ceil(length)}s`, 'http://ADDRESS:8080/']);
      await run(Math.max(1, warm)).finished;
      const wrk = run(seconds);
      await sleep(100);
      const watch = new CpuWatch(server.pid, wrk.pid);
      await sleep(Math.ceil(seconds) * 1000 - 200);
      const cpu = watch.end();
      await wrk.finished;
      const rate = Number(/Requests\/sec:\s*([\d.]+)/.exec(wrk.stdout)?.[1]);
      if (!(rate > 0)) throw new Error(`wrk: ${wrk.stdout.trim()} ${wrk.stderr.trim()}`);
      const errors = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(wrk.stdout);
      const failed = errors === null ? 0 : errors.slice(1).reduce((sum, n) => sum + Number(n), 0);
      const figures = { 'requests/s': rate, 'µs CPU/request': (cpu.used[0] / cpu.seconds / rate) * 1e6, failed };
      return { figures, foreign: cpu.foreign };
    },
    targets: [{ figure: 'requests/s', against: 'node:net, kernel veth', bound: 1 }],
  }),
  'syn-flood': wire({
    title: `${CONNECTS} connects in a second, a second's patience each, while ${SYN_RATE.toLocaleString('en')} spoofed SYN/s arrive`,
    arms: (options) => [
      ...ourArms(options),
      kernel('kernel veth, SYN cookies', { sysctl: [['net/ipv4/tcp_syncookies', 1]] }),
    ],
    async work({ server, client }) {
      const flood = client([built('flood'), 'ADDRESS', '7003', String(SYN_RATE), '2.5']);
      const flooded = flood.result(15_000);
      flooded.catch(() => {});
      await flood.says('begin');
      const before = residentBytes(server.pid);
      // V8 compiles, and touches its nursery for the first time: what comes after that is the flood's.
      const begun = sleep(500).then(() => residentBytes(server.pid));
      const connects = client([PEER, 'connect', 'ADDRESS', '0.5', '1', String(CONNECTS)]);
      const watch = new CpuWatch(server.pid, flood.pid, connects.pid);
      const result = await connects.result(15_000);
      const { foreign } = watch.end();
      const after = residentBytes(server.pid);
      const { sent, seconds } = await flooded;
      const figures = {
        'completed of 100': (result.completed / result.attempts) * 100,
        'p50 ms': result.p50 / 1000,
        'p99 ms': result.p99 / 1000,
        'SYN/s sent': sent / seconds,
        'MiB, first 0.5 s': ((await begun) - before) / 2 ** 20,
        'MiB, then': (after - (await begun)) / 2 ** 20,
      };
      return { figures, foreign };
    },
    targets: [
      { figure: 'completed of 100', against: null, bound: 100 },
      { figure: 'MiB, then', against: null, bound: 4, least: false },
    ],
  }),
  'memory-stream': inMemory(
    'stream',
    'stack to stack in one process, one stream, checksums on',
    'MiB/s',
    [{ figure: 'MiB/s', of: 'synfin, 64 KiB frames', against: 'tcpip.js', bound: 10 }],
    [job('synfin, 64 KiB frames', memory('stream', '--gso', '--sums'))],
  ),
  'memory-crr': inMemory('crr', 'stack to stack in one process, short connections, 64 at a time', 'conn/s', []),
  idle: alone(
    'bytes for an idle established connection',
    memory('idle'),
    [{ figure: 'bytes/connection', against: null, bound: 640, least: false }],
    { less: true },
  ),
  'time-wait': alone(
    'bytes for an entry in TIME-WAIT',
    memory('time-wait'),
    [{ figure: 'bytes/entry', against: null, bound: 48, least: false }],
    { less: true },
  ),
  'half-open': alone(
    'bytes for a half-open entry',
    memory('half-open'),
    [{ figure: 'bytes/entry', against: null, bound: 64, least: false }],
    { less: true },
  ),
  million: alone(
    'what a million idle connections and a million in TIME-WAIT cost those that are busy',
    () => [process.execPath, '--expose-gc', '--max-old-space-size=8000', script('million.mjs')],
    [
      { figure: 'goodput, full ÷ empty', against: null, bound: 0.9 },
      { figure: 'µs CPU/request, empty ÷ full', against: null, bound: 0.9 },
      { figure: 'bytes/connection', against: null, bound: 640, least: false },
      { figure: 'MiB for one end of the idle ones', against: null, bound: 1024, least: false },
    ],
    { most: 1 },
  ),
  'keep-alive': alone(
    'CPU of 100,000 idle connections whose keep-alive timers are armed',
    memory('keep-alive'),
    [{ figure: 'CPU, %', against: null, bound: 1, least: false }],
    { less: true, most: 1 },
  ),
  tables: alone(
    'demultiplexer and timers with a million entries',
    memory('tables'),
    [
      { figure: 'demux ns, random', against: null, bound: 200, least: false },
      { figure: 'demux ns, hot', against: null, bound: 35, least: false },
      { figure: 'timer later ns, random', against: null, bound: 120, least: false },
      { figure: 'timer later ns, hot', against: null, bound: 25, least: false },
    ],
    { less: true },
  ),
  checksum: alone('checksum, GB/s', () => [process.execPath, script('checksum.mjs')], [
    { figure: '1460 B', against: null, bound: 20 },
    { figure: '64 KiB', against: null, bound: 30 },
  ]),
  path: alone(
    'goodput over a simulated path of 1 Gbit/s, share of what is possible',
    () => [process.execPath, script('path.mjs')],
    [
      { figure: '20 ms', against: null, bound: 0.95 },
      { figure: '100 ms', against: null, bound: 0.95 },
      { figure: "20 ms, 1 % lost ÷ CUBIC's bound", against: null, bound: 0.9 },
    ],
    { most: 1 },
  ),
  bundle: alone(
    'synfin/web/min, the stack and its sockets as one ESM file',
    () => [process.execPath, script('bundle.mjs')],
    [{ figure: 'kB gzipped', against: null, bound: 45, least: false }],
    { less: true },
  ),
};
