import { describe, expect, it, vi } from 'vitest';
import type * as web from '../../src/web/index.ts';

// The tests of `synfin/web` once more, on the file that `npm run build` made of it: shortened names must not be seen from outside.
const { built } = vi.hoisted(() => ({
  built: () => import(new URL('../../dist/web.min.js', import.meta.url).href) as Promise<typeof web>,
}));
vi.mock('../../src/stack/stack.ts', built);
vi.mock('../../src/tcp/config.ts', built);
vi.mock('../../src/web/connect.ts', built);
vi.mock('../../src/web/error.ts', built);
vi.mock('../../src/web/host.ts', built);
vi.mock('../../src/web/listen.ts', built);
vi.mock('../../src/web/message-link.ts', built);
vi.mock('../../src/wire/address.ts', built);

// In a `describe` each, for their hooks.
describe('connect', async () => void (await import('./connect.test.ts')));
describe('WebHost', async () => void (await import('./host.test.ts')));
describe('listen', async () => void (await import('./listen.test.ts')));
describe('MessageLink', async () => void (await import('./message-link.test.ts')));

it('is the built file that was tested', async () => {
  const { Stack } = await built();
  expect((await import('../../src/stack/stack.ts')) as object).toHaveProperty('Stack', Stack);
});
