import { randomBytes } from 'node:crypto';
import nodeNet from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { enterNamespace } from '../../src/node/netns.ts';
import { examples, ROOT } from '../support/readme.ts';
import { Program } from './support/child.ts';
import { KernelPeer } from './support/kernel-peer.ts';
import { describeWith } from './support/needs.ts';
import { patternHash } from './support/pattern.mjs';

describeWith({ tun: true }, 'README.md', () => {
  let echo: Program;
  beforeEach(() => {
    enterNamespace();
    echo = new Program(process.execPath, ['--input-type=module', '--eval', examples('README.md')[1]!], { cwd: ROOT });
  });
  afterEach(() => echo.kill());

  it('has a second example that echoes what the kernel sends', async () => {
    const peer = await KernelPeer.start();
    // It takes a moment until the interface is there: refused or unreachable before.
    const connect = async () => {
      const client = peer.connect(7, '10.9.0.2');
      await Promise.race([
        client.until('connected'),
        client.until('error').then(() => Promise.reject(new Error('not yet'))),
      ]);
      return client;
    };
    let client = await connect().catch(() => null);
    for (let i = 0; client === null && i < 100; i++) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      client = await connect().catch(() => null);
    }
    client!.write(300_000);
    client!.end();
    expect(await client!.until('end')).toMatchObject({ bytes: 300_000, sha256: patternHash(300_000) });

    // Whoever reads late gets all of it, too: more than every buffer on the way holds.
    const late = nodeNet.connect(7, '10.9.0.2').pause();
    const bytes = randomBytes(16 << 20);
    late.end(bytes);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const back = Buffer.concat(await late.toArray());
    expect([back.length, back.equals(bytes)]).toEqual([bytes.length, true]);
    await peer.program.kill();
  });
});
