// What `synfin bench` does: rows of contenders that take turns, a table, JSON and pictures.
//
// Contenders of a row take turns (A B C, C B A, …), each sample in network namespaces of its own, the server on core 0 and the client on
// core 1. A round in which somebody else's processes took more than 0.35 of a core is repeated, within bounds. docs/performance.md says more.
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { found, machine } from './lib/arms.mjs';
import { plot } from './lib/plot.mjs';
import { describe, table } from './lib/report.mjs';
import { ROWS } from './lib/rows.mjs';
import { summary } from './lib/statistics.mjs';

export { ROWS };

/** Something whoever runs it can mend; one line. */
export class Trouble extends Error {}

/**
 * @param {string[]} names rows; all where empty
 * @param {{ rounds: number, seconds: number, warm: number, foreign: number, against?: string, only: boolean, node: string[], json?: string,
 *           svg?: string, list: boolean }} options
 * @returns {Promise<number>} 0; 1 where a row has no figures. Whether targets are met is told, and no failure: another machine, other figures.
 */
export async function bench(names, options) {
  for (const name of names) if (!(name in ROWS)) throw new Trouble(`there is no row ${name}: synfin bench --list`);
  const chosen = names.length > 0 ? names : Object.keys(ROWS);
  if (options.list) return list(chosen, options);
  if (chosen.some((name) => ROWS[name].root)) prepare();
  if (options.svg !== undefined) mkdirSync(options.svg, { recursive: true });
  const about = machine();
  const quiet = options.json === '-';
  const print = (text) => quiet || process.stdout.write(`${text}\n`);
  const { cpu, kernel, node, synfin, commit, date, peers } = about;
  print(`${cpu}, Linux ${kernel}, Node ${node}, synfin ${synfin}${commit === null ? '' : ` (${commit})`}, ${date} UTC`);
  if (peers.length > 0) print(`peers: ${peers.join(', ')}`);
  print(
    `samples of ${options.seconds} s after ${options.warm} s; server on core 0, client on core 1; MTU 1500; CUBIC on the kernel's side`,
  );
  const rows = [];
  for (const name of chosen) {
    const result = await measure(name, ROWS[name], options);
    rows.push(result);
    print(`\n${table(result)}`);
    const drawn = options.svg !== undefined && plot(result, ROWS[name]);
    if (drawn) writeFileSync(join(options.svg, `${name}.svg`), drawn);
  }
  if (options.json !== undefined) {
    const { rounds, seconds, warm, foreign } = options;
    const text = `${JSON.stringify({ about, options: { rounds, seconds, warm, foreign }, rows }, null, 1)}\n`;
    if (quiet) process.stdout.write(text);
    else writeFileSync(options.json, text);
  }
  // A row that needs what is not here is told, and no failure.
  return rows.some((row) => row.contenders.length > 0 && row.contenders[0].n === 0) ? 1 : 0;
}

/** What a row over a wire needs, said before anything is started. */
function prepare() {
  if (process.platform !== 'linux') throw new Trouble('rows over TUN need Linux');
  if (process.getuid() !== 0) {
    throw new Trouble('rows over TUN need network namespaces: run it as root, or under unshare --user --map-root-user');
  }
  const missing = ['gcc', 'ip', 'nsenter', 'setpriv', 'taskset', 'unshare'].filter((program) => !found(program));
  if (missing.length > 0) {
    throw new Trouble(`${missing.join(', ')} missing: apt-get install gcc libc6-dev iproute2 util-linux`);
  }
  const script = fileURLToPath(new URL('peers/build.sh', import.meta.url));
  const { status, stderr } = spawnSync('sh', [script], { encoding: 'utf8' });
  if (status !== 0) throw new Trouble(`bench/peers/build.sh: ${stderr.trim().split('\n').at(-1)}`);
}

function list(names, options) {
  for (const name of names) {
    const { title, targets = [], contenders, missing = () => null } = ROWS[name];
    process.stdout.write(`${name.padEnd(14)} ${title}\n`);
    const lack = missing();
    if (lack !== null) process.stdout.write(`${' '.repeat(15)}not here: ${lack}\n`);
    for (const contender of contenders(options)) {
      process.stdout.write(
        `${' '.repeat(15)}${contender.name}${contender.missing === null ? '' : `: not here: ${contender.missing}`}\n`,
      );
    }
    for (const target of targets) process.stdout.write(`${' '.repeat(15)}target: ${describe(target)}\n`);
  }
  return 0;
}

