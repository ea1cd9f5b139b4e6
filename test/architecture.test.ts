import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import {
  cycles,
  type Exception,
  importOrder,
  imports,
  mask,
  mirror,
  purity,
  residue,
  type SourceFile,
  singleWriters,
  tooLong,
  unknownRooms,
} from './support/source-rules.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

function list(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length).replaceAll('\\', '/'))
    .sort();
}

const sources: SourceFile[] = list('src').map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }));
const tests = list('test').filter((path) => path.endsWith('.test.ts'));

/** Where a clock, a timer or dice are in place outside the two host files, and why. */
const EXCEPTIONS: readonly Exception[] = [
  { path: 'src/cli/demo/page.ts', word: 'node:crypto', reason: 'a hash of what was sent and received: no randomness' },
  ...['node:timers', 'node:timers/promises'].map((word) => ({
    path: 'src/node/testing/virtual-globals.ts',
    word,
    reason: "puts virtual time in the place of Node's",
  })),
];

/** Tests of a room as a whole rather than of one of its files. */
const WHOLE: Readonly<Record<string, string>> = {
  'test/tcp/matrix.test.ts': 'every state and every kind of segment',
  'test/tcp/matrix-acks.test.ts': 'the same in finer cells',
  'test/tcp/pair.test.ts': 'two ends over a bad channel',
  'test/tcp/fuzz.test.ts': 'anything at all in every state',
  'test/tcp/keep-alive.test.ts': 'timers, probes and answers',
  'test/tcp/urgent.test.ts': 'both ends of urgent data',
  'test/web/min-names.test.ts': 'the interface of the built file',
  'test/web/min-tcp.test.ts': 'the protocol in the built file, beside its sources',
  'test/web/min.test.ts': 'the tests of synfin/web on its built file',
  'test/scripts.test.ts': 'what the scripts and benchmarks are told',
  'test/stack/fairness.test.ts': 'many streams through one stack',
  'test/stack/memory.test.ts': 'the bytes of a connection that rests',
  'test/node/net/net.test.ts': 'synfin/net as its users meet it',
  'test/node/net/http.test.ts': "Node's own http over it",
  'test/node/net/parity.test.ts': 'node:net and synfin/net side by side',
  'test/node/net/types.test.ts': "assignability to node:net's types",
  'test/node/net/package.test.ts': 'the package in a project of its own',
  'test/node/net/memory.test.ts': 'what connections leave behind, and what stalled ones take',
  'test/node/net/surface.test.ts': 'every name of node:net, on the Node that runs it',
  'test/node/net/disorder.test.ts': 'callbacks that throw, destroy and open others',
};

describe('src', () => {
  it('is read', () => {
    expect(sources.length).toBeGreaterThan(20);
    expect(sources.some((f) => f.path === 'src/tcp/state.ts')).toBe(true);
  });
  it('has no room without a place in the order', () => expect(unknownRooms(sources)).toEqual([]));
  it('imports in the order wire → tcp → ip, link → stack → {sim, trace, explain, node, web} → cli', () =>
    expect(importOrder(sources)).toEqual([]));
  it('has no cycles', () => expect(cycles(sources)).toEqual([]));
  it('is pure where it must be', () => expect(purity(sources, EXCEPTIONS)).toEqual([]));
  it('has one writer for each of the fields that steer the protocol', () => expect(singleWriters(sources)).toEqual([]));
  it('has no file beyond 600 lines', () => expect(tooLong(sources)).toEqual([]));
  it('has no paths, registries and notes in it', () => expect(residue(sources)).toEqual([]));
});

describe('test', () => {
  it('mirrors src', () =>
    expect(
      mirror(
        tests,
        sources.map((f) => f.path),
        WHOLE,
      ),
    ).toEqual([]));
});

const file = (path: string, ...lines: string[]): SourceFile => ({ path, text: lines.join('\n') });

