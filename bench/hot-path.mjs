// npm run hot-path: what the engine does on the hot path once it is warm: functions thrown back to the interpreter, garbage collected,
// bytes allocated for each segment. Streams one way, in memory, frames of one segment and of many.
//
//   node bench/hot-path.mjs [--dist DIRECTORY] [--warm S] [--seconds S]
//
// Ends with 1 where a function of ours was deoptimized after the warm-up.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { readArguments, whole } from '../scripts/command-line.mjs';
import { openBuild } from './lib/in-memory.mjs';

const { values } = readArguments(import.meta.url, {
  dist: { type: 'string', default: fileURLToPath(new URL('../dist', import.meta.url)) },
  warm: { type: 'string', default: '5' },
  seconds: { type: 'string', default: '5' },
  gso: { type: 'string' },
});
const MARK = '--- warm ---';

if (values.gso === undefined) {
  let status = 0;
  for (const gso of ['no', 'yes']) status ||= report(gso);
  process.exit(status);
} else await play(values.gso === 'yes');

/** Runs the stream in a process with the engine's reports on, and counts them. */
function report(gso) {
  const flags = ['--trace-deopt', '--trace-gc', '--expose-gc'];
  const args = [fileURLToPath(import.meta.url), '--gso', gso, '--dist', values.dist];
  const child = spawnSync(process.execPath, [...flags, ...args, '--warm', values.warm, '--seconds', values.seconds], {
    encoding: 'utf8',
    maxBuffer: 1 << 30,
  });
  const after = child.stdout.slice(child.stdout.indexOf(MARK));
  const result = /\{.*\}/.exec(after);
  if (child.status !== 0 || result === null) throw new Error(`the stream failed: ${child.stderr}`);
  const { segments, bytes } = JSON.parse(result[0]);
  // A branch that was never taken before is no instability: its function is compiled anew, once.
  const lines = after.split('\n').filter((line) => line.includes('bailout (kind'));
  const bailouts = lines.filter((line) => !line.includes('Insufficient type feedback'));
  // `Scavenge 12.3 (20.0) -> 4.5 (20.0) MB, … 0.5 / 0.0 ms`: what was allocated is what the heap grew by between two of them.
  const collections = [
    ...after.matchAll(/(Scavenge|Mark-Compact)[^\d]* ([\d.]+) \([\d.]+\) -> ([\d.]+) .*? MB, .*?([\d.]+) \/ /g),
  ];
  let [allocated, paused, held] = [0, 0, null];
  for (const [, , before, left, ms] of collections) {
    if (held !== null) allocated += Number(before) - held;
    held = Number(left);
    paused += Number(ms);
  }
  const count = (kind) => collections.filter((one) => one[1] === kind).length;
  const name = gso === 'yes' ? 'frames of 64 KiB' : 'frames of one segment';
  const gib = bytes / 2 ** 30;
  console.log(`${name}: ${gib.toFixed(1)} GiB, ${segments.toLocaleString('en')} segments`);
  console.log(`  allocated on the heap: ${((allocated * 2 ** 20) / segments).toFixed(1)} bytes a segment`);
  console.log(
    `  garbage: ${count('Scavenge')} scavenges, ${count('Mark-Compact')} mark-compacts, ${paused.toFixed(1)} ms in ${values.seconds} s`,
  );
  const first = lines.length - bailouts.length;
  console.log(`  deoptimized: ${bailouts.length}, and ${first} where a branch was taken for the first time`);
  for (const line of bailouts) console.log(`    ${line}`);
  return bailouts.length === 0 ? 0 : 1;
}

async function play(gso) {
  const { Stack, Pair, IpAddress, LoopHost, linux } = await openBuild(values.dist);
  const agenda = { turns: [] };
  const stream = (many) => {
    const pair = new Pair(many ? { maxGso: 65_535, checksum: true } : {});
    const [a, b] = [pair.a, pair.b].map((device, i) => {
      const stack = new Stack({ host: new LoopHost(agenda), config: { ...linux, receiveBuffer: 1 << 20 } });
      stack.addDevice(device, [{ address: IpAddress.of(`10.0.0.${i + 1}`), prefixLength: 8 }]);
      return stack;
    });
    const state = { bytes: 0, segments: () => a.counters.InSegs + b.counters.InSegs, run };
    const take = (chunk) => {
      state.bytes += chunk.length;
    };
    b.listen({ port: 80 }, (socket) => {
      socket.events = { onReadable: () => socket.consume(take) };
    });
    const block = new Uint8Array(65_536);
    const socket = a.connect({ remoteAddress: IpAddress.of('10.0.0.2'), remotePort: 80 });
    const push = () => {
      while (socket.send(block, false) === block.length);
    };
    socket.events = { onConnect: push, onWritable: push };
    /** Until `done`, looked at every few rounds. */
    async function run(done) {
      while (!done()) {
        for (let i = 0; i < 64; i++) {
          const moved = pair.pump(a.host.now());
          const now = agenda.turns;
          agenda.turns = [];
          for (const turn of now) turn();
          if (!moved && now.length === 0) break;
        }
        await new Promise(setImmediate);
      }
    }
    return state;
  };
  const seconds = (n) => {
    const end = performance.now() + n * 1000;
    return () => performance.now() >= end;
  };
  // Counts of bytes and sequence numbers beyond 2^31 are no small integers any more: the engine finds that out once.
  const early = stream(true);
  await early.run(() => early.bytes > 5 * 2 ** 30);
  const measured = gso ? early : stream(false);
  await measured.run(seconds(whole(values, 'warm')));
  console.log(MARK);
  const before = measured.segments();
  measured.bytes = 0;
  await measured.run(seconds(whole(values, 'seconds')));
  console.log(JSON.stringify({ segments: measured.segments() - before, bytes: measured.bytes }));
  process.exit(0);
}
