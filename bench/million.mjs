// What very many connections that do nothing cost those that do something: a stream, and requests one after the other, over a link in memory.
//
//   node --expose-gc --max-old-space-size=8000 bench/million.mjs [--dist DIRECTORY] [--count N] [--rounds N] [--seconds S]
//
// Two stacks with N idle connections and N in TIME-WAIT are measured in turns with two without any in a process of their own, and with two without any in
// the same process (`beside`): what those lose is the price of the heap, not of the tables. A slice is S seconds of a stream, or of requests: so short that
// what else the machine does meets all of them. ÷ is the middle one of the rounds' ratios; `in all` compares the sums, with what happens once in many slices.
// GC: ms that the engine stopped to collect in all slices of one kind. Says one line of JSON.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { constants, PerformanceObserver } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { readArguments, refuse, whole } from '../scripts/command-line.mjs';
import { held, openBuild } from './lib/in-memory.mjs';
import { median } from './lib/statistics.mjs';

const { values, positionals } = readArguments(
  import.meta.url,
  {
    dist: { type: 'string', default: fileURLToPath(new URL('../dist', import.meta.url)) },
    count: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '40' },
    seconds: { type: 'string', default: '0.1' },
  },
  true,
);
const count = whole(values, 'count');
const rounds = whole(values, 'rounds');
const seconds = Number(values.seconds);
/** What a slice takes to be at full speed again, s. */
const WARM = 0.06;
if (globalThis.gc === undefined) refuse('run it with node --expose-gc');
if (positionals.some((word) => word !== 'empty')) refuse(`${positionals.join(' ')}: nothing but options`);

const build = await openBuild(values.dist);
/** Milliseconds that the engine stopped to collect garbage so far, and how often for all of the heap. */
let collecting = 0;
let major = 0;
new PerformanceObserver((list) => {
  for (const { duration, detail } of list.getEntries()) {
    collecting += duration;
    if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) major++;
  }
}).observe({ entryTypes: ['gc'] });

/** Measures a couple of stacks, slice by slice, in one way or the other: each slice begins with what it takes to be at full speed again. */
function measuring(couple) {
  const ways = { stream: couple.stream(7000), asking: couple.asking(7001) };
  return async (way) => {
    const [time, times] = [collecting, major];
    const figures = await ways[way].run(seconds, WARM);
    // The observer hears of the last ones.
    await new Promise((resolve) => setTimeout(resolve, 5));
    return { ...figures, 'GC ms': collecting - time, 'major GCs': major - times };
  };
}

/** N idle connections, and N in TIME-WAIT. Returns the idle ones. */
async function idle(couple, count) {
  const kept = [];
  const keep = (socket) => kept.push(socket);
  await couple.connectMany(count, 10_000, keep, keep);
  await couple.rest();
  return kept;
}
async function waiting(couple, count) {
  const close = (socket) => {
    socket.events = { onConnect: () => socket.close(), onEnd: () => socket.close() };
  };
  await couple.connectMany(count, 20_000, close, close);
  await couple.rest();
}

/** What the engine compiles knows of connections at rest and in TIME-WAIT, wherever it is measured: these stacks have some, and are dropped. */
async function live() {
  const couple = build.couple();
  await idle(couple, 2000);
  await waiting(couple, 2000);
  couple.close();
}

/** The stacks of another process, which are measured when they are asked to be. */
async function serve() {
  await live();
  const slice = measuring(build.couple());
  process.on('message', async (way) => process.send(await slice(way)));
  process.on('disconnect', () => process.exit(0));
  process.send('ready');
}

async function main() {
  const child = fork(fileURLToPath(import.meta.url), ['--dist', values.dist, '--seconds', values.seconds, 'empty'], {
    execArgv: process.execArgv,
  });
  child.once('exit', (status) => refuse(`the process with the empty stacks ended (${status})`));
  await once(child, 'message');
  const elsewhere = async (way) => {
    child.send(way);
    return (await once(child, 'message'))[0];
  };
  await live();
  const couple = build.couple();
  const arms = { empty: elsewhere, full: measuring(couple), beside: measuring(build.couple()) };
  const slices = [];
  const round = async (order) => {
    for (const way of ['stream', 'asking']) {
      for (const arm of order) slices.push({ arm, way, ...(await arms[arm](way)) });
    }
  };
  // Warm, all of them, before there is anything to compare.
  for (let i = 0; i < 20; i++) await round(Object.keys(arms));
  slices.length = 0;
  const before = held();
  const kept = await idle(couple, count);
  const each = (held() - before) / kept.length;
  await waiting(couple, count);
  for (let i = 0; i < rounds; i++) {
    await round(i % 2 === 0 ? ['empty', 'full', 'beside'] : ['beside', 'full', 'empty']);
  }
  child.removeAllListeners('exit').disconnect();
  const { connections, timeWait } = couple.a.stats();
  const [GOODPUT, CPU] = ['MiB/core-s', 'µs CPU/request'];
  const all = (arm, name) => slices.filter((slice) => slice.arm === arm && name in slice).map((slice) => slice[name]);
  const ratio = (one, two, name) => median(all(one, name).map((figure, i) => figure / all(two, name)[i]));
  const sum = (figures) => figures.reduce((x, y) => x + y, 0);
  /** CPU for what is done: of a goodput its inverse. */
  const spent = (arm, name) => sum(all(arm, name).map((figure) => (name === CPU ? figure : 1 / figure)));
  const of = (arm) => ({
    [GOODPUT]: median(all(arm, GOODPUT)),
    [CPU]: median(all(arm, CPU)),
    'GC ms': sum(all(arm, 'GC ms')),
    'major GCs': sum(all(arm, 'major GCs')),
  });
  return {
    ...{ idle: connections, 'in TIME-WAIT': timeWait, 'bytes/connection': each },
    'MiB for one end of the idle ones': (each * count) / 2 ** 20,
    'goodput, full ÷ empty': ratio('full', 'empty', GOODPUT),
    'µs CPU/request, empty ÷ full': ratio('empty', 'full', CPU),
    'goodput, full ÷ empty, in all': spent('empty', GOODPUT) / spent('full', GOODPUT),
    'µs CPU/request, empty ÷ full, in all': spent('empty', CPU) / spent('full', CPU),
    'goodput, beside ÷ empty': ratio('beside', 'empty', GOODPUT),
    'µs CPU/request, empty ÷ beside': ratio('empty', 'beside', CPU),
    ...{ empty: of('empty'), beside: of('beside'), full: of('full'), slices },
  };
}

if (positionals[0] === 'empty') await serve();
else {
  console.log(JSON.stringify(await main()));
  process.exit(0);
}
