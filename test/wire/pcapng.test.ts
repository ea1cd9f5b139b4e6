import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isPcapng, type PacketOptions, PcapngWriter, readPcapng } from '../../src/wire/pcapng.ts';
import { join, mutated } from '../support/files.ts';

const PACKET = Uint8Array.of(0x45, 1, 2, 3, 4);

/** A block as another program would write it: the body in 32-bit words, or in bytes. */
function block(little: boolean, type: number, ...body: (number | Uint8Array)[]): Uint8Array {
  const parts = body.map((part) => {
    if (typeof part !== 'number') return part;
    const word = new Uint8Array(4);
    new DataView(word.buffer).setUint32(0, part, little);
    return word;
  });
  const inner = join(parts);
  const out = new Uint8Array(12 + inner.length);
  const view = new DataView(out.buffer);
  view.setUint32(0, type, little);
  view.setUint32(4, out.length, little);
  out.set(inner, 8);
  view.setUint32(out.length - 4, out.length, little);
  return out;
}

/** Two 16-bit fields as one word. */
const pair = (little: boolean, first: number, second: number) =>
  little ? (second << 16) | first : (first << 16) | second;

const section = (little: boolean) => block(little, 0x0a0d0d0a, 0x1a2b3c4d, pair(little, 1, 0), 0xffffffff, 0xffffffff);

const describeInterface = (little: boolean, ...options: (number | Uint8Array)[]) =>
  block(little, 1, pair(little, 101, 0), 0, ...options);

const packet = (little: boolean, index: number, high: number, low: number, ...options: number[]) =>
  block(little, 6, index, high, low, 5, 99, PACKET, new Uint8Array(3), ...options);

describe.each([true, false])('readPcapng (little-endian: %s)', (little) => {
  it('reads every kind of packet block and skips the others', () => {
    const file = join([
      section(little),
      describeInterface(little, pair(little, 2, 3), Uint8Array.of(0x65, 0x74, 0x68, 0)),
      block(little, 0x0bad, 1, 2, 3),
      packet(little, 0, 1, 5, pair(little, 2, 4), 2),
      block(little, 5, 0, 0, 0),
      block(little, 2, pair(little, 0, 7), 0, 77, 5, 5, PACKET, new Uint8Array(3)),
      block(little, 3, 5, PACKET, new Uint8Array(3)),
    ]);
    const { frames, interfaces, error } = readPcapng(file);
    expect(error).toBeNull();
    expect(interfaces).toEqual([{ name: 'eth', linkType: 101 }]);
    const frame = { bytes: PACKET, nanoseconds: 0, interface: 0, linkType: 101, ipOffset: 0, comment: null };
    expect(frames).toEqual([
      { ...frame, time: 2 ** 32 + 5, originalLength: 99, direction: 'out' },
      { ...frame, time: 77, originalLength: 5, direction: null },
      { ...frame, time: 0, originalLength: 5, direction: null },
    ]);
  });

  it('reads clocks of every resolution, and their offset', () => {
    const time = (resolution: number, high: number, low: number, offset?: number) => {
      const shift = offset === undefined ? [] : [pair(little, 14, 8), ...(little ? [offset, 0] : [0, offset])];
      const options = [pair(little, 9, 1), Uint8Array.of(resolution, 0, 0, 0), ...shift];
      const file = join([section(little), describeInterface(little, ...options), packet(little, 0, high, low)]);
      const frame = readPcapng(file).frames[0]!;
      return [frame.time, frame.nanoseconds];
    };
    expect(time(9, 1, 123)).toEqual([4_294_967, 419]);
    expect(time(3, 0, 5)).toEqual([5000, 0]);
    expect(time(0, 0, 5)).toEqual([5_000_000, 0]);
    expect(time(0x80 | 10, 0, 1)).toEqual([976, 562]);
    expect(time(6, 0, 9, 2)).toEqual([2_000_009, 0]);
    expect(time(12, 0, 1_000_000)).toEqual([1, 0]);
    expect(time(0xff, 0xffffffff, 0xffffffff)[0]).toBeLessThan(3e6);
  });

  it('numbers the interfaces of each section anew, and the file’s through', () => {
    const part = [section(little), describeInterface(little), packet(little, 0, 0, 1)];
    const other = [section(!little), describeInterface(!little), describeInterface(!little), packet(!little, 1, 0, 2)];
    const { frames, interfaces, error } = readPcapng(join([...part, ...other]));
    expect(error).toBeNull();
    expect(interfaces).toHaveLength(3);
    expect(frames.map((frame) => [frame.interface, frame.time])).toEqual([
      [0, 1],
      [2, 2],
    ]);
  });

  it('keeps what came before a fault, and says where it is', () => {
    const good = join([section(little), describeInterface(little), packet(little, 0, 0, 1)]);
    const fault = (...more: Uint8Array[]) => {
      const { frames, error } = readPcapng(join([good, ...more]));
      expect(frames).toHaveLength(1);
      return error;
    };
    const at = `frame 2 at byte ${good.length}`;
    expect(fault(new Uint8Array(11))).toBe(`${at}: the file ends inside a block`);
    expect(fault(new Uint8Array(12))).toBe(`${at}: a block cannot have 0 bytes`);
    expect(fault(packet(little, 0, 0, 1).subarray(0, 36))).toBe(`${at}: a block of 40 bytes, 36 left in the file`);
    expect(fault(packet(little, 3, 0, 1))).toBe(`${at}: interface 3 was not described`);
    expect(fault(block(little, 6, 0))).toBe(`${at}: an enhanced packet block that is too short`);
    expect(fault(block(little, 2, 0))).toBe(`${at}: a packet block that is too short`);
    expect(fault(block(little, 3))).toBe(`${at}: a simple packet block that is too short`);
    expect(fault(block(little, 1))).toBe(`${at}: an interface description that is too short`);
    expect(fault(block(little, 6, 0, 0, 0, 9, 9, 0))).toBe(`${at}: 9 bytes announced in a block with room for 4`);
    expect(fault(block(little, 3, 9, 0))).toBe(`${at}: 9 bytes announced in a block with room for 4`);
    expect(fault(block(little, 0x0a0d0d0a, 0x12345678, 0, 0, 0))).toBe(`${at}: unknown byte order`);
    expect(fault(block(little, 0x0a0d0d0a, 0x1a2b3c4d))).toBe(`${at}: a section header that is too short`);
    const later = block(little, 0x0a0d0d0a, 0x1a2b3c4d, pair(little, 2, 0), 0, 0);
    expect(fault(later)).toBe(`${at}: pcapng version 2: only 1 is known`);
    const torn = packet(little, 0, 0, 1);
    torn[torn.length - 1]! ^= 1;
    expect(fault(torn)).toBe(`${at}: the two lengths of a block differ`);
    expect(readPcapng(good.subarray(4)).error).toBe('not a pcapng file: it does not begin with a section header');
  });
});

