// Runs Node's own tests on our sockets: `npm run node-suite -- DIR [--list FILE…] [--json OUT]`. DIR holds Node's `test/`; it is not part of
// this repository. A list is a table, tab-separated, with the columns `path`, `group` and `needed` (`yes` counts, `opt` is told apart); without
// one, every net test of DIR runs. `--node BIN`: the Node whose tests they are. Below Node's http, ours is put by compiling its sources a second
// time; below https, tls and http2 by `synfin/register`.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readArguments, refuse, whole } from './command-line.mjs';

const { values, positionals } = readArguments(
  import.meta.url,
  {
    list: { type: 'string', multiple: true, default: [] },
    json: { type: 'string' },
    node: { type: 'string', default: process.execPath },
    only: { type: 'string' },
    jobs: { type: 'string', default: `${Math.min(4, availableParallelism())}` },
    timeout: { type: 'string', default: '30' },
    /** The comparison: Node's own net. */
    stock: { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
  },
  true,
);
const [dir] = positionals;
if (dir === undefined || !existsSync(join(dir, 'test/common/index.js'))) {
  refuse(`${dir ?? 'DIR is missing: it'} must hold Node's test/common (--help says more)`);
}
const [jobs, timeout] = [whole(values, 'jobs'), whole(values, 'timeout')];
if (!existsSync(values.node)) refuse(`--node ${values.node}: there is no such program`);
const suite = resolve(dir);
const root = process.env.SYNFIN_ROOT ?? fileURLToPath(new URL('../dist', import.meta.url));
const hook = fileURLToPath(new URL('./node-suite-hook.cjs', import.meta.url));

/** One after another, as they use fixed ports. */
const isSequential = ({ path }) => path.startsWith('test/sequential/');

function readList(file) {
  const [head, ...lines] = readFileSync(file, 'utf8').trimEnd().split('\n');
  const names = head.split('\t');
  const name = basename(file).replace(/\.tsv$/, '');
  return lines.map((line) => {
    const row = Object.fromEntries(line.split('\t').map((cell, i) => [names[i], cell]));
    return { list: name, path: row.path, group: row.group ?? 'all', needed: row.needed !== 'opt' };
  });
}

function everyTest() {
  return ['parallel', 'sequential', 'pummel'].flatMap((folder) => {
    if (!existsSync(join(suite, 'test', folder))) return [];
    const files = readdirSync(join(suite, 'test', folder)).filter((f) => /^test-net-.*\.m?js$/.test(f));
    return files.map((f) => ({ list: 'net', path: `test/${folder}/${f}`, group: folder, needed: true }));
  });
}

function run(test, worker) {
  const path = join(suite, test.path);
  const source = readFileSync(path, 'utf8');
  const flags = /^\/\/ Flags: (.*)$/m.exec(source)?.[1]?.trim().split(/\s+/) ?? [];
  const temporary = mkdtempSync(join(tmpdir(), 'node-suite-'));
  const env = { ...process.env, NODE_TEST_DIR: temporary, TEST_THREAD_ID: `${worker}`, TEST_SERIAL_ID: `${worker}` };
  if (!isSequential(test)) env.TEST_PARALLEL = '1';
  env.SYNFIN_ROOT = root;
  if (/^node-(https|tls|http2)$/.test(test.list)) env.SYNFIN_REGISTER = '1';
  if (test.list === 'node-http' && !values.stock) {
    env.SYNFIN_RIDERS = 'http';
    if (!flags.includes('--expose-internals')) flags.push('--expose-internals');
  }
  const args = [...flags, ...(values.stock ? [] : ['--require', hook]), path];
  const started = Date.now();
  return new Promise((done) => {
    const child = spawn(values.node, args, { cwd: join(suite, 'test'), env, detached: true });
    let output = '';
    const gather = (bytes) => {
      if (output.length < 100_000) output += bytes;
    };
    child.stdout.on('data', gather);
    child.stderr.on('data', gather);
    let late = false;
    const stop = () => {
      try {
        process.kill(-child.pid, 'SIGKILL');
      } catch {}
    };
    const timer = setTimeout(() => {
      late = true;
      stop();
    }, timeout * 1000);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      stop();
      rmSync(temporary, { recursive: true, force: true });
      const skipped = /^1\.\.0 # Skipped/m.test(output);
      const result = late ? 'timeout' : code !== 0 ? 'fail' : skipped ? 'skip' : 'pass';
      done({
        ...test,
        result,
        code,
        signal,
        ms: Date.now() - started,
        output: result === 'pass' ? '' : output.slice(-4000),
      });
    });
  });
}

async function runAll(tests) {
  const results = [];
  let left = [...tests];
  const tell = (r) => {
    results.push(r);
    if (r.result !== 'pass') console.log(`${r.result.padEnd(8)}${r.path}${values.verbose ? `\n${r.output}` : ''}`);
  };
  const parallel = left.filter((t) => !isSequential(t));
  const work = async (worker) => {
    for (let t = parallel.shift(); t !== undefined; t = parallel.shift()) tell(await run(t, worker));
  };
  await Promise.all(Array.from({ length: jobs }, (_, i) => work(i + 1)));
  left = left.filter(isSequential);
  for (const t of left) tell(await run(t, 0));
  return results;
}

/** The mean over the groups of what passes in each, so that many variations of one thing do not drown the rest. */
function score(results) {
  const groups = Map.groupBy?.(results, (r) => r.group) ?? groupBy(results);
  const parts = [...groups.values()].map((rs) => rs.filter((r) => r.result === 'pass').length / rs.length);
  return parts.reduce((a, b) => a + b, 0) / parts.length;
}

function groupBy(results) {
  const groups = new Map();
  for (const r of results) groups.set(r.group, [...(groups.get(r.group) ?? []), r]);
  return groups;
}

function board(results) {
  for (const list of new Set(results.map((r) => r.list))) {
    for (const needed of [true, false]) {
      const rows = results.filter((r) => r.list === list && r.needed === needed);
      if (rows.length === 0) continue;
      const passed = rows.filter((r) => r.result === 'pass').length;
      const skipped = rows.filter((r) => r.result === 'skip').length;
      console.log(
        `${list.padEnd(12)} ${needed ? 'needed  ' : 'optional'} ${passed} of ${rows.length}` +
          `${skipped > 0 ? ` (${skipped} skipped)` : ''}, by groups ${(100 * score(rows)).toFixed(1)} %`,
      );
    }
  }
}

let tests = values.list.length > 0 ? values.list.flatMap(readList) : everyTest();
if (values.only !== undefined) tests = tests.filter((t) => t.path.includes(values.only));
const results = await runAll(tests);
results.sort((a, b) => (a.path < b.path ? -1 : 1));
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(results, null, 1)}\n`);
board(results);
process.exitCode = results.every((r) => r.result === 'pass' || r.result === 'skip' || !r.needed) ? 0 : 1;
