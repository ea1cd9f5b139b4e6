/**
 * The rules of the house that can be read off the source text (architecture.test.ts runs them over `src/`). Each takes text and gives complaints, one line each,
 * so that each can be shown to fail on a bad example. No parser is needed: `mask` blanks comments and literals, and what is left is
 * searched.
 */

export interface SourceFile {
  /** From the repository's root, with `/`: `src/tcp/state.ts`. */
  readonly path: string;
  readonly text: string;
}

/** What each room of `src/` may import, besides itself. `''` is a file directly in `src/`: the package's own door, fit for a browser. */
export const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  wire: [],
  tcp: ['wire'],
  link: ['wire'],
  ip: ['wire', 'link'],
  stack: ['wire', 'tcp', 'ip', 'link'],
  trace: ['wire', 'tcp', 'ip', 'link', 'stack'],
  explain: ['wire', 'tcp', 'ip', 'stack', 'trace'],
  sim: ['wire', 'tcp', 'ip', 'link', 'stack', 'trace'],
  packetdrill: ['wire', 'tcp', 'ip', 'link', 'stack', 'trace', 'sim'],
  // `sim` is for testing/, which puts Node's programs on a simulated network.
  node: ['wire', 'tcp', 'ip', 'link', 'stack', 'trace', 'sim'],
  web: ['wire', 'tcp', 'ip', 'link', 'stack', 'trace', 'explain', 'sim'],
  cli: ['wire', 'tcp', 'ip', 'link', 'stack', 'trace', 'explain', 'sim', 'packetdrill', 'node'],
  '': ['wire', 'tcp', 'ip', 'link', 'stack', 'trace', 'explain', 'sim'],
};

/** Rooms that may use Node's modules, packages and globals. */
const NODE_ROOMS = ['node', 'cli'];
/** The two files that may read a clock, wait, and roll dice. */
const HOSTS = ['src/node/host.ts', 'src/web/host.ts'];

/** `Math.random` and its like, and the modules that give the same. `[.]` before a name means a property of something else. */
const IMPURE =
  /(?<![.\w$])(Date\.now|new Date|performance|Math\.random|setTimeout|setInterval|setImmediate|queueMicrotask|crypto)\b(?!\s*\??:)/g;
const IMPURE_MODULES = /^(node:)?(crypto|timers|timers\/promises|perf_hooks)$/;
const NODE_GLOBALS = /(?<![.\w$])(process|Buffer|console|global|globalThis|require|__dirname|__filename)\b(?!\s*\??:)/g;
const DOM_GLOBALS =
  /(?<![.\w$])(document|navigator|localStorage|sessionStorage|indexedDB|XMLHttpRequest|WebSocket|requestAnimationFrame|HTML\w*Element|addEventListener|postMessage|window\.(?:document|location|navigator|addEventListener|setTimeout))\b(?!\s*\??:)/g;

/** What browsers and Node both have, and a stack needs not. */
const WEB_GLOBALS =
  /(?<![.\w$])(ReadableStream|WritableStream|MessagePort|MessageChannel|BroadcastChannel)\b(?!\s*\??:)/g;

export interface Exception {
  readonly path: string;
  readonly word: string;
  readonly reason: string;
}

/** Fields that have one writer (`ARCHITECTURE.md`, rule 5). A path that ends in `/` means any file below it. */
export const SINGLE_WRITERS: Readonly<Record<string, readonly string[]>> = {
  // time-wait.ts and half-open.ts make a TCB anew from its record.
  state: ['src/tcp/state.ts', 'src/tcp/time-wait.ts', 'src/tcp/half-open.ts'],
  sndNxt: ['src/tcp/output.ts', 'src/tcp/time-wait.ts', 'src/tcp/half-open.ts'],
  rcvNxt: ['src/tcp/receive.ts', 'src/tcp/time-wait.ts', 'src/tcp/half-open.ts'],
  cwnd: ['src/tcp/congestion/'],
  ssthresh: ['src/tcp/congestion/'],
};

export const MAX_LINES = 600;

/** The room a file belongs to: the folder below `src/`, '' for a file directly in it. */
export function room(path: string): string {
  const parts = path.split('/');
  return parts.length > 2 ? parts[1]! : '';
}

