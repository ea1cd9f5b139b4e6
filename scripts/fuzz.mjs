// npm run fuzz -- [--frames N] [--seed N]: random and mutated frames into a stack, 10 million unless told otherwise.
// npm run fuzz -- --guided wire|stack [--executions N] [--seconds N] [--seed N]: guided by coverage, from captures and traces; --replay FILE runs what failed.
import { parseArgs } from 'node:util';
import { FrameFuzz } from '../dist/sim/index.js';
import { guided } from './fuzz/run.mjs';

const PER_SEED = 1_000_000;

const { values } = parseArgs({
  options: {
    frames: { type: 'string', default: '10000000' },
    seed: { type: 'string', default: '1' },
    guided: { type: 'string' },
    executions: { type: 'string' },
    seconds: { type: 'string' },
    replay: { type: 'string' },
  },
});
if (values.guided !== undefined) process.exit(await guided(values));
const frames = Number(values.frames);
const first = Number(values.seed);
if (!Number.isInteger(frames) || frames < 1 || !Number.isInteger(first)) {
  console.error('--frames and --seed take whole numbers');
  process.exit(2);
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
