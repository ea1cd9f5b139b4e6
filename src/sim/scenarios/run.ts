import type { ConnectionRow } from '../../stack/netstat.ts';
import { linux } from '../../tcp/config.ts';
import { type ProfileName, profiles } from '../../tcp/profiles.ts';
import type { Recorder } from '../../trace/recorder.ts';
import { TraceDigest } from '../digest.ts';
import type { SimGate } from '../gate.ts';
import { type HostOptions, SimHost } from '../host.ts';
import { Network, type NetworkOptions, type Pace } from '../network.ts';
import { recordBetween } from '../record.ts';
import type { PacketObserver } from '../wire.ts';
import { type MutationName, mutate, mutation } from './mutations.ts';
import type { StageHost } from './parties.ts';
import type { Knob, Scenario } from './scenario.ts';
import { type Sent, type Side, Stage, type StageCheck } from './stage.ts';
import type { Language } from './text.ts';

/** A host of a scenario that is not simulated: the scenario is run in real time. */
export interface Outside {
  readonly side: Side;
  readonly pace: Pace;
  /** Makes it, behind the gate. `now`: the network's clock, µs. `mtu`: of the link there. */
  attach(gate: SimGate, now: () => number, options: HostOptions, mtu: number): StageHost;
  close(): void;
}

export interface RunOptions {
  readonly seed?: number;
  readonly language?: Language;
  /** Values of knobs by name. */
  readonly knobs?: Readonly<Record<string, number>>;
  readonly mutation?: MutationName | null;
  readonly profile?: ProfileName;
  readonly settle?: NetworkOptions['settle'];
  /** Sees all packets, from the first on. */
  readonly observer?: PacketObserver;
  /** In place of one of the two simulated hosts. It is closed at the end. */
  readonly outside?: Outside;
  /** As short as it has to be in real time: for the same story as with `outside`. */
  readonly brief?: boolean;
}

/** How late things may be in real time, µs: for a machine that is busy. */
const SLACK = 320_000;

export interface ScenarioResult {
  readonly scenario: Scenario;
  /** All checks hold, and the script came to its end. */
  readonly ok: boolean;
  readonly checks: readonly StageCheck[];
  /** What the script threw. */
  readonly error: unknown;
  readonly recorder: Recorder;
  /** All segments that the two sent, in order. */
  readonly sent: readonly Sent[];
  /** µs of virtual time. */
  readonly lasted: number;
  readonly segments: number;
  readonly lost: number;
  readonly digest: string;
  readonly knobs: Readonly<Record<string, number>>;
  readonly seed: number;
  readonly mutation: MutationName | null;
}

/** Plays a scenario. What its script throws is in the result; throws itself only for what the caller can mend (a knob that is not there). */
export async function runScenario(scenario: Scenario, options: RunOptions = {}): Promise<ScenarioResult> {
  const { seed = 1, language = 'en', profile = 'linux', settle } = options;
  const knobs = setKnobs(scenario, options.knobs ?? {});
  const taken = options.mutation ? mutation(options.mutation)! : null;
  const { outside } = options;
  const net = new Network({
    seed,
    limit: '4000d',
    ...(settle !== undefined && { settle }),
    ...(outside !== undefined && { pace: outside.pace }),
  });
  const value = (name: string) => knobs.get(name)!;
  const setting = scenario.setting?.(value) ?? {};
  const host = (own: HostOptions | undefined): HostOptions => ({
    ...own,
    config: { ...(profile === 'linux' ? linux : profiles[profile]), ...own?.config, ...taken?.config },
  });
  const make = (side: Side) => (outside?.side === side ? net.gate(side) : net.host(side, host(setting[side])));
  const ends = { client: make('client'), server: make('server') };
  const delay = value('delay') * 1000;
  const link = net.link(ends.client, ends.server, { delay, ...setting.link });
  /** Whoever stands behind an end. */
  const party = (side: Side): StageHost => {
    const end = ends[side];
    if (end instanceof SimHost) return end;
    return outside!.attach(end, () => net.now, setting[side] ?? {}, link.mtu);
  };
  const client = party('client');
  const server = party('server');
  if (taken !== null) for (const one of [client, server]) if (one instanceof SimHost) mutate(one, taken);
  const digest = new TraceDigest();
  net.observe(digest.observer);
  if (options.observer !== undefined) net.observe(options.observer);
  const recorder = recordBetween(net, ends.client, ends.server, { head: 256, tail: 4096, connections: 512 });
  const told = new Map<Side, number>();
  net.onSilence = () => {
    for (const side of ['client', 'server'] as const) {
      const next = firstTimer(ends[side]);
      const due = net.now + (next?.timer.in ?? 0);
      // The one that was told of runs still.
      if (next === undefined || told.get(side) === due) continue;
      told.set(side, due);
      // In FIN-WAIT-2 it is tcp_fin_timeout that runs: `ss` calls both timewait.
      const name = next.state === 'FIN-WAIT-2' && next.timer.name === 'timewait' ? next.state : TIMERS[next.timer.name];
      recorder.running(side === 'client' ? 'ours' : 'peer', name, next.timer.in, net.now);
    }
  };
  const stage = new Stage(
    net,
    { client, server, link },
    recorder,
    knobs,
    language,
    taken?.name ?? null,
    outside === undefined && !options.brief ? 0 : SLACK,
  );
  let error: unknown = null;
  try {
    await net.run(async () => {
      await scenario.script(stage);
      // What the last step has set off belongs to the picture.
      await stage.quiet();
    });
  } catch (thrown) {
    error = thrown;
  } finally {
    outside?.close();
  }
  return {
    scenario,
    ok: error === null && stage.checks.every((check) => check.ok),
    checks: stage.checks,
    error,
    recorder,
    sent: stage.sent,
    lasted: net.elapsed,
    segments: net.counters.sent,
    lost: net.counters.lost,
    digest: digest.value,
    knobs: Object.fromEntries(knobs),
    seed,
    mutation: taken?.name ?? null,
  };
}

/** `ss`'s words. */
const TIMERS = {
  on: 'retransmission',
  persist: 'persist',
  keepalive: 'keep-alive',
  timewait: 'TIME-WAIT',
  delack: 'delayed ACK',
} as const;

/** A timer, and the state of its connection. */
interface Running {
  readonly state: ConnectionRow['state'];
  readonly timer: NonNullable<ConnectionRow['timer']>;
}

/** The timer of a simulated host that is due first. */
function firstTimer(host: SimHost | SimGate): Running | undefined {
  if (!(host instanceof SimHost) || host.isDown) return undefined;
  const running = host.connections().flatMap(({ state, timer }) => (timer === null ? [] : [{ state, timer }]));
  return running.reduce<Running | undefined>(
    (first, one) => (first === undefined || one.timer.in < first.timer.in ? one : first),
    undefined,
  );
}

function setKnobs(scenario: Scenario, given: Readonly<Record<string, number>>): Map<string, number> {
  const values = new Map(scenario.knobs.map((one) => [one.name, one.value]));
  for (const [name, value] of Object.entries(given)) {
    const knob: Knob | undefined = scenario.knobs.find((one) => one.name === name);
    if (knob === undefined) {
      const names = scenario.knobs.map((one) => `--${one.name}`).join(', ');
      throw new RangeError(`${scenario.name} has no knob --${name}: it has ${names}`);
    }
    if (!(value >= knob.from && value <= knob.to)) {
      throw new RangeError(`--${name} is ${knob.from} to ${knob.to} (${knob.unit}), not ${value}`);
    }
    values.set(name, value);
  }
  return values;
}
