import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CHECKSUM_PARTIAL, Frame } from '../../src/link/device.ts';
import { Pair } from '../../src/link/pair.ts';
import { Tee } from '../../src/link/tee.ts';
import { CaptureFile, CaptureFileError, readCaptureFile } from '../../src/node/capture-file.ts';
import { EPOCH, NodeHost } from '../../src/node/host.ts';
import { IpAddress } from '../../src/wire/address.ts';
import { buildIp, ipHeaderLength, parseIp } from '../../src/wire/ip.ts';
import { IpHeader, TCP } from '../../src/wire/ip-header.ts';
import { PcapWriter } from '../../src/wire/pcap.ts';
import { Segment } from '../../src/wire/segment.ts';
import { buildTcp, fillPseudoChecksum, verifyChecksum } from '../../src/wire/tcp.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'synfin-capture-'));
  path = join(folder, 'run.pcapng');
});
afterEach(() => rmSync(folder, { recursive: true }));

/** An IP packet that begins with its version and is otherwise just bytes. */
function frameOf(length: number, fill: number): Frame {
  const frame = new Frame(new Uint8Array(length + 10).fill(fill));
  frame.offset = 10;
  frame.length = length;
  frame.bytes[10] = 0x45;
  return frame;
}

function failure(run: () => unknown): CaptureFileError {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(CaptureFileError);
    expect((error as Error).message).not.toContain('\n');
    return error as CaptureFileError;
  }
  throw new Error('did not throw');
}

const openFiles = () => readdirSync('/proc/self/fd').length;
const turn = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

describe('CaptureFile', () => {
  it('has what passes a tee, with times and directions', () => {
    const capture = new CaptureFile(path, { interfaceName: 'pair-a', epoch: 1.7e15 });
    const pair = new Pair();
    const tee = new Tee(pair.a, capture.observer, () => 7);
    tee.attach({ receive() {}, flush() {} });
    pair.b.attach({ receive() {}, flush() {} });
    for (const device of [tee, pair.b]) {
      const frame = device.allocate(30);
      frame.length = 30;
      frame.bytes.fill(0x45, frame.offset, frame.offset + 30);
      device.transmit(frame);
    }
    pair.pump(1000);
    capture.add('out', frameOf(25, 1), 2000, 'third');
    capture.close();
    capture.close();
    capture.add('in', frameOf(25, 1), 3000);
    const { frames, interfaces, error } = readCaptureFile(path);
    expect(error).toBeNull();
    expect(interfaces).toEqual([{ name: 'pair-a', linkType: 101 }]);
    expect(frames.map((one) => [one.time - 1.7e15, one.direction, one.bytes.length, one.comment])).toEqual([
      [7, 'out', 30, null],
      [1000, 'in', 30, null],
      [2000, 'out', 25, 'third'],
    ]);
    expect(capture.frames).toBe(3);
  });

  it('is whole after every turn of the event loop, and holds little in memory', async () => {
    const capture = new CaptureFile(path);
    expect(readCaptureFile(path)).toMatchObject({ frames: [], error: null });
    capture.add('in', frameOf(1500, 2), 1);
    expect(readCaptureFile(path).frames).toHaveLength(0);
    await turn();
    expect(readCaptureFile(path)).toMatchObject({ frames: [{}], error: null });
    // Many in one turn: at most 256 KiB wait.
    for (let i = 0; i < 1000; i++) capture.add('in', frameOf(1500, i), i);
    const { frames, error } = readCaptureFile(path);
    expect(error).toBeNull();
    expect(1001 - frames.length).toBeLessThanOrEqual(256 / 1.5);
    capture.close();
    expect(readCaptureFile(path).frames).toHaveLength(1001);
  });

  it('completes a checksum that was left to the device, in the file alone', () => {
    const header = new IpHeader();
    header.setAddresses(IpAddress.of('fd09::1'), IpAddress.of('fd09::2'));
    header.protocol = TCP;
    header.payloadLength = 20;
    const start = ipHeaderLength(6);
    const frame = new Frame(new Uint8Array(start + 20));
    frame.length = start + 20;
    frame.checksum = CHECKSUM_PARTIAL;
    buildIp(header, frame.bytes, 0);
    buildTcp(new Segment(), frame.bytes, start);
    fillPseudoChecksum(frame.bytes, start, header.pseudoSum(TCP, 20));
    const before = frame.bytes.slice();
    const capture = new CaptureFile(path);
    capture.add('out', frame, 0);
    capture.close();
    expect(frame.bytes).toEqual(before);
    const { bytes } = readCaptureFile(path).frames[0]!;
    expect(parseIp(bytes, 0, bytes.length, header)).toBeNull();
    expect(verifyChecksum(bytes, start, 20, header.pseudoSum(TCP, 20))).toBe(true);
  });

  it('takes the clock of the host for its times', () => {
    const capture = new CaptureFile(path);
    const before = Date.now();
    capture.add('in', frameOf(20, 0), new NodeHost().now());
    capture.close();
    expect(Math.abs(readCaptureFile(path).frames[0]!.time / 1000 - before)).toBeLessThan(1000);
    expect(Number.isInteger(EPOCH)).toBe(true);
  });

  it('says in one line why there can be no file, and leaves no descriptor open', () => {
    const before = openFiles();
    const nowhere = join(folder, 'none', 'x.pcapng');
    expect(failure(() => new CaptureFile(nowhere))).toMatchObject({
      code: 'ENOENT',
      path: nowhere,
      message: `cannot write ${nowhere}: there is no folder ${join(folder, 'none')}; make it first`,
    });
    expect(failure(() => new CaptureFile(folder)).message).toBe(
      `cannot write ${folder}: it is a folder; name a file in it`,
    );
    if (existsSync('/proc/version')) {
      expect(failure(() => new CaptureFile('/proc/version')).message).toMatch(/^cannot write \/proc\/version: /);
    }
    if (existsSync('/dev/full')) {
      expect(failure(() => new CaptureFile('/dev/full'))).toMatchObject({
        code: 'ENOSPC',
        message: 'cannot write /dev/full: the disk is full; the capture ends with the last frame that fitted',
      });
    }
    expect(openFiles()).toBe(before);
  });
});

