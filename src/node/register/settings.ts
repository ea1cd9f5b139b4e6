import { linux, type TcpConfig } from '../../tcp/config.ts';
import { CONGESTION_NAMES } from '../../tcp/congestion/algorithms.ts';
import type { CongestionName } from '../../tcp/congestion/controller.ts';
import { type ProfileName, profiles } from '../../tcp/profiles.ts';
import type { Prefix } from '../interface.ts';
import { parseSubnet, SUBNETS } from '../tun-stack.ts';

/** What the environment of a program says about its network. */
export interface Settings {
  /** Null: nothing but the loopback. Else the TUN interface's name, as for `openTun`. */
  readonly device: string | null;
  readonly subnets: readonly Prefix[];
  readonly config: TcpConfig;
}

/** A variable that makes no sense: one line that names it and says what to do. */
export class SettingsError extends Error {}

/**
 * Reads
 *
 * - `SYNFIN_DEVICE`: `loopback` (the default), `tun`, or `tun:NAME`;
 * - `SYNFIN_SUBNETS`: with a TUN device, `10.9.0.0/24,fd09::/64` (the default): the kernel gets each one's first address, the program the second;
 * - `SYNFIN_PROFILE`: `linux` (the default), or another of `profiles`;
 * - `SYNFIN_CONGESTION`: `cubic`, `reno` or `bbr`, in place of the profile's.
 */
export function readSettings(env: Readonly<Record<string, string | undefined>>): Settings {
  return { device: device(env['SYNFIN_DEVICE']), subnets: subnets(env['SYNFIN_SUBNETS']), config: config(env) };
}

function device(text = 'loopback'): string | null {
  if (text === 'loopback' || text === '') return null;
  const [, name] = /^tun(?::(.+))?$/.exec(text) ?? [null, null];
  if (name === null) throw new SettingsError(`SYNFIN_DEVICE=${text}: choose loopback, tun or tun:NAME`);
  return name ?? 'synfin%d';
}

function subnets(given = ''): Prefix[] {
  const text = given === '' ? SUBNETS.join(',') : given;
  try {
    return text.split(',').map((subnet) => parseSubnet(subnet.trim()));
  } catch (error) {
    throw new SettingsError(`SYNFIN_SUBNETS=${text}: ${(error as Error).message}`);
  }
}

function config(env: Readonly<Record<string, string | undefined>>): TcpConfig {
  const profile = choice('SYNFIN_PROFILE', env, Object.keys(profiles) as ProfileName[]);
  const congestion = choice<CongestionName>('SYNFIN_CONGESTION', env, CONGESTION_NAMES);
  const base = profile === undefined ? linux : profiles[profile];
  return congestion === undefined ? base : { ...base, tcp_congestion_control: congestion };
}

function choice<T extends string>(
  name: string,
  env: Readonly<Record<string, string | undefined>>,
  choices: readonly T[],
): T | undefined {
  const text = env[name];
  if (text === undefined || text === '') return undefined;
  const found = choices.find((one) => one === text);
  if (found === undefined) throw new SettingsError(`${name}=${text}: choose one of ${choices.join(', ')}`);
  return found;
}
