import { readFileSync, writeFileSync } from 'node:fs';
import { describeFault, type Fault } from '../../sim/faults.ts';
import { shrinkFaults } from '../../sim/shrink-faults.ts';
import { plainConnections, type RecordedConnection, readCase, type TestCase } from '../../sim/test-case.ts';

/** What one run of a simulated test came to. */
export interface PlayedTest {
  /** What it threw; null where it passed. */
  readonly failure: { readonly error: unknown } | null;
  readonly faults: readonly Fault[];
  readonly connections: readonly RecordedConnection[];
}

/** Runs that shrinking may take. */
const TRIES = 1000;

/** Finds the least faults with which a test fails as it did, and saves them. Returns what is to be said of it. */
export async function shrinkTest(
  seed: number,
  file: string,
  whole: PlayedTest,
  play: (faults: readonly Fault[]) => Promise<PlayedTest>,
): Promise<string> {
  const wanted = kindOf(whole.failure!.error);
  const fails = async (faults: readonly Fault[]) => {
    const { failure } = await play(faults);
    return failure !== null && kindOf(failure.error) === wanted;
  };
  const least = await play(await shrinkFaults(whole.faults, fails, TRIES));
  const complaints = [firstLine(least.failure?.error ?? whole.failure!.error)];
  const connections = plainConnections(least.connections);
  const saved: TestCase = { kind: 'test', seed, faults: least.faults, complaints, connections };
  writeFileSync(file, `${JSON.stringify(saved, null, 2)}\n`);
  const { length } = least.faults;
  const found = length === 0 ? 'it fails without any fault' : `${length} of ${whole.faults.length} faults make it fail`;
  const told = [
    `${found}; saved to ${file}: SYNFIN_FAULTS=${file} runs it with these, synfin scenario ${file} draws it`,
    ...least.faults.map((fault) => `  ${describeFault(fault)}`),
  ].join('\n');
  // A runner whose patience is at its end would not show what is thrown.
  process.stderr.write(`${told}\n`);
  return told;
}

/** The faults that the environment asks for; null where it does not. */
export function plannedFaults(): TestCase | null {
  const file = process.env['SYNFIN_FAULTS'];
  if (file === undefined || file === '') return null;
  const saved = readCase(readFileSync(file, 'utf8'));
  if (typeof saved === 'string') throw new TypeError(`SYNFIN_FAULTS=${file} is no saved failure: ${saved}`);
  if (saved.kind !== 'test')
    throw new TypeError(`SYNFIN_FAULTS=${file} is a campaign's: synfin scenario ${file} plays it`);
  return saved;
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0]!;
}

/** How a test failed, without how much. */
function kindOf(error: unknown): string {
  const name = error instanceof Error ? error.name : typeof error;
  return `${name} ${firstLine(error).replace(/\d+/g, 'n')}`;
}
