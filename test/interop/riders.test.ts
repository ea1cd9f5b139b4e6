import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { NodeHost } from '../../src/node/host.ts';
import { createNet, type Net } from '../../src/node/net/create-net.ts';
import { enterNamespace } from '../../src/node/netns.ts';
import { Stack } from '../../src/stack/stack.ts';
import { linux } from '../../src/tcp/config.ts';
import { IpAddress } from '../../src/wire/address.ts';
import { compiled, Program, run } from './support/child.ts';
import { KERNEL4, OURS4, TestNetwork } from './support/namespace.ts';
import { describeWith } from './support/needs.ts';

const folder = mkdtempSync(join(tmpdir(), 'synfin-riders-'));
afterAll(() => rmSync(folder, { recursive: true }));

const config = (name: string, text: string) => {
  const file = join(folder, name);
  writeFileSync(file, text, { mode: 0o600 });
  return file;
};

describeWith({ tun: true, programs: ['redis-server'] }, 'a database driver over TUN', () => {
  let register: string;
  beforeAll(() => {
    register = compiled('node/register.js');
    enterNamespace();
  }, 60_000);

  it('speaks to Redis', async () => {
    const args = ['--port', '6379', '--save', '', '--protected-mode', 'no', '--dir', folder];
    const server = new Program('redis-server', args, { timeout: 60_000 });
    await server.says(/Ready to accept connections/);
    const app = fileURLToPath(new URL('support/redis-app.mjs', import.meta.url));
    const env = { ...process.env, SYNFIN_DEVICE: 'tun' };
    const { stdout, stderr, status } = await run(process.execPath, ['--import', register, app], { env });
    await server.kill();
    expect([stderr, status]).toEqual(['', 0]);
    expect(JSON.parse(stdout)).toEqual({
      large: true,
      pipelined: true,
      transaction: ['OK', 42, '42'],
      heard: true,
      clients: 2,
      blocked: null,
      kernel: [],
    });
  });
});

