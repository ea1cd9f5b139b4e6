import { enterNamespace } from '../../../src/node/netns.ts';
import { openTun, type TunDevice, type TunOptions } from '../../../src/node/tun.ts';

/** The two ends of the test network. The kernel has the first addresses, the stack under test the second. */
export const KERNEL4 = '10.9.0.1';
export const OURS4 = '10.9.0.2';
export const KERNEL6 = 'fd09::1';
export const OURS6 = 'fd09::2';

/**
 * Moves this test process into a fresh network namespace and opens a TUN device there, with the kernel at 10.9.0.1/24 and
 * fd09::1/64. Everything in those subnets but the kernel's own addresses comes to the device. A namespace per call: what an earlier test
 * left behind is in another one. Programs that the test spawns afterwards are inside as well. Close the device at the end.
 */
export function openTestTun(options: TunOptions = {}): TunDevice {
  enterNamespace();
  return openTun({ addresses: [`${KERNEL4}/24`, `${KERNEL6}/64`], ...options });
}
