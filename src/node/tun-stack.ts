import type { Device } from '../link/device.ts';
import { portsOfShard } from '../link/shard.ts';
import { Stack } from '../stack/stack.ts';
import { linux, type TcpConfig } from '../tcp/config.ts';
import type { Trace } from '../tcp/trace.ts';
import { IpAddress } from '../wire/address.ts';
import { NodeHost } from './host.ts';
import { type Prefix, parsePrefix } from './interface.ts';
import { openTun, type TunDevice } from './tun.ts';
import { type Seat, takeSeat } from './workers.ts';

/** Networks that nobody announces: RFC 1918 and RFC 4193. */
export const SUBNETS = ['10.9.0.0/24', 'fd09::/64'];

export interface TunStackOptions {
  /** The interface's name, as for `openTun`. */
  readonly device: string;
  /** `10.9.0.0/24`: the kernel gets its first address, we the second. `parseSubnet` reads them. */
  readonly subnets: readonly Prefix[];
  readonly config?: TcpConfig;
  readonly trace?: Trace | null;
  /** Several threads have a stack each on the interface: this one's seat. The one of index 0 opens first, and gives it its addresses. */
  readonly seat?: Seat;
  readonly wrap?: (device: TunDevice, host: NodeHost) => Device;
}

/** A stack of ours on a TUN device in the network namespace of the process. */
export interface TunStack {
  readonly stack: Stack;
  readonly tun: TunDevice;
  readonly host: NodeHost;
  readonly ours: readonly IpAddress[];
  readonly kernel: readonly IpAddress[];
  /** Resets what is open and takes the device away. What waits in TIME-WAIT holds the process no longer. */
  close(): void;
}

/** Opens the device and puts a stack on it. Throws what `openTun` throws. */
export function openTunStack(options: TunStackOptions): TunStack {
  const { subnets, seat, config: asked = linux } = options;
  const kernel = subnets.map((subnet) => plus(subnet.address, 1));
  const ours = subnets.map((subnet) => plus(subnet.address, 2));
  const tun = openTun({
    name: options.device,
    addresses: seat === undefined || seat.index === 0 ? kernel.map((a, i) => `${a}/${subnets[i]!.length}`) : [],
    multiQueue: seat !== undefined,
  });
  const host = new NodeHost();
  const ports = asked.ip_local_port_range;
  const config =
    seat === undefined ? asked : { ...asked, ip_local_port_range: portsOfShard(ports, seat.index, seat.count) };
  const stack = new Stack({ host, trace: options.trace ?? null, config });
  const wrapped = options.wrap?.(tun, host) ?? tun;
  const device = seat === undefined ? wrapped : takeSeat(wrapped, seat, ports, host);
  stack.addDevice(
    device,
    ours.map((address, i) => ({ address, prefixLength: subnets[i]!.length })),
  );
  // Whatever is elsewhere: the kernel forwards it, if it is told to.
  for (const address of ours) stack.addRoute(address, 0, device);
  const close = () => {
    stack.close();
    host.unref();
  };
  return { stack, tun, host, ours, kernel, close };
}

/** Reads `10.9.0.0/24`: a network with room for two. Throws a TypeError, one line. */
export function parseSubnet(text: string): Prefix {
  let subnet: Prefix;
  try {
    subnet = parsePrefix(text);
  } catch {
    throw new TypeError(`${text} is no subnet: write it as 10.9.0.0/24 or fd09::/64`);
  }
  const { address, length } = subnet;
  if (length > (address.family === 4 ? 30 : 126)) throw new TypeError(`${text} has no room for two machines`);
  if (!plus(address, 0).equals(network(subnet))) {
    throw new TypeError(`${text} is an address in a subnet: write ${network(subnet)}/${length}`);
  }
  return subnet;
}

/** The address with all bits beyond the prefix cleared. */
function network({ address, length }: Prefix): IpAddress {
  const { family, w0, w1, w2, w3 } = address;
  const words = family === 4 ? [w3] : [w0, w1, w2, w3];
  const masked = words.map((word, i) => {
    const bits = Math.min(32, Math.max(0, length - 32 * i));
    return bits === 0 ? 0 : word & (-1 << (32 - bits));
  });
  return family === 4 ? IpAddress.v4(masked[0]!) : new IpAddress(6, masked[0]!, masked[1]!, masked[2]!, masked[3]!);
}

function plus({ family, w0, w1, w2, w3 }: IpAddress, n: number): IpAddress {
  return new IpAddress(family, w0, w1, w2, w3 + n);
}
