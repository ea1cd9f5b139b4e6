// npm run budget: what the stack does for a mebibyte and for a connection, counted and not timed, against bench/budget.json.
//
//   node bench/budget.mjs [--update] [--json]
//
// System calls and frames are those of two real TUN devices whose calls are answered in this process (lib/counted-tun.mjs); copies are the bytes
// that go through `set`, `slice` and `copyWithin` of typed arrays; allocations are what the heap and array buffers grow by while no
// collection happens, both ends together. All but allocations are the same on every run; those depend on the version of V8 and get a tenth.
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { PerformanceObserver } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { readArguments } from '../scripts/command-line.mjs';
import { countedPair } from './lib/counted-tun.mjs';
import { digits } from './lib/statistics.mjs';

const FILE = new URL('budget.json', import.meta.url);
/** Not what was measured once, but what is promised: nothing goes beyond it, and `--update` leaves it. */
const PROMISED = 'kB gzipped';
const DIST = fileURLToPath(new URL('../dist', import.meta.url));
const MIB = 2 ** 20;
/** One thread, so that what is compiled when does not depend on what else the machine does; no collection of what is young. */
const FLAGS = ['--single-threaded', '--expose-gc', '--min-semi-space-size=256', '--max-semi-space-size=256'];
const CONFIG = {
  sendBuffer: MIB,
  receiveBuffer: MIB,
  // Full from the beginning of what is counted: no table grows meanwhile.
  tcp_max_tw_buckets: 1024,
  ip_local_port_range: [1024, 65_535],
};

/** Bytes that typed arrays copied since it was last asked; counting begins with the first call. */
let copied = 0;
function countCopies() {
  const { prototype } = Object.getPrototypeOf(Uint8Array);
  for (const name of ['set', 'slice', 'copyWithin']) {
    const original = prototype[name];
    prototype[name] = function (...args) {
      const result = original.apply(this, args);
      copied += name === 'set' ? (args[0].byteLength ?? args[0].length * this.BYTES_PER_ELEMENT) : result.byteLength;
      return result;
    };
  }
}

/** One stream from the first end to the second, for so many MiB. */
async function stream(options, warm, mebibytes) {
  const { ends, run } = await countedPair({ dist: DIST, config: CONFIG, ...options });
  const [client, server] = ends;
  let got = 0;
  const take = (bytes) => {
    got += bytes.length;
  };
  server.stack.listen({ port: 80 }, (socket) => {
    socket.events = { onReadable: () => socket.consume(take) };
  });
  const block = new Uint8Array(256 * 1024);
  const socket = client.stack.connect({ remoteAddress: server.address, remotePort: 80 });
  const push = () => {
    while (socket.send(block, false) === block.length);
  };
  socket.events = { onConnect: push, onWritable: push };
  run(() => got >= warm * MIB);
  const from = got;
  const counted = count(ends, () => run(() => got - from >= mebibytes * MIB));
  return { ...counted, per: (got - from) / MIB };
}

/** Connections that ask once, are answered once and closed, 64 at a time. */
async function connections(options, warm, measured) {
  const { ends, run } = await countedPair({ dist: DIST, config: CONFIG, ...options });
  const [client, server] = ends;
  const request = new Uint8Array(64);
  const nothing = () => {};
  server.stack.listen({ port: 80 }, (socket) => {
    socket.events = {
      onReadable() {
        socket.consume(nothing);
        socket.send(request);
        socket.close();
      },
    };
  });
  let done = 0;
  const one = () => {
    const socket = client.stack.connect({ remoteAddress: server.address, remotePort: 80 });
    socket.events = {
      onConnect: () => socket.send(request),
      onReadable: () => socket.consume(nothing),
      onEnd: () => socket.close(),
      onClose: (failure) => {
        if (failure !== null) throw new Error(`a connection failed: ${failure}`);
        done++;
        one();
      },
    };
  };
  for (let i = 0; i < 64; i++) one();
  run(() => done >= warm);
  const from = done;
  const counted = count(ends, () => run(() => done - from >= measured));
  return { ...counted, per: done - from };
}

/** What happened while `work` ran, in sums. */
function count(ends, work) {
  const calls = () => ends.map(({ calls: { read, write, again } }) => ({ read, write, again }));
  for (let i = 0; i < 3; i++) globalThis.gc?.();
  const before = calls();
  const held = memory();
  const copies = copied;
  const from = performance.now();
  work();
  const to = performance.now();
  const allocated = memory() - held;
  const after = calls();
  const made = after.map((end, i) =>
    Object.fromEntries(Object.keys(end).map((key) => [key, end[key] - before[i][key]])),
  );
  return { made, copied: copied - copies, allocated, from, to };
}

