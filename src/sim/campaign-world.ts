import type { TcpConfig } from '../tcp/config.ts';
import { profiles } from '../tcp/profiles.ts';
import { exponential, uniform } from './distribution.ts';
import type { Disturbance } from './faults.ts';
import type { HostOptions, SimHost } from './host.ts';
import type { Link, LinkOptions } from './link.ts';
import { gilbertElliott } from './loss.ts';
import { Firewall } from './middlebox/firewall.ts';
import type { Middlebox } from './middlebox/middlebox.ts';
import { Nat } from './middlebox/nat.ts';
import { OptionStripper } from './middlebox/option-stripper.ts';
import { RstInjector } from './middlebox/rst-injector.ts';
import { SynProxy } from './middlebox/syn-proxy.ts';
import type { Network } from './network.ts';
import { CoDel, DropTail } from './queue.ts';
import type { Random } from './random.ts';
import { type Mutation, mutate } from './scenarios/mutations.ts';

/** Hosts and what joins them, as chance has it. */
export interface CampaignWorld {
  readonly server: SimHost;
  readonly clients: readonly SimHost[];
  readonly links: readonly Link[];
  readonly family: 4 | 6;
  /** Something on the way may end connections, whatever TCP does. */
  readonly hostile: boolean;
}

/** Damage is done on one link of a path only: two bits turned over can cancel each other out in TCP's checksum, and then no TCP could tell. */
export function buildWorld(net: Network, random: Random, mutation: Mutation | null): CampaignWorld {
  const count = 1 + random.below(3);
  const family = random.chance(0.3) ? 6 : 4;
  const proxy = random.chance(0.05);
  // A SYN proxy does not know the MTU of the other side, and says 1460.
  const mtus = proxy ? [1500] : family === 6 ? [1280, 1500, 1500, 9000] : [576, 1006, 1500, 1500, 1500, 9000];
  const host = (name: string, options: HostOptions = {}) => {
    const one = net.host(name, { ...options, config: { ...someConfig(random), ...mutation?.config } });
    if (mutation !== null) mutate(one, mutation);
    return one;
  };
  const server = host('server');
  const clients: SimHost[] = [];
  const links: Link[] = [];
  let hostile = proxy;
  const router = count > 1 || random.chance(0.2) ? net.router('router') : null;
  if (router !== null) links.push(net.link(router, server, { ...someLink(random, mtus), corrupt: 0 }));
  for (let i = 0; i < count; i++) {
    const ring = random.chance(0.1) ? { ring: { slots: 4 + random.below(60), every: 100 + random.below(2000) } } : {};
    const client = host(`client${i + 1}`, ring);
    clients.push(client);
    const middleboxes = someBoxes(random, i, family, proxy);
    hostile ||= middleboxes.some((box) => box instanceof Firewall || box instanceof RstInjector);
    links.push(net.link(client, router ?? server, { ...someLink(random, mtus), middleboxes }));
  }
  return { server, clients, links, family, hostile };
}

function someConfig(random: Random): Partial<TcpConfig> {
  const coin = (p = 0.8) => random.chance(p);
  const profile = random.chance(0.2) ? profiles[random.pick(['freebsd', 'rfc9293'] as const)] : {};
  return {
    ...profile,
    tcp_timestamps: coin(),
    tcp_sack: coin(),
    tcp_window_scaling: coin(),
    tcp_congestion_control: random.pick(['cubic', 'reno', 'bbr'] as const),
    tcp_ecn: random.pick([0, 1, 2, 3] as const),
    // 0: as it goes.
    receiveBuffer: random.pick([0, 4096, 16_384, 65_536, 1 << 20]),
    sendBuffer: random.pick([0, 4096, 65_536, 1 << 20]),
    // More patience than bad luck has: a connection that fails has been done something to.
    tcp_syn_retries: 10,
    tcp_synack_retries: 10,
    openTimeout: 0,
    tcp_retries2: 15,
    tcp_orphan_retries: 12,
    tcp_fin_timeout: 10_000_000,
    timeWait: random.pick([5_000_000, 60_000_000]),
    tcp_syncookies: random.pick([0, 1, 2] as const),
    tcp_fastopen: random.pick([0, 1, 3, 3] as const),
    tcp_mtu_probing: random.pick([0, 0, 1, 2] as const),
    tcp_max_syn_backlog: random.pick([1, 16, 4096]),
    tcp_tw_reuse: random.pick([0, 1, 2] as const),
    pacing: coin(0.2),
    userTimeoutOption: coin(0.1),
  };
}

function someLink(random: Random, mtus: readonly number[]): LinkOptions {
  const some = (p: number, most: number) => (random.chance(p) ? random.next() * most : 0);
  const rate = random.chance(0.4) ? { rate: 10 ** (5.5 + 3 * random.next()) } : {};
  const queue = random.chance(0.5)
    ? { queue: () => new CoDel({ ecn: true }) }
    : { queue: () => new DropTail({ packets: 20 }) };
  const jitter = random.chance(0.3)
    ? { jitter: random.chance(0.5) ? uniform(0, 5000) : exponential(2000), overtake: random.chance(0.3) }
    : {};
  const bursts = gilbertElliott({ toBad: 0.01, toGood: 0.6 });
  return {
    delay: Math.floor(random.next() ** 2 * 100_000),
    mtu: random.pick(mtus),
    loss: random.chance(0.2) ? bursts : some(0.5, 0.08),
    duplicate: some(0.2, 0.05),
    reorder: some(0.2, 0.1),
    corrupt: some(0.2, 0.03),
    ...rate,
    ...queue,
    ...jitter,
  };
}

function someBoxes(random: Random, i: number, family: 4 | 6, proxy: boolean): Middlebox[] {
  const boxes: Middlebox[] = [];
  if (random.chance(0.15)) boxes.push(new Firewall({ idle: '30s', answer: random.chance(0.5) ? 'reset' : 'drop' }));
  if (random.chance(0.15)) {
    boxes.push(new OptionStripper(random.chance(0.5) ? ['timestamps'] : ['windowScale', 'sack']));
  }
  if (random.chance(0.15) && family === 4) boxes.push(new Nat({ address: `203.0.113.${i + 1}`, keepPorts: true }));
  if (random.chance(0.03)) boxes.push(new RstInjector((segment) => segment.payloadLength % 97 === 0));
  if (proxy) boxes.push(new SynProxy());
  return boxes;
}

/** Cuts, pauses, crashes: each heals in the end, but what was lost is lost. */
export function disturb(net: Network, { server, clients, links }: CampaignWorld, random: Random): void {
  for (let n = random.chance(0.5) ? 0 : 1 + random.below(3); n > 0; n--) {
    const at = random.below(10_000_000);
    const until = at + random.below(random.chance(0.2) ? 1_500_000_000 : 20_000_000);
    const host = random.pick([server, ...clients]).name;
    const link = random.pick(links).name;
    const kind = random.pick(['cut', 'half cut', 'pause', 'crash'] as const);
    const what: Disturbance =
      kind === 'cut'
        ? { kind, link, at, until }
        : kind === 'half cut'
          ? { kind: 'cut', link, way: 'forward', at, until }
          : { kind, host, at, until };
    net.disturb(what);
  }
}
