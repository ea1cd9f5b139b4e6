import type { RouteMetrics } from '../ip/routes.ts';
import { IpAddress } from '../wire/address.ts';

export interface RouteChange {
  readonly prefix: IpAddress;
  readonly length: number;
  readonly metrics: RouteMetrics;
}

/** The lines `ip route add|change|replace PREFIX …` of a command: what they say of the path. Gateways and devices are the script's own, and there is one way. */
export function routesIn(command: string): RouteChange[] {
  const changes: RouteChange[] = [];
  for (const [, prefix, bits, rest] of command.matchAll(
    /\bip (?:-6 )?route (?:add|change|replace) ([\da-f.:]+)(?:\/(\d+))?([^;\n]*)/g,
  )) {
    const address = IpAddress.parse(prefix!);
    if (address === undefined) continue;
    const length = bits === undefined ? (address.family === 4 ? 32 : 128) : Number(bits);
    changes.push({ prefix: address, length, metrics: metricsOf(rest!.trim().split(/\s+/)) });
  }
  return changes;
}

function metricsOf(words: readonly string[]): RouteMetrics {
  const after = (name: string): number => {
    const at = words.indexOf(name);
    const value = words[at + 1] === 'lock' ? words[at + 2] : words[at + 1];
    return at < 0 ? Number.NaN : Number(value);
  };
  const [mtu, advmss, initcwnd] = [after('mtu'), after('advmss'), after('initcwnd')];
  return {
    ...(mtu > 0 ? { mtu, lockMtu: words[words.indexOf('mtu') + 1] === 'lock' } : {}),
    ...(advmss > 0 ? { advmss } : {}),
    ...(initcwnd > 0 ? { initcwnd } : {}),
  };
}