describe('readCaptureFile', () => {
  it('says in one line what is wrong with a file', () => {
    const write = (name: string, bytes: Uint8Array | string) => {
      writeFileSync(join(folder, name), bytes);
      return join(folder, name);
    };
    const none = join(folder, 'none.pcap');
    expect(failure(() => readCaptureFile(none)).message).toBe(`cannot read ${none}: there is no such file`);
    mkdirSync(join(folder, 'sub'));
    expect(failure(() => readCaptureFile(join(folder, 'sub'))).message).toContain('it is a folder');
    expect(failure(() => readCaptureFile(write('empty', ''))).message).toMatch(/: the file is empty$/);
    expect(failure(() => readCaptureFile(write('text', 'hello world, hello world'))).message).toMatch(
      /: neither a pcap nor a pcapng file$/,
    );
    expect(failure(() => readCaptureFile(write('zip', Uint8Array.of(0x1f, 0x8b, 8)))).message).toMatch(
      /: a gzip file: decompress it first$/,
    );
    const header = new PcapWriter().header();
    expect(failure(() => readCaptureFile(write('head', header.subarray(0, 10))))).toMatchObject({ code: 'ECORRUPT' });
  });

  it('gives the frames before the place where a file is corrupt', () => {
    const capture = new CaptureFile(path, { epoch: 0 });
    for (let i = 0; i < 3; i++) capture.add('in', frameOf(50, i), i);
    capture.close();
    writeFileSync(path, readFileSync(path).subarray(0, -100));
    const { frames, error } = readCaptureFile(path);
    expect(frames).toHaveLength(2);
    expect(error).toMatch(/^frame 3 at byte \d+: a block of \d+ bytes, \d+ left in the file$/);
  });
});
