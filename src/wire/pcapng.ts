import { type Capture, type CaptureInterface, type Direction, ipOffset, LINKTYPE_RAW } from './capture-frame.ts';

/** The next-generation capture file: https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-03.html */
const SECTION_HEADER = 0x0a0d0d0a;
const INTERFACE_DESCRIPTION = 1;
const OBSOLETE_PACKET = 2;
const SIMPLE_PACKET = 3;
const INTERFACE_STATISTICS = 5;
const ENHANCED_PACKET = 6;

const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
/** Type and length before a block's body, length again behind it. */
const BLOCK_OVERHEAD = 12;

/** Option codes, by block. */
const END_OF_OPTIONS = 0;
const COMMENT = 1;
const SHB_USERAPPL = 4;
const IF_NAME = 2;
const IF_DESCRIPTION = 3;
const IF_TSRESOL = 9;
const IF_TSOFFSET = 14;
const EPB_FLAGS = 2;
const ISB_IFRECV = 4;
const ISB_IFDROP = 5;

/** The two low bits of an enhanced packet's flags. */
const DIRECTION_MASK = 3;
const INBOUND = 1;
const OUTBOUND = 2;
/** Microseconds: 10^−6 s. Also the default. */
const MICROSECONDS = 6;

/** Whether the file begins like a pcapng file. */
export function isPcapng(file: Uint8Array): boolean {
  return file.length >= 4 && viewOf(file).getUint32(0) === SECTION_HEADER;
}

/** Reads a file of any number of sections, each of either byte order. Never throws: see `Capture.error`. */
export function readPcapng(file: Uint8Array): Capture {
  return new Reader(file).read();
}

interface Interface extends CaptureInterface {
  /** Ticks per second. */
  readonly resolution: bigint;
  /** Seconds to add to every time. */
  readonly shift: bigint;
  readonly snapLength: number;
}

class Reader {
  readonly #file: Uint8Array;
  readonly #view: DataView;
  readonly #capture: Capture = { frames: [], interfaces: [], error: null };
  /** Of the section that is being read; their indices start at `#base` in the capture's list. */
  #interfaces: Interface[] = [];
  #base = 0;
  #little = true;

  constructor(file: Uint8Array) {
    this.#file = file;
    this.#view = viewOf(file);
  }

  read(): Capture {
    const capture = this.#capture;
    if (!isPcapng(this.#file)) {
      capture.error = 'not a pcapng file: it does not begin with a section header';
      return capture;
    }
    let at = 0;
    while (at < this.#file.length) {
      const length = this.#block(at);
      if (typeof length === 'string') {
        capture.error = `frame ${capture.frames.length + 1} at byte ${at}: ${length}`;
        return capture;
      }
      at += length;
    }
    return capture;
  }

  #u16(at: number): number {
    return this.#view.getUint16(at, this.#little);
  }

