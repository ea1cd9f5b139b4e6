// npm run campaign -- [--seeds N] [--first N] [--jobs N] [--state FILE] [--mutate RULE]: random networks, faults and applications, on all cores. What
// must hold: readers read what was written, everything ends, nothing is left. Ctrl-C stops it; with --state it goes on where it stopped. A seed that
// fails is shrunk to the faults it takes, and saved: `synfin scenario FILE` plays and draws it. --mutate takes a rule of TCP out, to see that it fails.
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { describeFault, runCampaign, shrinkCampaign } from '../dist/sim/index.js';
import { MUTATIONS } from '../dist/sim/scenarios/mutations.js';
import { readArguments, refuse, whole } from './command-line.mjs';

const BATCH = 50;
/** Seeds that are shrunk, of those that fail. */
const SHRUNK = 3;

if (isMainThread) await lead();
else serve();

function serve() {
  parentPort.on('message', ({ first, count }) => {
    const sums = { runs: 0, connections: 0, orderly: 0, failed: 0, segments: 0, lost: 0, bytes: 0, hours: 0 };
    const complaints = [];
    for (let seed = first; seed < first + count; seed++) {
      const result = run(seed);
      sums.runs++;
      for (const name of ['connections', 'orderly', 'failed', 'segments', 'lost', 'bytes']) sums[name] += result[name];
      sums.hours += result.lasted / 3.6e9;
      if (result.complaints.length > 0) complaints.push({ seed, complaints: result.complaints });
    }
    parentPort.postMessage({ first, count, sums, complaints });
  });
}

/** A defect that throws is a complaint like others: the seed must be known. */
function run(seed) {
  try {
    return runCampaign(seed, { mutation: workerData.mutation });
  } catch (error) {
    const nothing = { connections: 0, orderly: 0, failed: 0, segments: 0, lost: 0, bytes: 0, lasted: 0 };
    return { ...nothing, complaints: [`threw ${error instanceof Error ? error.message : error}`] };
  }
}

async function lead() {
  const { values } = readArguments(import.meta.url, {
    seeds: { type: 'string', default: '10000' },
    first: { type: 'string', default: '1' },
    jobs: { type: 'string', default: String(availableParallelism()) },
    state: { type: 'string' },
    mutate: { type: 'string' },
  });
  const [seeds, first, jobs] = [whole(values, 'seeds'), whole(values, 'first', 0), whole(values, 'jobs')];
  const mutation = values.mutate ?? null;
  const mutations = MUTATIONS.map(({ name }) => name);
  if (mutation !== null && !mutations.includes(mutation))
    refuse(`--mutate ${mutation}: one of ${mutations.join(', ')}`);
  const state = { next: first, sums: {}, complaints: [] };
  if (values.state && existsSync(values.state)) Object.assign(state, stateIn(values.state));
  const end = first + seeds;
  const begun = state.next;
  const started = performance.now();
  let next = state.next;
  let stopping = false;
  /** Batches that are done but do not join what was done before. */
  const done = new Map();
  process.once('SIGINT', () => {
    stopping = true;
    console.log('\nstopping after the batches that run');
  });

  await Promise.all(Array.from({ length: jobs }, work));
  report(true);
  for (const { seed } of state.complaints.slice(0, SHRUNK)) await tell(seed);
  process.exitCode = state.complaints.length > 0 ? 1 : 0;

  /** What a failing seed takes, and where that is saved. */
  async function tell(seed) {
    const found = await shrinkCampaign(seed, { mutation });
    if (found === null) {
      console.log(`seed ${seed} does not fail any more`);
      return;
    }
    const file = `campaign-${seed}${mutation === null ? '' : `-${mutation}`}.json`;
    writeFileSync(file, `${JSON.stringify(found, null, 2)}\n`);
    const { conversations, faults } = found;
    const least = `${conversations.length} conversation${conversations.length === 1 ? '' : 's'}, ${faults.length} fault${faults.length === 1 ? '' : 's'}`;
    console.log(`\nseed ${seed} fails with ${least}; saved to ${file}: synfin scenario ${file} draws it`);
    for (const fault of faults) console.log(`  ${describeFault(fault)}`);
    for (const complaint of found.complaints) console.log(`  → ${complaint}`);
  }

  function stateIn(file) {
    try {
      return JSON.parse(readFileSync(file, 'utf8'));
    } catch {
      refuse(`--state ${file} holds no state of a campaign: name another file, or remove it`);
    }
  }

  async function work() {
    const worker = new Worker(new URL(import.meta.url), { workerData: { mutation } });
    while (!stopping && next < end) {
      const batch = { first: next, count: Math.min(BATCH, end - next) };
      next += batch.count;
      worker.postMessage(batch);
      const [result] = await once(worker, 'message');
      take(result);
    }
    await worker.terminate();
  }

  function take(result) {
    done.set(result.first, result);
    for (let one = done.get(state.next); one !== undefined; one = done.get(state.next)) {
      done.delete(state.next);
      state.next += one.count;
      for (const [name, value] of Object.entries(one.sums)) state.sums[name] = (state.sums[name] ?? 0) + value;
      for (const complaint of one.complaints) {
        state.complaints.push(complaint);
        console.log(`\nseed ${complaint.seed}: ${complaint.complaints.join('; ')}`);
      }
    }
    if (values.state) writeFileSync(values.state, JSON.stringify(state));
    report(false);
  }

  function report(last) {
    const { sums, complaints } = state;
    const seconds = (performance.now() - started) / 1000;
    const rate = Math.round((state.next - begun) / seconds);
    const grouped = (n) => Math.round(n ?? 0).toLocaleString('en');
    const line = `${grouped(state.next - first)} of ${grouped(seeds)} seeds, ${rate} a second, ${complaints.length} with complaints`;
    if (!last) {
      if (process.stdout.isTTY) process.stdout.write(`\r${line}`);
      return;
    }
    console.log(`${process.stdout.isTTY ? '\n' : ''}${line}`);
    console.log(
      `${grouped(sums.connections)} connections (${grouped(sums.orderly)} in order, ${grouped(sums.failed)} failed), ` +
        `${grouped(sums.segments)} segments, ${grouped(sums.lost)} lost, ${grouped(sums.bytes)} bytes read, ${grouped(sums.hours)} h of virtual time`,
    );
  }
}
