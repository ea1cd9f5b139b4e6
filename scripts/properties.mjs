// npm run properties -- [--minutes N] [--first SEED]: the test files that have properties, again and again, each time from another seed, for that long (10).
// `npm test` draws from one seed always; here is looked for what that one does not show. Ends at the first failure, and says how to have it again.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { readArguments, whole } from './command-line.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

const { values } = readArguments(import.meta.url, {
  minutes: { type: 'string', default: '10' },
  first: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
});
const until = performance.now() + whole(values, 'minutes') * 60_000;
const first = whole(values, 'first', 0);
const files = readdirSync(`${ROOT}test`, { recursive: true })
  .filter((name) => name.endsWith('.test.ts') && !name.startsWith('interop'))
  .map((name) => `test/${name}`)
  .filter((name) => readFileSync(ROOT + name, 'utf8').includes("from 'fast-check'"));
console.log(`${files.length} files, from seed ${first} on`);
let seed = first;
do {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['node_modules/vitest/vitest.mjs', 'run', '--reporter=dot', ...files],
    {
      cwd: ROOT,
      encoding: 'utf8',
      env: { ...process.env, NO_COLOR: '1', SYNFIN_PROPERTY_SEED: String(seed) },
      maxBuffer: 2 ** 28,
    },
  );
  if (status !== 0) {
    console.log(`${stdout}${stderr}\nagain: SYNFIN_PROPERTY_SEED=${seed} npx vitest run FILE`);
    process.exit(1);
  }
  console.log(`seed ${seed}: all passed`);
  seed++;
} while (performance.now() < until);
