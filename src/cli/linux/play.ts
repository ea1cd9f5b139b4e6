import { TunError } from '../../node/tun-error.ts';
import { type RunOptions, runScenario, type ScenarioResult } from '../../sim/scenarios/run.ts';
import type { Scenario } from '../../sim/scenarios/scenario.ts';
import type { Side, StageCheck } from '../../sim/scenarios/stage.ts';
import { compareStories, DIFFERENCES, tellStories } from '../../sim/scenarios/story.ts';
import { t } from '../../sim/scenarios/text.ts';
import { Failure } from '../failure.ts';
import { LinuxPeer } from './peer.ts';

/** `linux`: at the end where the scenario shows most; or at the one that is named. */
export const PEERS = ['linux', 'linux-client', 'linux-server'] as const;
export type PeerName = (typeof PEERS)[number];

/** Which end Linux is to be. */
export function linuxSide(scenario: Scenario, peer: PeerName): Side {
  const { linux } = scenario;
  if (linux === undefined) {
    const others = 'synfin scenario --list --peer linux lists those that can';
    throw new Failure(
      `${scenario.name} cannot be played with Linux: it needs what no kernel can be made to do (${others})`,
      2,
    );
  }
  const asked = peer === 'linux' ? linux.sides[0]! : peer === 'linux-client' ? 'client' : 'server';
  if (!linux.sides.includes(asked)) {
    throw new Failure(
      `in ${scenario.name} Linux can be the ${linux.sides.join(' or the ')} only: --peer linux-${linux.sides[0]}`,
      2,
    );
  }
  return asked;
}

/**
 * Plays a scenario with Linux's own TCP at one end, in the network namespace of this thread and in real time; then simulated, with the same knobs. That both
 * tell the same story is one more check of the result.
 */
export async function playWithLinux(scenario: Scenario, side: Side, options: RunOptions): Promise<ScenarioResult> {
  const { differs = [], knobs: quick = {} } = scenario.linux ?? {};
  const all: RunOptions = { ...options, knobs: { ...quick, ...options.knobs } };
  const outside = new LinuxPeer(side);
  const real = await runScenario(scenario, { ...all, outside });
  if (real.error instanceof TunError) throw real.error;
  const { observer: _, ...rest } = all;
  const simulated = await runScenario(scenario, { ...rest, brief: true });
  const parted = compareStories(tellStories(real.sent, differs), tellStories(simulated.sent, differs));
  const names = {
    en: differs.map((d) => DIFFERENCES[d].en).join('; '),
    zh: differs.map((d) => DIFFERENCES[d].zh).join('；'),
  };
  const but = differs.length === 0 ? t('', '') : t(` (it may differ in: ${names.en})`, `（允许不同：${names.zh}）`);
  const where = parted.length === 0 ? '' : `: Linux | simulated: ${parted.join('; ')}`;
  const same: StageCheck = {
    ok: parted.length === 0,
    text: t(
      `Linux and the simulation tell the same story${but.en}${where}`,
      `Linux 与模拟讲的是同一个故事${but.zh}${where}`,
    ),
  };
  return { ...real, ok: real.ok && same.ok, checks: [...real.checks, same] };
}
