// npm run conformance -- --freebsd DIR --google DIR --gvisor DIR [--list FILE…] [--json OUT] [--junit OUT] [--seed N] [--failures]
// Runs the listed packetdrill scripts of suites that others wrote, from checkouts outside this repository, and prints the board. A list is a
// table with tabs: path, class, group, needed (yes or opt). Without one every .pkt file of the directory runs.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { readArguments, refuse, whole } from './command-line.mjs';

const { board, groupOf, judge, junit, PROFILES, readList } = await import(
  process.env.SYNFIN_DIST ?? '../dist/packetdrill/index.js'
);

const SUITES = {
  freebsd: { profile: 'freebsd', defined: ['FreeBSD'] },
  google: { profile: 'linux', defined: ['Linux'] },
  // One of these expects 10 ms for what Linux does at once, and is said to pass with it: their runner cannot have the tool's 4 ms.
  gvisor: { profile: 'linux', defined: ['Linux'], tolerance: 10_000 },
};
/** What the suites' own runners define (`-D`): the cookie is that of the key which google's tests set. */
const VARIABLES = { TFO_COOKIE: '3021b9d889017eeb', CODE: 'host_unreachable' };

const { values } = readArguments(import.meta.url, {
  freebsd: { type: 'string' },
  google: { type: 'string' },
  gvisor: { type: 'string' },
  list: { type: 'string', multiple: true, default: [] },
  json: { type: 'string' },
  junit: { type: 'string' },
  seed: { type: 'string', default: '1' },
  failures: { type: 'boolean', default: false },
});

/** The rows of the list that belongs to a suite: by its name, or because its first path is there; without one all there is. */
function scriptsOf(suite, directory) {
  for (const file of values.list) {
    const rows = readList(readFileSync(file, 'utf8'));
    if (basename(file).startsWith(suite) || existsSync(join(directory, rows[0]?.path ?? ''))) return rows;
  }
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.name.endsWith('.pkt'))
    .map((entry) => relative(directory, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
    .sort()
    .map((path) => ({ path, group: groupOf(path), needed: 'yes' }));
}

function run(suite, directory, path) {
  const { profile, defined, tolerance } = SUITES[suite];
  const file = join(directory, path);
  if (!existsSync(file)) {
    return { strict: 'fail', normalised: 'fail', reason: `there is no ${file}`, line: 0, ladder: [] };
  }
  return judge(path, readFileSync(file, 'utf8'), {
    config: PROFILES[profile],
    family: path.includes('ipv6') ? 6 : 4,
    seed,
    defined: new Set(defined),
    ...(tolerance !== undefined && { tolerance }),
    variables: VARIABLES,
  });
}

const seed = whole(values, 'seed', 0);
const started = performance.now();
const results = [];
for (const suite of Object.keys(SUITES)) {
  const directory = values[suite];
  if (directory === undefined) continue;
  for (const entry of scriptsOf(suite, directory)) {
    results.push({ suite, ...entry, ...run(suite, directory, entry.path) });
  }
}
if (results.length === 0) {
  refuse('nothing to run: name a checkout with --freebsd, --google or --gvisor');
}
for (const line of board(results)) console.log(line);
if (values.failures) {
  for (const { normalised, suite, path, reason } of results) {
    if (normalised !== 'pass') console.log(`${normalised} ${suite} ${path}\n    ${reason}`);
  }
}
if (values.json !== undefined) {
  const rows = results.map(({ suite, path, group, strict, normalised, reason }) => {
    return { suite, path, group, strict, normalised, reason };
  });
  writeFileSync(values.json, `${JSON.stringify(rows, null, 1)}\n`);
}
if (values.junit !== undefined) writeFileSync(values.junit, junit(results, 'normalised'));
console.log(`${results.length} scripts in ${((performance.now() - started) / 1000).toFixed(1)} s`);
