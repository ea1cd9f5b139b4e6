import { execFileSync, spawn } from 'node:child_process';
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

/** Runs a program to its end, or until `timeout` ms have passed (SIGKILL). `onOutput` is told of its output so far. */
export function run(
  command: string,
  args: readonly string[],
  options: {
    timeout?: number;
    uid?: number;
    gid?: number;
    cwd?: string;
    onOutput?: (all: string, kill: (signal: NodeJS.Signals) => void) => void;
  } = {},
): Promise<Finished> {
  const { timeout = 20_000, onOutput, ...rest } = options;
  const child = spawn(command, args, { ...rest, stdio: ['ignore', 'pipe', 'pipe'], timeout, killSignal: 'SIGKILL' });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    stdout += chunk;
    onOutput?.(stdout, (signal) => child.kill(signal));
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk;
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status, signal) => resolve({ status, signal, stdout, stderr }));
  });
}

/** Runs a module given as text with Node. */
export function runModule(text: string, options: Parameters<typeof run>[2] = {}): Promise<Finished> {
  return run(process.execPath, ['--input-type=module', '-e', text], options);
}
