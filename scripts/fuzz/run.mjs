// The command of coverage-guided fuzzing: instruments, seeds, runs, reports, and saves what fails.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Guided } from './guided.mjs';
import { instrument } from './instrument.mjs';
import { seeds } from './seeds.mjs';

const DIST = fileURLToPath(new URL('../../dist/', import.meta.url));
const CAPTURES = new URL('../../test/fixtures/kernel-captures/', import.meta.url);
/** Longest inputs, bytes. */
const MOST = { wire: 2000, stack: 1500 };

/** Returns the exit status. */
export async function guided(options) {
  const name = options.guided;
  const [executions, seconds] = [options.executions ?? 'Infinity', options.seconds ?? 'Infinity'].map(Number);
  const endless = executions === Number.POSITIVE_INFINITY && seconds === Number.POSITIVE_INFINITY;
  if (!(name in MOST) || !(executions > 0) || !(seconds > 0) || (endless && options.replay === undefined)) {
    console.error('--guided takes wire or stack; with it, --executions or --seconds says when to stop');
    return 2;
  }
  const directory = mkdtempSync(join(tmpdir(), 'synfin-fuzz-'));
  try {
    const places = instrument(DIST, directory);
    // Looked through four at a time.
    globalThis.synfinBranches = new Uint8Array(4 * Math.ceil(places.length / 4));
    return await run(name, places, await modules(directory), { ...options, executions, seconds });
  } finally {
    rmSync(directory, { recursive: true });
  }
}

async function modules(directory) {
  const load = (path) => import(pathToFileURL(join(directory, path)).href);
  const paths = ['sim/fuzz-targets.js', 'sim/campaign.js', 'sim/random.js', 'sim/shrink.js', 'wire/capture.js'];
  paths.push('wire/ip.js', 'wire/ip-header.js', 'wire/segment.js', 'wire/seq.js', 'wire/tcp.js');
  return Object.assign({}, ...(await Promise.all(paths.map(load))));
}

async function run(name, places, lib, { executions, seconds, seed = '1', replay }) {
  const make = () => (name === 'wire' ? new lib.WireTarget() : new lib.StackTarget());
  const target = make();
  if (replay !== undefined) {
    for (const line of readFileSync(replay, 'utf8').trim().split('\n')) target.execute(Buffer.from(line, 'hex'));
    console.log(`${replay} does not fail`);
    return 0;
  }
  const fuzz = new Guided(target, globalThis.synfinBranches, new lib.Random(Number(seed)), MOST[name]);
  const started = performance.now();
  const elapsed = () => (performance.now() - started) / 1000;
  let input = new Uint8Array(0);
  try {
    for (input of (await seeds(lib, CAPTURES))[name]) fuzz.try(input);
    const begun = { corpus: fuzz.corpus.length, covered: fuzz.covered };
    console.log(`${name}: ${begun.corpus} seeds kept, ${begun.covered} of ${places.length} branches`);
    let told = elapsed();
    while (fuzz.executions < executions && elapsed() < seconds) {
      input = fuzz.next();
      fuzz.try(input);
      if (fuzz.executions % 256 === 0 && elapsed() - told > 30) {
        told = elapsed();
        console.log(line(fuzz, places, elapsed()));
      }
    }
  } catch (error) {
    return await report(name, error, input.slice(), target, make, lib.shrink);
  }
  console.log(line(fuzz, places, elapsed()));
  if (target.frames > 0) console.log(`${target.frames.toLocaleString('en')} frames`);
  console.log(perRoom(fuzz, places));
  console.log('no defect found');
  return 0;
}

function line(fuzz, places, seconds) {
  const rate = Math.round(fuzz.executions / seconds).toLocaleString('en');
  const covered = `${fuzz.covered} of ${places.length} branches`;
  return `${fuzz.executions.toLocaleString('en')} executions, ${rate} a second, ${covered}, corpus ${fuzz.corpus.length}`;
}

function perRoom(fuzz, places) {
  const rooms = new Map();
  for (const [i, place] of places.entries()) {
    const room = place.slice(0, place.indexOf('/'));
    const sums = rooms.get(room) ?? [0, 0];
    if (fuzz.isCovered(i)) sums[0]++;
    sums[1]++;
    rooms.set(room, sums);
  }
  return [...rooms].map(([room, [taken, all]]) => `${room} ${taken} of ${all}`).join(', ');
}

/** Shrinks what fails, bytes of the last input and inputs before it, and saves it. */
async function report(name, error, input, target, make, shrink) {
  const text = (one) => (one instanceof Error ? one.message : String(one)).replace(/\d+/g, 'n');
  const wanted = text(error);
  const fails = (inputs) => {
    const fresh = make();
    try {
      for (const one of inputs) fresh.execute(one);
    } catch (again) {
      return text(again) === wanted;
    }
    return false;
  };
  let inputs = [input];
  if (!fails(inputs)) inputs = (target.history ?? []).find((all) => all.at(-1)?.join() === input.join()) ?? inputs;
  if (fails(inputs)) {
    inputs = await shrink(inputs, fails);
    for (const [i, one] of inputs.entries()) {
      const put = (bytes) => inputs.with(i, Uint8Array.from(bytes));
      inputs = put(await shrink([...one], (bytes) => fails(put(bytes))));
    }
  }
  const file = `fuzz-${name}.hex`;
  writeFileSync(file, `${inputs.map((one) => Buffer.from(one).toString('hex')).join('\n')}\n`);
  console.error(error);
  console.error(`saved to ${file}: npm run fuzz -- --guided ${name} --replay ${file}`);
  return 1;
}
