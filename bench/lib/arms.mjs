import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Child } from './children.mjs';

const SERVER = fileURLToPath(new URL('../server.mjs', import.meta.url));
const HTTP_SERVER = fileURLToPath(new URL('../http-server.mjs', import.meta.url));

/** A program that `peers/build.sh` makes. */
export const built = (name) => fileURLToPath(new URL(`../../dist/bench/${name}`, import.meta.url));

export const SERVER_CORE = '0';
const CLIENT_CORE = '1';

/**
 * A contender: how its server is started, in a network namespace that ends with it, and how a program reaches it from the client's
 * side: `client` runs a command with the server's address in the place of ADDRESS. `missing`: why it cannot be run here; null where it can.
 * Every arm has the same clients, programs of the kernel's TCP.
 *
 * @typedef {{ server: Child, client(command: string[]): Child, stop(): Promise<void> }} Running
 * @typedef {{ name: string, missing: string | null, start(): Promise<Running> }} Arm
 */

/** Our stack over TUN: the client is in the same namespace, on the kernel's side of the device. */
export function ours(name, { dist, flags = [], node = [], http = false } = {}) {
  const args = [...node, http ? HTTP_SERVER : SERVER, ...(dist === undefined ? [] : ['--dist', dist]), ...flags];
  return { name, missing: null, start: () => overTun([process.execPath, ...args], '10.9.0.2') };
}

/** gVisor's netstack on the same device. */
export function gvisor(name, flags = []) {
  return {
    name,
    missing: executable(built('gvisor')) ? null : 'not built: scripts/setup-peers.sh',
    start: () => overTun([built('gvisor'), ...flags], '10.9.0.2'),
  };
}

/** lwIP in C on the same device, which has no vnet header then. */
export function lwip(name) {
  return {
    name,
    missing: executable(built('lwip')) ? null : 'not built: scripts/setup-peers.sh',
    start: () => overTun([built('lwip')], '10.9.0.2'),
  };
}

async function overTun(command, address) {
  const server = new Child('unshare', ['--net', '--', 'taskset', '-c', SERVER_CORE, ...command]);
  await ready(server);
  return { server, client: (what) => enter(server.pid, what, address), stop: () => server.stop() };
}

/** The kernel's own TCP at both ends of a veth pair between two namespaces. `http`: with Node's http over it. */
export function kernel(name = 'kernel veth', { http = false, sysctl = [] } = {}) {
  const command = http ? `${process.execPath} ${HTTP_SERVER} --kernel 10.9.1.1` : `${built('peer')} server 10.9.1.1`;
  return {
    name,
    missing: null,
    async start() {
      const holder = await namespace();
      const set = sysctl.map(([key, value]) => `echo ${value} > /proc/sys/${key} && `).join('');
      const script =
        `ip link add v0 type veth peer name v1 netns ${holder.pid} && ip addr add 10.9.1.1/24 dev v0 && ip link set v0 up && ` +
        `ip route add default dev v0 && ${set}exec taskset -c ${SERVER_CORE} ${command}`;
      const server = new Child('unshare', ['--net', '--', 'sh', '-c', script]);
      await ready(server);
      inside(holder.pid, 'ip addr add 10.9.1.2/24 dev v1 && ip link set v1 up');
      return { server, client: (what) => enter(holder.pid, what, '10.9.1.1'), stop: () => stopAll(server, holder) };
    },
  };
}

/**
 * slirp4netns: the client's connections end in its libslirp, and go on over the kernel's loopback to the kernel's server. The figures
 * of its process are those of the translator alone.
 */
export function slirp(name = 'slirp4netns') {
  return proxy(name, 'slirp4netns', '10.0.2.2', async (run) => {
    const inner = await namespace();
    const server = run(['slirp4netns', '--configure', '--mtu=65520', String(inner.pid), 'tap0']);
    return { server, inner: () => inner.pid, stop: () => stopAll(server, inner) };
  });
}

