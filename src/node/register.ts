/**
 * `node --import synfin/register app.js`: the program runs on a TCP in TypeScript. `net` is ours for it, and with it `http`, `https`, `http2`,
 * `tls` and `fetch`, in ES modules and CommonJS alike. `SYNFIN_DEVICE` and its like say on which network (`register/settings.ts`).
 *
 * A program that wants to look at its own stack imports it from here.
 */
import { createNet } from './net/create-net.ts';
import { readSettings, type Settings, SettingsError } from './register/settings.ts';
import { openStack } from './register/stack.ts';
import { swap } from './register/swap.ts';
import { TunError, type TunErrorCode } from './tun-error.ts';

/** Where to choose otherwise what is taken. */
const VARIABLES: Partial<Record<TunErrorCode, string>> = {
  'address-taken': ' (SYNFIN_SUBNETS)',
  'name-taken': ' (SYNFIN_DEVICE=tun:NAME)',
};

/** The stack of this program. */
export const stack = open();

swap(createNet(stack));

function open(): ReturnType<typeof openStack> {
  try {
    const settings: Settings = readSettings(process.env);
    return openStack(settings);
  } catch (error) {
    if (!(error instanceof SettingsError) && !(error instanceof TunError)) throw error;
    // Whoever started the program can mend it, and needs no stack trace for that.
    const variable = error instanceof TunError ? (VARIABLES[error.code] ?? '') : '';
    process.stderr.write(`synfin: ${error.message}${variable}\n`);
    process.exit(error instanceof SettingsError ? 2 : 1);
  }
}
