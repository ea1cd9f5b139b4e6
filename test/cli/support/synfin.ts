import { fileURLToPath } from 'node:url';
import { compiled, type Finished, type ProgramOptions, run } from '../../interop/support/child.ts';

/** The command as users run it. Compiles the sources first, once a process. */
export function binary(): string {
  compiled('cli/main.js');
  return fileURLToPath(new URL('../../../bin/synfin.js', import.meta.url));
}

const env: NodeJS.ProcessEnv = { ...process.env };
for (const name of ['NO_COLOR', 'FORCE_COLOR', 'COLUMNS']) delete env[name];

/** Runs `synfin ARGS` to its end. */
export function synfin(args: readonly string[], options: ProgramOptions = {}): Promise<Finished> {
  return run(process.execPath, [binary(), ...args], { timeout: 30_000, ...options, env: { ...env, ...options.env } });
}