  #u32(at: number): number {
    return this.#view.getUint32(at, this.#little);
  }

  /** One block: its length in bytes, or what is wrong with it. */
  #block(at: number): number | string {
    const left = this.#file.length - at;
    if (left < BLOCK_OVERHEAD) return 'the file ends inside a block';
    if (this.#view.getUint32(at) === SECTION_HEADER) {
      const magic = this.#view.getUint32(at + 8, true);
      this.#little = magic === BYTE_ORDER_MAGIC;
      if (!this.#little && this.#view.getUint32(at + 8) !== BYTE_ORDER_MAGIC) return 'unknown byte order';
    }
    const type = this.#u32(at);
    const length = this.#u32(at + 4);
    if (length < BLOCK_OVERHEAD || length % 4 !== 0) return `a block cannot have ${length} bytes`;
    if (length > left) return `a block of ${length} bytes, ${left} left in the file`;
    if (this.#u32(at + length - 4) !== length) return 'the two lengths of a block differ';
    const fault = this.#body(type, at + 8, at + length - 4);
    return fault ?? length;
  }

  /** The body of a block, in `[from, end)`: what is wrong with it, or null. Types that carry no frames are skipped. */
  #body(type: number, from: number, end: number): string | null {
    switch (type) {
      case SECTION_HEADER:
        if (end - from < 16) return 'a section header that is too short';
        if (this.#u16(from + 4) !== 1) return `pcapng version ${this.#u16(from + 4)}: only 1 is known`;
        this.#interfaces = [];
        this.#base = this.#capture.interfaces.length;
        return null;
      case INTERFACE_DESCRIPTION:
        return end - from < 8 ? 'an interface description that is too short' : this.#interface(from, end);
      case ENHANCED_PACKET:
        if (end - from < 20) return 'an enhanced packet block that is too short';
        return this.#packet(this.#u32(from), from + 4, end);
      case OBSOLETE_PACKET:
        if (end - from < 20) return 'a packet block that is too short';
        return this.#packet(this.#u16(from), from + 4, end);
      case SIMPLE_PACKET:
        return end - from < 4 ? 'a simple packet block that is too short' : this.#simplePacket(from, end);
      default:
        return null;
    }
  }

  #interface(from: number, end: number): null {
    let name: string | null = null;
    let resolution = 1_000_000n;
    let shift = 0n;
    this.#options(from + 8, end, (code, at, length) => {
      if (code === IF_NAME) name = text(this.#file, at, length);
      else if (code === IF_TSRESOL && length === 1) resolution = ticksPerSecond(this.#file[at]!);
      else if (code === IF_TSOFFSET && length === 8) shift = this.#view.getBigInt64(at, this.#little);
    });
    const entry: Interface = { name, linkType: this.#u16(from), resolution, shift, snapLength: this.#u32(from + 4) };
    this.#interfaces.push(entry);
    this.#capture.interfaces.push({ name, linkType: entry.linkType });
    return null;
  }

  /** Time, captured and original length, bytes, options: what enhanced and obsolete packet blocks share. */
  #packet(index: number, from: number, end: number): string | null {
    const entry = this.#interfaces[index];
    if (entry === undefined) return `interface ${index} was not described`;
    const length = this.#u32(from + 8);
    const start = from + 16;
    if (length > end - start) return `${length} bytes announced in a block with room for ${end - start}`;
    let comment: string | null = null;
    let direction: Direction | null = null;
    this.#options(start + ((length + 3) & ~3), end, (code, at, size) => {
      if (code === COMMENT) comment ??= text(this.#file, at, size);
      else if (code === EPB_FLAGS && size === 4) direction = directionOf(this.#u32(at));
    });
    const { time, nanoseconds } = timeOf(this.#u32(from), this.#u32(from + 4), entry);
    this.#frame(index, start, length, this.#u32(from + 12), time, nanoseconds, direction, comment);
    return null;
  }

  #simplePacket(from: number, end: number): string | null {
    const entry = this.#interfaces[0];
    if (entry === undefined) return 'interface 0 was not described';
    const original = this.#u32(from);
    const captured = entry.snapLength === 0 ? original : Math.min(original, entry.snapLength);
    if (captured > end - from - 4) return `${captured} bytes announced in a block with room for ${end - from - 4}`;
    this.#frame(0, from + 4, captured, original, 0, 0, null, null);
    return null;
  }

  #frame(
    index: number,
    start: number,
    length: number,
    originalLength: number,
    time: number,
    nanoseconds: number,
    direction: Direction | null,
    comment: string | null,
  ): void {
    const { linkType } = this.#interfaces[index]!;
    const bytes = this.#file.subarray(start, start + length);
    this.#capture.frames.push({
      time,
      nanoseconds,
      linkType,
      bytes,
      originalLength,
      ipOffset: ipOffset(linkType, bytes),
      interface: this.#base + index,
      direction,
      comment,
    });
  }

  /** Calls `each` for the options in `[from, end)`; a list that breaks off loses nothing but itself. */
  #options(from: number, end: number, each: (code: number, at: number, length: number) => void): void {
    let at = from;
    while (at + 4 <= end) {
      const code = this.#u16(at);
      const length = this.#u16(at + 2);
      if (code === END_OF_OPTIONS || at + 4 + length > end) return;
      each(code, at + 4, length);
      at += 4 + ((length + 3) & ~3);
    }
  }
}

function viewOf(file: Uint8Array): DataView {
  return new DataView(file.buffer, file.byteOffset, file.byteLength);
}

function text(file: Uint8Array, at: number, length: number): string {
  return new TextDecoder().decode(file.subarray(at, at + length));
}

/** The high bit says whether the exponent is of two or of ten. More than 63, or 18, digits are nobody's clock. */
function ticksPerSecond(resolution: number): bigint {
  const exponent = resolution & 0x7f;
  return resolution & 0x80 ? 2n ** BigInt(Math.min(exponent, 63)) : 10n ** BigInt(Math.min(exponent, 18));
}

function timeOf(high: number, low: number, entry: Interface): { time: number; nanoseconds: number } {
  if (entry.resolution === 1_000_000n && entry.shift === 0n) return { time: high * 2 ** 32 + low, nanoseconds: 0 };
  const ticks = (BigInt(high) << 32n) | BigInt(low);
  const nanos = (ticks * 1_000_000_000n) / entry.resolution + entry.shift * 1_000_000_000n;
  const rest = ((nanos % 1000n) + 1000n) % 1000n;
  return { time: Number((nanos - rest) / 1000n), nanoseconds: Number(rest) };
}

function directionOf(flags: number): Direction | null {
  const bits = flags & DIRECTION_MASK;
  return bits === INBOUND ? 'in' : bits === OUTBOUND ? 'out' : null;
}

/** What a writer's file says of itself. */
export interface PcapngOptions {
  /** The program that wrote it. */
  readonly application?: string;
  readonly interfaceName?: string;
  readonly interfaceDescription?: string;
  /** LINKTYPE_RAW where not given. */
  readonly linkType?: number;
}

