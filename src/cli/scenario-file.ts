import { existsSync, readFileSync, statSync } from 'node:fs';
import { replayCampaign } from '../sim/campaign-case.ts';
import { describeFault } from '../sim/faults.ts';
import { recordBetween } from '../sim/record.ts';
import { plainConnections, type RecordedConnection, readCase, type SavedCase } from '../sim/test-case.ts';
import { Ladder } from '../trace/ladder.ts';
import type { Paint } from '../trace/paint.ts';
import type { Recorder } from '../trace/recorder.ts';
import { ladderSvg } from '../trace/svg.ts';
import { Failure } from './failure.ts';

export interface FileLook {
  readonly columns: number;
  readonly plain: boolean;
  readonly paint: Paint;
}

/** What a saved case came to, played again or as it was recorded. */
interface Played {
  readonly connections: readonly RecordedConnection[];
  readonly complaints: readonly string[];
  readonly verdict: string;
}

/** Whether a scenario's name is that of a file: a failure that was saved. */
export function isScenarioFile(name: string): boolean {
  return (/\.json$/i.test(name) || name.includes('/')) && (!existsSync(name) || statSync(name).isFile());
}

/**
 * `synfin scenario FILE`: plays a failing run of a campaign again and draws it, or draws a developer's own test as it was recorded. Returns the exit
 * status: 0 where what failed is well by now.
 */
export function playFile(
  file: string,
  format: 'ladder' | 'json' | 'svg' | 'pcapng',
  look: FileLook,
): { output: string; status: number } {
  const saved = load(file);
  const played = saved.kind === 'campaign' ? playCampaign(saved) : recorded(saved, file);
  const status = played.complaints.length > 0 ? 1 : 0;
  if (format === 'pcapng') throw new Failure('a saved failure is drawn as ladder, json or svg', 2);
  if (format === 'json') {
    const { complaints, connections } = played;
    return {
      output: `${JSON.stringify({ ...saved, complaints, connections: plainConnections(connections) }, null, 2)}\n`,
      status,
    };
  }
  if (format === 'svg') return { output: picture(file, saved, played), status };
  return { output: `${ladder(saved, played, look).join('\n')}\n`, status };
}

function load(file: string): SavedCase {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    throw new Failure(`cannot read ${file}: give a scenario of the list, or a file that a failure was saved to`, 2);
  }
  const saved = readCase(text);
  if (typeof saved === 'string') throw new Failure(`${file} is no saved failure: ${saved}`, 2);
  return saved;
}

function playCampaign(saved: Extract<SavedCase, { kind: 'campaign' }>): Played {
  let recorder: Recorder | null = null;
  const { complaints } = replayCampaign(saved, {
    watch: (net, clients, server) => {
      const client = clients[(saved.conversations[0] ?? 0) % clients.length]!;
      recorder = recordBetween(net, client, server, { head: 256, tail: 4096, connections: 512 });
    },
  });
  const { connections } = recorder! as Recorder;
  return {
    connections,
    complaints,
    verdict: complaints.length > 0 ? 'It fails again.' : 'It does not fail any more.',
  };
}

function recorded({ connections, complaints }: Extract<SavedCase, { kind: 'test' }>, file: string): Played {
  return {
    connections,
    complaints,
    verdict: `As it was recorded: SYNFIN_FAULTS=${file} runs the test with these faults.`,
  };
}

function ladder(saved: SavedCase, { connections, complaints, verdict }: Played, look: FileLook): string[] {
  const { columns, paint, plain } = look;
  const lines = [paint('title', heading(saved)), ''];
  if (saved.faults.length === 0) lines.push('No faults: it fails on a network without any.');
  else lines.push('Faults, all there are:', ...saved.faults.map((fault) => `  ${describeFault(fault)}`));
  lines.push('');
  const names = { ours: 'client', peer: 'server' };
  const drawing = new Ladder({ columns, plain, paint, peerKnown: true, names });
  const events = connections.flatMap((connection) => connection.events.map((event) => ({ event, connection })));
  events.sort((a, b) => a.event.serial - b.event.serial);
  for (const { event, connection } of events) lines.push(...drawing.push(event, connection));
  lines.push(...drawing.end(), '');
  for (const complaint of complaints) lines.push(paint('bad', `${plain ? 'NOT OK' : '✗'} ${complaint}`));
  lines.push(paint(complaints.length > 0 ? 'bad' : 'good', verdict));
  return lines;
}

function heading(saved: SavedCase): string {
  if (saved.kind === 'test') return `A test with seed ${saved.seed}`;
  const rule = saved.mutation === null ? '' : `, with a rule taken out: ${saved.mutation}`;
  return `Campaign, seed ${saved.seed}, conversation ${saved.conversations.join(', ')}${rule}`;
}

function picture(file: string, saved: SavedCase, { connections, complaints }: Played): string {
  const connection = connections.find((one) => one.events.length > 0);
  if (connection === undefined) throw new Failure(`${file} has no segment to draw`);
  return ladderSvg([...connection.events], connection, {
    names: { ours: 'client', peer: 'server' },
    peerKnown: true,
    title: complaints.join('; '),
    footer: heading(saved),
  });
}
