import { writeFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { IpAddress } from '../wire/address.ts';
import { errnoName, type Ffi } from './ffi.ts';
import { TunError, type TunErrorCode } from './tun-error.ts';

/**
 * Network interfaces set up by ioctl (netdevice(7), ipv6(7)) and netlink, so that no `ip` program is needed. Numbers and structures are
 * those of 64-bit Linux, the same on x64 and arm64. All of it acts in the network namespace of the calling thread.
 */
const SIOCADDRT = 0x890b;
const SIOCGIFFLAGS = 0x8913;
const SIOCSIFFLAGS = 0x8914;
const SIOCSIFADDR = 0x8916;
const SIOCSIFNETMASK = 0x891c;
const SIOCGIFMTU = 0x8921;
const SIOCSIFMTU = 0x8922;
const SIOCGIFINDEX = 0x8933;

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0x80000;

/** rtnetlink(7), for what ioctl allows to root of the machine alone. */
const AF_NETLINK = 16;
const SOCK_RAW = 3;
const NETLINK_ROUTE = 0;
const RTM_SETLINK = 19;
const NLM_F_REQUEST_ACK = 0x5;
const IFLA_TXQLEN = 13;
/** struct nlmsghdr, struct ifinfomsg, struct rtattr with four bytes. */
const NLMSGHDR = 16;
const IFINFOMSG = 16;
const RTATTR_U32 = 8;

const IFF_UP = 0x1;
const IFF_RUNNING = 0x40;

/** ms between two looks at an interface that is about to run. */
const LOOK_AGAIN = 1;

const RTF_UP = 0x1;

/** `struct ifreq`: the name (IFNAMSIZ, with its NUL), then a union. */
export const IFNAMSIZ = 16;
export const IFREQ_SIZE = 40;

const EPERM = 1;
const EACCES = 13;
const EEXIST = 17;
const ENODEV = 19;
const EAFNOSUPPORT = 97;
const EADDRNOTAVAIL = 99;

export const CAPABILITY_REMEDY =
  'run as root, with CAP_NET_ADMIN, or in a user namespace (unshare --user --map-root-user --net)';

/** An address or a network with its prefix length. */
export interface Prefix {
  readonly address: IpAddress;
  readonly length: number;
}

/** Parses `10.9.0.1/24` or `fd09::1/64`; without a length, that of the whole address. Throws a TypeError where the text is neither. */
export function parsePrefix(text: string): Prefix {
  const [address, length, rest] = text.split('/');
  const parsed = IpAddress.parse(address!);
  if (parsed === undefined || rest !== undefined) throw new TypeError(`not an address with a prefix length: ${text}`);
  const most = parsed.family === 4 ? 32 : 128;
  const bits = length === undefined ? most : /^\d{1,3}$/.test(length) ? Number(length) : Number.NaN;
  if (!(bits >= 0 && bits <= most)) throw new TypeError(`not a prefix length (0 … ${most}): ${text}`);
  return { address: parsed, length: bits };
}

/** One interface of the kernel, by name. Every failure is a TunError. */
export class Interface {
  readonly name: string;
  readonly #ffi: Ffi;
  /** One structure at a time, larger than any used here. */
  readonly #memory = new ArrayBuffer(256);
  readonly #bytes = new Uint8Array(this.#memory);
  readonly #view = new DataView(this.#memory);
  readonly #address: number;
  #addresses4 = 0;

  constructor(ffi: Ffi, name: string) {
    checkName(name);
    this.#ffi = ffi;
    this.name = name;
    this.#address = ffi.address(this.#memory);
  }

  /** Its index, or 0 where there is no such interface. */
  index(): number {
    this.#named();
    const errno = this.#ioctl(AF_INET, SIOCGIFINDEX);
    if (errno === ENODEV) return 0;
    this.#check(errno, 'find');
    return this.#view.getInt32(IFNAMSIZ, true);
  }

  mtu(): number {
    this.#named();
    this.#check(this.#ioctl(AF_INET, SIOCGIFMTU), 'read the MTU of');
    return this.#view.getInt32(IFNAMSIZ, true);
  }

  setMtu(mtu: number): void {
    this.#named();
    this.#view.setInt32(IFNAMSIZ, mtu, true);
    this.#check(this.#ioctl(AF_INET, SIOCSIFMTU), `set the MTU ${mtu} of`);
  }

  /** Packets the kernel keeps for us while we are busy. */
  setQueueLength(packets: number): void {
    const index = this.index();
    const view = this.#view;
    const length = NLMSGHDR + IFINFOMSG + RTATTR_U32;
    this.#bytes.fill(0);
    view.setUint32(0, length, true);
    view.setUint16(4, RTM_SETLINK, true);
    view.setUint16(6, NLM_F_REQUEST_ACK, true);
    view.setInt32(NLMSGHDR + 4, index, true);
    view.setUint16(NLMSGHDR + IFINFOMSG, RTATTR_U32, true);
    view.setUint16(NLMSGHDR + IFINFOMSG + 2, IFLA_TXQLEN, true);
    view.setUint32(NLMSGHDR + IFINFOMSG + 4, packets, true);
    this.#check(this.#netlink(length), 'set the queue length of');
  }

  up(): void {
    const flags = this.#flags();
    // The kernel wrote the flags where it wants to read them.
    this.#view.setUint16(IFNAMSIZ, flags | IFF_UP, true);
    this.#check(this.#ioctl(AF_INET, SIOCSIFFLAGS), 'bring up');
  }

  /**
   * Waits, blocking, at most `patience` ms until an interface that is up runs. The kernel hears of the new carrier of a persistent interface
   * a moment after it was opened, and until then throws away what is sent through it.
   */
  awaitRunning(patience: number): void {
    const sleeper = new Int32Array(new SharedArrayBuffer(4));
    for (let waited = 0; waited < patience; waited += LOOK_AGAIN) {
      const flags = this.#flags();
      if ((flags & IFF_UP) === 0 || (flags & IFF_RUNNING) !== 0) return;
      Atomics.wait(sleeper, 0, 0, LOOK_AGAIN);
    }
  }

  #flags(): number {
    this.#named();
    this.#check(this.#ioctl(AF_INET, SIOCGIFFLAGS), 'read the flags of');
    return this.#view.getUint16(IFNAMSIZ, true);
  }

  /** Gives the interface an address; the route to its subnet comes with it. */
  addAddress({ address, length }: Prefix): void {
    const owner = ownerOf(address);
    if (owner !== undefined) {
      throw new TunError('address-taken', `${address} is an address of ${owner} already`, 'choose another subnet');
    }
    const what = `give ${address}/${length} to`;
    if (address.family === 4) {
      // The call sets the one address of a name: a second address has a label of its own, `tun0:1`.
      const label = this.#addresses4 === 0 ? this.name : `${this.name}:${this.#addresses4}`;
      if (label.length >= IFNAMSIZ) {
        throw new TypeError(`several IPv4 addresses need an interface name shorter than ${this.name}`);
      }
      this.#addresses4++;
      // struct sockaddr_in: family, port, address.
      this.#named(label);
      this.#view.setUint16(IFNAMSIZ, AF_INET, true);
      address.write(this.#bytes, IFNAMSIZ + 4);
      this.#check(this.#ioctl(AF_INET, SIOCSIFADDR), what);
      this.#view.setUint32(IFNAMSIZ + 4, length === 0 ? 0 : -1 << (32 - length));
      this.#check(this.#ioctl(AF_INET, SIOCSIFNETMASK), what);
    } else {
      // struct in6_ifreq: address, prefix length, interface index.
      const index = this.index();
      this.#bytes.fill(0);
      address.write(this.#bytes, 0);
      this.#view.setUint32(16, length, true);
      this.#view.setInt32(20, index, true);
      const errno = this.#ioctl(AF_INET6, SIOCSIFADDR);
      // EPERM is about us, EACCES about a switch.
      if (errno === EACCES || errno === EAFNOSUPPORT) {
        const reason = `cannot ${what} ${this.name}: IPv6 is switched off here (${errnoName(errno)})`;
        throw new TunError('failed', reason, 'sysctl -w net.ipv6.conf.all.disable_ipv6=0, or leave IPv6 out', errno);
      }
      this.#check(errno, what);
    }
  }

  /** Sends what is for `network` through the interface, which must be up and, for IPv4, have an address. */
  addRoute({ address, length }: Prefix): void {
    const what = `route ${address}/${length} through`;
    if (address.family === 4) {
      // struct rtentry: three sockaddr from 8 on, 16 bytes each (destination, gateway, netmask), flags at 56, the name's address at 88.
      const nameAt = 128;
      this.#bytes.fill(0);
      this.#view.setUint16(8, AF_INET, true);
      this.#view.setUint16(24, AF_INET, true);
      this.#view.setUint16(40, AF_INET, true);
      const mask = length === 0 ? 0 : -1 << (32 - length);
      this.#view.setUint32(12, address.w3 & mask);
      this.#view.setUint32(44, mask);
      this.#view.setUint16(56, RTF_UP, true);
      this.#view.setBigUint64(88, BigInt(this.#address + nameAt), true);
      this.#bytes.set(new TextEncoder().encode(this.name), nameAt);
      this.#check(this.#ioctl(AF_INET, SIOCADDRT), what);
    } else {
      // struct in6_rtmsg: destination, source, gateway (16 bytes each), type, two lengths, metric, info, flags at 72, index at 76.
      const index = this.index();
      this.#bytes.fill(0);
      maskV6(address, length).write(this.#bytes, 0);
      this.#view.setUint16(52, length, true);
      this.#view.setUint32(56, 1024, true);
      this.#view.setUint32(72, RTF_UP, true);
      this.#view.setInt32(76, index, true);
      this.#check(this.#ioctl(AF_INET6, SIOCADDRT), what);
    }
  }

  /**
   * Keeps the kernel from talking IPv6 of its own accord: no link-local address, no duplicate address detection, no router solicitation.
   * And allows it on this interface where the machine switches it off. As far as /proc/sys can be written.
   */
  quietIpv6(): void {
    const settings = {
      disable_ipv6: '0',
      addr_gen_mode: '1',
      accept_dad: '0',
      router_solicitations: '0',
      accept_ra: '0',
    };
    for (const [key, value] of Object.entries(settings)) {
      try {
        writeFileSync(`/proc/sys/net/ipv6/conf/${this.name}/${key}`, value);
      } catch {
        // Read-only in a container, or no IPv6 in this kernel.
      }
    }
  }

  #named(name: string = this.name): void {
    this.#bytes.fill(0);
    this.#bytes.set(new TextEncoder().encode(name));
  }

  /** Returns the error number, 0 for success. */
  #ioctl(family: number, request: number): number {
    const fd = this.#ffi.socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return this.#ffi.errno();
    const errno = this.#ffi.ioctl(fd, request, this.#address) < 0 ? this.#ffi.errno() : 0;
    this.#ffi.close(fd);
    return errno;
  }

  /** Sends the request of `length` bytes and reads its answer. Returns the error number, 0 for success. */
  #netlink(length: number): number {
    const ffi = this.#ffi;
    const fd = ffi.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (fd < 0) return ffi.errno();
    const answered =
      ffi.write(fd, this.#address, length) === length && ffi.read(fd, this.#address, this.#memory.byteLength) > 0;
    // The kernel answers at once: a header, and the error number negated.
    const errno = answered ? -this.#view.getInt32(NLMSGHDR, true) : ffi.errno();
    ffi.close(fd);
    return errno;
  }

  #check(errno: number, what: string): void {
    if (errno !== 0) throw setupError(errno, `cannot ${what} ${this.name}`);
  }
}

