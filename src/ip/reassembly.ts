import type { Family } from '../wire/address.ts';
import { get16, put16 } from '../wire/bytes.ts';
import { finish, sum } from '../wire/checksum.ts';
import { parseIp } from '../wire/ip.ts';
import { IpHeader, MAX_PACKET, TRUST_CHECKSUM } from '../wire/ip-header.ts';
import { IPV6_HEADER } from '../wire/ipv6.ts';
import { CE, NOT_ECT } from '../wire/segment.ts';
import { hasUpperLayer, nextHeaderField } from './extension.ts';

/** What fragments may cost. Bytes are counted as `PIECE_COST` and `DATAGRAM_COST` say, not as text alone. */
export interface ReassemblyLimits {
  /** Of all datagrams together; beyond, the oldest go. Linux's net.ipv4.ipfrag_high_thresh. */
  readonly maxBytes: number;
  /** Of one source (an IPv4 address, an IPv6 /64); beyond, its own oldest go. */
  readonly maxSourceBytes: number;
  /** Datagrams begun and not complete, of one source: as Linux's ipfrag_max_dist. */
  readonly maxSourceDatagrams: number;
  /** Pieces of one datagram; beyond, all of it is dropped. 65535 bytes in the 1280-byte packets of IPv6 are 54. */
  readonly maxPieces: number;
  /** How long a datagram waits for its missing pieces, µs, from the first that arrived. */
  readonly timeout: Readonly<Record<Family, number>>;
}

/** RFC 8200 §4.5 has 60 s; for IPv4 RFC 1122 §3.3.2 has 60 s to 120 s, but a 16-bit identification repeats sooner: Linux's 30 s. */
export const DEFAULT_REASSEMBLY_LIMITS: ReassemblyLimits = {
  maxBytes: 4 << 20,
  maxSourceBytes: 1 << 20,
  maxSourceDatagrams: 64,
  maxPieces: 128,
  timeout: { 4: 30_000_000, 6: 60_000_000 },
};

/** Estimated bytes of the objects around a piece and around a datagram, so that the smallest cannot cost the most. */
export const PIECE_COST = 256;
export const DATAGRAM_COST = 2048;

/** One bit for each 8 bytes of 64 KiB. */
const BITMAP_WORDS = 65_536 / 8 / 32;
const NONE = new Int32Array(0);

/** What became of fragments, in the words of RFC 4293's MIB where it has one. */
export class ReassemblyCounters {
  /** Fragments accepted into a datagram. */
  ReasmReqds = 0;
  ReasmOKs = 0;
  /** Datagrams given up, for any of the reasons below. */
  ReasmFails = 0;
  ReasmTimeout = 0;
  /** Overlapping fragments, or two ends (RFC 5722). */
  ReasmOverlaps = 0;
  /** To hold the limits. */
  ReasmEvicted = 0;
  /** Too many pieces, too long together, a header cut through, or ECN fields that cannot be of one packet. */
  ReasmBad = 0;
  /** Fragments that arrived twice. */
  ReasmDuplicates = 0;
}

/** Datagrams of one source. */
interface Source {
  readonly key: string;
  bytes: number;
  /** The oldest first; a few. */
  readonly datagrams: Datagram[];
}

class Datagram {
  readonly family: Family;
  readonly key: string;
  readonly source: Source;
  readonly deadline: number;
  /** By their offset in the datagram's text. */
  readonly pieces = new Map<number, Uint8Array>();
  /** Which 8-byte units have arrived: one look says whether a piece overlaps, however many there are. */
  covered = new Int32Array(BITMAP_WORDS);
  /** Text bytes arrived; a last, odd unit counts as what it has. */
  arrived = 0;
  /** The text's length, −1 until the last fragment tells. */
  total = -1;
  /** Where the text ends that arrived. */
  end = 0;
  /** The first fragment, whole: its header is the packet's (RFC 8200 §4.5), and a time-out is reported with it. */
  first: Uint8Array | null = null;
  /** Of `first`: bytes before the text, and where its IPv6 fragment header is. */
  headerLength = 0;
  fragmentHeader = 0;
  /** One bit for each ECN field seen. */
  ecn = 0;
  /** What it is charged with. */
  cost = DATAGRAM_COST;
  /** Given up: kept, empty, so that fragments still to come go the same way (RFC 5722 §4). */
  dead = false;

