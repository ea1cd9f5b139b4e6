import { spawn, spawnSync } from 'node:child_process';
import { constants } from 'node:os';
import { errnoName, type Ffi, ffi } from './ffi.ts';
import { Interface } from './interface.ts';
import { TunError } from './tun-error.ts';

const CLONE_NEWNET = 0x40000000;
const EPERM = 1;
const EINVAL = 22;
const ENOSYS = 38;

/** Set for a command that runs in a namespace made for it, so that it makes no second try if it may not make one either. */
const MARK = 'SYNFIN_NAMESPACE';

/** util-linux: a user namespace in which we are root, and a network namespace in it. */
const UNSHARE = ['--user', '--map-root-user', '--net', '--'] as const;

/**
 * Moves the calling thread into a network namespace of its own, with nothing but `lo`, which is up. It goes away with its last
 * process. Needs root (CAP_SYS_ADMIN): `reexecInNamespace` is for everyone else.
 *
 * What the thread does from now on is inside: its sockets, its TUN devices, and processes it spawns, since Node spawns from the thread
 * that asks. Node's pool threads (`dns.lookup`, asynchronous file calls) stay outside if they were running before.
 */
export function enterNamespace(system: Ffi = ffi()): void {
  if (system.unshare(CLONE_NEWNET) < 0) {
    const errno = system.errno();
    if (errno === EPERM) {
      const reason = 'a network namespace of its own is not permitted (EPERM)';
      throw new TunError('not-permitted', reason, 'run as root, or under unshare --user --map-root-user --net', errno);
    }
    const reason = `this kernel makes no network namespace (${errnoName(errno)})`;
    const code = errno === EINVAL || errno === ENOSYS ? 'no-namespace' : 'failed';
    throw new TunError(code, reason, 'a kernel with CONFIG_NET_NS is needed', errno);
  }
  new Interface(system, 'lo').up();
}

/**
 * Whether this process was started by `reexecInNamespace`: root of a user namespace, in which `enterNamespace` is allowed. A program calls
 * that in any case, and where it is not permitted runs itself again:
 *
 * ```ts
 * try {
 *   enterNamespace();
 * } catch (error) {
 *   if (!(error instanceof TunError && error.code === 'not-permitted')) throw error;
 *   process.exit(await reexecInNamespace());
 * }
 * ```
 */
export function isReexecuted(): boolean {
  return process.env[MARK] !== undefined;
}

/**
 * Runs `node` again with the same options and the given arguments (script first), as root of a user namespace with a network
 * namespace of its own: what an ordinary user has instead of `enterNamespace`, which a process with several threads cannot do for itself.
 *
 * Standard input and output are shared, signals are passed on. Resolves to the exit status, 128 + n where signal n ended it.
 * Rejects with a TunError, one line, where this machine allows no such namespace.
 */
export async function reexecInNamespace(argv: readonly string[] = process.argv.slice(1)): Promise<number> {
  if (isReexecuted()) {
    throw new TunError('no-namespace', 'no network namespace, even as root of a user namespace', 'run as root');
  }
  probe();
  const command = [...UNSHARE, process.execPath, ...process.execArgv, ...argv];
  const child = spawn('unshare', command, { stdio: 'inherit', env: { ...process.env, [MARK]: '1' } });
  const pass = (signal: NodeJS.Signals) => child.kill(signal);
  const signals: NodeJS.Signals[] = ['SIGTERM', 'SIGHUP', 'SIGUSR2'];
  // A terminal sends what is typed (^C) to both of us: passed on, it would count twice.
  const typed: NodeJS.Signals[] = ['SIGINT', 'SIGQUIT'];
  const terminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
  for (const signal of signals) process.on(signal, pass);
  for (const signal of typed) process.on(signal, terminal ? ignore : pass);
  try {
    return await new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal!]));
    });
  } finally {
    for (const signal of signals) process.off(signal, pass);
    for (const signal of typed) process.off(signal, terminal ? ignore : pass);
  }
}

function ignore(): void {}

/** Tries the namespace with a command that does nothing, so that a refusal can be told from a failure of the program. */
function probe(): void {
  const { error, status, stderr } = spawnSync('unshare', [...UNSHARE, 'true'], { encoding: 'utf8' });
  if (status === 0) return;
  if (error !== undefined) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    const reason = missing ? 'the program unshare is not installed' : `unshare does not run (${error.message})`;
    throw new TunError('no-namespace', reason, 'run as root, or install util-linux');
  }
  const why =
    stderr
      .trim()
      .split('\n', 1)[0]!
      .replace(/^unshare: /, '') || `status ${status}`;
  throw new TunError(
    'no-namespace',
    `user namespaces are not allowed here (${why})`,
    'run as root, or allow them (sysctl kernel.unprivileged_userns_clone=1, kernel.apparmor_restrict_unprivileged_userns=0)',
  );
}
