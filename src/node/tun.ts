import { release } from 'node:os';
import type { Device, Frame, FrameSink, Offload } from '../link/device.ts';
import { HEADROOM } from '../link/pool.ts';
import { Segmentation } from '../link/segmentation.ts';
import { Batch } from '../stack/batch.ts';
import { REAL_ZERO } from '../tcp/real.ts';
import { ETHERNET_HEADER } from '../wire/ethernet.ts';
import { MAX_PACKET } from '../wire/ip-header.ts';
import type { Segment } from '../wire/segment.ts';
import { Arena, ArenaFrame } from './arena.ts';
import { errnoName, type Ffi, ffi } from './ffi.ts';
import { cut, Gather, piecesOf } from './gather.ts';
import { afterPoll, afterTurns, NodeHost } from './host.ts';
import { checkName, Interface, parsePrefix } from './interface.ts';
import { Moderation } from './moderation.ts';
import type { PollHandle } from './poll.ts';
import { TunError } from './tun-error.ts';
import { IFF_MULTI_QUEUE, IFF_NO_PI, IFF_TAP, IFF_TUN, IFF_VNET_HDR, makeInterface, openDevice } from './tun-file.ts';
import { readVnetHeader, VNET_HEADER, writeVnetHeader } from './vnet.ts';

export { CaptureFile, CaptureFileError, type CaptureFileOptions } from './capture-file.ts';
export { NodeHost } from './host.ts';
export { enterNamespace, reexecInNamespace } from './netns.ts';
export { TunError, type TunErrorCode } from './tun-error.ts';

const EINTR = 4;
const EAGAIN = 11;

/**
 * Reads in one wake-up before the stack answers and the event loop has its turn, and how many bytes they may bring: what is read is still in the
 * processor's caches when the application gets it.
 */
const BATCH = 64;
const BATCH_BYTES = 1024 * 1024;

/** Packets up to this long, in bytes, may wait for others, as many as a batch; no longer than for a while, µs. */
const SHORT = 2048;
const PATIENCE = 1000;

/** A second: beyond that one may as well never sleep. µs. */
const MAX_SPIN = 1_000_000;

/** How long packets wait for others where they come fast: a batch at 60 Gbit/s, and less than network cards let bulk data wait. For more there are timers by the millisecond. µs. */
const RX_USECS = 150;
const MAX_RX_USECS = 1000;

/** How long an interface may take to carry packets once it is open; it is a millisecond or less. ms. */
const CARRIER_PATIENCE = 100;

/** Looks for a packet, while spinning, before the event loop has its turn: 7 µs. */
const LOOKS = 16;

/** Frames of the arena: one is being read, the stack builds a few at a time. */
const SLOTS = 16;

/**
 * `gsoIpv4MaxSize` at most, in bytes, and from which Linux on: 6.3 reads packets without a length, 6.6 takes memory for a frame in pieces of more than a page.
 * Such a frame is built, written and free again: hardly ever are there two.
 */
const BIG_PACKET = 256 * 1024;
const BIG_SINCE = [6, 6] as const;
const BIG_SLOTS = 2;

export interface TunOptions {
  /** The interface's name; `%d` in it stands for the first free number. `synfin%d` where not given. */
  readonly name?: string;
  /** Addresses of the kernel's side, with the prefix length of the subnet routed to us: `10.9.0.1/24`, `fd09::1/64`. */
  readonly addresses?: readonly string[];
  /** Further networks that the kernel routes to us: `192.0.2.0/24`. */
  readonly routes?: readonly string[];
  /** 68 … 65535; 1500 where not given (IPv6 wants 1280 or more). */
  readonly mtu?: number;
  /** Packets the kernel keeps for us while we are busy; 10,000 where not given: 50 ms of a flood of SYNs, and more than TCP's windows have in flight. */
  readonly queueLength?: number;
  /**
   * Packets carry a virtio header: TCP segments of up to 64 KiB both ways, without checksums. True where not given: it is worth a
   * factor of nine and more. False for a TUN device as the simplest program uses it.
   */
  readonly vnetHeader?: boolean;
  /**
   * Linux's `gso_ipv4_max_size`: the longest run of segments of IPv4 that is given to the kernel in one piece, with its headers, 65535 … 262144 bytes. Beyond 65535
   * ("BIG TCP") the packet says that it has no length. 262144 with Linux 6.6 or later, else 65535, where not given. Without `vnetHeader` there are no such runs.
   */
  readonly gsoIpv4MaxSize?: number;
  /**
   * The interface has several queues, each opened by name, the first one with the addresses: a thread each (`synfin/link` has `Shard`). The kernel
   * chooses the queue by flow. False where not given.
   */
  readonly multiQueue?: boolean;
  /**
   * After a packet, look for the next one for so long instead of sleeping until the kernel wakes us, µs. Requests are answered in a quarter
   * of the time, for a core that is busy while packets come. 0, never, where not given; 50 is a good value.
   */
  readonly spin?: number;
  /**
   * While packets come fast, from 16 Gbit/s on, how long those that come may wait for others before they are read, µs, 0 … 1000 (`ethtool -C`: adaptive
   * rx-usecs): a fast stream takes a fifth to a third less of the processor, and all that comes meanwhile waits as long. 0 is never; 150 where not given, and never where there is `spin`.
   */
  readonly rxUsecs?: number;
  /** µs, monotonic. `NodeHost.now` where not given. */
  readonly clock?: () => number;
}