  constructor(family: Family, key: string, source: Source, deadline: number) {
    this.family = family;
    this.key = key;
    this.source = source;
    this.deadline = deadline;
  }
}

/**
 * Fragments back into packets: RFC 791 §3.2, RFC 1122 §3.3.2, RFC 8200 §4.5. Anybody can send fragments of anything from anywhere: what they cost
 * is bounded in memory (`ReassemblyLimits`) and in time (a fragment costs its own length, whatever came before it).
 *
 * Deviation: RFC 791 lets an IPv4 fragment overwrite another; here, as in Linux, overlapping ends the datagram in both families (RFC 5722):
 * nobody fragments so but to deceive filters. Exact duplicates are ignored (RFC 8200 §4.5).
 */
export class Reassembly {
  /** When `expire` has something to do, µs; Infinity while nothing is begun. */
  nextDeadline = Number.POSITIVE_INFINITY;
  /** What all datagrams are charged with: at most `maxBytes`. */
  bytes = 0;
  readonly counters = new ReassemblyCounters();
  readonly #limits: ReassemblyLimits;
  /** By family, since each has its time-out: a Map keeps the order of insertion, the oldest is the first. */
  readonly #datagrams = { 4: new Map<string, Datagram>(), 6: new Map<string, Datagram>() } as const;
  readonly #sources = new Map<string, Source>();
  readonly #header = new IpHeader();

  constructor(limits: Partial<ReassemblyLimits> = {}) {
    this.#limits = { ...DEFAULT_REASSEMBLY_LIMITS, ...limits };
  }

  /** Datagrams begun and not complete, with those given up whose fragments may still come. */
  get count(): number {
    return this.#datagrams[4].size + this.#datagrams[6].size;
  }

  /**
   * Takes the fragment in `bytes[offset … offset + length)`, copying what it needs. Returns the whole packet, without fragment header and with its
   * length and checksum right, when this was the last piece missing; else null. Null too for what is no fragment. `now`: µs.
   */
  accept(bytes: Uint8Array, offset: number, length: number, now: number): Uint8Array | null {
    const header = this.#header;
    if (parseIp(bytes, offset, length, header, TRUST_CHECKSUM) !== null || !header.isFragment) return null;
    const datagram = this.#find(header) ?? this.#begin(header, now);
    if (datagram.dead) return null;
    this.counters.ReasmReqds++;
    this.#add(datagram, header, bytes, offset);
    const { first } = datagram;
    if (first === null || datagram.arrived !== datagram.total) {
      this.#makeRoom(datagram);
      return null;
    }
    this.#remove(datagram);
    const packet = assemble(datagram, first);
    if (packet !== null) this.counters.ReasmOKs++;
    else this.#count('ReasmBad');
    return packet;
  }

  /**
   * Gives up the datagrams whose time is over at `now`. `onExpired` gets the first fragment, a packet of its own, of each that has it: for an ICMP time
   * exceeded to its source (RFC 1122 §3.3.2, RFC 8200 §4.5). It must not call back into this object.
   */
  expire(now: number, onExpired?: (first: Uint8Array) => void): void {
    for (const family of [4, 6] as const) {
      for (const datagram of this.#datagrams[family].values()) {
        if (datagram.deadline > now) break;
        this.#remove(datagram);
        if (datagram.dead) continue;
        this.#count('ReasmTimeout');
        if (datagram.first !== null) onExpired?.(datagram.first);
      }
    }
  }