/** `text` with comments and the insides of literals replaced by spaces. Length and line breaks stay. */
export function mask(text: string): string {
  const out = [...text];
  const blank = (from: number, to: number) => {
    for (let k = from; k < to && k < out.length; k++) if (out[k] !== '\n') out[k] = ' ';
  };
  /** Depths of `{` at which a template literal goes on. */
  const templates: number[] = [];
  let depth = 0;
  let last = '';
  let i = 0;
  const template = (from: number) => {
    let k = from;
    while (k < text.length && text[k] !== '`') {
      if (text[k] === '\\') k++;
      else if (text[k] === '$' && text[k + 1] === '{') {
        blank(from, k);
        templates.push(depth++);
        return k + 2;
      }
      k++;
    }
    blank(from, k);
    return k + 1;
  };
  while (i < text.length) {
    const c = text[i]!;
    if (c === '/' && text[i + 1] === '/') {
      const end = text.indexOf('\n', i);
      const to = end < 0 ? text.length : end;
      blank(i, to);
      i = to;
    } else if (c === '/' && text[i + 1] === '*') {
      const end = text.indexOf('*/', i + 2);
      const to = end < 0 ? text.length : end + 2;
      blank(i, to);
      i = to;
    } else if (c === '"' || c === "'") {
      let k = i + 1;
      while (k < text.length && text[k] !== c && text[k] !== '\n') k += text[k] === '\\' ? 2 : 1;
      blank(i + 1, k);
      i = k + 1;
      last = c;
    } else if (c === '`') {
      i = template(i + 1);
      last = '`';
    } else if (c === '/' && /^$|[=(,:[!&|?{};+\-*%<>~^]|\n/.test(last)) {
      let k = i + 1;
      let inClass = false;
      while (k < text.length && text[k] !== '\n' && (inClass || text[k] !== '/')) {
        if (text[k] === '\\') k++;
        else if (text[k] === '[') inClass = true;
        else if (text[k] === ']') inClass = false;
        k++;
      }
      blank(i + 1, k);
      i = k + 1;
      last = '/';
    } else {
      if (c === '{') depth++;
      else if (c === '}') {
        depth--;
        if (templates.at(-1) === depth) {
          templates.pop();
          i = template(i + 1);
          last = '`';
          continue;
        }
      }
      if (!/\s/.test(c)) last = c;
      i++;
    }
  }
  return out.join('');
}

export interface Import {
  readonly specifier: string;
  /** Erased at run time. `import { type A }` is not: the module is still loaded. */
  readonly typeOnly: boolean;
  readonly line: number;
}

export function imports(file: SourceFile): Import[] {
  const masked = mask(file.text);
  const found: Import[] = [];
  const at = (index: number) => file.text.slice(0, index).split('\n').length;
  const literal = (quote: number) => file.text.slice(quote + 1, file.text.indexOf(masked[quote]!, quote + 1));
  for (const m of masked.matchAll(
    /(?<![.\w$])(import|export)\b(\s+type\b(?!\s+from))?([^;'"()=]*?\bfrom)?\s*(["'])/g,
  )) {
    if (m[1] === 'export' && m[3] === undefined) continue;
    const quote = m.index + m[0].length - 1;
    found.push({ specifier: literal(quote), typeOnly: m[2] !== undefined, line: at(m.index) });
  }
  for (const m of masked.matchAll(/(typeof\s+|:\s*)?(?<![.\w$])(import|require)\s*\(\s*(["'])/g)) {
    const quote = m.index + m[0].length - 1;
    found.push({ specifier: literal(quote), typeOnly: m[1] !== undefined && m[2] === 'import', line: at(m.index) });
  }
  return found;
}

/** The repository path a relative specifier names. */
export function resolve(from: string, specifier: string): string {
  const parts = from.split('/').slice(0, -1);
  for (const part of specifier.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '.') parts.push(part);
  }
  return parts.join('/');
}

/** Imports against the order of the rooms, into files that are not there, or without their extension. */
export function importOrder(files: readonly SourceFile[]): string[] {
  const known = new Set(files.map((f) => f.path));
  const complaints: string[] = [];
  for (const file of files) {
    const from = room(file.path);
    for (const { specifier, line } of imports(file)) {
      if (!specifier.startsWith('.')) continue;
      const target = resolve(file.path, specifier);
      const where = `${file.path}:${line}`;
      if (!target.startsWith('src/')) complaints.push(`${where}: ${specifier} is outside src`);
      else if (!known.has(target)) complaints.push(`${where}: ${specifier} is no file (imports name the .ts file)`);
      else {
        const to = room(target);
        if (to !== from && !(MAY_IMPORT[from] ?? []).includes(to)) {
          complaints.push(`${where}: ${from || 'src'} may not import ${to || 'src'} (${specifier})`);
        }
      }
    }
  }
  return complaints;
}

/** Rooms without a place in the order. */
export function unknownRooms(files: readonly SourceFile[]): string[] {
  return [...new Set(files.map((f) => room(f.path)))]
    .filter((name) => !(name in MAY_IMPORT))
    .map((name) => `src/${name}: no such room in the order of imports`);
}

/**
 * Cycles. At run time there may be none at all; types may refer to each other inside a room (a TCB names its state and a state's
 * function takes a TCB), never across rooms.
 */
export function cycles(files: readonly SourceFile[]): string[] {
  const known = new Set(files.map((f) => f.path));
  const graph = (keep: (from: string, to: string, typeOnly: boolean) => boolean) =>
    new Map(
      files.map((f) => [
        f.path,
        imports(f)
          .filter((i) => i.specifier.startsWith('.'))
          .map((i) => ({ to: resolve(f.path, i.specifier), typeOnly: i.typeOnly }))
          .filter((e) => known.has(e.to) && keep(f.path, e.to, e.typeOnly))
          .map((e) => e.to),
      ]),
    );
  const rooms = new Map<string, string[]>();
  for (const [from, tos] of graph((a, b) => room(a) !== room(b))) {
    rooms.set(room(from), [...(rooms.get(room(from)) ?? []), ...tos.map(room)]);
  }
  return [
    ...cyclesOf(graph((_a, _b, typeOnly) => !typeOnly)).map((c) => `run-time cycle: ${c.join(' → ')}`),
    ...cyclesOf(rooms).map((c) => `cycle of rooms: ${c.join(' → ')}`),
  ];
}

function cyclesOf(graph: ReadonlyMap<string, readonly string[]>): string[][] {
  const found: string[][] = [];
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (node: string) => {
    const start = path.indexOf(node);
    if (start >= 0) {
      found.push([...path.slice(start), node]);
      return;
    }
    if (done.has(node)) return;
    path.push(node);
    for (const next of graph.get(node) ?? []) visit(next);
    path.pop();
    done.add(node);
  };
  for (const node of graph.keys()) visit(node);
  return found;
}

/** Node's modules, packages and globals outside `src/node` and `src/cli`; the DOM outside `src/web`; clocks and dice outside the hosts. */
export function purity(files: readonly SourceFile[], exceptions: readonly Exception[] = []): string[] {
  const complaints: string[] = [];
  const used = new Set<Exception>();
  for (const file of files) {
    const name = room(file.path);
    const inNode = NODE_ROOMS.includes(name);
    const isHost = HOSTS.includes(file.path);
    const masked = mask(file.text);
    const complain = (line: number, word: string, why: string) => {
      const exception = exceptions.find((e) => e.path === file.path && e.word === word);
      if (exception !== undefined) used.add(exception);
      else complaints.push(`${file.path}:${line}: ${word} ${why}`);
    };
    for (const { specifier, line } of imports(file)) {
      if (specifier.startsWith('.')) continue;
      if (!inNode) complain(line, specifier, 'is imported outside src/node and src/cli');
      else if (IMPURE_MODULES.test(specifier) && !isHost)
        complain(line, specifier, 'is imported outside the host file');
    }
    const search = (words: RegExp, why: string) => {
      for (const m of masked.matchAll(words)) {
        const before = masked.slice(0, m.index);
        const line = before.split('\n').length;
        const whole = masked.slice(before.lastIndexOf('\n') + 1).split('\n', 1)[0]!;
        if (!isMethod(whole, m[1]!)) complain(line, m[1]!, why);
      }
    };
    if (!isHost) search(IMPURE, 'outside the host file');
    if (!inNode) search(NODE_GLOBALS, 'outside src/node and src/cli');
    if (name !== 'web') search(DOM_GLOBALS, 'outside src/web');
    if (name !== 'web' && !inNode) search(WEB_GLOBALS, 'outside src/web');
  }
  for (const e of exceptions) {
    if (!used.has(e)) complaints.push(`${e.path}: the exception for ${e.word} is not needed any more`);
  }
  return complaints;
}

/** Whether `line` defines a method of that name (`setTimeout(ms: number): this {`), which is not a call of the global. */
function isMethod(line: string, name: string): boolean {
  const head = new RegExp(`^\\s*(?:(?:async|override|static|public)\\s+)*${name.replaceAll('.', '\\.')}\\(`);
  return head.test(line) && /\)(?: \{|: [\w<>[\]|. ]+?(?: \{|;))/.test(line);
}

/** Assignments to a field that has one writer, anywhere else. */
export function singleWriters(files: readonly SourceFile[]): string[] {
  const complaints: string[] = [];
  const fields = Object.keys(SINGLE_WRITERS).join('|');
  const write = new RegExp(`\\b(\\w+)\\.(${fields})\\s*(?:=(?![=>])|[-+*/%|&^]=|<<=|>>>?=|\\?\\?=|\\+\\+|--)`, 'g');
  for (const file of files) {
    const masked = mask(file.text);
    for (const m of masked.matchAll(write)) {
      // `this.state` of another class is its own field; a TCB is never written through `this`.
      if (m[1] === 'this') continue;
      const writers = SINGLE_WRITERS[m[2]!]!;
      if (writers.some((w) => (w.endsWith('/') ? file.path.startsWith(w) : file.path === w))) continue;
      const line = masked.slice(0, m.index).split('\n').length;
      complaints.push(`${file.path}:${line}: ${m[1]}.${m[2]} is written in ${writers.join(', ')} only`);
    }
  }
  return complaints;
}

export function tooLong(files: readonly SourceFile[], most = MAX_LINES): string[] {
  return files
    .map((f) => ({ path: f.path, lines: f.text.replace(/\n$/, '').split('\n').length }))
    .filter((f) => f.lines > most)
    .map((f) => `${f.path}: ${f.lines} lines, more than ${most}`);
}

/** What does not belong into a published source: paths of somebody's machine, hosts of registries, notes to oneself. */
export function residue(files: readonly SourceFile[]): string[] {
  const bad: readonly (readonly [RegExp, string])[] = [
    [/(?<![\w.])\/(home|root|work|tmp|Users|usr|var|opt|mnt)\/[\w.]/, 'an absolute path'],
    [/(?<![\w])[A-Z]:\\\\?\w/, 'an absolute path'],
    [/\b(registry\.\w+|npmjs\.|yarnpkg\.|npmmirror\.|pypi\.|artifactory|proxy\.golang)/i, 'a host of a registry'],
    [/\b(TODO|FIXME|XXX|HACK)\b/, 'a note to oneself'],
    [/\.\.\/shared\//, 'a path outside the repository'],
  ];
  const complaints: string[] = [];
  for (const file of files) {
    for (const [i, line] of file.text.split('\n').entries()) {
      for (const [pattern, what] of bad) {
        const m = pattern.exec(line);
        if (m !== null) complaints.push(`${file.path}:${i + 1}: ${what}: ${m[0]}`);
      }
    }
  }
  return complaints;
}

/**
 * Test files of a room must mirror a file or a folder of it: `test/tcp/events/listen.test.ts` for `src/tcp/events/listen.ts`. `whole`: tests of a
 * room as a whole, with what they are about.
 */
export function mirror(
  tests: readonly string[],
  sources: readonly string[],
  whole: Readonly<Record<string, string>> = {},
): string[] {
  const rooms = new Set(sources.map(room).filter((name) => name !== ''));
  const complaints: string[] = [];
  for (const test of tests) {
    if (!rooms.has(room(test)) || test in whole) continue;
    const stem = test.replace(/^test\//, 'src/').replace(/\.test\.ts$/, '');
    if (sources.some((s) => s === `${stem}.ts` || s.startsWith(`${stem}/`))) continue;
    complaints.push(`${test}: no ${stem}.ts`);
  }
  for (const test of Object.keys(whole)) if (!tests.includes(test)) complaints.push(`${test}: listed, but not there`);
  return complaints;
}
