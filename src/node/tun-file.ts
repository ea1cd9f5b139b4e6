import { errnoName, type Ffi } from './ffi.ts';
import { CAPABILITY_REMEDY, IFNAMSIZ, IFREQ_SIZE, setupError } from './interface.ts';
import { TunError } from './tun-error.ts';
import { VNET_HEADER } from './vnet.ts';

/** linux/if_tun.h */
const TUNSETIFF = 0x400454ca;
const TUNSETOFFLOAD = 0x400454d0;
const TUNSETVNETHDRSZ = 0x400454d8;
export const IFF_TUN = 0x0001;
export const IFF_TAP = 0x0002;
export const IFF_MULTI_QUEUE = 0x0100;
export const IFF_NO_PI = 0x1000;
export const IFF_VNET_HDR = 0x4000;
const TUN_F_CSUM = 0x01;
const TUN_F_TSO4 = 0x02;
const TUN_F_TSO6 = 0x04;
const TUN_F_TSO_ECN = 0x08;

const O_RDWR = 0x2;
const O_NONBLOCK = 0x800;
const O_CLOEXEC = 0x80000;

const EPERM = 1;
const ENOENT = 2;
const ENXIO = 6;
const EACCES = 13;
const EBUSY = 16;
const ENODEV = 19;
const EINVAL = 22;

/** A descriptor of /dev/net/tun, non-blocking, of no interface yet. Throws a TunError. */
export function openDevice(system: Ffi): number {
  const fd = system.open('/dev/net/tun', O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd >= 0) return fd;
  const errno = system.errno();
  const why = errnoName(errno);
  if (errno === ENOENT) {
    throw new TunError(
      'no-device',
      'there is no /dev/net/tun',
      'modprobe tun, or give the container the device (docker run --device /dev/net/tun)',
      errno,
    );
  }
  if (errno === ENXIO || errno === ENODEV) {
    throw new TunError('no-device', `/dev/net/tun has no driver (${why})`, 'modprobe tun', errno);
  }
  if (errno === EACCES || errno === EPERM) {
    throw new TunError(
      'device-access',
      `/dev/net/tun may not be opened (${why})`,
      'sudo chmod 666 /dev/net/tun (most distributions have it so), or run as root',
      errno,
    );
  }
  throw setupError(errno, 'cannot open /dev/net/tun');
}

/**
 * Ties the descriptor to an interface of that `kind` (IFF_*), and asks for segmentation and checksums where it has IFF_VNET_HDR. Returns its name, with the number that the
 * kernel chose. `existed`: there was one of that name. Throws a TunError.
 */
export function makeInterface(system: Ffi, fd: number, name: string, existed: boolean, kind: number): string {
  const memory = new ArrayBuffer(256);
  const bytes = new Uint8Array(memory);
  const view = new DataView(memory);
  const address = system.address(memory);
  bytes.set(new TextEncoder().encode(name));
  view.setUint16(IFNAMSIZ, kind, true);
  if (system.ioctl(fd, TUNSETIFF, address) < 0) {
    const errno = system.errno();
    if (errno === EPERM) {
      const reason = `making the interface ${name} is not permitted (EPERM)`;
      throw new TunError('not-permitted', reason, CAPABILITY_REMEDY, errno);
    }
    // EINVAL: there is an interface of that name that is no TUN device, or one with several queues.
    if (errno === EBUSY || (errno === EINVAL && existed)) {
      throw new TunError('name-taken', `the interface name ${name} is in use`, 'choose another name', errno);
    }
    throw setupError(errno, `cannot make the interface ${name}`);
  }
  const given = new TextDecoder().decode(bytes.subarray(0, bytes.indexOf(0)));
  if (kind & IFF_VNET_HDR) {
    const offloads = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
    if (system.ioctl(fd, TUNSETOFFLOAD, offloads) < 0) throw setupError(system.errno(), `no offload on ${given}`);
    bytes.fill(0, 0, IFREQ_SIZE);
    view.setInt32(0, VNET_HEADER, true);
    if (system.ioctl(fd, TUNSETVNETHDRSZ, address) < 0) throw setupError(system.errno(), `no offload on ${given}`);
  }
  return given;
}