function memory() {
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

const CASES = {
  'stream, segmentation offload': () => stream({ vnetHeader: true }, 64, 64),
  'stream, a frame for each packet': () => stream({ vnetHeader: false }, 32, 32),
  'short connections': () => connections({ vnetHeader: true }, 6000, 4000),
};

/** In a process of its own: `counts` or `allocations`. */
async function measure(name, what) {
  if (what === 'counts') countCopies();
  const collections = [];
  const observer = new PerformanceObserver((list) => collections.push(...list.getEntries()));
  observer.observe({ entryTypes: ['gc'] });
  const { made, copied: bytes, allocated, from, to, per } = await CASES[name]();
  await new Promise((resolve) => setTimeout(resolve, 50));
  if (what === 'counts') {
    const [client, server] = made;
    const unit = name.startsWith('stream') ? 'MiB' : 'connection';
    return {
      [`frames out, a ${unit}`]: client.write / per,
      [`frames back, a ${unit}`]: server.write / per,
      [`system calls of the one end, a ${unit}`]: (client.read + client.write + client.again) / per,
      [`system calls of the other, a ${unit}`]: (server.read + server.write + server.again) / per,
      [`bytes copied, a ${unit === 'MiB' ? 'byte' : unit}`]: bytes / per / (unit === 'MiB' ? MIB : 1),
    };
  }
  if (collections.some(({ startTime }) => startTime >= from && startTime <= to))
    throw new Error(`${name}: collected while it was measured`);
  return { [`bytes allocated, a ${name.startsWith('stream') ? 'MiB' : 'connection'}`]: allocated / per };
}

function inProcess(name, what) {
  const args = [...FLAGS, fileURLToPath(import.meta.url), '--measure', name, '--what', what];
  const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 300_000 });
  if (status !== 0) throw new Error(`${name}: ${stderr.trim().split('\n').slice(0, 8).join('\n')}`);
  return JSON.parse(stdout);
}

async function bundleSize() {
  const { bundle } = await import('./bundle.mjs');
  return { [PROMISED]: gzipSync(bundle(), { level: 9 }).length / 1000 };
}

/** How far beyond its budget a count may go: those of V8's doing are not the same in every version. */
function slack(name) {
  if (name === PROMISED) return 1;
  return name.startsWith('bytes allocated') ? 1.1 : 1.005;
}

async function main({ update, json }) {
  const measured = {};
  for (const name of Object.keys(CASES)) {
    measured[name] = { ...inProcess(name, 'counts'), ...inProcess(name, 'allocations') };
  }
  measured['synfin/web and the stack, one file'] = await bundleSize();
  let budget = JSON.parse(readFileSync(FILE, 'utf8'));
  if (update) {
    const rounded = (value) => Number(value.toPrecision(4));
    const next = (name, count, value) => (count === PROMISED ? budget[name][count] : rounded(value));
    const kept = Object.entries(measured).map(([name, counts]) => [
      name,
      Object.fromEntries(Object.entries(counts).map(([count, value]) => [count, next(name, count, value)])),
    ]);
    budget = Object.fromEntries(kept);
    writeFileSync(FILE, `${JSON.stringify(budget, null, 2)}\n`);
  }
  let over = 0;
  const lines = [];
  for (const [name, counts] of Object.entries(measured)) {
    lines.push(name);
    for (const [count, value] of Object.entries(counts)) {
      const most = budget[name]?.[count];
      const holds = most !== undefined && value <= most * slack(count);
      if (!holds) over++;
      const verdict = most === undefined ? 'NO BUDGET' : holds ? '' : 'OVER';
      lines.push(
        `  ${count.padEnd(44)} ${digits(value).padStart(9)}  of ${digits(most ?? Number.NaN).padStart(9)}  ${verdict}`,
      );
    }
  }
  console.log(json ? JSON.stringify(measured, null, 2) : lines.join('\n'));
  if (over > 0) {
    console.error(
      `budget: ${over} over: make it cheaper, or say in the commit why it costs more and run npm run budget -- --update`,
    );
  }
  return over > 0 ? 1 : 0;
}

const { values } = readArguments(import.meta.url, {
  update: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  measure: { type: 'string' },
  what: { type: 'string' },
});
if (values.measure !== undefined) console.log(JSON.stringify(await measure(values.measure, values.what)));
else process.exitCode = await main(values);
