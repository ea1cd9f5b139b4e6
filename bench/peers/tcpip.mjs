// lwIP in WebAssembly, as tcpip.js drives it: two of its stacks in one process, joined packet by packet through their TUN interfaces.
//
//   node bench/peers/tcpip.mjs DIRECTORY stream|crr SECONDS
//
// DIRECTORY is where `npm install tcpip` was run. Says one line of JSON, with the names of bench/memory.mjs.
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const [directory, what, length] = process.argv.slice(2);
// What it is compiled for has these; Node 20 has not.
Symbol.dispose ??= Symbol.for('dispose');
Symbol.asyncDispose ??= Symbol.for('asyncDispose');
const entry = pathToFileURL(resolve(directory, 'node_modules/tcpip/dist/index.js'));
const { createStack } = await import(entry.href);

const PARALLEL = 64;
const seconds = Number(length);
const [a, b] = await Promise.all([createStack(), createStack()]);
const [left, right] = [
  await a.createTunInterface({ ip: '10.0.0.1/24' }),
  await b.createTunInterface({ ip: '10.0.0.2/24' }),
];
left.readable.pipeTo(right.writable);
right.readable.pipeTo(left.writable);
const listener = await b.listenTcp({ port: 80 });
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Figures of `count()`, which grows, over the time asked for, once it has come to `warm`. */
async function measured(count, warm) {
  while (count() < warm) await sleep(50);
  const before = count();
  const from = performance.now();
  const cpu = process.cpuUsage();
  await sleep(seconds * 1000);
  const { user, system } = process.cpuUsage(cpu);
  return { done: count() - before, took: (performance.now() - from) / 1000, cpu: (user + system) / 1e6 };
}

async function stream() {
  let got = 0;
  (async () => {
    for await (const connection of listener) for await (const bytes of connection) got += bytes.length;
  })();
  const { writable } = await a.connectTcp({ host: '10.0.0.2', port: 80 });
  const writer = writable.getWriter();
  const block = new Uint8Array(64 * 1024);
  (async () => {
    for (;;) {
      await writer.write(block);
      // All of it runs in microtasks: without a turn of the event loop no timer would ever come, its own neither.
      await new Promise(setImmediate);
    }
  })();
  const { done, took, cpu } = await measured(() => got, 16 * 2 ** 20);
  return { 'MiB/s': done / 2 ** 20 / took, 'MiB/core-s': done / 2 ** 20 / cpu };
}

async function crr() {
  const request = new Uint8Array(64);
  (async () => {
    for await (const connection of listener) answer(connection);
  })();
  async function answer(connection) {
    const reader = connection.readable.getReader();
    await reader.read();
    const writer = connection.writable.getWriter();
    await writer.write(request);
    await connection.close();
  }
  let done = 0;
  const one = async () => {
    for (;;) {
      const connection = await a.connectTcp({ host: '10.0.0.2', port: 80 });
      const writer = connection.writable.getWriter();
      await writer.write(request);
      const reader = connection.readable.getReader();
      await reader.read();
      await connection.close();
      done++;
      await new Promise(setImmediate);
    }
  };
  for (let i = 0; i < PARALLEL; i++) one();
  const result = await measured(() => done, 2000);
  return { 'conn/s': result.done / result.took, 'µs CPU/conn': (result.cpu * 1e6) / result.done };
}

const jobs = { stream, crr };
console.log(JSON.stringify(await jobs[what]()));
process.exit(0);
