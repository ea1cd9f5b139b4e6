/** `synfin/sim`: stacks in virtual time, on networks that misbehave as they are told. */
export { type CampaignOptions, type CampaignResult, runCampaign } from './campaign.ts';
export { type CampaignCase, replayCampaign, shrinkCampaign } from './campaign-case.ts';
export { TraceDigest } from './digest.ts';
export { type Distribution, exponential, normal, pareto, uniform } from './distribution.ts';
export { CONFIGURATIONS, type Configuration, type Exploration, type ExploreOptions, explore } from './explore.ts';
export { type Disturbance, describeFault, type Fault, type PacketFault } from './faults.ts';
export { FrameFuzz, type FuzzResult } from './frame-fuzz.ts';
export { capacity, type GoodputCase, goodputBounds, measureGoodput } from './goodput.ts';
export { type HostOptions, SimHost } from './host.ts';
export { type Direction, Link, type LinkOptions } from './link.ts';
export { type GilbertElliott, gilbertElliott, type LossModel, randomLoss } from './loss.ts';
export { Firewall, type FirewallOptions } from './middlebox/firewall.ts';
export type { Middlebox, Way } from './middlebox/middlebox.ts';
export { Nat, type NatOptions } from './middlebox/nat.ts';
export { OptionStripper, type StrippedOption } from './middlebox/option-stripper.ts';
export type { ReceiveRingOptions } from './middlebox/receive-ring.ts';
export { RstInjector } from './middlebox/rst-injector.ts';
export { SynProxy } from './middlebox/syn-proxy.ts';
export { Network, type NetworkOptions } from './network.ts';
export type { PipeOptions } from './pipe.ts';
export { CoDel, type CoDelOptions, DropTail, type DropTailOptions, type Queue } from './queue.ts';
export { Random } from './random.ts';
export { recordBetween } from './record.ts';
export { SimRouter } from './router.ts';
export {
  Hold,
  type Matcher,
  matches,
  type Pattern,
  type Rule,
  Rules,
  type Sighting,
  type Verdict,
  type Which,
} from './rules.ts';
export { shrink } from './shrink.ts';
export { shrinkFaults } from './shrink-faults.ts';
export { ConnectionError, SimListener, SimSocket } from './socket.ts';
export { type RecordedConnection, readCase, type SavedCase, type TestCase } from './test-case.ts';
export { bitsPerSecond, type Duration, micros, type Rate } from './units.ts';
export type { PacketEvent, PacketObserver } from './wire.ts';
