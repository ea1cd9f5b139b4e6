import { isMainThread } from 'node:worker_threads';
import { Stack } from '../../stack/stack.ts';
import { after, NodeHost } from '../host.ts';
import { openTunStack } from '../tun-stack.ts';
import type { Settings } from './settings.ts';

/** How long a program that has nothing left to do waits for what it sent to arrive, ms, and how often it looks. */
const LINGER = 10_000;
const LOOK = 20;

/**
 * The stack of a program. Its open sockets keep the process alive, as the kernel's do; the device, and what closed connections leave behind,
 * do not. A worker thread has nothing but the loopback of its own: one device has one stack.
 */
export function openStack({ device, subnets, config }: Settings): Stack {
  if (device === null || !isMainThread) return new Stack({ host: new NodeHost().unref(), config });
  const { stack, tun, host } = openTunStack({ device, subnets, config });
  tun.unref();
  host.unref();
  tun.onLost = (error) => process.stderr.write(`synfin: ${error.message}\n`);
  let lingered = 0;
  // The kernel delivers what a program sent before it ended. Ours ends with the program, so the program waits.
  process.on('beforeExit', () => {
    if (lingered >= LINGER || !isSending(stack)) return;
    lingered += LOOK;
    after(LOOK, () => {});
  });
  process.on('exit', () => stack.close());
  return stack;
}

/** What was sent waits to be acknowledged: to the end, or by a socket that does not keep the process alive (it was `unref`ed, or nobody reads). */
function isSending(stack: Stack): boolean {
  const { states } = stack.stats();
  if (states['FIN-WAIT-1'] + states.CLOSING + states['LAST-ACK'] > 0) return true;
  return stack
    .connections()
    .some(({ state, sendQ }) => sendQ > 0 && (state === 'ESTABLISHED' || state === 'CLOSE-WAIT'));
}
