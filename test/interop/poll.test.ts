/**
 * A descriptor that is watched through libuv's own functions, when the process ends or the watch does: nothing may call into an engine that is gone, and
 * nothing that is closed may call back.
 */
import { describe, expect, it } from 'vitest';
import { compiled, Program } from './support/child.ts';

/** Runs `body` with a pipe `fd`, `put()` and `take()` for a byte of it, in a process of its own. It is to end with 7. */
async function ends(body: string) {
  const source = `
    import { execFileSync } from 'node:child_process';
    import { mkdtempSync, rmSync } from 'node:fs';
    import { ffi } from '${compiled('node/ffi.js')}';
    const system = ffi();
    const directory = mkdtempSync('/tmp/synfin-');
    execFileSync('mkfifo', [directory + '/pipe']);
    const fd = system.open(directory + '/pipe', 0x802);
    rmSync(directory, { recursive: true });
    const memory = new ArrayBuffer(128);
    const put = () => system.write(fd, system.address(memory), 1);
    const take = () => system.read(fd, system.address(memory), 1);
    let times = 0;
    ${body}`;
  const { status, signal, stderr } = await new Program('node', ['--input-type=module', '--eval', source]).finished;
  return { status, signal, stderr };
}

const well = { status: 7, signal: null, stderr: '' };

describe('a watched descriptor', () => {
  it('process.exit, inside the callback', async () => {
    expect(await ends('system.poll(fd, () => ++times === 3 && process.exit(7)); put();')).toEqual(well);
  });

  it('the process ends while there is something to read, and the callback keeps no process alive that it is not to', async () => {
    const body =
      'system.poll(fd, () => times++).unref(); put(); setTimeout(() => (process.exitCode = times > 10 ? 7 : 1), 50);';
    expect(await ends(body)).toEqual(well);
  });

  it('an error that nobody catches', async () => {
    const body =
      "system.poll(fd, () => { throw new Error('of the callback'); }); put(); process.on('exit', () => { process.exitCode = 7; });";
    const { status, signal, stderr } = await ends(body);
    expect({ status, signal }).toEqual({ status: 7, signal: null });
    expect(stderr).toContain('Error: of the callback');
  });

  it('closed inside the callback, and once more: no further call, and the process ends', async () => {
    const body = `
      const watch = system.poll(fd, () => { times++; watch.close(); watch.close(); watch.ref(); watch.unref(); });
      put();
      process.on('exit', () => { process.exitCode = times === 1 ? 7 : 1; });`;
    expect(await ends(body)).toEqual(well);
  });

  it('is held by nobody else, and goes on after the collector has been', async () => {
    const body = `
      const { setFlagsFromString } = await import('node:v8');
      setFlagsFromString('--expose-gc');
      const gc = (await import('node:vm')).runInNewContext('gc');
      system.poll(fd, () => { take(); if (++times === 10) process.exit(7); });
      for (;;) { gc(); put(); await new Promise((resolve) => setTimeout(resolve, 2)); }`;
    expect(await ends(body)).toEqual(well);
  });

  it('opened and closed more often than there are callbacks at once (8,192)', async () => {
    const body = `
      for (let i = 0; i < 10_000; i++) {
        system.poll(fd, () => {}).close();
        if (i % 100 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
      }
      process.exitCode = 7;`;
    expect(await ends(body)).toEqual(well);
  });
});
