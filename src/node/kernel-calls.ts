import { ffi, loadKoffi } from './ffi.ts';

/** Numbers of Linux's headers, as far as they are used. */
export const SOCKET = {
  AF_INET: 2,
  SOCK_STREAM: 1,
  SOCK_NONBLOCK: 0x800,
  SOCK_CLOEXEC: 0x80000,
  SOL_SOCKET: 1,
  SO_REUSEADDR: 2,
  SO_ERROR: 4,
  SO_SNDBUF: 7,
  SO_RCVBUF: 8,
  SO_KEEPALIVE: 9,
  SO_LINGER: 13,
  IPPROTO_TCP: 6,
  TCP_NODELAY: 1,
  TCP_CORK: 3,
  TCP_KEEPIDLE: 4,
  TCP_KEEPINTVL: 5,
  TCP_KEEPCNT: 6,
  TCP_INFO: 11,
  TCP_REPAIR: 19,
  MSG_DONTWAIT: 0x40,
  MSG_NOSIGNAL: 0x4000,
  SHUT_WR: 1,
  FIONREAD: 0x541b,
} as const;

/** Error numbers of Linux. */
export const ERRNO = {
  EPIPE: 32,
  EAGAIN: 11,
  EADDRINUSE: 98,
  EADDRNOTAVAIL: 99,
  ENETUNREACH: 101,
  ECONNRESET: 104,
  ETIMEDOUT: 110,
  ECONNREFUSED: 111,
  EHOSTUNREACH: 113,
  EINPROGRESS: 115,
} as const;

/** Sockets of the kernel, call by call: results are the C ones, −1 with `errno()` for an error. Buffers are read or filled during the call. */
export interface KernelCalls {
  socket(domain: number, type: number, protocol: number): number;
  close(fd: number): number;
  bind(fd: number, address: Uint8Array, length: number): number;
  connect(fd: number, address: Uint8Array, length: number): number;
  listen(fd: number, backlog: number): number;
  accept4(fd: number, address: Uint8Array, length: Int32Array, flags: number): number;
  getsockname(fd: number, address: Uint8Array, length: Int32Array): number;
  send(fd: number, bytes: Uint8Array, length: number, flags: number): number;
  recv(fd: number, bytes: Uint8Array, length: number, flags: number): number;
  shutdown(fd: number, how: number): number;
  setsockopt(fd: number, level: number, name: number, value: Uint8Array | Int32Array, length: number): number;
  getsockopt(fd: number, level: number, name: number, value: Uint8Array | Int32Array, length: Int32Array): number;
  /** FIONREAD. */
  readable(fd: number, count: Int32Array): number;
  errno(): number;
}

let loaded: KernelCalls | undefined;

/** Throws a TunError where they cannot be had, as `ffi` does. */
export function kernelCalls(): KernelCalls {
  if (loaded !== undefined) return loaded;
  const { errno, close, socket } = ffi();
  const libc = loadKoffi().load(null);
  const ioctl = libc.func('int ioctl(int fd, unsigned long request, void *argument)');
  loaded = {
    socket,
    close,
    bind: libc.func('int bind(int fd, const void *address, uint32_t length)'),
    connect: libc.func('int connect(int fd, const void *address, uint32_t length)'),
    listen: libc.func('int listen(int fd, int backlog)'),
    accept4: libc.func('int accept4(int fd, void *address, void *length, int flags)'),
    getsockname: libc.func('int getsockname(int fd, void *address, void *length)'),
    send: libc.func('intptr_t send(int fd, const void *bytes, size_t length, int flags)'),
    recv: libc.func('intptr_t recv(int fd, void *bytes, size_t length, int flags)'),
    shutdown: libc.func('int shutdown(int fd, int how)'),
    setsockopt: libc.func('int setsockopt(int fd, int level, int name, const void *value, uint32_t length)'),
    getsockopt: libc.func('int getsockopt(int fd, int level, int name, void *value, void *length)'),
    readable: (fd, count) => ioctl(fd, SOCKET.FIONREAD, count) as number,
    errno,
  };
  return loaded;
}
