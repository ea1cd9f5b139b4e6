import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { compiled, run } from './interop/support/child.ts';
import { describeWith } from './interop/support/needs.ts';

const folder = fileURLToPath(new URL('../examples/', import.meta.url));

/** The one that needs a TUN device. */
const KERNEL = 'kernel.mjs';

/** What each says. */
const SAYS: Readonly<Record<string, string | RegExp>> = {
  'any-port-proxy.mjs': `a connection for 192.0.2.80 port 443
this is not 443, this is a proxy
a connection for 198.51.100.7 port 25
this is not 25, this is a proxy
`,
  'echo.mjs': 'hello came back\n',
  'half-close.mjs': `client: asked, and said that this was all
server: the question has ended, the answer has not begun
client: 5 words, and I am readOnly
`,
  'http-server.mjs': 'you asked for /page\n',
  'https.mjs': 'hello over TLSv1.3\n',
  [KERNEL]: `ours: the kernel is at 10.9.0.1
ours: we agreed on timestamps, sack, wscale and segments of 1448 bytes
kernel: heard "hello kernel"
`,
  'port-scan.mjs': `22 open: our SYN was answered by SYN,ACK
25 filtered: our SYN was not answered
79 closed: our SYN was answered by RST (ECONNREFUSED)
80 open: our SYN was answered by SYN,ACK
`,
  'two-browsers.mjs': 'connected to 10.0.0.1:7\nHELLO FROM THE OTHER TAB\n',
  'vanishing-server.test.mjs': /^(?:#|ℹ) pass 2\n(?:#|ℹ) fail 0$/m,
  'ws-chat.mjs':
    /^(Ben reads: Ann: hello everybody\n|Cho reads: Ann: hello everybody\n){2}Ann reads: Cho: hello Ann\nBen reads: Cho: hello Ann\n$/,
};

beforeAll(() => {
  compiled('index.js');
}, 60_000);

describe('examples', () => {
  const names = readdirSync(folder).filter((name) => name.endsWith('.mjs'));

  it('are ten, and each is run', () => expect(names).toEqual(Object.keys(SAYS)));

  const says = (name: string) =>
    it(`${name} says what it should, and ends`, async () => {
      const args = [...(name.includes('.test.') ? ['--test'] : []), `${folder}${name}`];
      const { stdout, stderr, status } = await run(process.execPath, args, { timeout: 30_000 });
      expect([stderr, status]).toEqual(['', 0]);
      const expected = SAYS[name]!;
      if (typeof expected === 'string') expect(stdout).toBe(expected);
      else expect(stdout).toMatch(expected);
    });

  for (const name of names.filter((name) => name !== KERNEL)) says(name);
  describeWith({ tun: true }, 'with the kernel', () => says(KERNEL));
});
