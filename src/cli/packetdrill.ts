import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { fileTrouble } from '../node/file-trouble.ts';
import { junit } from '../packetdrill/junit.ts';
import { printable } from '../packetdrill/lexer.ts';
import { PROFILES } from '../packetdrill/profiles.ts';
import { board, type Entry, groupOf, judge, type Mode, type Result, readList } from '../packetdrill/suite.ts';
import type { Paint } from '../trace/paint.ts';
import { Failure } from './failure.ts';
import { terminal } from './terminal.ts';

export interface PacketdrillOptions {
  readonly profile: string;
  readonly strict?: boolean;
  readonly ipv6?: boolean;
  readonly define?: readonly string[];
  readonly list?: readonly string[];
  readonly ladder?: boolean;
  readonly plain?: boolean;
  readonly json?: string;
  readonly junit?: string;
  readonly seed: number;
  readonly tolerance_usecs?: number;
}

/** So much of a script's line is shown. */
const MOST_SHOWN = 200;

/** What each profile's scripts expect `#ifdef` to know. */
const SYSTEM: Readonly<Record<string, string>> = { linux: 'Linux', freebsd: 'FreeBSD' };

interface Found extends Entry {
  readonly file: string;
  readonly suite: string;
}

/** `synfin packetdrill`: runs scripts, prints what did not pass and a board. The exit status is 1 where one failed; a skipped one did not pass, nor fail. */
export function packetdrill(paths: readonly string[], options: PacketdrillOptions): number {
  const scripts = options.list === undefined ? paths.flatMap(find) : listed(paths, options.list);
  if (scripts.length === 0) throw new Failure(`no .pkt file in ${paths.join(', ')}`, 2);
  const results = scripts.map((script) => run(script, options));
  const mode: Mode = options.strict ? 'strict' : 'normalised';
  if (options.json !== undefined) save(options.json, `${JSON.stringify(results.map(asJson), null, 1)}\n`);
  if (options.junit !== undefined) save(options.junit, junit(results, mode));
  if (options.json !== '-' && options.junit !== '-') {
    const { paint } = terminal(process.stdout, options.plain ?? false);
    const lines = results.flatMap((result, i) => tell(result, scripts[i]!, mode, options.ladder ?? false, paint));
    if (results.length > 1) lines.push(...board(results));
    process.stdout.write(lines.map((line) => `${line}\n`).join(''));
  }
  return results.some((r) => r[mode] === 'fail') ? 1 : 0;
}

/** A script by its name, or all below a directory. */
function find(path: string): Found[] {
  const directory = attempt('read', path, () => statSync(path)).isDirectory();
  if (!directory) return [{ path, file: path, suite: 'packetdrill', group: groupOf(path), needed: 'yes' }];
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.pkt'))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((file) => {
      const below = relative(path, file).replaceAll('\\', '/');
      return { path: below, file, suite: basename(path), group: groupOf(below), needed: 'yes' };
    });
}

/** The scripts that the lists name, in the one directory. */
function listed(paths: readonly string[], lists: readonly string[]): Found[] {
  const [directory] = paths;
  if (paths.length !== 1) throw new Failure('with --list name one directory, where the listed scripts are', 2);
  return lists.flatMap((list) =>
    readList(read(list)).map((entry) => ({
      ...entry,
      file: join(directory!, entry.path),
      suite: basename(list).replace(/\.\w+$/, ''),
    })),
  );
}

function run({ file, ...script }: Found, options: PacketdrillOptions): Result {
  const config = PROFILES[options.profile]!;
  const variables: Record<string, string> = {};
  const defined = new Set<string>();
  const system = SYSTEM[options.profile];
  if (system !== undefined) defined.add(system);
  for (const definition of options.define ?? []) {
    const [name, value] = definition.split('=', 2) as [string, string | undefined];
    defined.add(name);
    if (value !== undefined) variables[name] = value;
  }
  const family: 4 | 6 = options.ipv6 || /ipv6/.test(script.path) ? 6 : 4;
  const { seed, tolerance_usecs: tolerance } = options;
  const how = { config, family, seed, defined, variables, ...(tolerance !== undefined && { tolerance }) };
  return { ...script, ...judge(file, read(file), how) };
}

/** A line where it passed; else the reason, the script's own line and what went to and fro before it. */
function tell(result: Result, script: Found, mode: Mode, ladder: boolean, paint: Paint): string[] {
  const verdict = result[mode];
  const role = { pass: 'good', fail: 'bad', skip: 'faint' } as const;
  const where = result.line > 0 && verdict === 'fail' ? `${script.file}:${result.line}` : script.file;
  const lines = [`${paint(role[verdict], verdict)} ${where}`];
  if (verdict !== 'pass') lines.push(`    ${result.reason}`);
  if (verdict === 'fail' && result.line > 0) {
    const source = read(script.file).split('\n')[result.line - 1];
    if (source !== undefined) lines.push(paint('faint', `    | ${printable(source.trim()).slice(0, MOST_SHOWN)}`));
  }
  if (verdict === 'fail' || ladder) lines.push(...result.ladder.map((line) => `      ${line}`));
  return lines;
}

function asJson({ suite, path, group, needed, strict, normalised, reason, line }: Result): object {
  return { suite, path, group, needed, strict, normalised, reason, line };
}

function read(file: string): string {
  return attempt('read', file, () => readFileSync(file, 'utf8'));
}

/** `-` is standard output. */
function save(file: string, text: string): void {
  if (file === '-') process.stdout.write(text);
  else attempt('write', file, () => writeFileSync(file, text));
}

function attempt<T>(doing: 'read' | 'write', file: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const why = fileTrouble(doing, file, error);
    if (doing === 'write') throw new Failure(`cannot write ${file}: ${why}`);
    const { code } = error as NodeJS.ErrnoException;
    throw new Failure(`${file}: ${why}${code === 'ENOENT' ? '; name scripts, or a directory of them' : ''}`, 2);
  }
}
