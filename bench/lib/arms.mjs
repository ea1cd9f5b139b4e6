import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Child } from './children.mjs';

const PEER = fileURLToPath(new URL('../../dist/bench/peer', import.meta.url));
const SERVER = fileURLToPath(new URL('../server.mjs', import.meta.url));

const SERVER_CORE = '0';
const CLIENT_CORE = '1';

/**
 * A contender: how its server is started, in a network namespace that ends with it, and how a client reaches it. Every arm has the same
 * client, a program of the kernel's TCP.
 *
 * @typedef {{ name: string, start(): Promise<{ server: Child, client(args: string[]): Child, stop(): Promise<void> }> }} Arm
 */

/** Our stack over TUN: the client is in the same namespace, on the kernel's side of the device. */
export function ours(name, { dist, flags = [], node = [], env = {} } = {}) {
  const args = [...node, SERVER, ...(dist === undefined ? [] : ['--dist', dist]), ...flags];
  return {
    name,
    async start() {
      const server = new Child(
        'unshare',
        ['--net', '--', 'taskset', '-c', SERVER_CORE, process.execPath, ...args],
        env,
      );
      await ready(server);
      const client = (what) => enter(server.pid, PEER, withAddress(what, '10.9.0.2'));
      return { server, client, stop: () => server.stop() };
    },
  };
}

/** The kernel's own TCP at both ends of a veth pair between two namespaces. */
export function kernel(name = 'kernel veth') {
  return {
    name,
    async start() {
      const holder = new Child('unshare', [
        '--net',
        '--',
        'sh',
        '-c',
        'ip link set lo up && echo ready && exec sleep 600',
      ]);
      await holder.says('ready');
      const script =
        `ip link add v0 type veth peer name v1 netns ${holder.pid} && ip addr add 10.9.1.1/24 dev v0 && ip link set v0 up && ` +
        `exec taskset -c ${SERVER_CORE} ${PEER} server 10.9.1.1`;
      const server = new Child('unshare', ['--net', '--', 'sh', '-c', script]);
      await ready(server);
      in_(holder.pid, 'ip addr add 10.9.1.2/24 dev v1 && ip link set v1 up');
      const client = (what) => enter(holder.pid, PEER, withAddress(what, '10.9.1.1'));
      const stop = async () => {
        await server.stop();
        await holder.stop();
      };
      return { server, client, stop };
    },
  };
}

async function ready(server) {
  try {
    await server.says('ready');
  } catch (error) {
    server.kill('SIGKILL');
    throw error;
  }
}

function withAddress([mode, ...rest], address) {
  return [mode, address, ...rest];
}

/** A client pinned to its core, in the namespace of process `pid`. */
function enter(pid, command, args) {
  return new Child('nsenter', ['--net', '--target', String(pid), 'taskset', '-c', CLIENT_CORE, command, ...args]);
}

function in_(pid, script) {
  const { status, stderr } = spawnSync('nsenter', ['--net', '--target', String(pid), 'sh', '-c', script], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(stderr.trim() || `status ${status}`);
}

/** What the numbers are worth something with. */
export function machine() {
  const cpu = /^model name\s*:\s*(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? 'unknown';
  const cores = readFileSync('/proc/cpuinfo', 'utf8').match(/^processor/gm)?.length ?? 1;
  const run = (command, ...args) => spawnSync(command, args, { encoding: 'utf8' }).stdout?.trim() ?? '';
  const commit = run('git', '-C', fileURLToPath(new URL('../..', import.meta.url)), 'describe', '--always', '--dirty');
  return {
    cpu: `${cores} × ${cpu}`,
    kernel: run('uname', '-r'),
    node: process.version,
    v8: process.versions.v8,
    commit,
    date: new Date().toISOString().slice(0, 16).replace('T', ' '),
  };
}