/** The watch on a device's descriptor ends when it is garbage, so whatever is open is reachable from here. */
const open = new Set<TunDevice>();

/**
 * Opens /dev/net/tun in the network namespace of the calling thread, makes the interface or takes over a persistent one of that
 * name, and sets it up as the options say. A persistent one that is opened without addresses is left as its owner set it up.
 *
 * Throws a TunError, one line that says what to do, where that cannot be; a TypeError or RangeError for options that make no sense.
 */
export function openTun(options: TunOptions = {}): TunDevice {
  return openInterface(options, 0);
}

/**
 * The same for a TAP device, an Ethernet card that the kernel, a bridge or a virtual machine has on its side. Its frames are Ethernet's: `Ethernet` of
 * `synfin/link` makes an IP device of it.
 */
export function openTap(options: TunOptions = {}): TunDevice {
  return openInterface(options, ETHERNET_HEADER);
}

/** `linkHeader`: bytes before the IP packet, 0 or 14. */
function openInterface(options: TunOptions, linkHeader: number): TunDevice {
  const { name = 'synfin%d', mtu = 1500, queueLength = 10_000, vnetHeader = true } = options;
  const { spin = 0, rxUsecs = RX_USECS } = options;
  const { gsoIpv4MaxSize = isSince(release(), BIG_SINCE) ? BIG_PACKET : MAX_PACKET } = options;
  const kind =
    (linkHeader > 0 ? IFF_TAP : IFF_TUN) |
    IFF_NO_PI |
    (vnetHeader ? IFF_VNET_HDR : 0) |
    (options.multiQueue ? IFF_MULTI_QUEUE : 0);
  checkName(name);
  if (!(spin >= 0 && spin <= MAX_SPIN)) throw new RangeError(`spin ${spin}: 0 … ${MAX_SPIN} µs`);
  if (!(Number.isInteger(rxUsecs) && rxUsecs >= 0 && rxUsecs <= MAX_RX_USECS)) {
    throw new RangeError(`rxUsecs ${rxUsecs}: 0 … ${MAX_RX_USECS} µs`);
  }
  if (!(Number.isInteger(mtu) && mtu >= 68 && mtu <= MAX_PACKET)) throw new RangeError(`mtu ${mtu}: 68 … 65535`);
  if (!(Number.isInteger(gsoIpv4MaxSize) && gsoIpv4MaxSize >= MAX_PACKET && gsoIpv4MaxSize <= BIG_PACKET)) {
    throw new RangeError(`gsoIpv4MaxSize ${gsoIpv4MaxSize}: ${MAX_PACKET} … ${BIG_PACKET}`);
  }
  const addresses = (options.addresses ?? []).map(parsePrefix);
  const routes = (options.routes ?? []).map(parsePrefix);
  const system = ffi();

  const fd = openDevice(system);
  try {
    const existed = !name.includes('%') && new Interface(system, name).index() !== 0;
    const link = new Interface(system, makeInterface(system, fd, name, existed, kind));
    const leave = existed && addresses.length === 0;
    if (!leave) {
      link.setMtu(mtu);
      link.setQueueLength(queueLength);
      link.quietIpv6();
      for (const address of addresses) link.addAddress(address);
      link.up();
    }
    for (const route of routes) link.addRoute(route);
    link.awaitRunning(CARRIER_PATIENCE);
    const clock = options.clock ?? defaultClock();
    return new TunDevice(system, fd, {
      name: link.name,
      mtu: leave ? link.mtu() : mtu,
      vnetHeader,
      clock,
      spin,
      linkHeader,
      gsoIpv4MaxSize,
      rxUsecs,
    });
  } catch (error) {
    system.close(fd);
    throw error;
  }
}

