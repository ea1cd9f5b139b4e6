import type { Device } from '../link/device.ts';
import type { TcpConfig } from '../tcp/config.ts';
import type { FourTuple } from '../tcp/trace.ts';
import type { IpAddress } from '../wire/address.ts';
import type { IpHeader } from '../wire/ip-header.ts';
import { SYN } from '../wire/segment.ts';
import type { HalfSipHash } from './half-siphash.ts';
import type { Listener, Listeners } from './listener.ts';

/** Peers that are known at most: sets of a few, in which the one that was proven longest ago goes first. */
const SETS = 1024;
const WAYS = 4;
const SECOND = 1_000_000;
/** A time so long ago that nobody was proven then, s. */
const NOBODY = -(2 ** 31);

/** Of SYNs from nobody known, one in so many is answered however far behind we are; and the first few of a second from a network, of so many that are told apart. */
const ALWAYS = 16;
const SHARE = 4;
const NETWORKS = 16_384;

const TCP_HEADER = 20;
/** Where a TCP header has its destination port and its flags: all but ECE and CWR count. */
const PORT = 2;
const FLAGS = 13;
const FLAGS_BUT_ECN = 0x3f;

/**
 * Who gets in while SYNs come faster than they can be answered. To read a SYN is cheap, to answer it is not; and where too little is read, the device's
 * queue loses whatever comes: the ACKs of handshakes and the text of connections, too. So a listener whose SYN queue is full does not answer all SYNs
 * while the device is behind: peers that completed a handshake lately are answered always (Linux's `tcp_peer_is_proven` spares those), others
 * when the queue has been emptied, and meanwhile four a second from each network (/24, /48), so that one that sends very many takes nothing from the others,
 * and one in sixteen. Whoever is not answered tries again.
 *
 * Peers and networks are kept as keyed hashes: nobody outside can aim at a place, or find out who is known. Of a peer's IPv6 address the first 64 bits count, as
 * whoever has one of them has them all.
 */
export class FloodGuard {
  readonly #config: TcpConfig;
  readonly #listeners: Listeners;
  readonly #hash: HalfSipHash;
  readonly #provenFor: number;
  /** Hashes, and when they were proven, s. */
  readonly #peers = new Int32Array(SETS * WAYS);
  readonly #times = new Int32Array(SETS * WAYS).fill(NOBODY);
  /** How many of a network asked in a second while we were behind, to 255; and in which second, modulo 256, in the high byte. */
  readonly #networks = new Uint16Array(NETWORKS);
  #unknown = 0;
  /** Whose SYN queue was found full last, and by a SYN to which address. */
  #flooded: Listener | null = null;
  #address: IpAddress | null = null;
  /** `refuses` has let the packet pass that is being processed. */
  #passed = false;

  constructor(config: TcpConfig, listeners: Listeners, hash: HalfSipHash) {
    this.#config = config;
    this.#listeners = listeners;
    this.#hash = hash;
    this.#provenFor = Math.min(config.provenFor, -NOBODY * SECOND);
  }

  /** A peer has completed a handshake: it is where it says it is. */
  proven({ family, w0, w1, w3 }: IpAddress, now: number): void {
    const hash = this.#hashOf(family, w0, w1, w3);
    const first = (hash & (SETS - 1)) * WAYS;
    let place = first;
    for (let i = first; i < first + WAYS; i++) {
      if (this.#peers[i] === hash && this.#times[i] !== NOBODY) {
        place = i;
        break;
      }
      if (this.#times[i]! < this.#times[place]!) place = i;
    }
    this.#peers[place] = hash;
    this.#times[place] = Math.floor(now / SECOND);
  }

  /**
   * Whether it completed a handshake in the last `provenFor`. One in a million others is taken for one that did. Does the same for all: code that runs
   * for the first time takes time, in the middle of a flood.
   */
  isProven(family: 4 | 6, w0: number, w1: number, w3: number, now: number): boolean {
    const hash = this.#hashOf(family, w0, w1, w3);
    const first = (hash & (SETS - 1)) * WAYS;
    let last = NOBODY;
    for (let i = first; i < first + WAYS; i++) {
      const time = this.#times[i]!;
      if (this.#peers[i] === hash) last = time;
    }
    return now - last * SECOND < this.#provenFor;
  }

  /** Whether more waits at a device than there is time for. */
  isBehind({ behind = 0 }: Device): boolean {
    return behind > this.#config.synBacklogFrames;
  }

  /** Whether to answer a SYN that found the SYN queue of its listener full. */
  admits(listener: Listener, device: Device, { localAddress, remoteAddress }: FourTuple, now: number): boolean {
    this.#flooded = listener;
    this.#address = localAddress;
    const { family, w0, w1, w3 } = remoteAddress;
    return !this.isBehind(device) || this.#passed || this.#favours(family, w0, w1, w3, now);
  }

  /**
   * The same before anything else is done with a packet, where most is to be saved: the listener that it is for, if it is a SYN that is not to be
   * answered; else null.
   */
  refuses(header: IpHeader, bytes: Uint8Array, device: Device, now: number): Listener | null {
    const listener = this.#flooded;
    if (listener === null || !this.isBehind(device)) return null;
    this.#passed = false;
    const { payloadOffset: at, version, source0, source1, source3 } = header;
    if (header.payloadLength < TCP_HEADER || (bytes[at + FLAGS]! & FLAGS_BUT_ECN) !== SYN) return null;
    if (!this.#isFor(listener, header, (bytes[at + PORT]! << 8) | bytes[at + PORT + 1]!)) return null;
    this.#passed = this.#favours(version, source0, source1, source3, now);
    return this.#passed ? null : listener;
  }

  #isFor(listener: Listener, header: IpHeader, port: number): boolean {
    const address = this.#address!;
    const { destination0, destination1, destination2, destination3: last } = header;
    if (listener.synQueue < this.#config.tcp_max_syn_backlog || port !== listener.localPort) return false;
    if (address.w3 !== last || address.w2 !== destination2 || address.w1 !== destination1) return false;
    // There may be another one for this address by now.
    return address.w0 === destination0 && this.#listeners.hears(address, port) === listener;
  }

  #favours(family: 4 | 6, w0: number, w1: number, w3: number, now: number): boolean {
    if (this.isProven(family, w0, w1, w3, now) || this.#isFirst(family, w0, w1, w3, now)) return true;
    this.#unknown = (this.#unknown + 1) % ALWAYS;
    return this.#unknown === 0;
  }

  /** Whether it is one of the first of its network in this second. */
  #isFirst(family: 4 | 6, w0: number, w1: number, w3: number, now: number): boolean {
    const hash = family === 4 ? this.#hash.of3(-4, w3 >>> 8, 0) : this.#hash.of3(-6, w0, w1 >>> 16);
    const at = hash & (NETWORKS - 1);
    const second = (Math.floor(now / SECOND) & 0xff) << 8;
    const known = this.#networks[at]!;
    const before = (known & 0xff00) === second ? known & 0xff : 0;
    this.#networks[at] = second | Math.min(0xff, before + 1);
    return before < SHARE;
  }

  #hashOf(family: 4 | 6, w0: number, w1: number, w3: number): number {
    return family === 4 ? this.#hash.of3(4, w3, 0) : this.#hash.of3(6, w0, w1);
  }
}
