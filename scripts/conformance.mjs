// npm run conformance -- --freebsd DIR --google DIR --gvisor DIR [--list FILE…] [--json OUT] [--seed N] [--failures]
// Runs the listed packetdrill scripts of suites that others wrote, from checkouts outside this repository, and prints the board. A list is a
// table with tabs: path, class, group, needed (yes or opt). Without one every .pkt file of the directory runs.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { parseArgs } from 'node:util';

const { PROFILES, parseScript, runScript, ScriptError } = await import(
  process.env.SYNFIN_DIST ?? '../dist/packetdrill/index.js'
);

const SUITES = {
  freebsd: { profile: 'freebsd', defined: ['FreeBSD'] },
  google: { profile: 'linux', defined: ['Linux'] },
  gvisor: { profile: 'linux', defined: ['Linux'] },
};

const { values } = parseArgs({
  options: {
    freebsd: { type: 'string' },
    google: { type: 'string' },
    gvisor: { type: 'string' },
    list: { type: 'string', multiple: true, default: [] },
    json: { type: 'string' },
    seed: { type: 'string', default: '1' },
    failures: { type: 'boolean', default: false },
  },
});

/** The rows of a list that belongs to a suite: by its name, or because its first path is there. */
function listOf(suite, directory) {
  for (const file of values.list) {
    const rows = readFileSync(file, 'utf8')
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => line.split('\t'));
    if (basename(file).startsWith(suite) || existsSync(join(directory, rows[0]?.[0] ?? ''))) {
      return rows.map(([path, , group, needed]) => ({ path, group, needed }));
    }
  }
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.name.endsWith('.pkt'))
    .map((entry) => relative(directory, join(entry.parentPath, entry.name)))
    .sort()
    .map((path) => ({ path, group: path.split('/').slice(0, -1).join('/'), needed: 'yes' }));
}

/** One script, strict and normalised. */
function judge(suite, directory, path) {
  const { profile, defined } = SUITES[suite];
  const config = PROFILES[profile];
  const family = path.includes('ipv6') ? 6 : 4;
  const seed = Number(values.seed);
  try {
    const variables = { TFO_COOKIE: '3031323334353637', CODE: 'host_unreachable' };
    const script = parseScript(path, readFileSync(join(directory, path), 'utf8'), {
      defined: new Set(defined),
      variables,
    });
    const strict = runScript(script, { config, family, exact: true, seed });
    const normalised = runScript(script, { config, family, exact: false, seed });
    return { strict: strict.verdict, normalised: normalised.verdict, reason: normalised.reason || strict.reason };
  } catch (error) {
    if (!(error instanceof ScriptError) && error.code === undefined && error.name !== 'Unsupported') {
      if (error.constructor.name !== 'Unsupported')
        return { strict: 'fail', normalised: 'fail', reason: `runner: ${error.stack}` };
    }
    const verdict = error.constructor.name === 'Unsupported' ? 'skip' : 'fail';
    return { strict: verdict, normalised: verdict, reason: error.message };
  }
}

const started = performance.now();
const results = [];
for (const suite of Object.keys(SUITES)) {
  const directory = values[suite];
  if (directory === undefined) continue;
  for (const { path, group, needed } of listOf(suite, directory)) {
    results.push({ suite, path, group, needed, ...judge(suite, directory, path) });
  }
}
if (results.length === 0) {
  console.error('nothing to run: name a checkout with --freebsd, --google or --gvisor');
  process.exit(2);
}

const percent = (fraction) => `${(100 * fraction).toFixed(1)} %`;
/** The mean over groups of the fraction that passed: many permutations of one thing do not drown the rest. */
function score(rows, mode) {
  const groups = Map.groupBy ? Map.groupBy(rows, (r) => r.group) : group(rows);
  const fractions = [...groups.values()].map((of) => of.filter((r) => r[mode] === 'pass').length / of.length);
  return fractions.reduce((a, b) => a + b, 0) / fractions.length;
}
function group(rows) {
  const groups = new Map();
  for (const row of rows) groups.set(row.group, [...(groups.get(row.group) ?? []), row]);
  return groups;
}

for (const suite of new Set(results.map((r) => r.suite))) {
  for (const needed of ['yes', 'opt']) {
    const rows = results.filter((r) => r.suite === suite && r.needed === needed);
    if (rows.length === 0) continue;
    const line = (mode) =>
      `${mode} ${percent(score(rows, mode))} (${rows.filter((r) => r[mode] === 'pass').length}/${rows.length})`;
    const skipped = rows.filter((r) => r.normalised === 'skip').length;
    console.log(
      `${suite}, ${needed === 'yes' ? 'needed' : 'optional'}: ${line('normalised')}, ${line('strict')}, skipped ${skipped}`,
    );
    for (const [name, of] of group(rows)) {
      const passed = of.filter((r) => r.normalised === 'pass').length;
      if (passed < of.length) console.log(`  ${name}: ${passed}/${of.length}`);
    }
  }
}
if (values.failures) {
  for (const r of results)
    if (r.normalised !== 'pass') console.log(`${r.normalised} ${r.suite} ${r.path}\n    ${r.reason}`);
}
if (values.json !== undefined) {
  const rows = results.map(({ suite, path, group, strict, normalised, reason }) => ({
    suite,
    path,
    group,
    strict,
    normalised,
    reason,
  }));
  writeFileSync(values.json, `${JSON.stringify(rows, null, 1)}\n`);
}
console.log(`${results.length} scripts in ${((performance.now() - started) / 1000).toFixed(1)} s`);
