/** Why a TUN device or a network namespace cannot be had. */
export type TunErrorCode =
  /** Not Linux: there is no /dev/net/tun. */
  | 'not-linux'
  /** The optional dependency koffi is not installed, or does not load here. */
  | 'no-ffi'
  /** /dev/net/tun does not exist, or the kernel has no TUN driver behind it. */
  | 'no-device'
  /** /dev/net/tun may not be opened. */
  | 'device-access'
  /** The capability to make or configure an interface (CAP_NET_ADMIN) is missing. */
  | 'not-permitted'
  /** The interface name is in use. */
  | 'name-taken'
  /** The address is one of another interface already. */
  | 'address-taken'
  /** Neither root nor unprivileged user namespaces. */
  | 'no-namespace'
  /** The kernel refused for another reason; `errno` tells which. */
  | 'failed';

/** One line that says what is wrong and what to do about it. */
export class TunError extends Error {
  readonly code: TunErrorCode;
  /** What is wrong. */
  readonly reason: string;
  /** What would allow it. */
  readonly remedy: string;
  /** The system's error number, 0 where there is none. */
  readonly errno: number;

  constructor(code: TunErrorCode, reason: string, remedy: string, errno = 0) {
    super(`${reason}: ${remedy}`);
    this.name = 'TunError';
    this.code = code;
    this.reason = reason;
    this.remedy = remedy;
    this.errno = errno;
  }
}
