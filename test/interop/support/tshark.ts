import { spawnSync } from 'node:child_process';

/** What tshark prints, without looking names up. Throws where it fails, by what it says. */
export function tshark(...args: string[]): string {
  const run = spawnSync('tshark', ['-n', ...args], { encoding: 'utf8', maxBuffer: 1 << 28 });
  if (run.status !== 0) throw new Error(`tshark ${args.join(' ')}: ${run.stderr.slice(0, 300)}`);
  return run.stdout;
}
