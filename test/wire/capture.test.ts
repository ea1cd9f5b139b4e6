import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readCapture } from '../../src/wire/capture.ts';
import { parseIp } from '../../src/wire/ip.ts';
import { IpHeader, TCP } from '../../src/wire/ip-header.ts';
import { PcapWriter } from '../../src/wire/pcap.ts';
import { PcapngWriter } from '../../src/wire/pcapng.ts';
import { Segment } from '../../src/wire/segment.ts';
import { buildTcp, fillChecksum, parseTcp, verifyChecksum } from '../../src/wire/tcp.ts';

const FOLDER = new URL('../fixtures/kernel-captures/', import.meta.url);
const FILES = readdirSync(FOLDER).filter((name) => name.endsWith('.pcap'));

describe('readCapture', () => {
  it('knows both kinds of file, and says what others are not', () => {
    expect(readCapture(new PcapngWriter().header())).toMatchObject({ frames: [], error: null });
    expect(readCapture(new PcapWriter().header())).toMatchObject({ frames: [], error: null });
    expect(readCapture(new Uint8Array(0)).error).toBe('neither a pcap nor a pcapng file');
    expect(readCapture(Uint8Array.of(0x1f, 0x8b, 8, 0)).error).toBe('a gzip file: decompress it first');
  });
});

describe('connections of two Linux kernels', () => {
  it('are all there', () => expect(FILES).toHaveLength(44));

  it.each(FILES)(
    '%s: every packet parses, every checksum is right, and we write every segment as Linux did',
    (name) => {
      const capture = readCapture(readFileSync(new URL(name, FOLDER)));
      expect(capture.error).toBeNull();
      expect(capture.frames.length > 0).toBe(name !== 'no_answer.server.pcap');
      const header = new IpHeader();
      const segment = new Segment();
      for (const { bytes, ipOffset, originalLength } of capture.frames) {
        expect([ipOffset, bytes.length]).toEqual([0, originalLength]);
        expect(parseIp(bytes, 0, bytes.length, header)).toBeNull();
        expect([header.version, header.protocol]).toEqual([4, TCP]);
        const { payloadOffset: at, payloadLength: length } = header;
        const pseudo = header.pseudoSum(TCP, length);
        expect(verifyChecksum(bytes, at, length, pseudo)).toBe(true);
        expect(parseTcp(bytes, at, length, segment)).toBeNull();
        const again = new Uint8Array(length);
        expect(buildTcp(segment, again, 0)).toBe(length);
        fillChecksum(again, 0, length, pseudo);
        expect(again).toEqual(new Uint8Array(bytes.subarray(at, at + length)));
      }
    },
  );
});
