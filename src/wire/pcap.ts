import { type Capture, ipOffset, LINKTYPE_RAW } from './capture-frame.ts';

/** The classic capture file: https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-04.html */
const MICROSECONDS = 0xa1b2c3d4;
const NANOSECONDS = 0xa1b23c4d;
const FILE_HEADER = 24;
const RECORD_HEADER = 16;
const SNAP_LENGTH = 262_144;

/** Whether the file begins like a classic capture, of either byte order. */
export function isPcap(file: Uint8Array): boolean {
  return byteOrder(viewOf(file)) !== null;
}

/** Reads a file of either byte order, in microseconds or nanoseconds. Never throws: see `Capture.error`. */
export function readPcap(file: Uint8Array): Capture {
  const capture: Capture = { frames: [], interfaces: [], error: null };
  const view = viewOf(file);
  const order = byteOrder(view);
  if (order === null) {
    capture.error = 'not a pcap file: it does not begin with its magic number';
    return capture;
  }
  if (file.length < FILE_HEADER) {
    capture.error = `the file ends at byte ${file.length}, inside its header of ${FILE_HEADER} bytes`;
    return capture;
  }
  const { little, nano } = order;
  // The upper bits are about frame check sequences.
  const linkType = view.getUint32(20, little) & 0xffff;
  capture.interfaces.push({ name: null, linkType });
  let at = FILE_HEADER;
  while (at < file.length) {
    const where = `frame ${capture.frames.length + 1} at byte ${at}`;
    if (at + RECORD_HEADER > file.length) {
      capture.error = `${where}: the file ends inside the frame's header`;
      return capture;
    }
    const length = view.getUint32(at + 8, little);
    const start = at + RECORD_HEADER;
    if (length > file.length - start) {
      capture.error = `${where}: ${length} bytes announced, ${file.length - start} left in the file`;
      return capture;
    }
    const fraction = view.getUint32(at + 4, little);
    const bytes = file.subarray(start, start + length);
    capture.frames.push({
      time: view.getUint32(at, little) * 1_000_000 + (nano ? Math.floor(fraction / 1000) : fraction),
      nanoseconds: nano ? fraction % 1000 : 0,
      linkType,
      bytes,
      originalLength: view.getUint32(at + 12, little),
      ipOffset: ipOffset(linkType, bytes),
      interface: 0,
      direction: null,
      comment: null,
    });
    at = start + length;
  }
  return capture;
}

function viewOf(file: Uint8Array): DataView {
  return new DataView(file.buffer, file.byteOffset, file.byteLength);
}

function byteOrder(view: DataView): { little: boolean; nano: boolean } | null {
  if (view.byteLength < 4) return null;
  for (const little of [true, false]) {
    const magic = view.getUint32(0, little);
    if (magic === MICROSECONDS || magic === NANOSECONDS) return { little, nano: magic === NANOSECONDS };
  }
  return null;
}

/**
 * Writes a classic capture in microseconds, piece by piece: `header()` once, then `packet()` for each frame; the pieces one after the other
 * are the file.
 */
export class PcapWriter {
  readonly #linkType: number;

  constructor(linkType: number = LINKTYPE_RAW) {
    this.#linkType = linkType;
  }

  header(): Uint8Array {
    const out = new Uint8Array(FILE_HEADER);
    const view = viewOf(out);
    view.setUint32(0, MICROSECONDS, true);
    view.setUint16(4, 2, true);
    view.setUint16(6, 4, true);
    view.setUint32(16, SNAP_LENGTH, true);
    view.setUint32(20, this.#linkType, true);
    return out;
  }

  /** A frame: `bytes[offset … offset + length)`, captured at `time` (µs since 1970). */
  packet(time: number, bytes: Uint8Array, offset = 0, length = bytes.length - offset): Uint8Array {
    const out = new Uint8Array(RECORD_HEADER + length);
    const view = viewOf(out);
    view.setUint32(0, Math.floor(time / 1_000_000), true);
    view.setUint32(4, Math.floor(time % 1_000_000), true);
    view.setUint32(8, length, true);
    view.setUint32(12, length, true);
    out.set(bytes.subarray(offset, offset + length), RECORD_HEADER);
    return out;
  }
}
