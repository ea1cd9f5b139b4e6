import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';

/** What is published, in a project that is not ours: `npm test` has compiled it just before. */
const root = fileURLToPath(new URL('../../..', import.meta.url));
const project = mkdtempSync(join(tmpdir(), 'synfin-package-'));
afterAll(() => rmSync(project, { recursive: true }));

const run = (program: string, args: readonly string[], cwd = project): string => {
  try {
    return execFileSync(program, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new Error(`${program} ${args.join(' ')}\n${stdout}${stderr}`);
  }
};

beforeAll(() => {
  const list = run('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', project], root);
  const [{ filename }] = JSON.parse(list) as [{ filename: string }];
  const home = join(project, 'node_modules/synfin');
  mkdirSync(join(project, 'node_modules/@types'), { recursive: true });
  mkdirSync(home);
  run('tar', ['xzf', filename, '--strip-components=1', '-C', home]);
  // Its only dependency that a program with `synfin/net` needs is Node's types, and those are the user's.
  symlinkSync(join(root, 'node_modules/@types/node'), join(project, 'node_modules/@types/node'));
  const undici = join(root, 'node_modules/undici-types');
  symlinkSync(undici, join(project, 'node_modules/undici-types'));
  writeFileSync(join(project, 'package.json'), '{ "type": "module" }');
  const program = readFileSync(join(root, 'test/node/net/types/program.ts'), 'utf8');
  writeFileSync(join(project, 'program.ts'), program.replace('../../../../src/node/net.ts', 'synfin/net'));
}, 60_000);

it.each([
  ['nodenext', 'nodenext'],
  ['esnext', 'bundler'],
])('a program for node:net compiles with ours: module %s, resolution %s', { timeout: 60_000 }, (module, resolution) => {
  const options = { module, moduleResolution: resolution, target: 'es2023', strict: true, noEmit: true };
  const compilerOptions = { ...options, lib: ['es2023', 'esnext.disposable'], types: ['node'] };
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['program.ts'] }));
  expect(run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc')])).toBe('');
});

it('an error of types is one', { timeout: 60_000 }, () => {
  const wrong =
    "import net from 'synfin/net';\nnet.connect({ port: true });\nnet.createServer().listen([]).on('drop', (s: string) => s);\n";
  writeFileSync(join(project, 'wrong.ts'), wrong);
  const compilerOptions = { module: 'nodenext', strict: true, noEmit: true, types: ['node'] };
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['wrong.ts'] }));
  expect(() => run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc')])).toThrow(/wrong\.ts\(2,/);
});

it('what goes beyond node:net is asked for by name, as the README says', { timeout: 60_000 }, () => {
  const asked = "import net, { type BeyondServer, type BeyondSocket } from 'synfin/net';\n";
  const client = 'export const rtt = (net.connect(7) as net.Socket & BeyondSocket).tcpInfo()?.tcpi_rtt;\n';
  const server = 'export const queue = (net.createServer() as net.Server & BeyondServer).backlogInfo()?.synQueue;\n';
  writeFileSync(join(project, 'beyond.ts'), asked + client + server);
  const compilerOptions = { module: 'nodenext', strict: true, noEmit: true, types: ['node'] };
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['beyond.ts'] }));
  expect(run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc')])).toBe('');
});

it('CommonJS requires it', () => {
  const text = "const { isIP, createServer } = require('synfin/net'); console.log(isIP('::1'), typeof createServer);";
  writeFileSync(join(project, 'run.cjs'), text);
  expect(run(process.execPath, ['run.cjs'])).toBe('6 function\n');
});

it('has every door it names, and nothing of the build', { timeout: 60_000 }, () => {
  const home = join(project, 'node_modules/synfin');
  const manifest = readFileSync(join(home, 'package.json'), 'utf8');
  const { exports } = JSON.parse(manifest) as { exports: Record<string, string | Record<string, string>> };
  const files = Object.values(exports).flatMap((door) => (typeof door === 'string' ? [door] : Object.values(door)));
  expect(files.filter((file) => !existsSync(join(home, file)))).toEqual([]);
  expect(readdirSync(join(home, 'dist')).filter((name) => name.startsWith('.'))).toEqual([]);
});

it('the benchmark has what it imports', () => {
  const home = join(project, 'node_modules/synfin');
  const programs = readdirSync(join(home, 'bench'), { recursive: true, encoding: 'utf8' }).filter((f) =>
    /\.mjs$/.test(f),
  );
  const missing = programs.flatMap((file) => {
    const path = join(home, 'bench', file);
    const imports = readFileSync(path, 'utf8').matchAll(/(?:from |import\()'(\.[^']+)'/g);
    return [...imports].map((found) => join(path, '..', found[1]!)).filter((target) => !existsSync(target));
  });
  expect(programs.length).toBeGreaterThan(10);
  // The compiled programs of the benchmark's peers are built where they run.
  expect(missing.filter((target) => !target.includes('/dist/bench/'))).toEqual([]);
});

it('it runs there, with nothing but Node', () => {
  const text = `import net, { connect, stack } from 'synfin/net';
    const server = net.createServer((socket) => socket.end('hello')).listen(0, () => {
      connect(server.address().port).on('data', (bytes) => console.log(String(bytes), stack.stats().connections)).on('close', () => server.close());
    });`;
  writeFileSync(join(project, 'run.mjs'), text);
  expect(run(process.execPath, ['run.mjs'])).toBe('hello 2\n');
});
