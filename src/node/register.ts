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
import { TunError } from './tun-error.ts';

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
    process.stderr.write(`synfin: ${error.message}\n`);
    process.exit(error instanceof SettingsError ? 2 : 1);
  }
}
