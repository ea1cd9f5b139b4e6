import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LINKTYPE_ETHERNET } from '../../src/wire/capture-frame.ts';
import { isPcap, PcapWriter, readPcap } from '../../src/wire/pcap.ts';
import { join, mutated } from '../support/files.ts';

const PACKET = Uint8Array.of(0x45, 1, 2, 3, 4);

/** A file as another machine would write it: one frame of PACKET, cut to it from 99 bytes. */
function foreign(little: boolean, magic: number, fraction: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(40 + PACKET.length));
  view.setUint32(0, magic, little);
  view.setUint16(4, 2, little);
  view.setUint16(6, 4, little);
  view.setUint32(20, 101, little);
  [0xf0000001, fraction, PACKET.length, 99].forEach((value, i) => {
    view.setUint32(24 + 4 * i, value, little);
  });
  const file = new Uint8Array(view.buffer);
  file.set(PACKET, 40);
  return file;
}

describe('readPcap', () => {
  it.each([true, false])('reads microseconds and nanoseconds (little-endian: %s)', (little) => {
    const frame = { bytes: PACKET, originalLength: 99, linkType: 101, ipOffset: 0, interface: 0, direction: null };
    const micro = readPcap(foreign(little, 0xa1b2c3d4, 123_456));
    expect(micro.error).toBeNull();
    expect(micro.frames).toMatchObject([{ ...frame, time: 0xf0000001 * 1e6 + 123_456, nanoseconds: 0 }]);
    const nano = readPcap(foreign(little, 0xa1b23c4d, 123_456_789));
    expect(nano.frames).toMatchObject([{ ...frame, time: 0xf0000001 * 1e6 + 123_456, nanoseconds: 789 }]);
  });

  it('ignores the frame check bits beside the link type', () => {
    const file = foreign(true, 0xa1b2c3d4, 0);
    file[23] = 0x24;
    expect(readPcap(file).interfaces).toEqual([{ name: null, linkType: 101 }]);
  });

  it('keeps what came before a fault, and says where it is', () => {
    const writer = new PcapWriter();
    const file = join([writer.header(), writer.packet(1, PACKET), writer.packet(2, PACKET)]);
    const cut = readPcap(file.subarray(0, file.length - 1));
    expect(cut.frames).toHaveLength(1);
    expect(cut.error).toBe('frame 2 at byte 45: 5 bytes announced, 4 left in the file');
    expect(readPcap(file.subarray(0, 50)).error).toBe("frame 2 at byte 45: the file ends inside the frame's header");
    expect(readPcap(file.subarray(0, 20)).error).toBe('the file ends at byte 20, inside its header of 24 bytes');
    expect(readPcap(file.subarray(1)).error).toBe('not a pcap file: it does not begin with its magic number');
    file[53] = 255;
    file[56] = 255;
    expect(readPcap(file).error).toBe('frame 2 at byte 45: 4278190335 bytes announced, 5 left in the file');
  });

  it('takes any bytes', () => {
    const writer = new PcapWriter();
    const file = join([writer.header(), ...[1, 2, 3].map((time) => writer.packet(time, PACKET))]);
    fc.assert(
      fc.property(mutated(file), (bytes) => {
        const { frames, error } = readPcap(bytes);
        expect(error === null || !error.includes('\n')).toBe(true);
        expect(frames.reduce((total, frame) => total + 16 + frame.bytes.length, 0)).toBeLessThanOrEqual(bytes.length);
      }),
      { numRuns: 5000 },
    );
  });
});

describe('PcapWriter', () => {
  it('writes what readPcap reads', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(), fc.nat(999_999), fc.uint8Array({ maxLength: 50 }))), (list) => {
        const writer = new PcapWriter(LINKTYPE_ETHERNET);
        const pieces = list.map(([s, us, bytes]) => writer.packet(s * 1e6 + us, bytes));
        const file = join([writer.header(), ...pieces]);
        expect(isPcap(file)).toBe(true);
        const { frames, error } = readPcap(file);
        expect(error).toBeNull();
        expect(frames.map((f) => [f.time, f.linkType, [...f.bytes], f.originalLength])).toEqual(
          list.map(([s, us, bytes]) => [s * 1e6 + us, 1, [...bytes], bytes.length]),
        );
      }),
      { numRuns: 300 },
    );
  });

  it('takes a part of an array', () => {
    const writer = new PcapWriter();
    const file = join([writer.header(), writer.packet(0, PACKET, 1, 3)]);
    expect([...readPcap(file).frames[0]!.bytes]).toEqual([1, 2, 3]);
  });
});
