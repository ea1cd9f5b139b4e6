import { type CampaignResult, runCampaign } from './campaign.ts';
import type { Fault } from './faults.ts';
import type { MutationName } from './scenarios/mutations.ts';
import { shrink } from './shrink.ts';
import { shrinkFaults } from './shrink-faults.ts';

/** A campaign's run that fails, with no more in it than that takes: what `synfin scenario FILE` plays again. JSON as it stands. */
export interface CampaignCase {
  readonly kind: 'campaign';
  /** Hosts, links, configurations and applications come from it. */
  readonly seed: number;
  /** The rule of TCP that was taken out, if one was. */
  readonly mutation: MutationName | null;
  /** Which of the run's conversations are held. */
  readonly conversations: readonly number[];
  /** All that befalls packets, links and hosts: no dice are thrown. */
  readonly faults: readonly Fault[];
  /** What did not hold. */
  readonly complaints: readonly string[];
}

/**
 * Shrinks a failing run: first the conversations, then the faults, each to the least with which the same complaint is made. Null where the run does not
 * fail.
 */
export async function shrinkCampaign(
  seed: number,
  options: { readonly mutation?: MutationName | null } = {},
): Promise<CampaignCase | null> {
  const { mutation = null } = options;
  const whole = tryCampaign(seed, { mutation, faults: 'record' });
  const [first] = whole.complaints;
  if (first === undefined) return null;
  const wanted = kindOf(first);
  const run = (conversations: readonly number[], faults: readonly Fault[]) =>
    tryCampaign(seed, { mutation, conversations, faults });
  const fails = ({ complaints }: CampaignResult) => complaints.some((complaint) => kindOf(complaint) === wanted);
  let { conversations, faults } = whole;
  // A run that threw tells of no conversations: all are kept.
  conversations = conversations.length === 0 ? [0, 1, 2, 3, 4, 5] : conversations;
  conversations = await shrink(conversations, (some) => fails(run(some, faults)));
  faults = await shrinkFaults(faults, (some) => fails(run(conversations, some)));
  conversations = await shrink(conversations, (some) => fails(run(some, faults)));
  const least = run(conversations, faults);
  return { kind: 'campaign', seed, mutation, conversations, faults: least.faults, complaints: least.complaints };
}

/** Plays a case again. */
export function replayCampaign(one: CampaignCase, watch?: Parameters<typeof runCampaign>[1]): CampaignResult {
  const { seed, mutation, conversations, faults } = one;
  return runCampaign(seed, { ...watch, mutation, conversations, faults });
}

/** A defect that throws is a complaint like others. */
function tryCampaign(seed: number, options: NonNullable<Parameters<typeof runCampaign>[1]>): CampaignResult {
  try {
    return runCampaign(seed, options);
  } catch (error) {
    const complaints = [`threw ${error instanceof Error ? error.message : error}`];
    const { faults = [] } = options;
    const nothing = { connections: 0, orderly: 0, failed: 0, segments: 0, lost: 0, bytes: 0, lasted: 0, digest: '' };
    return { ...nothing, seed, complaints, conversations: [], faults: faults === 'record' ? [] : faults };
  }
}

/** What is complained of, without who and how much: the same after shrinking. */
function kindOf(complaint: string): string {
  return complaint
    .replace(/(client|server)\S*/g, 'somebody')
    .replace(/\d+/g, 'n')
    .replace('of n bytes', '');
}