export interface PacketOptions {
  readonly direction?: Direction;
  readonly comment?: string;
  /** Bytes it had on the wire, where not all are written. */
  readonly originalLength?: number;
}

/**
 * Writes a pcapng file of one section and one interface, in microseconds, piece by piece: `header()` once, `packet()` for each
 * frame, `statistics()` if wanted; the pieces one after the other are the file, and so is every prefix that ends with a piece.
 */
export class PcapngWriter {
  readonly #options: PcapngOptions;

  constructor(options: PcapngOptions = {}) {
    this.#options = options;
  }

  /** Section header and interface description. */
  header(): Uint8Array {
    const { application, interfaceName, interfaceDescription, linkType = LINKTYPE_RAW } = this.#options;
    const section = new Block(SECTION_HEADER).u32(BYTE_ORDER_MAGIC).u16(1).u16(0);
    section.u32(0xffffffff).u32(0xffffffff); // length of the section: not known
    section.string(SHB_USERAPPL, application).endOptions();
    const description = new Block(INTERFACE_DESCRIPTION).u16(linkType).u16(0).u32(0);
    description.string(IF_NAME, interfaceName).string(IF_DESCRIPTION, interfaceDescription);
    description.option(IF_TSRESOL, Uint8Array.of(MICROSECONDS)).endOptions();
    const parts = [section.finish(), description.finish()] as const;
    const out = new Uint8Array(parts[0].length + parts[1].length);
    out.set(parts[0]);
    out.set(parts[1], parts[0].length);
    return out;
  }

  /** A frame: `bytes[offset … offset + length)`, captured at `time` (µs since 1970). */
  packet(
    time: number,
    bytes: Uint8Array,
    offset = 0,
    length = bytes.length - offset,
    options: PacketOptions = {},
  ): Uint8Array {
    const block = new Block(ENHANCED_PACKET, 64 + length).u32(0).time(time).u32(length);
    block.u32(options.originalLength ?? length).bytes(bytes.subarray(offset, offset + length));
    block.string(COMMENT, options.comment);
    if (options.direction !== undefined) {
      block.option(EPB_FLAGS, Uint8Array.of(options.direction === 'in' ? INBOUND : OUTBOUND, 0, 0, 0));
    }
    return block.endOptions().finish();
  }

  /** How many frames the interface received and lost, up to `time` (µs since 1970). */
  statistics(time: number, received: number, dropped: number): Uint8Array {
    const block = new Block(INTERFACE_STATISTICS).u32(0).time(time);
    return block.option(ISB_IFRECV, count(received)).option(ISB_IFDROP, count(dropped)).endOptions().finish();
  }
}

/** 64 bits, little-endian. */
function count(value: number): Uint8Array {
  const out = new Uint8Array(8);
  viewOf(out).setBigUint64(0, BigInt(value), true);
  return out;
}

/** One block in the making, little-endian, every field padded to four bytes. */
class Block {
  #out: Uint8Array;
  #view: DataView;
  #at = 8;
  #hasOptions = false;

  constructor(type: number, room = 256) {
    this.#out = new Uint8Array(room);
    this.#view = viewOf(this.#out);
    this.#view.setUint32(0, type, true);
  }

  u16(value: number): this {
    this.#reserve(2);
    this.#view.setUint16(this.#at, value, true);
    this.#at += 2;
    return this;
  }

  u32(value: number): this {
    this.#reserve(4);
    this.#view.setUint32(this.#at, value, true);
    this.#at += 4;
    return this;
  }

  time(microseconds: number): this {
    return this.u32(Math.floor(microseconds / 2 ** 32)).u32(microseconds % 2 ** 32);
  }

  bytes(value: Uint8Array): this {
    const padded = (value.length + 3) & ~3;
    this.#reserve(padded);
    this.#out.set(value, this.#at);
    this.#at += padded;
    return this;
  }

  option(code: number, value: Uint8Array): this {
    this.#hasOptions = true;
    return this.u16(code).u16(value.length).bytes(value);
  }

  /** Left out where undefined; cut where an option's 16-bit length would not hold it. */
  string(code: number, value: string | undefined): this {
    if (value === undefined) return this;
    return this.option(code, new TextEncoder().encode(value).subarray(0, 0xfffc));
  }

  endOptions(): this {
    return this.#hasOptions ? this.u32(END_OF_OPTIONS) : this;
  }

  finish(): Uint8Array {
    const length = this.#at + 4;
    this.u32(length);
    this.#view.setUint32(4, length, true);
    return this.#out.subarray(0, length);
  }

  #reserve(more: number): void {
    if (this.#at + more <= this.#out.length) return;
    const larger = new Uint8Array(2 * (this.#at + more));
    larger.set(this.#out);
    this.#out = larger;
    this.#view = viewOf(larger);
  }
}
