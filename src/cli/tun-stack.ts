import type { Prefix } from '../node/interface.ts';
import { TunError } from '../node/tun-error.ts';
import { openTunStack as open, parseSubnet, type TunStack, type TunStackOptions } from '../node/tun-stack.ts';
import { Failure } from './failure.ts';

export { SUBNETS } from '../node/tun-stack.ts';

/** `openTunStack` with what the command line says: values that make no sense are its mistakes. */
export function openTunStack(
  options: Omit<TunStackOptions, 'subnets'> & { readonly subnets: readonly string[] },
): TunStack {
  const subnets = blaming('--subnet', () => options.subnets.map((text): Prefix => parseSubnet(text)));
  return blaming('--device', () => open({ ...options, subnets }));
}

function blaming<T>(option: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError) throw new Failure(`${error.message} (${option})`, 2);
    // What is taken may be chosen otherwise: the option for it is not always the one that was given.
    if (error instanceof TunError && error.code === 'address-taken') throw new Failure(`${error.message} (--subnet)`);
    if (error instanceof TunError && error.code === 'name-taken') throw new Failure(`${error.message} (--device)`);
    throw error;
  }
}
