import { createRequire } from 'node:module';
import { getSystemErrorMap } from 'node:util';
import { type Poll, polling } from './poll.ts';
import { TunError } from './tun-error.ts';

type Koffi = typeof import('koffi');

/**
 * The system calls this package makes, each a synchronous call of about 40 ns beyond the kernel's own time. Addresses are numbers (an
 * address of a 64-bit Linux process fits); results are the C ones, −1 with `errno()` for an error.
 */
export interface Ffi {
  open(path: string, flags: number): number;
  close(fd: number): number;
  read(fd: number, address: number, length: number): number;
  write(fd: number, address: number, length: number): number;
  /** `address`: of `count` of `struct iovec`. */
  writev(fd: number, address: number, count: number): number;
  ioctl(fd: number, request: number, argument: number): number;
  socket(domain: number, type: number, protocol: number): number;
  fcntl(fd: number, command: number, argument: number): number;
  unshare(flags: number): number;
  timerfdCreate(clock: number, flags: number): number;
  /** `value`: the address of a `struct itimerspec`; `old`: of another for what was set before, or 0. */
  timerfdSettime(fd: number, flags: number, value: number, old: number): number;
  /** The error of the last call that failed. */
  errno(): number;
  /** Where the bytes are in memory. Only for an ArrayBuffer's own memory of more than 64 bytes: smaller ones the engine may move. */
  address(bytes: ArrayBuffer): number;
  readonly poll: Poll;
}

const require = createRequire(import.meta.url);
let loaded: Ffi | undefined;

/**
 * The system calls, loaded at the first use. Throws a TunError where they cannot be had. `load`, what brings koffi, and `platform` are
 * for tests.
 */
export function ffi(load: () => Koffi = loadKoffi, platform: string = process.platform): Ffi {
  if (platform !== 'linux') {
    throw new TunError('not-linux', `TUN devices need Linux, this is ${platform}`, 'use an in-memory link here');
  }
  if (loaded !== undefined && load === loadKoffi) return loaded;
  let koffi: Koffi;
  try {
    koffi = load();
  } catch (error) {
    throw noFfi(error);
  }
  const made = bind(koffi);
  if (load === loadKoffi) loaded = made;
  return made;
}

/** ENOENT, EPERM, … for an error number. */
export function errnoName(errno: number): string {
  return getSystemErrorMap().get(-errno)?.[0] ?? `errno ${errno}`;
}

/** koffi itself: for a file that binds other calls. */
export function loadKoffi(): Koffi {
  return require('koffi') as Koffi;
}

function noFfi(error: unknown): TunError {
  const missing = (error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND';
  const why = error instanceof Error ? error.message.split('\n', 1)[0] : String(error);
  return missing
    ? new TunError('no-ffi', 'the optional package koffi is not installed', 'npm install koffi')
    : new TunError('no-ffi', `the optional package koffi does not load (${why})`, 'npm rebuild koffi');
}

function bind(koffi: Koffi): Ffi {
  try {
    const libc = koffi.load(null);
    // open, ioctl and fcntl are variadic in C. On Linux, x64 and arm64 pass such integers as they pass all others.
    return {
      open: libc.func('int open(const char *path, int flags)'),
      close: libc.func('int close(int fd)'),
      read: libc.func('intptr_t read(int fd, uintptr_t buf, size_t count)'),
      write: libc.func('intptr_t write(int fd, uintptr_t buf, size_t count)'),
      writev: libc.func('intptr_t writev(int fd, uintptr_t iov, int count)'),
      ioctl: libc.func('int ioctl(int fd, unsigned long request, uintptr_t arg)'),
      socket: libc.func('int socket(int domain, int type, int protocol)'),
      fcntl: libc.func('int fcntl(int fd, int cmd, uintptr_t arg)'),
      timerfdCreate: libc.func('int timerfd_create(int clock, int flags)'),
      timerfdSettime: libc.func('int timerfd_settime(int fd, int flags, uintptr_t value, uintptr_t old)'),
      unshare: libc.func('int unshare(int flags)'),
      errno: () => koffi.errno(),
      address: (bytes) => Number(koffi.address(bytes)),
      poll: polling(koffi),
    };
  } catch (error) {
    throw noFfi(error);
  }
}
