import { type ParseOptions, parseScript } from './parser.ts';
import { type Outcome, type RunOptions, runScript } from './runner.ts';
import { ScriptError } from './script.ts';
import { Unsupported } from './sockets.ts';

/** A script of a suite, by its list. */
export interface Entry {
  /** From the suite's directory, with `/`. */
  readonly path: string;
  /** What it is counted with: many permutations of one thing are one group. */
  readonly group: string;
  /** `opt`: reported apart. */
  readonly needed: 'yes' | 'opt';
}

export type Verdict = Outcome['verdict'];

export interface Judgement {
  /** Options in order and with their NOPs, windows by value, buffer sizes. */
  readonly strict: Verdict;
  /** Without those: the protocol. */
  readonly normalised: Verdict;
  /** Why not: of the normalised run where that did not pass, else of the strict one. */
  readonly reason: string;
  /** Line of the script, 0 where it passed. */
  readonly line: number;
  readonly ladder: readonly string[];
}

export interface Result extends Entry, Judgement {
  readonly suite: string;
}

export type JudgeOptions = Omit<RunOptions, 'exact'> & ParseOptions;

/** A table with tabs and a line of titles: path, class, group, needed (`yes` or `opt`), and what else follows. */
export function readList(text: string): Entry[] {
  const rows = text.split(/\r?\n/).filter((line) => line.trim() !== '' && !line.startsWith('#'));
  if (rows[0]?.startsWith('path\t')) rows.shift();
  return rows.map((row) => {
    const [path = '', , group = '', needed] = row.split('\t');
    return { path, group: group || groupOf(path), needed: needed === 'opt' ? 'opt' : 'yes' };
  });
}

/** A script's group where no list names one: its directory. */
export function groupOf(path: string): string {
  return path.split('/').slice(0, -1).join('/') || '.';
}

/** Runs a script strictly, and once more normalised where it did not pass. Never throws: a script that cannot be read, or breaks the runner, fails. */
export function judge(path: string, text: string, options: JudgeOptions): Judgement {
  const strict = outcome(path, text, options, true);
  // What passes strictly passes: normalised only asks for less.
  const normalised = strict.verdict === 'pass' ? strict : outcome(path, text, options, false);
  const { reason, line, ladder } = normalised.verdict === 'pass' ? strict : normalised;
  return { strict: strict.verdict, normalised: normalised.verdict, reason, line, ladder };
}

function outcome(path: string, text: string, options: JudgeOptions, exact: boolean): Outcome {
  try {
    return runScript(parseScript(path, text, options), { ...options, exact });
  } catch (error) {
    const { message, line = 0 } = error as Error & { line?: number };
    const unsupported = error instanceof Unsupported;
    const broken = unsupported || error instanceof ScriptError ? '' : 'the runner broke: ';
    return { verdict: unsupported ? 'skip' : 'fail', reason: broken + message, line, ladder: [] };
  }
}

export type Mode = 'strict' | 'normalised';

/** The mean over the groups of the fraction that passed, 0 … 1: many permutations of one thing do not drown the rest. 0 of nothing. */
export function score(results: readonly Result[], mode: Mode): number {
  const fractions = [...byGroup(results).values()].map((of) => passed(of, mode) / of.length);
  return fractions.reduce((sum, f) => sum + f, 0) / Math.max(1, fractions.length);
}

export function passed(results: readonly Result[], mode: Mode): number {
  return results.filter((r) => r[mode] === 'pass').length;
}

export function byGroup(results: readonly Result[]): Map<string, Result[]> {
  const groups = new Map<string, Result[]>();
  for (const result of results) {
    const group = groups.get(result.group);
    if (group === undefined) groups.set(result.group, [result]);
    else group.push(result);
  }
  return groups;
}

/** The board: a line for each suite and need, and below it each group that is not whole. */
export function board(results: readonly Result[]): string[] {
  const lines: string[] = [];
  for (const suite of new Set(results.map((r) => r.suite))) {
    for (const needed of ['yes', 'opt'] as const) {
      const rows = results.filter((r) => r.suite === suite && r.needed === needed);
      if (rows.length === 0) continue;
      const skipped = rows.filter((r) => r.normalised === 'skip').length;
      const title = `${suite}, ${needed === 'yes' ? 'needed' : 'optional'}`;
      lines.push(`${title}: ${told(rows, 'normalised')}, ${told(rows, 'strict')}, skipped ${skipped}`);
      for (const [name, of] of byGroup(rows)) {
        if (passed(of, 'normalised') < of.length) lines.push(`  ${name}: ${passed(of, 'normalised')}/${of.length}`);
      }
    }
  }
  return lines;
}

function told(rows: readonly Result[], mode: Mode): string {
  return `${mode} ${(100 * score(rows, mode)).toFixed(1)} % (${passed(rows, mode)}/${rows.length})`;
}
