import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { firstLine } from '../node/file-trouble.ts';
import { Failure } from './failure.ts';

export interface BenchOptions {
  readonly rounds: number;
  readonly seconds: number;
  readonly warm: number;
  readonly foreign: number;
  readonly against?: string;
  readonly only?: boolean;
  readonly node?: readonly string[];
  readonly json?: string;
  readonly svg?: string;
  readonly list?: boolean;
}

/** What `bench/harness.mjs` exports. */
interface Harness {
  bench(rows: readonly string[], options: object): Promise<number>;
  readonly Trouble: new (message: string) => Error;
}

/** The programs of the benchmark, which are no part of the compiled package: beside `src` and `dist`. */
export const HARNESS = new URL('../../bench/harness.mjs', import.meta.url);

/** `synfin bench`: our TCP beside others', in one interleaved run. Returns the exit status. */
export async function bench(rows: readonly string[], options: BenchOptions, harness: URL = HARNESS): Promise<number> {
  if (!existsSync(harness)) {
    throw new Failure(
      `the benchmark's programs are not here (${fileURLToPath(harness)}): run it in a checkout of the repository`,
    );
  }
  const { bench: run, Trouble } = (await import(harness.href)) as Harness;
  try {
    const { node = [], only = false, list = false } = options;
    return await run(rows, { ...options, node, only, list });
  } catch (error) {
    if (error instanceof Trouble) throw new Failure(firstLine(error));
    throw error;
  }
}