describe('the checkers', () => {
  it('mask comments and literals, and nothing else', () => {
    expect(mask("a /* b */ + 'c' // d\ne")).toBe("a         + ' '     \ne");
    // biome-ignore lint/suspicious/noTemplateCurlyInString: source text
    expect(mask('`x${y + `z${w}` + 1}v` + u')).toBe('` ${y + ` ${w}` + 1} ` + u');
    expect(mask('a = /"[/]x/.test(b) / 2')).toBe('a = /     /.test(b) / 2');
    expect(mask("'a\\'b' + c")).toBe("'    ' + c");
  });

  it('find every way to import', () => {
    const found = imports(
      file(
        'src/tcp/a.ts',
        "import { a } from './a.ts';",
        "import type { B } from './b.ts';",
        'import {\n  type C,\n} from "./c.ts";',
        "export * from './d.ts';",
        "export type { E } from './e.ts';",
        "import './f.ts';",
        "const g = await import('./g.ts');",
        "type H = typeof import('./h.ts');",
        "// import './no.ts'",
        'const no = "import \'./no.ts\'";',
        "export const x = 'no';",
      ),
    );
    expect(found.map((i) => [i.specifier, i.typeOnly]).sort()).toEqual([
      ['./a.ts', false],
      ['./b.ts', true],
      ['./c.ts', false],
      ['./d.ts', false],
      ['./e.ts', true],
      ['./f.ts', false],
      ['./g.ts', false],
      ['./h.ts', true],
    ]);
    expect(found.find((i) => i.specifier === './d.ts')?.line).toBe(6);
  });

  it('refuse an import against the order', () => {
    const wire = file('src/wire/seq.ts', '');
    const bad = file('src/tcp/a.ts', "import { x } from '../stack/b.ts';", "import type { y } from '../wire/seq.ts';");
    expect(importOrder([wire, bad, file('src/stack/b.ts', '')])).toEqual([
      'src/tcp/a.ts:1: tcp may not import stack (../stack/b.ts)',
    ]);
    const link = file('src/link/a.ts', "import type { Tcb } from '../tcp/tcb.ts';");
    expect(importOrder([link, file('src/tcp/tcb.ts', '')])).toHaveLength(1);
    const door = file('src/index.ts', "export * from './node/net.ts';");
    expect(importOrder([door, file('src/node/net.ts', '')])).toHaveLength(1);
  });

  it('refuse an import of nothing, and one that leaves src', () => {
    expect(importOrder([file('src/wire/a.ts', "import './b';")])).toHaveLength(1);
    expect(importOrder([file('src/wire/a.ts', "import '../../test/b.ts';")])).toHaveLength(1);
  });

  it('refuse a room nobody knows', () => expect(unknownRooms([file('src/attic/a.ts', '')])).toHaveLength(1));

  it('refuse a cycle at run time, and one of types between rooms', () => {
    const a = file('src/tcp/a.ts', "import { b } from './b.ts';");
    const b = file('src/tcp/b.ts', "import { c } from './c.ts';");
    expect(cycles([a, b, file('src/tcp/c.ts', "import { a } from './a.ts';")])).toEqual([
      'run-time cycle: src/tcp/a.ts → src/tcp/b.ts → src/tcp/c.ts → src/tcp/a.ts',
    ]);
    expect(cycles([a, b, file('src/tcp/c.ts', "import type { a } from './a.ts';")])).toEqual([]);
    expect(cycles([a, b, file('src/tcp/c.ts', "import { type a } from './a.ts';")])).toHaveLength(1);
    const there = file('src/ip/a.ts', "import type { l } from '../link/a.ts';");
    const back = file('src/link/a.ts', "import type { i } from '../ip/a.ts';");
    expect(cycles([there, back])).toHaveLength(1);
  });

  it.each([
    ['src/tcp/a.ts', "import { readFileSync } from 'node:fs';"],
    ['src/wire/a.ts', "import fc from 'fast-check';"],
    ['src/tcp/a.ts', 'const t = Date.now();'],
    ['src/tcp/a.ts', 'const t = new Date();'],
    ['src/stack/a.ts', 'const t = performance.now();'],
    ['src/tcp/a.ts', 'const r = Math.random();'],
    ['src/tcp/a.ts', 'setTimeout(() => {', '}, 1);'],
    ['src/node/a.ts', 'setTimeout(() => {', '}, 1);'],
    ['src/node/a.ts', 'queueMicrotask(done);'],
    ['src/node/a.ts', "import { randomBytes } from 'node:crypto';"],
    ['src/node/a.ts', "import { setTimeout as sleep } from 'node:timers/promises';"],
    ['src/tcp/a.ts', 'crypto.getRandomValues(bytes);'],
    ['src/tcp/a.ts', 'globalThis.crypto.getRandomValues(bytes);'],
    ['src/tcp/a.ts', "console.log('here');"],
    ['src/stack/a.ts', 'if (process.env.DEBUG) return;'],
    ['src/link/a.ts', 'const b = Buffer.alloc(3);'],
    ['src/stack/a.ts', 'document.title = x;'],
    ['src/stack/a.ts', 'new ReadableStream({});'],
    ['src/node/a.ts', 'const s = new WebSocket(url);'],
  ])('refuse in %s: %s', (path, ...lines) => expect(purity([file(path, ...lines)])).not.toEqual([]));

  it.each([
    ['src/node/host.ts', 'setTimeout(f, 1); const t = performance.now();'],
    ['src/node/host.ts', "import { randomFillSync } from 'node:crypto';"],
    ['src/node/socket.ts', 'socket.setTimeout(5);'],
    ['src/node/socket.ts', '  setTimeout(ms: number, callback?: () => void): this {'],
    ['src/node/socket.ts', 'process.nextTick(f);'],
    ['src/web/a.ts', 'document.title = x;'],
    ['src/tcp/a.ts', '// Date.now() would be wrong here'],
    ['src/tcp/a.ts', "throw new Error('no Math.random here');"],
    ['src/tcp/a.ts', 'const window = tcb.sndWnd;'],
    ['src/tcp/a.ts', 'interface A { performance: number; process?: string }'],
  ])('allow in %s: %s', (path, ...lines) => expect(purity([file(path, ...lines)])).toEqual([]));

  it('allow what an exception names, and refuse one that is not needed', () => {
    const bad = file('src/cli/a.ts', 'setTimeout(f, 1);');
    const exception = { path: 'src/cli/a.ts', word: 'setTimeout', reason: 'a child process that hangs' };
    expect(purity([bad], [exception])).toEqual([]);
    expect(purity([file('src/cli/a.ts', '')], [exception])).toHaveLength(1);
  });

  it.each([
    'tcb.state = CLOSED;',
    'tcb.sndNxt = add(tcb.sndNxt, 1);',
    'tcb.cwnd += mss;',
    'tcb.cwnd++;',
    'tcb.rcvNxt = x;',
    'connection.ssthresh >>= 1;',
  ])('refuse a second writer: %s', (line) => expect(singleWriters([file('src/tcp/a.ts', line)])).toHaveLength(1));

  it.each([
    ['src/tcp/state.ts', 'tcb.state = to;'],
    ['src/tcp/congestion/reno.ts', 'tcb.cwnd += mss;'],
    ['src/tcp/a.ts', 'if (tcb.state === CLOSED) return;'],
    ['src/tcp/a.ts', 'const f = (t) => t.state == 1;'],
    ['src/explain/a.ts', 'this.state = 3;'],
    ['src/tcp/a.ts', '// tcb.state = CLOSED;'],
  ])('allow in %s: %s', (path, line) => expect(singleWriters([file(path, line)])).toEqual([]));

  it('refuse a long file', () => {
    expect(tooLong([file('src/tcp/a.ts', ...new Array<string>(600).fill(''))])).toEqual([]);
    expect(tooLong([file('src/tcp/a.ts', ...new Array<string>(601).fill('x'))])).toHaveLength(1);
  });

  it.each([
    "const f = '/home/me/x';",
    "open('/tmp/x.pcap')",
    '// see /work/notes',
    "const r = 'https://registry.npmjs.org/koffi';",
    '// TODO: the rest',
    '// FIXME',
    '// as ../shared/design says',
  ])('refuse what does not belong into a source: %s', (line) =>
    expect(residue([file('src/tcp/a.ts', line)])).toHaveLength(1),
  );

  it.each(["open('/dev/net/tun')", "read('/proc/net/route')", 'a /tmp', "import x from './work/a.ts';"])(
    'allow: %s',
    (line) => expect(residue([file('src/tcp/a.ts', line)])).toEqual([]),
  );

  it('refuse a test that mirrors nothing', () => {
    const from = ['src/tcp/state.ts', 'src/tcp/events/listen.ts', 'src/wire/seq.ts'];
    expect(
      mirror(['test/tcp/state.test.ts', 'test/tcp/events/listen.test.ts', 'test/tcp/events.test.ts'], from),
    ).toEqual([]);
    expect(mirror(['test/tcp/other.test.ts'], from)).toEqual(['test/tcp/other.test.ts: no src/tcp/other.ts']);
    expect(mirror(['test/support/x.test.ts', 'test/interop/y.test.ts'], from)).toEqual([]);
    expect(mirror(['test/tcp/other.test.ts'], from, { 'test/tcp/other.test.ts': 'everything' })).toEqual([]);
    expect(mirror([], from, { 'test/tcp/other.test.ts': 'everything' })).toHaveLength(1);
  });
});
