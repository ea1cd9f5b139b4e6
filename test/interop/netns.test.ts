import { expect, it } from 'vitest';
import { compiled, type Finished, run } from './support/child.ts';
import { describeWith } from './support/needs.ts';

/** An ordinary user of every Linux: nobody. */
const NOBODY = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];

/** What a program of ours does where it is root, or not: a namespace, a device, one line about it. */
const PROGRAM = `
  import { enterNamespace, isReexecuted, reexecInNamespace } from ${JSON.stringify(compiled('node/netns.js'))};
  import { openTun } from ${JSON.stringify(compiled('node/tun.js'))};
  import { networkInterfaces } from 'node:os';
  try {
    if (!process.argv.includes('here')) {
      try {
        enterNamespace();
      } catch (error) {
        if (error.code !== 'not-permitted' || process.getuid() === 0) throw error;
        process.exit(await reexecInNamespace());
      }
    }
    const tun = openTun({ addresses: ['10.9.0.1/24', 'fd09::1/64'] });
    console.log(tun.name, Object.keys(networkInterfaces()).join(), isReexecuted() ? 'again' : 'at once');
    if (process.argv.includes('wait')) {
      tun.attach({ receive() {}, flush() {} });
      process.on('SIGINT', () => { console.log('SIGINT'); tun.close(); });
      console.log('outer', process.ppid);
    } else {
      tun.close();
      process.exitCode = 7;
    }
  } catch (error) {
    console.log(error.code + ' | ' + error.message);
    process.exitCode = 1;
  }
`;

/** Runs the program after `setup` (shell, as root, in a mount namespace of its own, so that /dev can be changed) under `prefix`. */
function program(
  setup: string,
  prefix: readonly string[],
  args: readonly string[] = [],
  options: Parameters<typeof run>[2] = {},
): Promise<Finished> {
  const shell = `set -e; ${setup}; exec "$@"`;
  const source = `data:text/javascript,${encodeURIComponent(PROGRAM)}`;
  // A script that is a URL: it comes back in process.argv, for the second run.
  const node = [
    process.execPath,
    '--input-type=module',
    '-e',
    `await import(${JSON.stringify(source)})`,
    '--',
    ...args,
  ];
  return run('unshare', ['--mount', 'sh', '-c', shell, 'sh', ...prefix, ...node], options);
}

/** /dev/net/tun as a file system of ours has it. */
const device = (mode: string) =>
  `mount -t tmpfs none /dev/net; mknod /dev/net/tun c 10 200; chmod ${mode} /dev/net/tun`;

describeWith({ tun: true, root: true, programs: ['unshare', 'setpriv', 'mount', 'mknod'] }, 'a device for', () => {
  it('root', async () => {
    expect(await program('true', [])).toMatchObject({ stdout: 'synfin0 lo,synfin0 at once\n', status: 7 });
  });

  it('an ordinary user with access to /dev/net/tun, through a user namespace', async () => {
    const result = await program(device('666'), NOBODY);
    expect(result).toMatchObject({ stdout: 'synfin0 lo,synfin0 again\n', stderr: '', status: 7 });
  });

  it('an ordinary user, who interrupts it', async () => {
    const result = await program(device('666'), NOBODY, ['wait'], {
      onOutput: (all) => {
        const outer = /outer (\d+)\n$/.exec(all)?.[1];
        if (outer !== undefined) process.kill(Number(outer), 'SIGINT');
      },
    });
    expect(result).toMatchObject({ status: 0, stderr: '' });
    expect(result.stdout).toMatch(/^synfin0 lo,synfin0 again\nouter \d+\nSIGINT\n$/);
  });

  it.each([
    [
      'who may not open /dev/net/tun',
      device('600'),
      NOBODY,
      'device-access | /dev/net/tun may not be opened (EACCES): ' +
        'sudo chmod 666 /dev/net/tun (most distributions have it so), or run as root\n',
    ],
    [
      'where there is no /dev/net/tun',
      'mount -t tmpfs none /dev/net',
      NOBODY,
      'no-device | there is no /dev/net/tun: ' +
        'modprobe tun, or give the container the device (docker run --device /dev/net/tun)\n',
    ],
    [
      'where /dev/net/tun has no driver',
      'mount -t tmpfs none /dev/net; mknod /dev/net/tun c 10 255; chmod 666 /dev/net/tun',
      NOBODY,
      'no-device | /dev/net/tun has no driver (ENODEV): modprobe tun\n',
    ],
    [
      'where the program unshare is missing',
      device('666'),
      [...NOBODY, 'env', 'PATH=/nowhere'],
      'no-namespace | the program unshare is not installed: run as root, or install util-linux\n',
    ],
    [
      'where user namespaces are off',
      // As far as this process is concerned: an unshare that fails as it does there.
      `${device('666')}; printf '%s\\n' '#!/bin/sh' 'echo "unshare: unshare failed: Operation not permitted" >&2; exit 1' >/dev/net/unshare; chmod 755 /dev/net/unshare`,
      [...NOBODY, 'env', 'PATH=/dev/net'],
      'no-namespace | user namespaces are not allowed here (unshare failed: Operation not permitted): run as root, ' +
        'or allow them (sysctl kernel.unprivileged_userns_clone=1, kernel.apparmor_restrict_unprivileged_userns=0)\n',
    ],
  ])('an ordinary user %s: one line', async (_, setup, prefix, message) => {
    expect(await program(setup, prefix)).toMatchObject({ stdout: message, stderr: '', status: 1 });
  });

  it('someone without the capability: one line', async () => {
    const result = await program(device('666'), NOBODY, ['here']);
    expect(result).toMatchObject({
      stdout:
        'not-permitted | making the interface synfin%d is not permitted (EPERM): ' +
        'run as root, with CAP_NET_ADMIN, or in a user namespace (unshare --user --map-root-user --net)\n',
      status: 1,
    });
    const root = await program('true', ['setpriv', '--bounding-set=-sys_admin,-net_admin']);
    expect(root).toMatchObject({
      stdout:
        'not-permitted | a network namespace of its own is not permitted (EPERM): ' +
        'run as root, or under unshare --user --map-root-user --net\n',
      status: 1,
    });
  });
});