  #find(header: IpHeader): Datagram | undefined {
    return this.#datagrams[header.version].get(keyOf(header));
  }

  #begin(header: IpHeader, now: number): Datagram {
    const { version, source0, source1, source3 } = header;
    const sourceKey = version === 4 ? `${source3}` : `${source0} ${source1}`;
    let source = this.#sources.get(sourceKey);
    if (source === undefined) {
      source = { key: sourceKey, bytes: 0, datagrams: [] };
      this.#sources.set(sourceKey, source);
    }
    const datagram = new Datagram(version, keyOf(header), source, now + this.#limits.timeout[version]);
    source.datagrams.push(datagram);
    source.bytes += datagram.cost;
    this.bytes += datagram.cost;
    this.#datagrams[version].set(datagram.key, datagram);
    this.nextDeadline = Math.min(this.nextDeadline, datagram.deadline);
    return datagram;
  }

  /** Adds a piece, or gives up the datagram because of it. */
  #add(datagram: Datagram, header: IpHeader, bytes: Uint8Array, offset: number): void {
    if (datagram.pieces.get(header.fragmentOffset)?.length === header.payloadLength) {
      this.counters.ReasmDuplicates++;
      return;
    }
    const objection = this.#objection(datagram, header, bytes);
    if (objection === null) this.#keep(datagram, header, bytes, offset);
    else this.#giveUp(datagram, objection);
  }

  /** Why a piece cannot be of this datagram, or null. Marks what it covers. */
  #objection(datagram: Datagram, header: IpHeader, bytes: Uint8Array): 'ReasmOverlaps' | 'ReasmBad' | null {
    const { version, protocol, fragmentOffset: from, payloadLength: length, payloadOffset: at } = header;
    const to = from + length;
    if (cover(datagram.covered, from >>> 3, (to + 7) >>> 3)) return 'ReasmOverlaps';
    // Two ends, or text beyond the end.
    if (datagram.total >= 0 && (!header.moreFragments || to > datagram.total)) return 'ReasmOverlaps';
    if (!header.moreFragments && to < datagram.end) return 'ReasmOverlaps';
    datagram.ecn |= 1 << header.ecn;
    if (!ECN_OF_ONE_PACKET.has(datagram.ecn) || datagram.pieces.size >= this.#limits.maxPieces) return 'ReasmBad';
    if (version === 6 && from === 0 && !hasUpperLayer(bytes, at, at + length, protocol)) return 'ReasmBad';
    return null;
  }

  #keep(datagram: Datagram, header: IpHeader, bytes: Uint8Array, offset: number): void {
    const { fragmentOffset: from, payloadLength: length, payloadOffset } = header;
    if (from === 0) {
      const first = bytes.slice(offset, payloadOffset + length);
      datagram.first = first;
      datagram.headerLength = header.headerLength;
      datagram.fragmentHeader = header.fragmentHeader;
      datagram.pieces.set(0, first.subarray(header.headerLength));
      this.#charge(datagram, header.headerLength);
    } else datagram.pieces.set(from, bytes.slice(payloadOffset, payloadOffset + length));
    if (!header.moreFragments) datagram.total = from + length;
    datagram.end = Math.max(datagram.end, from + length);
    datagram.arrived += length;
    this.#charge(datagram, length + PIECE_COST);
  }

  #charge(datagram: Datagram, cost: number): void {
    datagram.cost += cost;
    datagram.source.bytes += cost;
    this.bytes += cost;
  }

  /** Frees what a datagram holds, but remembers it until its time is over. */
  #giveUp(datagram: Datagram, reason: 'ReasmOverlaps' | 'ReasmBad'): void {
    this.#count(reason);
    datagram.dead = true;
    datagram.pieces.clear();
    datagram.covered = NONE;
    datagram.first = null;
    this.#charge(datagram, PIECE_COST - datagram.cost);
  }

  /** Holds the limits, at the cost of the oldest: what is new has the best chance to be completed. */
  #makeRoom({ source }: Datagram): void {
    const { maxBytes, maxSourceBytes, maxSourceDatagrams } = this.#limits;
    while (source.bytes > maxSourceBytes || source.datagrams.length > maxSourceDatagrams)
      this.#evict(source.datagrams[0]!);
    while (this.bytes > maxBytes) this.#evict(this.#oldest());
  }

  #evict(datagram: Datagram): void {
    this.#remove(datagram);
    if (!datagram.dead) this.#count('ReasmEvicted');
  }

  /** A datagram lost, and why. */
  #count(reason: 'ReasmTimeout' | 'ReasmOverlaps' | 'ReasmEvicted' | 'ReasmBad'): void {
    this.counters.ReasmFails++;
    this.counters[reason]++;
  }

  /** There is one: asked only while bytes are charged. */
  #oldest(): Datagram {
    const four: Datagram | undefined = this.#datagrams[4].values().next().value;
    const six: Datagram | undefined = this.#datagrams[6].values().next().value;
    if (four === undefined) return six!;
    return six === undefined || this.#begun(four) <= this.#begun(six) ? four : six;
  }

  #begun({ deadline, family }: Datagram): number {
    return deadline - this.#limits.timeout[family];
  }

  #remove(datagram: Datagram): void {
    const { source, family, key } = datagram;
    this.#datagrams[family].delete(key);
    this.bytes -= datagram.cost;
    source.bytes -= datagram.cost;
    source.datagrams.splice(source.datagrams.indexOf(datagram), 1);
    if (source.datagrams.length === 0) this.#sources.delete(source.key);
    if (datagram.deadline === this.nextDeadline) {
      const four: Datagram | undefined = this.#datagrams[4].values().next().value;
      const six: Datagram | undefined = this.#datagrams[6].values().next().value;
      const never = Number.POSITIVE_INFINITY;
      this.nextDeadline = Math.min(four?.deadline ?? never, six?.deadline ?? never);
    }
  }
}

