// How many segments a second the simulator carries from one full stack to another, on one core: `npm run bench:sim -- [SECONDS]`. The streams are
// read and written by callbacks; each segment is built, sent, delayed, delivered, parsed and processed.
import { Network } from '../dist/sim/index.js';
import { readArguments, refuse } from '../scripts/command-line.mjs';

const [seconds = 5] = readArguments(import.meta.url, {}, true).positionals.map(Number);
if (!(seconds > 0)) refuse('SECONDS is a number above 0');
const GOAL = 300_000;

const rows = [
  ['one stream, a window of 1 MiB', { delay: '5ms' }, 1],
  ['one stream, 1 Gbit/s and a queue', { delay: '2ms', rate: '1Gbit' }, 1],
  ['32 streams, 0.1 % lost', { delay: '5ms', loss: 0.001 }, 32],
];

const results = rows.map(([name, link, streams]) => ({ name, ...measure(link, streams) }));
for (const { name, segments, cpu, virtual } of results) {
  const rate = Math.round(segments / cpu).toLocaleString('en');
  console.log(
    `${name.padEnd(38)} ${rate.padStart(9)} segments/s   (${virtual.toFixed(1)} s of virtual time in ${cpu.toFixed(1)} s)`,
  );
}
const least = Math.min(...results.map(({ segments, cpu }) => segments / cpu));
console.log(least >= GOAL ? `at least ${GOAL.toLocaleString('en')} each` : `less than ${GOAL.toLocaleString('en')}`);

function measure(link, streams) {
  const net = new Network({ seed: 1 });
  // Buffers of a fixed size: else the window grows as long as nothing is lost, and the caches are measured.
  const config = { receiveBuffer: 1 << 20, sendBuffer: 1 << 20 };
  const [client, server] = [net.host('client', { config }), net.host('server', { config })];
  net.link(client, server, link);
  server.stack.listen({ port: 80 }, (socket) => {
    socket.events = { onReadable: () => void socket.consume(() => {}) };
  });
  const chunk = new Uint8Array(65_536);
  for (let i = 0; i < streams; i++) {
    const push = () => {
      while (socket.send(chunk, false) === chunk.length);
    };
    const events = { onConnect: push, onWritable: push };
    const socket = client.stack.connect({ remoteAddress: server.addresses[0], remotePort: 80, events });
  }
  net.advance('200ms');
  const before = { arrived: net.counters.arrived, at: net.elapsed };
  const start = process.cpuUsage();
  const cpu = () => {
    const { user, system } = process.cpuUsage(start);
    return (user + system) / 1e6;
  };
  while (cpu() < seconds) net.advance('20ms');
  return { segments: net.counters.arrived - before.arrived, cpu: cpu(), virtual: (net.elapsed - before.at) / 1e6 };
}
