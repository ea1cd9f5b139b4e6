/**
 * Big-endian reads and writes at an offset. Plain byte shifts: engines compile them to a few loads, they need no view object per
 * buffer, and they work at any alignment. Offsets must lie inside the array.
 */

/**
 * Views for the moment, of memory that is looked at in the same place over and over: the last one serves again, as to make one takes longer than to copy
 * a packet.
 */
export class LastView {
  private memory: Uint8Array = new Uint8Array(0);
  private start = 0;
  private view = this.memory;

  /** [start, end) of `memory`. */
  of(memory: Uint8Array, start: number, end: number): Uint8Array {
    if (memory !== this.memory || start !== this.start || end - start !== this.view.length) {
      this.view = view(memory, start, end);
      this.memory = memory;
      this.start = start;
    }
    return this.view;
  }
}

/** [start, end) of `memory`: itself, where that is all of it. */
export function view(memory: Uint8Array, start: number, end: number): Uint8Array {
  return start === 0 && end === memory.length ? memory : memory.subarray(start, end);
}

/** 0 … 65535. */
export function get16(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}

/** 32 bits as int32; `>>> 0` makes them unsigned. */
export function get32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
}

/** Writes the low 16 bits of `value`. */
export function put16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

/** Writes the low 32 bits of `value`. */
export function put32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}