describe('programs of the kernel and ours over TUN', () => {
  let network: TestNetwork;
  let stack: Stack;
  let net: Net;
  const open: { close(): void }[] = [];

  beforeEach(() => {
    network = new TestNetwork();
    stack = new Stack({ host: new NodeHost(), config: { ...linux, timeWait: 500_000 } });
    stack.addDevice(network.device, [{ address: IpAddress.of(OURS4), prefixLength: 24 }]);
    net = createNet(stack);
  });
  afterEach(async () => {
    for (const one of open.splice(0)) one.close();
    await expect
      .poll(() => stack.stats(), { timeout: 10_000 })
      .toMatchObject({ connections: 0, timeWait: 0, timers: 0, buffered: 0 });
    stack.close();
    await network.close();
  });

  /** Node's HTTP server on our sockets. */
  function serve(port: number, handler: http.RequestListener): http.Server {
    const server = http.createServer(handler);
    const door = net.createServer({ noDelay: true }, (socket) => {
      open.push({ close: () => socket.destroy() });
      server.emit('connection', socket);
    });
    open.push(door.listen(port));
    return server;
  }

  describeWith({ tun: true, programs: ['wrk', 'ab'] }, 'load', () => {
    const page = Buffer.alloc(2000, 'x');

    it('wrk: not one error', async () => {
      serve(80, (_, response) => response.end(page));
      const { stdout, status } = await network.run('wrk', ['-t1', '-c50', '-d3s', `http://${OURS4}/`]);
      expect(status).toBe(0);
      expect(stdout).not.toMatch(/Socket errors|Non-2xx/);
      // Each of the 50 connections more than once, on a machine however busy.
      expect(Number(/(\d+) requests in/.exec(stdout)![1])).toBeGreaterThan(100);
    });

    it.each([[['-k']], [[]]])('ab %j: not one error', async (options) => {
      serve(80, (_, response) => {
        response.setHeader('Content-Length', page.length);
        response.end(page);
      });
      const args = ['-q', ...options, '-n', '5000', '-c', '20', `http://${OURS4}/`];
      const { stdout, status } = await network.run('ab', args, { timeout: 60_000 });
      expect(status).toBe(0);
      expect(stdout).toMatch(/Complete requests:\s+5000\n/);
      expect(stdout).toMatch(/Failed requests:\s+0\n/);
      if (options.length > 0) expect(stdout).toMatch(/Keep-Alive requests:\s+5000\n/);
    });
  });

  describeWith({ tun: true, programs: ['nginx', 'curl'] }, 'nginx', () => {
    const body = randomBytes(3_000_000);

    async function nginx(locations: string): Promise<void> {
      const file = config(
        'nginx.conf',
        `daemon off; master_process off; pid ${folder}/nginx.pid; error_log stderr notice;
         events {}
         http {
           access_log off; client_body_temp_path ${folder}; proxy_temp_path ${folder}; fastcgi_temp_path ${folder};
           uwsgi_temp_path ${folder}; scgi_temp_path ${folder}; client_max_body_size 10m;
           server { listen 8080; ${locations} }
         }`,
      );
      await network.start('nginx', ['-c', file, '-p', folder, '-e', 'stderr'], {
        ready: /start worker|epoll|built by/,
      });
    }

    it('is our upstream', async () => {
      writeFileSync(join(folder, 'body'), body);
      await nginx(`root ${folder};`);
      const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });
      open.push({ close: () => agent.destroy() });
      (agent as unknown as { createConnection: unknown }).createConnection = net.connect;
      const get = (path: string, headers: http.OutgoingHttpHeaders = {}) =>
        new Promise<{ status: number | undefined; bytes: Buffer; port: number | undefined }>((resolve, reject) => {
          const request = http.get({ host: KERNEL4, port: 8080, path, agent, headers }, async (response) => {
            const { localPort: port } = response.socket;
            const pieces: Buffer[] = [];
            for await (const piece of response) pieces.push(piece as Buffer);
            resolve({ status: response.statusCode, bytes: Buffer.concat(pieces), port });
          });
          request.on('error', reject);
        });
      const answers = await Promise.all(Array.from({ length: 20 }, () => get('/body')));
      expect(answers.every(({ status, bytes }) => status === 200 && bytes.equals(body))).toBe(true);
      expect(new Set(answers.map(({ port }) => port)).size).toBe(4);
      expect((await get('/nothing')).status).toBe(404);
      const range = await get('/body', { Range: 'bytes=100-199' });
      expect([range.status, range.bytes.equals(body.subarray(100, 200))]).toEqual([206, true]);
    });

    it('has us for its upstream', async () => {
      const ports = new Set<number | undefined>();
      serve(80, (request, response) => {
        ports.add(request.socket.remotePort);
        const pieces: Buffer[] = [];
        request.on('data', (piece) => pieces.push(piece)).on('end', () => response.end(Buffer.concat(pieces)));
      });
      await nginx(
        `location / { proxy_pass http://us; proxy_http_version 1.1; proxy_set_header Connection ""; }
         } upstream us { server ${OURS4}:80; keepalive 2;`,
      );
      writeFileSync(join(folder, 'body'), body);
      for (let i = 0; i < 3; i++) {
        const answer = join(folder, 'answer');
        const args = ['-qsSf', '--noproxy', '*', '--data-binary', `@${join(folder, 'body')}`, '-o', answer];
        const { status, stderr } = await network.run('curl', [...args, 'http://127.0.0.1:8080/']);
        expect([status, stderr]).toEqual([0, '']);
        expect(readFileSync(answer).equals(body)).toBe(true);
      }
      expect(ports.size).toBe(1);
    });
  });

  describeWith({ tun: true, root: true, programs: ['ssh', '/usr/sbin/sshd', 'ssh-keygen'] }, 'OpenSSH', () => {
    it('goes in by us and out by us', async () => {
      for (const name of ['host', 'user']) {
        await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(folder, name)]);
      }
      mkdirSync('/run/sshd', { recursive: true });
      const file = config(
        'sshd.conf',
        `Port 2222\nHostKey ${folder}/host\nAuthorizedKeysFile ${folder}/user.pub\nStrictModes no\nUsePAM no\n` +
          `PermitRootLogin yes\nPidFile none\n`,
      );
      await network.start('/usr/sbin/sshd', ['-D', '-e', '-f', file], { ready: /Server listening/ });
      // The kernel's client, our server, our client, the kernel's server.
      const relay = net
        .createServer({ allowHalfOpen: true }, (socket) => {
          const other = net.connect({ port: 2222, host: KERNEL4, allowHalfOpen: true });
          socket.pipe(other).pipe(socket);
          socket.on('error', () => other.destroy());
          other.on('error', () => socket.destroy());
        })
        .listen(22);
      open.push(relay);
      const options = [
        'BatchMode=yes',
        'StrictHostKeyChecking=no',
        `UserKnownHostsFile=${folder}/known`,
        'LogLevel=ERROR',
      ];
      const to = `${userInfo().username}@${OURS4}`;
      const args = ['-F', 'none', '-i', join(folder, 'user'), ...options.flatMap((o) => ['-o', o]), to];
      const { stdout, stderr, status } = await network.run('ssh', [
        ...args,
        'head -c 20000000 /dev/zero | sha256sum; echo done',
      ]);
      expect([stderr, status]).toEqual(['', 0]);
      expect(stdout).toMatch(/^[0-9a-f]{64} {2}-\ndone\n$/);
      const bytes = await network.run('ssh', [...args, 'head -c 5000000 /dev/zero'], { timeout: 60_000 });
      expect([bytes.stdout.length, bytes.status]).toEqual([5_000_000, 0]);
    });
  });
});
