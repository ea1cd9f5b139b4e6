import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = new URL('../../../', import.meta.url);
let built = false;

/** The URL of a compiled source file, `node/tun.js`, for programs that run outside of the test runner. Compiles once a process. */
export function compiled(path: string): string {
  if (!built) {
    // Exits with 1 for a type error anywhere, and writes the files all the same: `npm run check` is where types are judged.
    try {
      execFileSync('npx', ['tsc', '-p', 'tsconfig.build.json'], { cwd: fileURLToPath(root), stdio: 'ignore' });
    } catch {}
    execFileSync(process.execPath, ['scripts/web-min.mjs'], { cwd: fileURLToPath(root), stdio: 'ignore' });
    built = true;
  }
  return new URL(`dist/${path}`, root).href;
}

export interface Finished {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ProgramOptions {
  /** ms, after which it is killed. 20 s where not given. */
  readonly timeout?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
}

/** util-linux: what runs under it is killed when the test process ends, however that ends. */
const SETPRIV = '/usr/bin/setpriv';
const DIES_WITH_US = existsSync(SETPRIV) ? [SETPRIV, '--pdeathsig', 'KILL', '--'] : [];

/** A program of the machine that runs for at most `timeout` ms, and not longer than the test process. */
export class Program {
  stdout = '';
  stderr = '';
  /** When it has ended and its output is complete. Rejects where it cannot be started. */
  readonly finished: Promise<Finished>;
  readonly #name: string;
  readonly #child: ChildProcess;
  #ended = false;
  readonly #onOutput = new Set<() => void>();

  constructor(command: string, args: readonly string[], options: ProgramOptions = {}) {
    const { timeout = 20_000, ...rest } = options;
    const [first, ...others] = [...DIES_WITH_US, command, ...args];
    this.#name = [command, ...args].join(' ').slice(0, 80);
    // A process group of its own, so that what it starts is killed with it.
    this.#child = spawn(first!, others, { ...rest, detached: true, stdio: 'pipe' });
    const timer = setTimeout(() => this.signal('SIGKILL'), timeout);
    const take = (which: 'stdout' | 'stderr') => (chunk: string) => {
      this[which] += chunk;
      this.#notify();
    };
    this.#child.stdout!.setEncoding('utf8').on('data', take('stdout'));
    this.#child.stderr!.setEncoding('utf8').on('data', take('stderr'));
    this.#child.stdin!.on('error', () => {}); // it ended before it read all
    this.finished = new Promise((resolve, reject) => {
      const end = () => {
        clearTimeout(timer);
        this.#ended = true;
      };
      this.#child.once('error', (error) => {
        end();
        reject(error);
      });
      this.#child.once('close', (status, signal) => {
        end();
        resolve({ status, signal, stdout: this.stdout, stderr: this.stderr });
        this.#notify();
      });
    });
    this.finished.catch(() => this.#notify());
  }

  /** Writes to its standard input. */
  write(text: string): void {
    this.#child.stdin!.write(text);
  }

  /** Writes the last of its standard input, and ends it. */
  end(text = ''): void {
    this.#child.stdin!.end(text);
  }

  /** Calls back after each piece of output and at the end, until the returned function is called. */
  onOutput(callback: () => void): () => void {
    this.#onOutput.add(callback);
    return () => this.#onOutput.delete(callback);
  }

  /** Waits for `probe` to find something in the output. Rejects when the program ends without, or `timeout` ms have passed. */
  async until<T>(what: string, probe: () => T | undefined | null, timeout = 10_000): Promise<T> {
    return new Promise((resolve, reject) => {
      const done = () => {
        clearTimeout(timer);
        forget();
      };
      const fail = (why: string) => {
        done();
        reject(new Error(`${this.#name}: ${why} before ${what}\n${`${this.stdout}${this.stderr}`.slice(-500)}`));
      };
      const look = () => {
        const found = probe();
        if (found !== undefined && found !== null) {
          done();
          resolve(found);
        } else if (this.#ended) {
          fail('ended');
        }
      };
      const timer = setTimeout(() => fail(`${timeout} ms passed`), timeout);
      const forget = this.onOutput(look);
      look();
    });
  }

  /** Waits for its output to match. */
  says(pattern: RegExp, timeout?: number): Promise<RegExpMatchArray> {
    return this.until(`${pattern}`, () => this.stdout.match(pattern) ?? this.stderr.match(pattern), timeout);
  }

  /** Sends a signal to it and to what it started. */
  signal(signal: NodeJS.Signals): void {
    if (this.#ended || this.#child.pid === undefined) return;
    try {
      process.kill(-this.#child.pid, signal);
    } catch {
      // Gone in this moment.
    }
  }

  /** Kills it, and waits until it is gone. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.finished.catch(() => {});
  }

  #notify(): void {
    for (const callback of [...this.#onOutput]) callback();
  }
}

/** Runs a program to its end, or until `timeout` ms have passed (SIGKILL). `onOutput` is told of its output so far. */
export async function run(
  command: string,
  args: readonly string[],
  options: ProgramOptions & { onOutput?: (all: string, kill: (signal: NodeJS.Signals) => void) => void } = {},
): Promise<Finished> {
  const { onOutput, ...rest } = options;
  const program = new Program(command, args, rest);
  if (onOutput !== undefined) program.onOutput(() => onOutput(program.stdout, (signal) => program.signal(signal)));
  return program.finished;
}

/** Runs a module given as text with Node. */
export function runModule(text: string, options: Parameters<typeof run>[2] = {}): Promise<Finished> {
  return run(process.execPath, ['--input-type=module', '-e', text], options);
}
