import { enterNamespace } from '../../../src/node/netns.ts';
import { openTap, openTun, type TunDevice, type TunOptions } from '../../../src/node/tun.ts';
import { type Finished, Program, type ProgramOptions, run } from './child.ts';
import { KernelPeer } from './kernel-peer.ts';

/** The two ends of the test network. The kernel has the first addresses, the stack under test the second. */
export const KERNEL4 = '10.9.0.1';
export const OURS4 = '10.9.0.2';
export const KERNEL6 = 'fd09::1';
export const OURS6 = 'fd09::2';

export interface TestTunOptions extends TunOptions {
  /** A TAP device, whose frames are Ethernet's. */
  readonly tap?: boolean;
}

/**
 * Moves this test process into a fresh network namespace and opens a TUN device there, with the kernel at 10.9.0.1/24 and
 * fd09::1/64. Everything in those subnets but the kernel's own addresses comes to the device. A namespace per call: what an earlier test
 * left behind is in another one. Programs that the test spawns afterwards are inside as well. Close the device at the end.
 *
 * Throws a TunError where this machine allows none: `describeWith({ tun: true }, …)` (needs.ts) skips, and says so.
 */
export function openTestTun({ tap = false, ...options }: TestTunOptions = {}): TunDevice {
  enterNamespace();
  const open = tap ? openTap : openTun;
  return open({ addresses: [`${KERNEL4}/24`, `${KERNEL6}/64`], ...options });
}

/**
 * A network of the test's own: a namespace with `lo` and a TUN device to attach a stack to, and programs of the machine in it, on the
 * kernel's side. Programs live for a bounded time, and not longer than the network.
 *
 * ```ts
 * const net = new TestNetwork();
 * stack.attach(net.device);
 * const peer = await net.peer();                    // sockets of the kernel, one command at a time
 * const { stdout } = await net.run('curl', ['-sS', `http://${OURS4}/`]);
 * await net.close();
 * ```
 */
export class TestNetwork {
  readonly device: TunDevice;
  readonly #programs: Program[] = [];

  constructor(options: TestTunOptions = {}) {
    this.device = openTestTun(options);
  }

  /** Runs a program to its end. */
  run(command: string, args: readonly string[], options?: ProgramOptions): Promise<Finished> {
    return run(command, args, options);
  }

  /** Starts a program that goes on: `iperf3 -s`, nginx in the foreground. `ready` is what it says when it can be used. */
  async start(
    command: string,
    args: readonly string[],
    options: ProgramOptions & { ready?: RegExp } = {},
  ): Promise<Program> {
    const { ready, ...rest } = options;
    const program = new Program(command, args, { timeout: 60_000, ...rest });
    this.#programs.push(program);
    if (ready !== undefined) await program.says(ready);
    return program;
  }

  /** Sockets of the kernel's TCP. */
  async peer(timeout?: number): Promise<KernelPeer> {
    const peer = await KernelPeer.start(timeout);
    this.#programs.push(peer.program);
    return peer;
  }

  /**
   * What tcpdump sees on the device from now on, into a file. `signal('SIGINT')` and `finished` end it whole. Needs root of the machine
   * (`describeWith({ root: true }, …)`): tcpdump sets its user, which root of a user namespace may not.
   */
  dump(file: string, filter = 'ip or ip6'): Promise<Program> {
    // Immediate: not a second later, when its buffer is full.
    const args = ['-i', this.device.name, '--immediate-mode', '-U', '-Z', 'root', '-w', file, filter];
    return this.start('tcpdump', args, { ready: /listening on/ });
  }

  /** The kernel's TCP sockets, one a line: `ss -Htn` and further arguments. */
  async ss(...args: readonly string[]): Promise<string[]> {
    const { stdout } = await run('ss', ['-Htan', ...args]);
    return stdout.split('\n').filter((line) => line !== '');
  }

  /** Kills the programs and closes the device. */
  async close(): Promise<void> {
    await Promise.all(this.#programs.map((program) => program.kill()));
    this.device.close();
  }
}