/** What it is at, where somebody looks. */
function say(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r${text.padEnd(70)}\r`);
}

async function measure(name, row, options) {
  const all = row.contenders(options).slice(0, options.only ? (options.against === undefined ? 1 : 2) : undefined);
  const lack = row.missing?.() ?? null;
  const here = lack === null ? all.filter((contender) => contender.missing === null) : [];
  const missing = lack === null ? all.filter((one) => one.missing !== null) : [{ name: 'all', missing: lack }];
  const rounds = Math.min(options.rounds, row.most ?? Number.POSITIVE_INFINITY);
  const clean = [];
  const noisy = [];
  const trouble = new Map();
  for (let round = 0; clean.length < rounds && round < 2 * rounds + 2 && here.length > 0; round++) {
    const samples = new Map();
    for (const contender of round % 2 === 0 ? here : here.toReversed()) {
      const failures = trouble.get(contender.name) ?? [];
      // Who fails thrice is out; the others go on.
      if (failures.length >= 3) continue;
      say(`${name}: round ${round + 1}, ${contender.name}`);
      try {
        samples.set(contender.name, await contender.sample(options));
      } catch (error) {
        trouble.set(contender.name, [...failures, error.message.split('\n', 1)[0]]);
      }
    }
    // Ours failed: nothing to compare with.
    if (!samples.has(here[0].name)) {
      if ((trouble.get(here[0].name) ?? []).length >= 3) break;
      continue;
    }
    ([...samples.values()].every((one) => one.foreign <= options.foreign) ? clean : noisy).push(samples);
  }
  say('');
  // Where the machine never was quiet, all there is, and the table says so.
  const quiet = clean.length >= Math.min(3, rounds);
  return result(name, row, here, quiet ? clean : [...clean, ...noisy], {
    quiet,
    clean: clean.length,
    noisy: noisy.length,
    missing: missing.map((one) => ({ name: one.name, why: one.missing })),
    trouble: [...trouble].flatMap(([who, messages]) => messages.map((message) => `${who}: ${message}`)),
  });
}

function result(name, row, here, used, rest) {
  const names = used.length > 0 ? Object.keys(used[0].get(here[0].name).figures) : [];
  const values = (contender, figure) => used.flatMap((samples) => samples.get(contender)?.figures[figure] ?? []);
  const contenders = here.map((contender) => {
    const rounds = used.filter((samples) => samples.has(contender.name));
    const last = rounds.at(-1)?.get(contender.name);
    return {
      name: contender.name,
      n: rounds.length,
      figures: Object.fromEntries(names.map((figure) => [figure, figures(values(contender.name, figure))])),
      ...(last?.series === undefined ? {} : { series: rounds.map((samples) => samples.get(contender.name).series) }),
    };
  });
  // Of the two of a round: what the machine did meanwhile, it did to both.
  const ratio = (ours, theirs, figure) =>
    figures(
      used
        .filter((samples) => samples.has(ours) && samples.has(theirs))
        .map((samples) => samples.get(ours).figures[figure] / samples.get(theirs).figures[figure])
        .filter(Number.isFinite),
    );
  const first = here[0]?.name;
  for (const contender of contenders.slice(1)) {
    contender.ratio = Object.fromEntries(names.map((figure) => [figure, ratio(first, contender.name, figure)]));
  }
  const targets = (row.targets ?? []).map((target) => {
    const of = target.of ?? first;
    const value =
      target.against === null ? figures(values(of, target.figure)) : ratio(of, target.against, target.figure);
    const { least = true, bound } = target;
    const met = value.n === 0 ? null : least ? value.median >= bound : value.median <= bound;
    return { ...target, text: describe(target), value, met };
  });
  return { row: name, title: row.title, less: row.less ?? false, ...rest, contenders, targets };
}

function figures(values) {
  return values.length === 0 ? { n: 0, median: null, min: null, max: null, values } : { ...summary(values), values };
}