/** The error of a set-up call as one line. */
export function setupError(errno: number, reason: string): TunError {
  const [code, remedy]: [TunErrorCode, string] =
    errno === EPERM || errno === EACCES
      ? ['not-permitted', CAPABILITY_REMEDY]
      : errno === EEXIST
        ? ['address-taken', 'choose another subnet']
        : errno === EADDRNOTAVAIL
          ? ['failed', 'bring the interface up first, with an address of this family']
          : ['failed', 'look at the kernel log (dmesg) and the interface (ip -d addr)'];
  return new TunError(code, `${reason} (${errnoName(errno)})`, remedy, errno);
}

/** Interface names are 1 … 15 bytes of printable ASCII without `/` (the kernel's dev_valid_name). */
export function checkName(name: string): void {
  if (!/^[!-.0-9;-~]{1,15}$/.test(name) || name === '.' || name === '..') {
    throw new TypeError(`not an interface name (1 … 15 characters, no space, "/" or ":"): ${JSON.stringify(name)}`);
  }
}

/** The interface that has the address, among those that are up in this namespace. */
function ownerOf(address: IpAddress): string | undefined {
  for (const [name, list] of Object.entries(networkInterfaces())) {
    for (const entry of list ?? []) {
      if (IpAddress.parse(entry.address.split('%', 1)[0]!)?.equals(address)) return name;
    }
  }
  return undefined;
}

function maskV6(address: IpAddress, length: number): IpAddress {
  const word = (w: number, from: number) => {
    const bits = Math.min(32, Math.max(0, length - from));
    return bits === 0 ? 0 : w & (-1 << (32 - bits));
  };
  return new IpAddress(6, word(address.w0, 0), word(address.w1, 32), word(address.w2, 64), word(address.w3, 96));
}