describe('readPcapng', () => {
  it('takes any bytes', () => {
    const writer = new PcapngWriter({ interfaceName: 'tun0' });
    const options: PacketOptions = { comment: 'one', direction: 'in' };
    const frames = [1, 2, 3].map((time) => writer.packet(time, PACKET, 0, 5, options));
    const file = join([writer.header(), ...frames, writer.statistics(9, 3, 0)]);
    fc.assert(
      fc.property(mutated(file), (bytes) => {
        const read = readPcapng(bytes);
        expect(read.error === null || !read.error.includes('\n')).toBe(true);
        for (const frame of read.frames) expect(frame.bytes.length).toBeLessThanOrEqual(bytes.length);
      }),
      { numRuns: 8000 },
    );
  });
});

describe('PcapngWriter', () => {
  it('writes what readPcapng reads', () => {
    const one = fc.record({
      time: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
      bytes: fc.uint8Array({ maxLength: 400 }),
      direction: fc.constantFrom('in', 'out', null),
      comment: fc.option(fc.string({ unit: 'grapheme', maxLength: 200 })),
    });
    fc.assert(
      fc.property(fc.array(one), fc.string({ unit: 'grapheme' }), (list, interfaceName) => {
        const writer = new PcapngWriter({ interfaceName, application: 'synfin', interfaceDescription: 'a test' });
        const pieces = list.map(({ time, bytes, direction, comment }) =>
          writer.packet(time, bytes, 0, bytes.length, {
            ...(direction === null ? {} : { direction: direction as 'in' }),
            ...(comment === null ? {} : { comment }),
          }),
        );
        for (const piece of pieces) expect(piece.length % 4).toBe(0);
        const file = join([writer.header(), ...pieces, writer.statistics(1, 2, 3)]);
        expect(isPcapng(file)).toBe(true);
        const { frames, interfaces, error } = readPcapng(file);
        expect(error).toBeNull();
        expect(interfaces).toEqual([{ name: interfaceName, linkType: 101 }]);
        const read = frames.map(({ time, bytes, direction, comment }) => ({ time, bytes, direction, comment }));
        expect(read).toEqual(list);
      }),
      { numRuns: 300 },
    );
  });

  it('says how long a frame was that it was given only a part of', () => {
    const writer = new PcapngWriter();
    const file = join([writer.header(), writer.packet(0, PACKET, 1, 2, { originalLength: 1500 })]);
    const { frames, interfaces } = readPcapng(file);
    expect([[...frames[0]!.bytes], frames[0]!.originalLength]).toEqual([[1, 2], 1500]);
    expect(interfaces[0]!.name).toBeNull();
  });
});
