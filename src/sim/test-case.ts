import type { Endpoints, TraceEvent } from '../trace/event.ts';
import type { CampaignCase } from './campaign-case.ts';
import type { Fault } from './faults.ts';

/** A connection as it was recorded. */
export interface RecordedConnection extends Endpoints {
  readonly id: number;
  readonly events: readonly TraceEvent[];
}

/** A recorder's connections as plain objects, which JSON keeps. */
export function plainConnections(connections: readonly RecordedConnection[]): RecordedConnection[] {
  return connections.map(({ id, localAddress, localPort, remoteAddress, remotePort, events }) => {
    return { id, localAddress, localPort, remoteAddress, remotePort, events };
  });
}

/**
 * A developer's own test that fails, with the faults it takes: `SYNFIN_FAULTS=FILE` runs it with these and without dice. What happened is recorded,
 * as nobody but the test itself can play it again; `synfin scenario FILE` draws that. JSON as it stands.
 */
export interface TestCase {
  readonly kind: 'test';
  readonly seed: number;
  readonly faults: readonly Fault[];
  /** What the test said. */
  readonly complaints: readonly string[];
  /** Between the test's client and server, as the client saw it. */
  readonly connections: readonly RecordedConnection[];
}

/** What a saved file may hold. */
export type SavedCase = CampaignCase | TestCase;

const FAULTS = ['lost', 'damaged', 'doubled', 'late', 'copy late', 'cut', 'pause', 'crash'];

/** A saved case out of a file's text; a sentence that says what is wrong with it where it is none. */
export function readCase(text: string): SavedCase | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return 'it is no JSON';
  }
  if (typeof value !== 'object' || value === null) return 'it is no object';
  const one = value as Partial<Record<keyof CampaignCase | keyof TestCase, unknown>>;
  if (one.kind !== 'campaign' && one.kind !== 'test') return 'its kind is neither campaign nor test';
  if (!Number.isSafeInteger(one.seed)) return 'its seed is no whole number';
  if (!Array.isArray(one.complaints)) return 'it has no list of complaints';
  const known = (fault: unknown) => FAULTS.includes((fault as Fault | null)?.kind ?? '');
  if (!Array.isArray(one.faults) || !one.faults.every(known)) return 'its faults are none that there are';
  if (one.kind === 'campaign' && !Array.isArray(one.conversations)) return 'it has no list of conversations';
  if (one.kind === 'test' && !Array.isArray(one.connections)) return 'it has no list of connections';
  return value as SavedCase;
}
