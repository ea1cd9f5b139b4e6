import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CHECKSUM_COMPLETE, CHECKSUM_PARTIAL, Frame } from '../../src/link/device.ts';
import { Segmentation } from '../../src/link/segmentation.ts';
import { ACK, CWR, FIN, PSH } from '../../src/wire/segment.ts';
import { packetOf, tcpPacket } from './support/packets.ts';

function frameOf(packet: Uint8Array, checksum: number): Frame {
  const frame = new Frame(new Uint8Array(64 + packet.length));
  frame.bytes.set(packet, 64);
  frame.offset = 64;
  frame.length = packet.length;
  frame.checksum = checksum;
  return frame;
}

/** In place, as a device may do it once a piece has left: the headers before each piece's text, over what was there. */
function cut(frame: Frame, each: number): Uint8Array[] {
  const segmentation = new Segmentation();
  expect(segmentation.read(frame)).toBe(true);
  const { header, text } = segmentation;
  const start = frame.offset;
  const headers = frame.bytes.slice(start, start + header);
  const pieces: Uint8Array[] = [];
  for (let from = 0, index = 0; from < text; from += each, index++) {
    frame.offset = start + from;
    frame.bytes.set(headers, frame.offset);
    segmentation.write(frame, from, Math.min(each, text - from), index);
    pieces.push(packetOf(frame));
  }
  return pieces;
}

describe('Segmentation', () => {
  it('cuts what is longer than a packet can say, in place, into packets that were built so', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 65_536, max: 262_000 }),
        fc.integer({ min: 5000, max: 60_000 }),
        fc.integer(),
        fc.constantFrom(ACK, ACK | PSH, ACK | PSH | FIN, ACK | CWR | PSH),
        fc.boolean(),
        fc.constantFrom(CHECKSUM_COMPLETE, CHECKSUM_PARTIAL),
        (length, each, seq, flags, timestamps, checksum) => {
          const text = Uint8Array.from({ length }, (_, i) => i ^ (i >>> 8));
          const fields = { seq, timestamps, partial: checksum === CHECKSUM_PARTIAL };
          const packet = tcpPacket({ ...fields, flags, text });
          expect([packet[2], packet[3]]).toEqual([0, 0]);
          const pieces = cut(frameOf(packet, checksum), each);
          const expected: Uint8Array[] = [];
          for (let from = 0; from < length; from += each) {
            const last = from + each >= length;
            expected.push(
              tcpPacket({
                ...fields,
                seq: seq + from,
                id: expected.length,
                flags: flags & ~(last ? 0 : FIN | PSH) & ~(from === 0 ? 0 : CWR),
                text: text.subarray(from, from + each),
              }),
            );
          }
          expect(pieces.length).toBe(expected.length);
          for (const [i, piece] of pieces.entries()) expect(Buffer.compare(piece, expected[i]!)).toBe(0);
        },
      ),
      { numRuns: 30 },
    );
  });

  it('reads no frame that has no whole segment in it', () => {
    const packet = tcpPacket({ text: new Uint8Array(10) });
    const changed = (at: number, value: number) => frameOf(packet.slice().fill(value, at, at + 1), 0);
    const frames = [
      frameOf(packet.subarray(0, 39), 0), // shorter than it says
      changed(9, 17), // UDP
      changed(6, 0x20), // a fragment
      changed(32, 0x40), // a TCP header of 16 bytes
      changed(32, 0xf0), // … of 60
      frameOf(new Uint8Array(0), 0),
    ];
    for (const frame of frames) expect(new Segmentation().read(frame)).toBe(false);
  });
});
