import { Pair } from '../../../src/link/pair.ts';
import { Tee } from '../../../src/link/tee.ts';
import type { TcpSocket } from '../../../src/stack/socket.ts';
import { Stack, type StackOptions } from '../../../src/stack/stack.ts';
import { IpAddress } from '../../../src/wire/address.ts';
import { parseIp } from '../../../src/wire/ip.ts';
import { IpHeader } from '../../../src/wire/ip-header.ts';
import { VirtualTime } from '../../support/virtual-host.ts';

export const ip = (text: string): IpAddress => IpAddress.of(text);

/** What a packet's IP header says of the way it is to be carried. */
export interface Carried {
  readonly ttl: number;
  readonly dscp: number;
  readonly length: number;
}

/** Two stacks on a wire: `left` is 10.0.0.1 and fd00::1, `right` 10.0.0.2 and fd00::2. */
export function world(options: Partial<StackOptions> = {}, link: { mtu?: number; maxGso?: number } = {}) {
  const time = new VirtualTime();
  const pair = new Pair(link);
  const left = new Stack({ host: time.host(), ...options });
  const right = new Stack({ host: time.host(), ...options });
  const header = new IpHeader();
  /** What left sent. */
  const carried: Carried[] = [];
  const tee = new Tee(
    pair.a,
    (direction, { bytes, offset, length }) => {
      if (direction === 'in' || parseIp(bytes, offset, length, header) !== null) return;
      carried.push({ ttl: header.hopLimit, dscp: header.dscp, length });
    },
    () => 0,
  );
  left.addDevice(tee, [
    { address: ip('10.0.0.1'), prefixLength: 24 },
    { address: ip('fd00::1'), prefixLength: 64 },
  ]);
  right.addDevice(pair.b, [
    { address: ip('10.0.0.2'), prefixLength: 24 },
    { address: ip('fd00::2'), prefixLength: 64 },
  ]);
  return { time, pair, left, right, tee, carried, run: (until?: number) => time.run((now) => pair.pump(now), until) };
}

/** A connection from left to right, established. `failures`: how each end heard that it was over. */
export function connected(options: Partial<StackOptions> = {}, link: { mtu?: number; maxGso?: number } = {}) {
  const made = world(options, link);
  const accepted: TcpSocket[] = [];
  const failures = { client: undefined as string | null | undefined, server: undefined as string | null | undefined };
  made.right.listen({ port: 7 }, (socket) => {
    socket.events = {
      onClose: (failure) => {
        failures.server = failure;
      },
    };
    accepted.push(socket);
  });
  const client = made.left.connect({
    remoteAddress: ip('10.0.0.2'),
    remotePort: 7,
    events: {
      onClose: (failure) => {
        failures.client = failure;
      },
    },
  });
  made.run(1_000_000);
  return { ...made, client, server: accepted[0]!, failures };
}
