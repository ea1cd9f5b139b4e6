// Makes dist/web.min.js, `synfin/web/min`: all of `synfin/web` in one file, with the names of internal properties shortened, too.
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

const ROOMS = ['wire', 'tcp', 'ip', 'link', 'stack', 'web'];

/** What applications, hosts and devices see: each member declared there keeps its name. */
const PUBLIC = [
  ...['address', 'connect', 'error', 'host', 'listen', 'message-link', 'socket'].map((file) => `web/${file}`),
  ...['host', 'ip-counters', 'netstat', 'socket', 'stack', 'tcp-options'].map((file) => `stack/${file}`),
  ...['config', 'counters', 'drop', 'notices', 'trace'].map((file) => `tcp/${file}`),
  ...['ip/routes', 'link/device', 'wire/address', 'wire/drop', 'wire/segment'],
];

/** What those declarations name without showing any of it; `stack/parts` and what it adds is not for this file. */
const HIDDEN = [
  ...['engine', 'parts', 'tcp-info', 'udp', 'warnings'].map((file) => `stack/${file}`),
  ...['ip/addresses', 'tcp/tcb', 'wire/ip-header', 'wire/seq'],
];
/** Of these nothing but names of types is used. */
const WORDS = ['tcp/congestion/controller', 'tcp/receive-buffer', 'tcp/state'];

/** Properties of objects that are given to the platform, or come from it, without being those of a class that Node has as well. */
const PLATFORM =
  `highWaterMark pull start cancel write close abort type once signal cause value done next return then data
  port1 port2 memory sum exports initial maximum shared writable enumerable configurable get set`.split(/\s+/);

/** Every name of the language's and the platform's own objects. */
function builtIn() {
  const names = new Set(PLATFORM);
  const seen = new Set();
  const look = (object) => {
    if (object === null || (typeof object !== 'object' && typeof object !== 'function') || seen.has(object)) return;
    seen.add(object);
    for (const name of Object.getOwnPropertyNames(object)) names.add(name);
    look(Object.getPrototypeOf(object));
    if (typeof object === 'function') look(object.prototype);
  };
  look(globalThis);
  for (const name of Object.getOwnPropertyNames(globalThis)) if (name !== 'process') look(globalThis[name]);
  for (const name of Object.getOwnPropertyNames(WebAssembly)) look(WebAssembly[name]);
  for (const made of [[].values(), (function* () {})(), (async function* () {})()]) look(made);
  return names;
}

/** The members of all that is declared there, but for private ones. Throws where a declaration names another file that nobody has thought of. */
function declared() {
  const names = new Set();
  for (const file of PUBLIC) {
    const text = readFileSync(`${root}dist/${file}.d.ts`, 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, '');
    for (const [, word] of text.matchAll(/(?:^\s+|[{;]\s*)(?:static |readonly |get |set )*([\w$]+)\??\s*[(:<=;]/gm))
      names.add(word);
    for (const [, from] of text.matchAll(/from '(\.[^']+)\.[jt]s'/g)) {
      const named = posix.join(posix.dirname(file), from);
      if (![...PUBLIC, ...HIDDEN, ...WORDS].includes(named))
        throw new Error(`${file} names ${named}: is that PUBLIC, or HIDDEN? (scripts/web-min.mjs)`);
    }
  }
  return names;
}

/** The text of the file. rolldown is vite's, which is what the tests run with: there in a checkout, and no part of the package. */
export async function webMin() {
  const vite = createRequire(import.meta.resolve('vite'));
  const { rolldown } = await import(vite.resolve('rolldown'));
  const rolled = (input, plugins = []) =>
    rolldown({ cwd: root, input, plugins, preserveEntrySignatures: 'strict', transform: { target: 'es2023' } });
  const entry = `${root}dist/web/index.js`;
  // Rooms one after the other, in the order in which they are read: like stands beside like, which gzip finds within 32 kB only.
  const first = await rolled(entry);
  const modules = (await first.generate({ format: 'es' })).output[0].moduleIds;
  await first.close();
  const room = (id) => ROOMS.findIndex((name) => id.startsWith(`${root}dist/${name}/`));
  const imports = modules.toSorted((a, b) => room(a) - room(b)).map((id) => `import ${JSON.stringify(id)};`);
  const bundle = await rolled('in order', [
    {
      name: 'in order',
      resolveId: (id) => (id === 'in order' ? id : null),
      load: (id) => (id === 'in order' ? `${imports.join('\n')}\nexport * from ${JSON.stringify(entry)};` : null),
    },
  ]);
  const reserved = [...builtIn(), ...declared()].filter((name) => /^[A-Za-z_$][\w$]*$/.test(name));
  const { output } = await bundle.generate({
    format: 'es',
    minify: { compress: true, mangle: true, mangleProps: { include: /^\w+$/, reserved }, codegen: true },
  });
  await bundle.close();
  if (output.length !== 1) throw new Error(`${output.length} files instead of one`);
  // What is said to bundlers: they get it whole.
  return output[0].code.replaceAll('/* @__PURE__ */ ', '');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(`${root}dist/web.min.js`, await webMin());