/** pasta (passt): the same through a tap device. It makes the client's namespace itself. */
export function pasta(name = 'pasta') {
  const options = '--foreground --config-net --runas 0 --mtu 65520 -i up0 -I tap0 -a 10.9.2.2 -n 24 -g 10.9.2.1';
  const quiet = '-t none -u none -T none -U none';
  return proxy(name, 'pasta', '10.9.2.1', async (run) => {
    const server = run([
      'pasta',
      ...options.split(' '),
      ...quiet.split(' '),
      '--',
      'setpriv',
      '--pdeathsig',
      'KILL',
      'sleep',
      '600',
    ]);
    const inner = () => {
      const children = readFileSync(`/proc/${server.pid}/task/${server.pid}/children`, 'utf8').trim();
      if (children === '') throw new Error('not yet');
      return Number(children.split(' ')[0]);
    };
    const stop = async () => {
      try {
        process.kill(inner());
      } catch {
        // It did not come so far, or is gone: pasta ends with it.
      }
      await server.stop();
    };
    return { server, inner, stop };
  });
}

function proxy(name, program, address, start) {
  return {
    name,
    missing: found(program) ? null : `${program} is not installed: scripts/setup-peers.sh`,
    async start() {
      const outer = await namespace();
      // Where it finds a way out, as it asks for one: nothing comes there.
      const veth = 'ip link add up0 type veth peer name up1 && ip link set up1 up && ip link set up0 up';
      inside(outer.pid, `${veth} && ip addr add 10.9.3.2/24 dev up0 && ip route add default via 10.9.3.1`);
      const run = (command) =>
        new Child('nsenter', ['--net', '--target', String(outer.pid), 'taskset', '-c', SERVER_CORE, ...command]);
      const behind = run([built('peer'), 'server', '127.0.0.1']);
      await ready(behind);
      const { server, inner, stop } = await start(run);
      const end = async () => {
        await stop();
        await stopAll(behind, outer);
      };
      try {
        await until(() => inside(inner(), 'ip -4 -o addr show dev tap0').includes('inet '), server);
        return { server, client: (what) => enter(inner(), what, address), stop: end };
      } catch (error) {
        await end();
        throw error;
      }
    },
  };
}

/** A network namespace with loopback, for as long as the child lives. */
async function namespace() {
  const holder = new Child('unshare', ['--net', '--', 'sh', '-c', 'ip link set lo up && echo ready && exec sleep 600']);
  await ready(holder);
  return holder;
}

async function ready(server) {
  try {
    await server.says('ready');
  } catch (error) {
    server.kill('SIGKILL');
    throw error;
  }
}

async function until(holds, child) {
  for (let i = 0; i < 100; i++) {
    try {
      if (holds()) return;
    } catch {
      // Not yet: the device is not there.
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`not ready in 5 s: ${child.stderr.trim().split('\n').at(-1)}`);
}

async function stopAll(...children) {
  for (const child of children) await child.stop();
}

/** A client pinned to its core, in the namespace of process `pid`. */
function enter(pid, command, address) {
  const words = command.map((word) => word.replace('ADDRESS', address));
  return new Child('nsenter', ['--net', '--target', String(pid), 'taskset', '-c', CLIENT_CORE, ...words]);
}

function inside(pid, script) {
  const { status, stdout, stderr } = spawnSync('nsenter', ['--net', '--target', String(pid), 'sh', '-c', script], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(stderr.trim() || `status ${status}`);
  return stdout;
}

function executable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Whether a program is in PATH. */
export function found(program) {
  return (process.env.PATH ?? '').split(':').some((directory) => executable(`${directory}/${program}`));
}

/** What the numbers are worth something with. */
export function machine() {
  const cpu = /^model name\s*:\s*(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? 'unknown';
  const cores = readFileSync('/proc/cpuinfo', 'utf8').match(/^processor/gm)?.length ?? 1;
  const run = (command, ...args) => spawnSync(command, args, { encoding: 'utf8' }).stdout?.trim() ?? '';
  const root = fileURLToPath(new URL('../..', import.meta.url));
  const { version } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));
  const debian = (name) => run('dpkg-query', '-W', '-f', `\${Package} \${Version}`, name);
  const peers = ['golang-gvisor-gvisor-dev', 'slirp4netns', 'passt'].map(debian).filter(Boolean);
  return {
    cpu: `${cores} × ${cpu}`,
    kernel: run('uname', '-r'),
    node: process.version,
    v8: process.versions.v8,
    synfin: version,
    // Of this checkout, not of a repository that the package is installed in.
    commit: (existsSync(`${root}.git`) && run('git', '-C', root, 'describe', '--always', '--dirty')) || null,
    peers,
    date: new Date().toISOString().slice(0, 16).replace('T', ' '),
  };
}