/** How a descriptor was set up. */
export interface TunSetup {
  readonly name: string;
  readonly mtu: number;
  readonly vnetHeader: boolean;
  /** µs, monotonic. */
  readonly clock: () => number;
  /** µs; 0 where not given. */
  readonly spin?: number;
  /** Bytes before the IP packet: 0, where not given, or 14. */
  readonly linkHeader?: number;
  /** 65535 where not given. */
  readonly gsoIpv4MaxSize?: number;
  /** µs; 0 where not given. */
  readonly rxUsecs?: number;
}

/** A TUN or TAP device: the kernel on the other side, one `read` or `write` for each frame or run of segments. Made by `openTun`, `openTap`. */
export class TunDevice implements Device {
  readonly name: string;
  readonly mtu: number;
  readonly offload: Offload;
  /** Frames read and written, and those lost on the way out. */
  received = 0;
  sent = 0;
  lost = 0;
  /** Frames read since a read last found none. */
  behind = 0;
  /** Called once if the kernel takes the interface away; the device is closed by then. */
  onLost: ((error: TunError) => void) | undefined;

  readonly #ffi: Ffi;
  readonly #fd: number;
  readonly #vnet: number;
  readonly #linkHeader: number;
  readonly #clock: () => number;
  readonly #spin: number;
  /** Whether a further look is arranged, and until when to look. */
  #spinning = false;
  #spinUntil = 0;
  readonly #arena: Arena;
  /** For short packets, as many as may wait. */
  readonly #shortArena: Arena;
  /** For super-segments that the arena has no room for, once there is one. */
  #bigArena: Arena | null = null;
  readonly #segmentation = new Segmentation();
  readonly #gather: Gather;
  /** The one that is read into next. */
  #incoming: ArenaFrame;
  /** Prepared frames that are to leave together, in order; since when; and whether the end of the turns that wait now is arranged for. */
  readonly #waiting = new Batch<ArenaFrame>();
  #waitingSince = REAL_ZERO;
  #arranged = false;
  /** A batch is being read and answered; since when. */
  #reading = false;
  #readingSince = REAL_ZERO;
  /** The last packet came alone, and had short answers. */
  #alone = false;
  #sink: FrameSink | undefined;
  #poll: PollHandle | undefined;
  readonly #rxUsecs: number;
  #moderation: Moderation | undefined;
  #referenced = true;
  #closed = false;

  /** Takes over a descriptor of an interface that is set up, non-blocking. */
  constructor(system: Ffi, fd: number, setup: TunSetup) {
    const { name, mtu, vnetHeader, linkHeader = 0, gsoIpv4MaxSize = MAX_PACKET } = setup;
    this.name = name;
    this.mtu = mtu + linkHeader;
    this.offload = {
      checksum: vnetHeader,
      maxGso: vnetHeader ? MAX_PACKET + linkHeader : 0,
      ...(vnetHeader && gsoIpv4MaxSize > MAX_PACKET ? { maxGsoIpv4: gsoIpv4MaxSize + linkHeader } : {}),
    };
    this.#linkHeader = linkHeader;
    this.#ffi = system;
    this.#fd = fd;
    this.#vnet = vnetHeader ? VNET_HEADER : 0;
    this.#clock = setup.clock;
    this.#spin = setup.spin ?? 0;
    this.#rxUsecs = this.#spin > 0 ? 0 : (setup.rxUsecs ?? 0);
    this.#gather = new Gather(system);
    this.#arena = new Arena(system, SLOTS);
    this.#shortArena = new Arena(system, BATCH, SHORT);
    this.#incoming = this.#arena.takeIncoming();
    open.add(this);
    if (!TunDevice.#seesExit) process.once('exit', TunDevice.#exit);
    TunDevice.#seesExit = true;
  }

  static #seesExit = false;
  static readonly #exit = (): void => {
    for (const device of open) device.#sendWaiting();
  };

  /** How often packets were left to wait for others (`rxUsecs`). */
  get waits(): number {
    return this.#moderation?.waits ?? 0;
  }

  /** Frames lent to the stack, with those that it keeps. */
  get outstanding(): number {
    const short = this.#shortArena.outstanding;
    return this.#arena.outstanding - 1 + short + (this.#bigArena?.outstanding ?? 0);
  }

