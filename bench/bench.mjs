// npm run bench: our TCP over a TUN device beside the kernel's over a veth pair, in the same minutes, by the same client.
//
// Contenders take turns (A B, B A, …), each sample in a network namespace of its own, the server on core 0 and the client on core 1. A round
// in which somebody else's processes took more than 0.35 of a core is dropped and repeated, within bounds. docs/performance.md says more.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { kernel, machine, ours } from './lib/arms.mjs';
import { CpuWatch } from './lib/cpu.mjs';
import { ROWS } from './lib/rows.mjs';
import { digits, median, summary } from './lib/statistics.mjs';

const USAGE = `npm run bench -- [options] [row …]

rows: ${Object.keys(ROWS).join(' ')} (all where none is named)
  --rounds N      clean rounds for each row (5)
  --seconds S     length of a sample (2), after --warm S (0.5)
  --foreign C     most cores that other processes may take in a clean round (0.35)
  --against DIR   another build of ours (a dist directory) as a contender
  --plain         ours without offloads, one packet a frame, as a contender
  --spin          ours with 50 µs of looking for the next packet before sleeping, as a contender
  --only          ours alone
  --json FILE     everything, for machines
`;

const options = {
  rounds: { type: 'string', default: '5' },
  seconds: { type: 'string', default: '2' },
  warm: { type: 'string', default: '0.5' },
  foreign: { type: 'string', default: '0.35' },
  against: { type: 'string' },
  plain: { type: 'boolean', default: false },
  spin: { type: 'boolean', default: false },
  only: { type: 'boolean', default: false },
  node: { type: 'string', multiple: true, default: [] },
  json: { type: 'string' },
  help: { type: 'boolean', default: false },
};

function fail(message) {
  console.error(`bench: ${message}`);
  process.exit(1);
}

function arguments_() {
  try {
    return parseArgs({ options, allowPositionals: true });
  } catch (error) {
    return fail(`${error.message}; npm run bench -- --help says what there is`);
  }
}

const { values, positionals } = arguments_();
if (values.help) {
  process.stdout.write(USAGE);
  process.exit(0);
}
const rows = positionals.length > 0 ? positionals : Object.keys(ROWS);
for (const row of rows) if (!(row in ROWS)) fail(`there is no row ${row}: ${Object.keys(ROWS).join(', ')}`);
const number = (name, least, most) => {
  const value = Number(values[name]);
  if (!(value >= least && value <= most)) fail(`--${name} ${values[name]}: ${least} … ${most}`);
  return value;
};
const rounds = number('rounds', 1, 100);
const seconds = number('seconds', 0.1, 60);
const warm = number('warm', 0, 60);
const limit = number('foreign', 0, 64);
if (process.platform !== 'linux') fail('needs Linux');
if (process.getuid() !== 0) fail('needs network namespaces: run it as root, or under unshare --user --map-root-user');

const built = spawnSync('sh', [fileURLToPath(new URL('peers/build.sh', import.meta.url))], { stdio: 'inherit' });
if (built.status !== 0) process.exit(1);

const arms = [ours('synfin', { node: values.node })];
if (values.against !== undefined) arms.push(ours('against', { dist: values.against, node: values.node }));
if (values.plain) arms.push(ours('synfin plain', { flags: ['--plain'] }));
if (values.spin) arms.push(ours('synfin spin', { flags: ['--spin', '50'] }));
if (!values.only) arms.push(kernel());

async function sample(arm, row) {
  const { server, client: start, stop } = await arm.start();
  try {
    const client = start(row.client(String(warm), String(seconds)));
    const finished = client.result((warm + seconds) * 1000 + 10_000);
    // Whoever waits for "begin" hears of a client that fails: this is for the promise that nobody looks at then.
    finished.catch(() => {});
    await client.says('begin');
    const watch = new CpuWatch(server.pid, client.pid);
    // Before the client ends: a process that is gone has no CPU time any more.
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000 - 20));
    const cpu = watch.end();
    const result = await finished;
    const scale = seconds / cpu.seconds;
    return {
      figures: row.figures(result, cpu.used[0] * scale),
      foreign: cpu.foreign,
      client: cpu.used[1] / cpu.seconds,
    };
  } finally {
    await stop();
  }
}

/** What it is at, where somebody looks. */
function say(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r${text.padEnd(60)}\r`);
}

async function measure(id) {
  const row = ROWS[id];
  const clean = [];
  const noisy = [];
  const trouble = [];
  for (let round = 0; clean.length < rounds && round < 2 * rounds + 2 && trouble.length < 3; round++) {
    const samples = [];
    const order = arms.map((_, i) => (round % 2 === 0 ? i : arms.length - 1 - i));
    for (const i of order) {
      say(`${id}: round ${round + 1}, ${arms[i].name}`);
      try {
        samples[i] = await sample(arms[i], row);
      } catch (error) {
        trouble.push(`${arms[i].name}: ${error.message}`);
        break;
      }
    }
    if (samples.filter(Boolean).length < arms.length) continue;
    (samples.every((one) => one.foreign <= limit) ? clean : noisy).push(samples);
  }
  say('');
  // Where the machine never was quiet, all there is, and the table says so.
  const used = clean.length >= Math.min(3, rounds) ? clean : [...clean, ...noisy];
  return { row: id, title: row.title, clean: clean.length, noisy: noisy.length, trouble, used, quiet: used === clean };
}

function range(values) {
  const { median: middle, min, max } = summary(values);
  return `${digits(middle)} [${digits(min)}–${digits(max)}]`;
}

function table({ row, title, used, clean, noisy, trouble, quiet }) {
  const { less = false } = ROWS[row];
  console.log(
    `\n${row}: ${title} (${clean} clean rounds, ${noisy} noisy${quiet ? '' : ', ALL SHOWN: the machine is not quiet'})`,
  );
  for (const line of trouble) console.log(`  failed: ${line}`);
  if (used.length === 0) return;
  const names = Object.keys(used[0][0].figures);
  const lines = [['', ...names, `${arms[0].name} ÷ it`]];
  arms.forEach((arm, i) => {
    const cells = names.map((name) => range(used.map((samples) => samples[i].figures[name])));
    // Of the two of a round: what the machine did meanwhile, it did to both.
    const ratio = range(used.map((samples) => samples[0].figures[names[0]] / samples[i].figures[names[0]]));
    lines.push([arm.name, ...cells, i === 0 ? '' : ratio]);
  });
  const widths = lines[0].map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  for (const line of lines)
    console.log(`  ${line.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  ')}`);
  if (less) console.log('  (less is better)');
  const foreign = median(used.flatMap((samples) => samples.map((one) => one.foreign)));
  console.log(`  other processes: ${digits(foreign)} cores in the median`);
}

const about = machine();
console.log(`${about.cpu}, Linux ${about.kernel}, Node ${about.node}, commit ${about.commit}, ${about.date} UTC`);
console.log(
  `samples of ${seconds} s after ${warm} s; server on core 0, client on core 1; MTU 1500; CUBIC on the kernel's side`,
);
const all = [];
for (const id of rows) {
  const one = await measure(id);
  table(one);
  all.push(one);
}
if (values.json !== undefined) {
  writeFileSync(
    values.json,
    `${JSON.stringify({ about, seconds, warm, arms: arms.map((arm) => arm.name), rows: all }, null, 1)}\n`,
  );
}
process.exit(all.some((one) => one.used.length === 0) ? 1 : 0);
