import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CHECKSUM_COMPLETE, CHECKSUM_PARTIAL, CHECKSUM_VERIFIED, Frame } from '../../src/link/device.ts';
import { readVnetHeader, VNET_HEADER, writeVnetHeader } from '../../src/node/vnet.ts';
import { CWR } from '../../src/wire/segment.ts';

const AT = 64;

/** A frame with the given virtio header before its packet. */
function received(header: number[]): Frame {
  const frame = new Frame(new Uint8Array(200));
  frame.offset = AT;
  frame.bytes.set(header, AT - VNET_HEADER);
  readVnetHeader(frame);
  return frame;
}

/** A TCP packet of `text` bytes of text, with the TCP header at `ipHeader` and of 32 bytes. */
function tcp(version: 4 | 6, ipHeader: number, text: number, flags = 0): Frame {
  const frame = new Frame(new Uint8Array(AT + 4000).fill(0xee));
  frame.offset = AT;
  frame.length = ipHeader + 32 + text;
  frame.bytes[AT] = version === 4 ? 0x40 | (ipHeader / 4) : 0x60;
  frame.bytes[AT + (version === 4 ? 9 : 6)] = 6;
  frame.bytes[AT + ipHeader + 12] = 8 << 4;
  frame.bytes[AT + ipHeader + 13] = flags;
  frame.checksum = CHECKSUM_PARTIAL;
  return frame;
}

function header(frame: Frame): number[] {
  return [...frame.bytes.subarray(AT - VNET_HEADER, AT)];
}

describe('readVnetHeader', () => {
  it('tells what the kernel says of checksum and segmentation', () => {
    expect(received([0, 0, 0, 0, 0, 0, 0, 0, 0, 0])).toMatchObject({ checksum: CHECKSUM_COMPLETE, gsoSize: 0 });
    expect(received([2, 0, 0, 0, 0, 0, 0, 0, 0, 0])).toMatchObject({ checksum: CHECKSUM_VERIFIED, gsoSize: 0 });
    expect(received([1, 1, 52, 0, 0xa8, 5, 20, 0, 16, 0])).toMatchObject({ checksum: CHECKSUM_PARTIAL, gsoSize: 1448 });
    expect(received([1, 4 | 0x80, 72, 0, 0x94, 5, 40, 0, 16, 0])).toMatchObject({ gsoSize: 1428 });
    // UDP segmentation is never asked for; a size beside another kind means nothing.
    expect(received([1, 5, 52, 0, 0xa8, 5, 20, 0, 6, 0])).toMatchObject({ gsoSize: 0 });
  });
});

describe('writeVnetHeader', () => {
  it('is all zero for a packet that is complete', () => {
    const frame = tcp(4, 20, 100);
    frame.checksum = CHECKSUM_COMPLETE;
    expect(writeVnetHeader(frame)).toBe(true);
    expect(header(frame)).toEqual(new Array(10).fill(0));
  });

  it('says where the checksum starts and goes, behind IPv4 options too', () => {
    for (const [version, size] of [
      [4, 20],
      [4, 28],
      [6, 40],
    ] as const) {
      const frame = tcp(version, size, 100);
      expect(writeVnetHeader(frame)).toBe(true);
      expect(header(frame)).toEqual([1, 0, 0, 0, 0, 0, size, 0, 16, 0]);
    }
  });

  it('asks for segmentation, in TCP over either version, and marks CWR', () => {
    const v4 = tcp(4, 20, 3000);
    v4.gsoSize = 1448;
    expect(writeVnetHeader(v4)).toBe(true);
    expect(header(v4)).toEqual([1, 1, 52, 0, 0xa8, 5, 20, 0, 16, 0]);
    const v6 = tcp(6, 40, 3000, CWR);
    v6.gsoSize = 1428;
    expect(writeVnetHeader(v6)).toBe(true);
    expect(header(v6)).toEqual([1, 0x84, 72, 0, 0x94, 5, 40, 0, 16, 0]);
  });

  it('counts from the start of an Ethernet frame', () => {
    const frame = tcp(6, 40, 3000);
    frame.gsoSize = 1428;
    frame.offset -= 14;
    frame.length += 14;
    expect(writeVnetHeader(frame, 14)).toBe(true);
    const at = AT - 14 - VNET_HEADER;
    expect([...frame.bytes.subarray(at, at + VNET_HEADER)]).toEqual([1, 4, 86, 0, 0x94, 5, 54, 0, 16, 0]);
  });

  it('asks for none where the text fits one segment', () => {
    const frame = tcp(4, 20, 1448);
    frame.gsoSize = 1448;
    expect(writeVnetHeader(frame)).toBe(true);
    expect(header(frame)[1]).toBe(0);
  });

  it('refuses what is neither TCP nor UDP, or too short, and never throws', () => {
    const icmp = tcp(4, 20, 0);
    icmp.bytes[AT + 9] = 1;
    expect(writeVnetHeader(icmp)).toBe(false);
    const udp = tcp(4, 20, 3000);
    udp.bytes[AT + 9] = 17;
    expect(writeVnetHeader(udp)).toBe(true);
    udp.gsoSize = 1000;
    expect(writeVnetHeader(udp)).toBe(false);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(2), fc.nat(65535), (packet, checksum, gsoSize) => {
        const frame = new Frame(new Uint8Array(AT + 80));
        frame.bytes.set(packet, AT);
        Object.assign(frame, { offset: AT, length: packet.length, checksum, gsoSize });
        expect(typeof writeVnetHeader(frame)).toBe('boolean');
      }),
    );
  });

  it('is read back as it was written', () => {
    for (const gsoSize of [0, 536, 1448]) {
      const frame = tcp(4, 20, 3000);
      frame.gsoSize = gsoSize;
      writeVnetHeader(frame);
      const back = received(header(frame));
      expect(back).toMatchObject({ checksum: CHECKSUM_PARTIAL, gsoSize });
    }
  });
});
