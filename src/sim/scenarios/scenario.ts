import type { TcpConfig } from '../../tcp/config.ts';
import type { HostOptions } from '../host.ts';
import type { LinkOptions } from '../link.ts';
import type { MutationName } from './mutations.ts';
import type { Side, Stage } from './stage.ts';
import type { Difference } from './story.ts';
import { type Text, t } from './text.ts';

/** The parts of a connection's life, in the order of the catalogue. */
export const CHAPTERS = {
  opening: t('Opening', '建立连接'),
  talking: t('Talking', '传输数据'),
  closing: t('Closing', '关闭连接'),
  waiting: t('Waiting: TIME-WAIT', '等待：TIME-WAIT'),
  failing: t('Long life and failure', '长连接与故障'),
  attacking: t('Attacks', '攻击'),
  tuning: t('Tuning', '调优'),
} as const;
export type Chapter = keyof typeof CHAPTERS;

/** Something of a scenario that can be turned. */
export interface Knob {
  readonly name: string;
  readonly from: number;
  readonly to: number;
  /** Where it stands when nobody turns it. */
  readonly value: number;
  /** Its unit, or what its values mean. */
  readonly unit: string;
  readonly text: Text;
}

/** What surrounds a script: made anew for each run. */
export interface Setting {
  readonly client?: HostOptions;
  readonly server?: HostOptions;
  readonly link?: LinkOptions;
}

/** How a scenario is played with Linux's own TCP at one end, in real time. */
export interface OnLinux {
  /** Which ends that can be; the first one where nobody chooses. */
  readonly sides: readonly Side[];
  /** Knobs that stand elsewhere, so that it takes seconds and not hours. */
  readonly knobs?: Readonly<Record<string, number>>;
  /** In what its segments may differ from those of the simulation. */
  readonly differs?: readonly Difference[];
}

/** A behaviour of TCP as a story with two hosts, which is a test as well. */
export interface Scenario {
  readonly name: string;
  readonly chapter: Chapter;
  readonly title: Text;
  /** What is to be seen, and why TCP does so. */
  readonly text: Text;
  /** Where that is written: `RFC 9293 §3.5`. */
  readonly rfc: readonly string[];
  readonly knobs: readonly Knob[];
  /** Counterfactuals that are worth a look here. */
  readonly mutations?: readonly MutationName[];
  /** The recording of two Linux kernels that shows the same: test/fixtures/kernel-captures. */
  readonly capture?: string;
  /** Absent where it needs what no kernel can be made to do, or hours. */
  readonly linux?: OnLinux;
  setting?(knob: (name: string) => number): Setting;
  script(stage: Stage): Promise<void>;
}

/** Every scenario has it, first. */
export const DELAY: Knob = {
  name: 'delay',
  from: 0,
  to: 200,
  value: 20,
  unit: 'ms',
  text: t('how long a segment takes, one way', '报文段的单程时延'),
};

export function knob(name: string, from: number, to: number, value: number, unit: string, text: Text): Knob {
  return { name, from, to, value, unit, text };
}

export const SECOND = 1_000_000;
export const MILLISECOND = 1000;

/** A link on which segments that are sent together arrive one after the other, as on a wire: 100 Mbit/s. */
export const WIRE = (value: (name: string) => number) => ({ link: { delay: value('delay') * 1000, rate: 100e6 } });

/** A host with some things set. */
export function configured(config: Partial<TcpConfig>): HostOptions {
  return { config };
}
