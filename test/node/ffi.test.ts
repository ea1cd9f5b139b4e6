import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { errnoName, ffi, loadKoffi } from '../../src/node/ffi.ts';
import { checkName, parsePrefix, setupError } from '../../src/node/interface.ts';
import { polling } from '../../src/node/poll.ts';
import { TunError } from '../../src/node/tun-error.ts';

function failure(run: () => unknown): TunError {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(TunError);
    return error as TunError;
  }
  throw new Error('did not throw');
}

describe.runIf(process.platform === 'linux')('ffi on Linux', () => {
  it('says in one line that koffi is missing, and what to do', () => {
    const error = failure(() =>
      ffi(() => {
        throw Object.assign(new Error("Cannot find module 'koffi'\nRequire stack:\n- x"), { code: 'MODULE_NOT_FOUND' });
      }),
    );
    expect(error).toMatchObject({ code: 'no-ffi', remedy: 'npm install koffi' });
    expect(error.message).toBe('the optional package koffi is not installed: npm install koffi');
  });

  it('says in one line why koffi does not load', () => {
    const error = failure(() =>
      ffi(() => {
        throw new Error('invalid ELF header\nmore');
      }),
    );
    expect(error.message).toBe('the optional package koffi does not load (invalid ELF header): npm rebuild koffi');
  });

  it('makes system calls, with their errors', () => {
    const system = ffi();
    expect(ffi()).toBe(system);
    const memory = new ArrayBuffer(128);
    const bytes = new Uint8Array(memory).fill(7);
    const fd = system.open('/dev/zero', 0);
    expect(fd).toBeGreaterThan(2);
    expect(system.read(fd, system.address(memory) + 10, 20)).toBe(20);
    expect(bytes.indexOf(0)).toBe(10);
    expect(bytes.lastIndexOf(0)).toBe(29);
    expect(system.close(fd)).toBe(0);
    expect(system.read(fd, system.address(memory), 1)).toBe(-1);
    expect(errnoName(system.errno())).toBe('EBADF');
  });
});

/** What a thread has, or a Node that lets nobody call libuv. */
function koffiPolling() {
  const load = () => {
    throw new Error('no such symbol');
  };
  return polling({ ...loadKoffi(), load });
}

const polls = { "libuv's": () => ffi().poll, "koffi's": koffiPolling };

describe.runIf(process.platform === 'linux').each(Object.entries(polls))('poll, %s', (name, make) => {
  let directory = '';
  let fd = -1;
  const memory = new ArrayBuffer(128);
  const system = process.platform === 'linux' ? ffi() : (undefined as never);
  const poll = process.platform === 'linux' ? make() : (undefined as never);

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'synfin-'));
    execFileSync('mkfifo', [join(directory, 'pipe')]);
    // Read and write, non-blocking: both ends.
    fd = system.open(join(directory, 'pipe'), 0x802);
    expect(fd).toBeGreaterThan(2);
  });

  afterEach(() => {
    system.close(fd);
    rmSync(directory, { recursive: true });
  });

  const put = () => expect(system.write(fd, system.address(memory), 1)).toBe(1);
  const take = () => system.read(fd, system.address(memory), 1);

  it('is what it says', () => {
    const koffis = vi.spyOn(loadKoffi().node, 'poll');
    poll(fd, () => {}).close();
    expect(koffis).toHaveBeenCalledTimes(name === "koffi's" ? 1 : 0);
    koffis.mockRestore();
  });

  it('calls back while there is something to read; ticks and promises that come of it run before the next time', async () => {
    const story: string[] = [];
    const handle = poll(fd, () => {
      story.push('readable');
      take();
      process.nextTick(() => story.push('tick'));
      void Promise.resolve().then(() => story.push('promise'));
    });
    put();
    put();
    while (story.length < 6) await new Promise((resolve) => setTimeout(resolve, 1));
    expect(story).toEqual(['readable', 'tick', 'promise', 'readable', 'tick', 'promise']);
    handle.close();
  });

  it('is silent from `stop` to `start`, and tells then of what came meanwhile', async () => {
    let times = 0;
    const handle = poll(fd, () => {
      times++;
      take();
    });
    const pause = () => new Promise((resolve) => setTimeout(resolve, 20));
    put();
    await pause();
    handle.stop();
    put();
    await pause();
    expect(times).toBe(1);
    handle.start();
    await pause();
    expect(times).toBe(2);
    handle.stop();
    handle.close();
  });

  it('leaves an exception to the process, and goes on', async () => {
    const listeners = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    const caught: string[] = [];
    process.on('uncaughtException', (error) => caught.push(error.message));
    let times = 0;
    const handle = poll(fd, () => {
      take();
      throw new Error(`time ${++times}`);
    });
    put();
    put();
    while (caught.length < 2) await new Promise((resolve) => setTimeout(resolve, 1));
    handle.close();
    process.removeAllListeners('uncaughtException');
    for (const listener of listeners) process.on('uncaughtException', listener);
    expect(caught).toEqual(['time 1', 'time 2']);
  });
});

describe.runIf(process.platform === 'linux')("poll, libuv's", () => {
  it('says that a descriptor cannot be watched', () => {
    const system = ffi();
    const file = system.open('/etc/passwd', 0);
    expect(() => system.poll(file, () => {})).toThrow(`the event loop cannot watch descriptor ${file}`);
    system.close(file);
  });
});

describe('ffi elsewhere', () => {
  it('says that it needs Linux', () => {
    expect(failure(() => ffi(undefined, 'darwin')).message).toBe(
      'TUN devices need Linux, this is darwin: use an in-memory link here',
    );
  });
});

describe('setupError', () => {
  it('is one line with reason and remedy', () => {
    const denied = setupError(1, 'cannot bring up synfin0');
    expect(denied).toMatchObject({ code: 'not-permitted', errno: 1, reason: 'cannot bring up synfin0 (EPERM)' });
    expect(setupError(17, 'x').code).toBe('address-taken');
    expect(setupError(5, 'x')).toMatchObject({ code: 'failed', reason: 'x (EIO)' });
    for (const errno of [1, 5, 17, 99]) expect(setupError(errno, 'x').message).not.toContain('\n');
  });
});

describe('parsePrefix', () => {
  it('reads both families, the whole address where no length is given', () => {
    const parts = (text: string) => {
      const { address, length } = parsePrefix(text);
      return `${address} ${length}`;
    };
    expect(parts('10.9.0.1/24')).toBe('10.9.0.1 24');
    expect(parts('fd09::1/64')).toBe('fd09::1 64');
    expect(parts('10.9.0.1')).toBe('10.9.0.1 32');
    expect(parts('fd09::1')).toBe('fd09::1 128');
    expect(parts('0.0.0.0/0')).toBe('0.0.0.0 0');
  });

  it('refuses everything else', () => {
    for (const text of [
      '',
      '10.9.0/24',
      '10.9.0.1/33',
      'fd09::1/129',
      '10.9.0.1/',
      '10.9.0.1/24/1',
      '10.9.0.1/-1',
      '10.9.0.1/1e1',
    ]) {
      expect(() => parsePrefix(text), text).toThrow(TypeError);
    }
  });
});

describe('checkName', () => {
  it('takes what the kernel takes', () => {
    for (const name of ['tun0', 'synfin%d', 'a', 'x-y_z.1', '123456789012345']) checkName(name);
    for (const name of ['', '.', '..', 'a b', 'a/b', 'a:b', '1234567890123456', 'ü']) {
      expect(() => checkName(name), name).toThrow(TypeError);
    }
  });
});
