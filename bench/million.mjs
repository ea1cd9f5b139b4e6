// What very many connections that do nothing cost those that do something: a stream, and requests one after the other, over a link in memory.
//
//   node --expose-gc --max-old-space-size=8000 bench/million.mjs [--dist DIRECTORY] [--count N] [--rounds N] [--seconds S]
//
// Two stacks with N idle connections and N in TIME-WAIT are measured in turns with two without any in a process of their own (÷ is the middle one of the
// rounds' ratios), and with two without any in the same process (`beside`): what those lose is the price of the heap, not of the tables.
// A slice is S seconds of a stream and as many of requests. GC: ms that the engine stopped to collect in one. Says one line of JSON.
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
    rounds: { type: 'string', default: '15' },
    seconds: { type: 'string', default: '0.3' },
  },
  true,
);
const count = whole(values, 'count');
const rounds = whole(values, 'rounds');
const seconds = Number(values.seconds);
/** What a slice takes to be at full speed again, s. */
const WARM = 0.15;
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

/** What is measured of a couple of stacks, slice by slice: each begins with what it takes to be at full speed again. */
function measuring(couple) {
  const stream = couple.stream(7000);
  const asking = couple.asking(7001);
  return async () => {
    const [time, times] = [collecting, major];
    const figures = { ...(await stream.run(seconds, WARM)), ...(await asking.run(seconds, WARM)) };
    // The observer hears of the last ones.
    await new Promise((resolve) => setTimeout(resolve, 10));
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
  process.on('message', async () => process.send(await slice()));
  process.on('disconnect', () => process.exit(0));
  process.send('ready');
}

/** The middle one of each figure. */
function medians(slices) {
  return Object.fromEntries(Object.keys(slices[0]).map((name) => [name, median(slices.map((one) => one[name]))]));
}

async function main() {
  const child = fork(fileURLToPath(import.meta.url), ['--dist', values.dist, '--seconds', values.seconds, 'empty'], {
    execArgv: process.execArgv,
  });
  child.once('exit', (status) => refuse(`the process with the empty stacks ended (${status})`));
  await once(child, 'message');
  const elsewhere = async () => {
    child.send('measure');
    return (await once(child, 'message'))[0];
  };
  await live();
  const couple = build.couple();
  const arms = { empty: elsewhere, full: measuring(couple), beside: measuring(build.couple()) };
  const slices = { empty: [], full: [], beside: [] };
  // Warm, all of them, before there is anything to compare.
  for (let i = 0; i < 3; i++) for (const slice of Object.values(arms)) await slice();
  const before = held();
  const kept = await idle(couple, count);
  const each = (held() - before) / kept.length;
  await waiting(couple, count);
  for (let i = 0; i < rounds; i++) {
    const order = i % 2 === 0 ? ['empty', 'full', 'beside'] : ['beside', 'full', 'empty'];
    for (const arm of order) slices[arm].push(await arms[arm]());
  }
  child.removeAllListeners('exit').disconnect();
  const { connections, timeWait } = couple.a.stats();
  const ratio = (one, two, name) => median(slices[one].map((slice, i) => slice[name] / slices[two][i][name]));
  return {
    ...{ idle: connections, 'in TIME-WAIT': timeWait, 'bytes/connection': each },
    'MiB for one end of the idle ones': (each * count) / 2 ** 20,
    'goodput, full ÷ empty': ratio('full', 'empty', 'MiB/core-s'),
    'µs CPU/request, empty ÷ full': ratio('empty', 'full', 'µs CPU/request'),
    'goodput, beside ÷ empty': ratio('beside', 'empty', 'MiB/core-s'),
    'µs CPU/request, empty ÷ beside': ratio('empty', 'beside', 'µs CPU/request'),
    ...Object.fromEntries(Object.entries(slices).map(([arm, of]) => [arm, medians(of)])),
    slices,
  };
}

if (positionals[0] === 'empty') await serve();
else {
  console.log(JSON.stringify(await main()));
  process.exit(0);
}
