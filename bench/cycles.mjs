// What 100,000 connections leave behind: each connects, sends, hears it back, closes. Says the heap before and after, after a collection.
//
//   node bench/cycles.mjs [--dist DIRECTORY] [--count N] [--at-once N]
//
// Ends with 1 where more is left than LEFT bytes a connection, or the stack still counts something.
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import v8 from 'node:v8';
import vm from 'node:vm';
import { readArguments, whole } from '../scripts/command-line.mjs';

const { values } = readArguments(import.meta.url, {
  dist: { type: 'string', default: new URL('../dist', import.meta.url).pathname },
  count: { type: 'string', default: '100000' },
  'at-once': { type: 'string', default: '50' },
});
/** What V8 keeps of code and feedback grows for a while, whatever runs. A leaked connection would be kilobytes. */
const LEFT = 20;
const WARM_UP = 5000;
const ROUNDS = 5;

v8.setFlagsFromString('--expose-gc');
const collect = vm.runInNewContext('gc');
const { default: net, stack } = await import(pathToFileURL(`${values.dist}/node/net.js`).href);
const server = net.createServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1');
await once(server, 'listening');
const { port } = server.address();

async function cycle() {
  const socket = net.connect(port, '127.0.0.1');
  let heard = '';
  socket.setEncoding('utf8').on('data', (text) => {
    heard += text;
  });
  socket.end('hello');
  await once(socket, 'close');
  if (heard !== 'hello') throw new Error(`heard ${heard}`);
}

async function cycles(count) {
  const worker = async () => {
    while (count-- > 0) await cycle();
  };
  await Promise.all(Array.from({ length: whole(values, 'at-once') }, worker));
}

/** Bytes: the heap, and what lies outside of it. TIME-WAIT is over, as it would be a minute later. */
async function settled() {
  stack.forgetTimeWait();
  for (let i = 0; i < 3; i++) {
    await sleep(50);
    collect();
  }
  const { heapUsed, external } = process.memoryUsage();
  return { heapUsed, external };
}

const show = (bytes) => `${(bytes / 1024).toFixed(0).padStart(7)} KiB`;
await cycles(WARM_UP);
const before = await settled();
const count = whole(values, 'count');
console.log(`${'connections'.padStart(11)}  heap        outside`);
console.log(`${`${WARM_UP}`.padStart(11)} ${show(before.heapUsed)} ${show(before.external)}   the start`);
let after = before;
for (let i = 1; i <= ROUNDS; i++) {
  await cycles(count / ROUNDS);
  after = await settled();
  console.log(`${`${WARM_UP + (count * i) / ROUNDS}`.padStart(11)} ${show(after.heapUsed)} ${show(after.external)}`);
}
const { connections, halfOpen, timeWait, timers, buffered } = stack.stats();
const counts = { connections, halfOpen, timeWait, timers, buffered };
const left = (after.heapUsed - before.heapUsed + after.external - before.external) / count;
console.log(`left: ${left.toFixed(1)} bytes a connection; the stack counts ${JSON.stringify(counts)}`);
server.close();
process.exitCode = left <= LEFT && Object.values(counts).every((n) => n === 0) ? 0 : 1;
