import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { enterNamespace } from '../../src/node/netns.ts';
import { compiled, Program, run } from './support/child.ts';
import { KernelPeer } from './support/kernel-peer.ts';
import { describeWith } from './support/needs.ts';

const tls = (name: string) => fileURLToPath(new URL(`../fixtures/tls/${name}.pem`, import.meta.url));

describeWith({ tun: true, programs: ['curl'] }, 'synfin/register over TUN', () => {
  const folder = mkdtempSync(join(tmpdir(), 'synfin-register-'));
  let register: string;

  beforeAll(() => {
    register = compiled('node/register.js');
  }, 60_000);
  beforeEach(() => enterNamespace());
  afterAll(() => rmSync(folder, { recursive: true }));

  function program(text: string, env: NodeJS.ProcessEnv = {}): Program {
    const file = join(folder, 'app.mjs');
    writeFileSync(file, text);
    const options = { timeout: 60_000, env: { ...process.env, SYNFIN_DEVICE: 'tun', ...env } };
    return new Program(process.execPath, ['--import', register, file], options);
  }

  describe.each(['10.9.0.2', '[fd09::2]'])('at %s', (host) => {
    it('serves HTTP, HTTPS and HTTP/2 to curl', async () => {
      const server = program(`
        import http from 'node:http';
        import http2 from 'node:http2';
        import { readFileSync } from 'node:fs';
        const page = Buffer.alloc(3_000_000, 'synfin ');
        const identity = { key: readFileSync('${tls('server.key')}'), cert: readFileSync('${tls('server.cert')}') };
        http.createServer((_, response) => response.end(page)).listen(80);
        http2.createSecureServer({ ...identity, allowHTTP1: true }, (_, response) => response.end(page))
          .listen(443, () => console.log('ready'));`);
      await server.says(/ready/);
      const format = '%{http_version} %{size_download} %{num_connects}\n';
      for (const [url, option, version] of [
        [`http://${host}/`, '--http1.1', '1.1'],
        [`https://${host}/`, '--http1.1', '1.1'],
        [`https://${host}/`, '--http2', '2'],
      ] as const) {
        const args = ['-qsSg', '--noproxy', '*', '--cacert', tls('ca.cert'), option, '-w', format];
        const outputs = ['-o', '/dev/null', '-o', '/dev/null'];
        const { stdout, stderr, status } = await run('curl', [...args, ...outputs, url, url]);
        expect({ stdout, stderr, status }).toEqual({
          stdout: `${version} 3000000 1\n${version} 3000000 0\n`,
          stderr: '',
          status: 0,
        });
      }
      await server.kill();
    });
  });

  it('ends when the program has, and not before what it sent has arrived', async () => {
    const peer = await KernelPeer.start();
    const server = await peer.listen(7000);
    const client = program(`
      import net from 'node:net';
      const socket = net.connect(7000, '10.9.0.1');
      socket.end(Buffer.alloc(5_000_000, 'to the end '), () => socket.destroy());`);
    const { bytes, sha256 } = await (await server.accept()).until('end');
    const hash = createHash('sha256').update(Buffer.alloc(5_000_000, 'to the end '));
    expect([bytes, sha256]).toEqual([5_000_000, hash.digest('hex')]);
    const { status, stderr } = await client.finished;
    expect([status, stderr]).toEqual([0, '']);
    await peer.program.kill();
  });

  it('delivers what a socket sent that does not keep the process alive', async () => {
    const peer = await KernelPeer.start();
    const server = await peer.listen(7000);
    const client = program(`
      import net from 'node:net';
      const socket = net.connect(7000, '10.9.0.1').pause().unref();
      const alive = setInterval(() => {}, 1000);
      socket.on('connect', () => socket.write(Buffer.alloc(2_000_000, 'all of it '), () => clearInterval(alive)));`);
    const connection = await server.accept();
    const { status, stderr } = await client.finished;
    expect([status, stderr]).toEqual([0, '']);
    await connection.until('close');
    expect(Math.max(...peer.events.map(({ bytes = 0 }) => bytes))).toBe(2_000_000);
    await peer.program.kill();
  });

  it('says what is missing in one line', async () => {
    const first = program(`import net from 'node:net'; net.createServer().listen(80, () => console.log('ready'));`);
    await first.says(/ready/);
    const { status, stdout, stderr } = await program('console.log(1)').finished;
    expect([status, stdout, stderr]).toEqual([
      1,
      '',
      'synfin: 10.9.0.1 is an address of synfin0 already: choose another subnet (SYNFIN_SUBNETS)\n',
    ]);
    const named = await program('', { SYNFIN_DEVICE: 'tun:lo' }).finished;
    expect(named.stderr).toBe(
      'synfin: the interface name lo is in use: choose another name (SYNFIN_DEVICE=tun:NAME)\n',
    );
    const other = program('console.log(1)', { SYNFIN_SUBNETS: '10.8.0.0/24' });
    expect(await other.finished).toMatchObject({ status: 0, stdout: '1\n', stderr: '' });
    await first.kill();
  });
});
