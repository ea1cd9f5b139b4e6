import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, it } from 'vitest';
import { TunError } from '../../../src/node/tun-error.ts';
import { openTestTun } from './namespace.ts';

/** Where it is set, what a test needs must be there: a missing program or permission then fails the run instead of skipping. */
const REQUIRED = ['CI', 'SYNFIN_REQUIRE_INTEROP'].some((name) => ['1', 'true'].includes(process.env[name] ?? ''));

export interface Needs {
  /** A network namespace and a TUN device in it. */
  readonly tun?: boolean;
  /** Root of the machine: to be another user, or to mount. */
  readonly root?: boolean;
  /** Programs of the machine. */
  readonly programs?: readonly string[];
}

/** What is missing and what to do, in one line; undefined where all is there. */
export function missing(needs: Needs): string | undefined {
  const absent = (needs.programs ?? []).filter(
    (name) => spawnSync('sh', ['-c', 'command -v "$1"', 'sh', name]).status !== 0,
  );
  if (absent.length > 0) return `not installed: ${absent.join(', ')}; run scripts/setup-debian.sh`;
  if (needs.root === true && !isRoot()) return 'this needs root of the machine: sudo, and no user namespace';
  return needs.tun === true ? tunTrouble() : undefined;
}

/** In a user namespace, root is root of a few users only. */
function isRoot(): boolean {
  return process.getuid?.() === 0 && readFileSync('/proc/self/uid_map', 'utf8').trim().endsWith(' 4294967295');
}

function tunTrouble(): string | undefined {
  try {
    openTestTun().close();
    return undefined;
  } catch (error) {
    if (error instanceof TunError) return error.message;
    throw error;
  }
}

/** `describe` for a machine that has what the tests need. On another they are skipped, with the reason in their title. */
export function describeWith(needs: Needs, name: string, tests: () => void): void {
  const trouble = missing(needs);
  if (trouble === undefined) {
    describe(name, tests);
  } else if (REQUIRED) {
    describe(name, () => {
      it('has what it needs', () => {
        throw new Error(trouble);
      });
    });
  } else {
    // A reporter may leave out the titles of what it skips.
    console.warn(`skipped: ${name}: ${trouble}`);
    describe.skip(`${name} (skipped: ${trouble})`, tests);
  }
}
