import { lookup } from 'node:dns/promises';
import { pipeline } from 'node:stream/promises';
import { firstLine } from '../node/file-trouble.ts';
import { createNet } from '../node/net/create-net.ts';
import { Ladder } from '../trace/ladder.ts';
import { Recorder } from '../trace/recorder.ts';
import { IpAddress } from '../wire/address.ts';
import { authority } from './demo/machine.ts';
import { Failure } from './failure.ts';
import { LadderScreen } from './screen.ts';
import { terminal } from './terminal.ts';
import { openTunStack } from './tun-stack.ts';
import { until } from './wait.ts';

export interface ConnectCommandOptions {
  readonly device: string;
  readonly subnet: readonly string[];
  readonly ladder?: boolean;
  readonly plain?: boolean;
}

/** How long, ms, the last segments may take once both directions are closed. */
const FAREWELL = 2000;

/** Standard input to a port and what comes back to standard output, like netcat, through a TCP of ours. Returns the exit status. */
export async function connect(host: string, port: number, options: ConnectCommandOptions): Promise<number> {
  const address = await resolveHost(host, options.subnet);
  const err = terminal(process.stderr, options.plain ?? false);
  const recorder = options.ladder ? new Recorder({ head: 1, tail: 0 }) : null;
  const { stack, close } = openTunStack({ device: options.device, subnets: options.subnet, trace: recorder });
  let screen: LadderScreen | null = null;
  if (recorder !== null) {
    const names = { ours: 'synfin', peer: 'peer' };
    const drawn = new LadderScreen(new Ladder({ ...err, plain: options.plain ?? false, names }), process.stderr, err);
    screen = drawn;
    recorder.onEvent = (event, connection) => drawn.push(event, connection);
  }
  try {
    const socket = createNet(stack).connect({ host: address, port, allowHalfOpen: true });
    await Promise.all([pipeline(process.stdin, socket), pipeline(socket, process.stdout, { end: false })]);
    await until(() => stack.stats().connections === 0, FAREWELL);
    return 0;
  } catch (error) {
    throw new Failure(`${authority(address, port)}: ${why(error)}`);
  } finally {
    screen?.end();
    close();
    process.stdin.destroy();
  }
}

async function resolveHost(host: string, subnets: readonly string[]): Promise<string> {
  const literal = IpAddress.parse(host);
  if (literal !== undefined) return elsewhere(literal, host, subnets);
  const families = new Set(subnets.map((subnet) => (subnet.includes(':') ? 6 : 4)));
  const family = families.size === 1 ? [...families][0]! : 0;
  let address: string;
  try {
    address = (await lookup(host, { family })).address;
  } catch {
    throw new Failure(`no address for ${host}: give a name that is known here, or an IP address`);
  }
  return elsewhere(IpAddress.of(address), host, subnets);
}

/** A stack of ours has a loopback of its own, where nobody listens: what listens on this machine is at the kernel's end of the device. */
function elsewhere(address: IpAddress, host: string, subnets: readonly string[]): string {
  if (!address.isLoopback) return String(address);
  const where = `the kernel has the first address of ${subnets[0]}`;
  throw new Failure(`${host} is synfin's own loopback, where nothing listens: ${where}`, 2);
}

function why(error: unknown): string {
  switch ((error as NodeJS.ErrnoException).code) {
    case 'ECONNREFUSED':
      return 'the connection was refused: nothing listens there';
    case 'ECONNRESET':
      return 'the connection was reset by the other end';
    case 'ETIMEDOUT':
      return 'no answer: is the machine up, and does this one forward to it (sysctl net.ipv4.ip_forward=1)?';
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return 'there is no way to it from here';
    default:
      return firstLine(error);
  }
}