/** RFC 791 §3.2: source, destination, protocol and identification; RFC 8200 §4.5: without the protocol. */
function keyOf(header: IpHeader): string {
  const { source3, destination3, protocol, id } = header;
  if (header.version === 4) return `${source3} ${destination3} ${protocol} ${id}`;
  const { source0, source1, source2, destination0, destination1, destination2 } = header;
  return `${source0} ${source1} ${source2} ${source3} ${destination0} ${destination1} ${destination2} ${destination3} ${id}`;
}

/** Sets the bits `from … to`. Returns whether any of them was set before. */
function cover(bits: Int32Array, from: number, to: number): boolean {
  let before = 0;
  for (let at = from; at < to; ) {
    const shift = at & 31;
    const count = Math.min(32 - shift, to - at);
    const mask = (count === 32 ? -1 : (1 << count) - 1) << shift;
    before |= bits[at >>> 5]! & mask;
    bits[at >>> 5]! |= mask;
    at += count;
  }
  return before !== 0;
}

/** Sets of ECN fields, a bit for each, that fragments of one packet can have: not-ECT goes with no other (RFC 3168 §5.3). */
const ECN_OF_ONE_PACKET: ReadonlySet<number> = new Set(
  [...new Array(16).keys()].filter((set) => set === 1 << NOT_ECT || (set & (1 << NOT_ECT)) === 0),
);

/** The packet, or null where it is longer than a packet can be. Everything has arrived. */
function assemble(datagram: Datagram, first: Uint8Array): Uint8Array | null {
  const { family, total, ecn, pieces, headerLength, fragmentHeader } = datagram;
  const before = family === 4 ? headerLength : headerLength - 8;
  const payload = family === 4 ? before + total : before - IPV6_HEADER + total;
  if (payload > MAX_PACKET) return null;
  const packet = new Uint8Array(before + total);
  packet.set(first.subarray(0, before));
  for (let at = 0; at < total; ) {
    const piece = pieces.get(at)!;
    packet.set(piece, before + at);
    at += piece.length;
  }
  // Congestion experienced by a fragment is experienced by the packet (RFC 3168 §5.3).
  const marked = (ecn & (1 << CE)) !== 0;
  if (family === 4) {
    if (marked) packet[1]! |= 3;
    put16(packet, 2, payload);
    put16(packet, 6, get16(packet, 6) & 0x4000);
    put16(packet, 10, 0);
    put16(packet, 10, finish(sum(packet, 0, before)));
  } else {
    if (marked) packet[1]! |= 0x30;
    put16(packet, 4, payload);
    packet[nextHeaderField(first, 0, fragmentHeader)] = first[fragmentHeader]!;
  }
  return packet;
}
