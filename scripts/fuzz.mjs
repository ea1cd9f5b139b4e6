// npm run fuzz -- [--frames N] [--seed N]: random and mutated frames into a stack, 10 million unless told otherwise.
// npm run fuzz -- --guided wire|stack [--executions N] [--seconds N] [--seed N]: guided by coverage, from captures and traces; --replay FILE runs what failed.
import { FrameFuzz } from '../dist/sim/index.js';
import { readArguments, refuse, whole } from './command-line.mjs';
import { guided } from './fuzz/run.mjs';

const PER_SEED = 1_000_000;

const { values } = readArguments(import.meta.url, {
  frames: { type: 'string', default: '10000000' },
  seed: { type: 'string', default: '1' },
  guided: { type: 'string' },
  executions: { type: 'string' },
  seconds: { type: 'string' },
  replay: { type: 'string' },
});
const frames = whole(values, 'frames');
const first = whole(values, 'seed', 0);
if (values.guided !== undefined) process.exit(await guided(values));
for (const option of ['executions', 'seconds', 'replay']) {
  if (values[option] !== undefined) refuse(`--${option} goes with --guided wire or --guided stack`);
}

const started = performance.now();
const arrows = {};
let done = 0;
let segments = 0;
let opened = 0;
for (let seed = first; done < frames; seed++) {
  const result = new FrameFuzz(seed).run(Math.min(PER_SEED, frames - done));
  done += result.frames;
  segments += result.segments;
  opened += result.opened;
  for (const [arrow, times] of Object.entries(result.transitions)) arrows[arrow] = (arrows[arrow] ?? 0) + times;
  const rate = Math.round((done / (performance.now() - started)) * 1000);
  console.log(
    `${done} frames (seed ${seed}), ${rate} a second, ${Math.round(process.memoryUsage().heapUsed / 2 ** 20)} MiB`,
  );
}
console.log(
  `${done} frames, ${segments} segments for connections or listeners, ${opened} connections; no defect found`,
);
for (const [arrow, times] of Object.entries(arrows).sort()) console.log(`  ${arrow}: ${times}`);