  attach(sink: FrameSink): void {
    if (this.#sink !== undefined) throw new Error(`${this.name} has a receiver already`);
    if (this.#closed) throw new Error(`${this.name} is closed`);
    this.#sink = sink;
    const read = () => this.#readable();
    this.#poll = this.#ffi.poll(this.#fd, read);
    if (this.#rxUsecs > 0) this.#moderation = new Moderation(this.#ffi, this.#poll, read, this.#rxUsecs);
    if (!this.#referenced) this.unref();
  }

  gather(segment: Segment): readonly Uint8Array[] | null {
    return this.#vnet === 0 ? null : piecesOf(segment);
  }

  allocate(length: number): Frame {
    if (length <= SHORT) return this.#shortArena.take(length);
    if (length <= MAX_PACKET) return this.#arena.take(length);
    this.#bigArena ??= new Arena(this.#ffi, BIG_SLOTS, BIG_PACKET);
    return this.#bigArena.take(length);
  }

  /**
   * Within one `write` the kernel carries a packet all the way to its reader, and wakes him. So short packets leave together where more are likely at
   * once: at the end of a batch, or of the turns of the event loop that wait. The reader is woken by the first of them, and what code the processor
   * has at hand is the kernel's for all of them, then the application's again. With nobody else to wait for a packet leaves at once.
   */
  transmit(frame: Frame): boolean {
    if (!(frame instanceof ArenaFrame) || frame.free)
      throw new Error('this frame is of another device, or handed back');
    const good = this.#prepare(frame);
    if (good && frame.length <= SHORT && this.#mayWait()) {
      this.#waiting.add(frame);
      return true;
    }
    if (frame.length > SHORT) this.#alone = false;
    this.#sendWaiting();
    return this.#send(frame, good);
  }

  release(frame: Frame): void {
    if (frame instanceof ArenaFrame) frame.arena.give(frame);
    else this.#arena.give(frame);
  }

  /** The device keeps the process alive once it is attached (the default). */
  ref(): this {
    this.#referenced = true;
    this.#poll?.ref();
    this.#moderation?.ref();
    return this;
  }

  /** The device does not keep the process alive. */
  unref(): this {
    this.#referenced = false;
    this.#poll?.unref();
    this.#moderation?.unref();
    return this;
  }

  /** Also removes the interface, with its addresses and routes, unless it is a persistent one. */
  close(): void {
    if (this.#closed) return;
    this.#sendWaiting();
    this.#closed = true;
    this.#sink = undefined;
    this.#moderation?.close();
    this.#poll?.close();
    this.#poll = undefined;
    this.#ffi.close(this.#fd);
    open.delete(this);
  }

  /** False where it cannot be sent. */
  #prepare(frame: ArenaFrame): boolean {
    const { maxGso, maxGsoIpv4 = maxGso } = this.offload;
    if (this.#closed || frame.length > (frame.gsoSize > 0 ? maxGsoIpv4 : this.mtu)) return false;
    return this.#vnet === 0 || writeVnetHeader(frame, this.#linkHeader);
  }

  #mayWait(): boolean {
    const { count } = this.#waiting;
    if (count === BATCH) return false;
    if (this.#reading) {
      if (count === 0) this.#waitingSince = this.#readingSince;
      return count === 0 || this.#clock() - this.#waitingSince < PATIENCE;
    }
    if (!this.#arranged) this.#arranged = afterTurns(this.#turnsOver, PATIENCE / 1000);
    return this.#arranged;
  }

  readonly #turnsOver = (): void => {
    this.#arranged = false;
    this.#sendWaiting();
  };

  #sendWaiting(): void {
    const frames = this.#waiting;
    for (let i = 0; i < frames.count; i++) this.#send(frames.at(i), true);
    frames.drop(frames.count);
  }

  #send(frame: ArenaFrame, good: boolean): boolean {
    const sent = good && (this.#write(frame) || (frame.length > this.offload.maxGso && this.#writeInPieces(frame)));
    frame.arena.give(frame);
    if (sent) this.sent++;
    else this.lost++;
    return sent;
  }

  #write(frame: ArenaFrame): boolean {
    const length = this.#vnet + frame.length;
    const address = frame.address + frame.offset - this.#vnet;
    let wrote = -1;
    do {
      wrote =
        frame.text === null
          ? this.#ffi.write(this.#fd, address, length)
          : this.#gather.write(this.#fd, address, length, frame.text);
    } while (wrote < 0 && this.#ffi.errno() === EINTR);
    return wrote === length;
  }

  /**
   * What the kernel has no memory for in one piece, as its pages lie too scattered: packets of 64 KiB. Where the text is in the frame, each has its headers
   * before its own, over what has left already.
   */
  #writeInPieces(frame: ArenaFrame): boolean {
    const link = this.#linkHeader;
    const { bytes, offset: start, gsoSize, text: beside } = frame;
    const segmentation = this.#segmentation;
    frame.offset += link;
    frame.length -= link;
    if (!segmentation.read(frame)) return false;
    const { header, text } = segmentation;
    const headers = bytes.slice(start, start + link + header);
    const most = Math.floor((MAX_PACKET - header) / gsoSize) * gsoSize;
    if (most === 0) return false;
    for (let from = 0, index = 0; from < text; from += most, index++) {
      const length = Math.min(most, text - from);
      const at = beside === null ? start + from : start;
      bytes.set(headers, at);
      frame.offset = at + link;
      if (beside !== null) frame.text = cut(beside, from, length);
      segmentation.write(frame, from, length, index);
      frame.offset -= link;
      frame.length += link;
      if (!writeVnetHeader(frame, link) || !this.#write(frame)) return false;
    }
    return true;
  }

  /** Reads what waits, up to a batch; the event loop calls again at once if there is more. */
  #readable(): void {
    const now = this.#clock();
    const vnet = this.#vnet;
    // The IP packet begins where it always does.
    const start = HEADROOM - this.#linkHeader;
    const most = this.#linkHeader + MAX_PACKET;
    let reads = 0;
    let bytes = 0;
    let answered = 0;
    const alone = this.#alone;
    this.#reading = true;
    this.#readingSince = now;
    try {
      while (reads < BATCH && bytes < BATCH_BYTES && this.#sink !== undefined) {
        const frame = this.#incoming;
        const length = this.#ffi.read(this.#fd, frame.address + start - vnet, vnet + most);
        if (length < 0) {
          const errno = this.#ffi.errno();
          if (errno === EINTR) continue;
          if (errno !== EAGAIN) this.#gone(errno);
          this.behind = 0;
          break;
        }
        this.#alone = reads === 0;
        reads++;
        this.behind++;
        bytes += length;
        if (length < vnet) continue;
        frame.offset = start;
        frame.length = length - vnet;
        if (vnet !== 0) readVnetHeader(frame);
        try {
          this.#sink.receive(frame, now);
        } finally {
          if (frame.isKept) this.#incoming = this.#arena.takeIncoming();
        }
        // A request, likely. Its answer does not wait for the look that finds no further packet. An ACK that lets bulk data go does.
        if (reads === 1 && alone && bytes <= SHORT) {
          answered = 1;
          this.#sink?.flush(now);
          this.#sendWaiting();
        }
      }
    } finally {
      // Also where an application's callback threw: what was received before is to be answered.
      this.received += reads;
      if (this.#spin > 0) this.#lookAgain(now, reads > 0);
      try {
        if (reads > answered) this.#sink?.flush(now);
      } finally {
        this.#reading = false;
        this.#sendWaiting();
        this.#moderation?.batch(bytes, this.behind === 0, now);
      }
    }
  }

  /** Arranges for another look in the next turn of the event loop, for as long as the last packet is not too long ago. */
  #lookAgain(now: number, found: boolean): void {
    if (found) this.#spinUntil = now + this.#spin;
    if (this.#spinning || this.#closed || now >= this.#spinUntil) return;
    this.#spinning = true;
    afterPoll(this.#spinOnce);
  }

  /** A turn of the event loop takes as long as several looks. */
  readonly #spinOnce = (): void => {
    this.#spinning = false;
    const { received } = this;
    for (let i = 0; i < LOOKS && !this.#closed && this.received === received; i++) this.#readable();
  };

  #gone(errno: number): void {
    this.close();
    const reason = `the kernel took the interface ${this.name} away (${errnoName(errno)})`;
    this.onLost?.(new TunError('failed', reason, 'open it again', errno));
  }
}

function defaultClock(): () => number {
  const host = new NodeHost();
  return () => host.now();
}

/** Whether a kernel's release, "6.18.44-…", is that version or a later one. */
function isSince(release: string, [major, minor]: readonly [number, number]): boolean {
  const [ours = 0, oursMinor = 0] = release.split('.').map((part) => Number.parseInt(part, 10));
  return ours > major || (ours === major && oursMinor >= minor);
}
