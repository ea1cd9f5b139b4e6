import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join as path } from 'node:path';
import fc from 'fast-check';
import { afterAll, expect, it } from 'vitest';
import { IpAddress } from '../../src/wire/address.ts';
import { readCapture } from '../../src/wire/capture.ts';
import {
  buildEcho,
  buildIcmpError,
  fillIcmpChecksum,
  type IcmpErrorType,
  icmpErrorLength,
  icmpProtocol,
} from '../../src/wire/icmp.ts';
import { buildIp, ipHeaderLength, parseIp } from '../../src/wire/ip.ts';
import { IpHeader, TCP } from '../../src/wire/ip-header.ts';
import { PcapWriter } from '../../src/wire/pcap.ts';
import { PcapngWriter } from '../../src/wire/pcapng.ts';
import { RST, Segment, SYN, URG } from '../../src/wire/segment.ts';
import { seq, toUint32 } from '../../src/wire/seq.ts';
import { buildTcp, fillChecksum, parseTcp, tcpHeaderLength } from '../../src/wire/tcp.ts';
import { addressPair, segment } from '../support/arbitrary.ts';
import { join } from '../support/files.ts';
import { describeWith } from './support/needs.ts';
import { tshark } from './support/tshark.ts';

const CAPTURES = new URL('../fixtures/kernel-captures/', import.meta.url);
const SEED = 9293;
const PORT = 40_000;

const folder = mkdtempSync(path(tmpdir(), 'synfin-tshark-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Wireshark's name of a field, and its value as tshark prints it: '' where absent, several joined by commas. */
type Row = Record<string, string>;

/** What tshark makes of a file: one row a frame. */
function dissect(file: Uint8Array, fields: readonly string[]): Row[] {
  const name = path(folder, 'dissect.pcapng');
  writeFileSync(name, file);
  // Only what is below the text: random ports and bytes would wake up a hundred other dissectors.
  const options = ['--disable-protocol', 'ALL'];
  for (const protocol of ['frame', 'raw', 'ip', 'ipv6', 'tcp', 'icmp', 'icmpv6'])
    options.push('--enable-protocol', protocol);
  for (const preference of [
    'tcp.check_checksum:TRUE',
    'ip.check_checksum:TRUE',
    'tcp.relative_sequence_numbers:FALSE',
    'tcp.analyze_sequence_numbers:FALSE',
  ]) {
    options.push('-o', preference);
  }
  const columns = fields.flatMap((field) => ['-e', field]);
  const lines = tshark('-r', name, ...options, '-T', 'fields', '-E', 'separator=/t', ...columns).split('\n');
  return lines.slice(0, -1).map((line) => {
    const values = line.split('\t');
    return Object.fromEntries(fields.map((field, i) => [field, values[i] ?? '']));
  });
}

/** A packet around a transport of `length` bytes that `write` puts at an offset. */
function packet(header: IpHeader, length: number, write: (target: Uint8Array, at: number) => void): Uint8Array {
  header.payloadLength = length;
  const size = ipHeaderLength(header.version);
  const bytes = new Uint8Array(size + length);
  buildIp(header, bytes, 0);
  write(bytes, size);
  return bytes;
}

function tcpPacket(header: IpHeader, one: Segment): Uint8Array {
  const length = tcpHeaderLength(one) + one.payloadLength;
  header.protocol = TCP;
  return packet(header, length, (target, at) => {
    buildTcp(one, target, at);
    fillChecksum(target, at, length, header.pseudoSum(TCP, length));
  });
}

function icmpPacket(header: IpHeader, length: number, write: (target: Uint8Array, at: number) => void): Uint8Array {
  const protocol = icmpProtocol(header.version);
  header.protocol = protocol;
  return packet(header, length, (target, at) => {
    write(target, at);
    fillIcmpChecksum(target, at, length, header.version === 4 ? 0 : header.pseudoSum(protocol, length));
  });
}

const hex = (value: number, digits: number) => `0x${value.toString(16).padStart(digits, '0')}`;
/** tshark 4.0 prints booleans as 0 and 1, later ones as False and True. */
const flag = (value: boolean) => (value ? ['1', 'True'] : ['0', 'False']);

function ipRow(header: IpHeader): Row {
  const [source, destination] = [header.sourceAddress(), header.destinationAddress()].map(String) as [string, string];
  if (header.version === 6) {
    return {
      'ipv6.src': source,
      'ipv6.dst': destination,
      'ipv6.hlim': `${header.hopLimit}`,
      'ipv6.flow': hex(header.flowLabel, 6),
      'ipv6.tclass.dscp': `${header.dscp}`,
      'ipv6.tclass.ecn': `${header.ecn}`,
      'ipv6.plen': `${header.payloadLength}`,
      'ipv6.nxt': `${header.protocol}`,
    };
  }
  return {
    'ip.src': source,
    'ip.dst': destination,
    'ip.ttl': `${header.hopLimit}`,
    'ip.id': hex(header.id, 4),
    'ip.dsfield.dscp': `${header.dscp}`,
    'ip.dsfield.ecn': `${header.ecn}`,
    'ip.len': `${header.payloadLength + 20}`,
    'ip.proto': `${header.protocol}`,
    'ip.checksum.status': '1',
  };
}

function tcpRow(one: Segment): Row {
  const optional = (value: number) => (value < 0 ? '' : `${value}`);
  const edges = (side: number) => Array.from({ length: one.sackCount }, (_, i) => toUint32(one.sack[2 * i + side]!));
  const cookie = one.fastOpenCookie.subarray(0, Math.max(0, one.fastOpenLength));
  return {
    'tcp.srcport': `${one.sourcePort}`,
    'tcp.dstport': `${one.destinationPort}`,
    'tcp.seq_raw': `${toUint32(one.seq)}`,
    'tcp.ack_raw': `${toUint32(one.ack)}`,
    'tcp.hdr_len': `${tcpHeaderLength(one)}`,
    'tcp.flags': hex(one.flags, 4),
    'tcp.window_size_value': `${one.wnd}`,
    'tcp.urgent_pointer': `${one.up}`,
    'tcp.len': `${one.payloadLength}`,
    'tcp.checksum.status': '1',
    'tcp.options.mss_val': optional(one.mss),
    'tcp.options.wscale.shift': optional(one.windowScale),
    'tcp.options.sack_perm': one.sackPermitted ? '0402' : '',
    'tcp.options.timestamp.tsval': one.hasTimestamps ? `${one.tsVal >>> 0}` : '',
    'tcp.options.timestamp.tsecr': one.hasTimestamps ? `${one.tsEcr >>> 0}` : '',
    'tcp.options.sack_le': edges(0).join(','),
    'tcp.options.sack_re': edges(1).join(','),
    'tcp.options.user_to_val': one.userTimeout < 0 ? '' : `${one.userTimeout / 1000}`,
    'tcp.options.tfo.cookie': Buffer.from(cookie).toString('hex'),
    'tcp.payload': Buffer.from(one.bytes).toString('hex'),
  };
}

const headers = fc
  .tuple(addressPair, fc.nat(255), fc.nat(63), fc.nat(3), fc.nat(0xfffff), fc.nat(0xffff))
  .map(([[source, destination], hopLimit, dscp, ecn, flowLabel, id]) => {
    const out = new IpHeader();
    out.setAddresses(source, destination);
    return Object.assign(out, { hopLimit, dscp, ecn, flowLabel, id: source.family === 4 ? id : 0 });
  });

describeWith({ programs: ['tshark'] }, 'tshark', () => {
  it('reads every field of 600 segments as we meant it, and finds every checksum right', () => {
    const cases = fc.sample(fc.tuple(headers, segment), { numRuns: 600, seed: SEED });
    expect(cases.filter(([header]) => header.version === 6).length).toBeGreaterThan(200);
    expect(cases.filter(([, one]) => one.has(SYN)).length).toBeGreaterThan(200);
    const writer = new PcapngWriter({ application: 'synfin', interfaceName: 'test0' });
    const direction = (i: number) => (i % 2 === 0 ? 'in' : 'out');
    const pieces = cases.map(([header, one], i) => {
      const bytes = tcpPacket(header, one);
      const options = i % 3 === 0 ? { comment: `číslo ${i} 号` } : {};
      return writer.packet(1.7e15 + i, bytes, 0, bytes.length, { direction: direction(i), ...options });
    });
    const file = join([writer.header(), ...pieces, writer.statistics(1.7e15, cases.length, 0)]);
    const expected = cases.map(
      ([header, one], i): Row => ({
        ...ipRow(header),
        ...tcpRow(one),
        'frame.time_epoch': `1700000000.${`${i}`.padStart(6, '0')}000`,
        'frame.interface_name': 'test0',
        'frame.packet_flags_direction': hex(i % 2 === 0 ? 1 : 2, 8),
        'frame.comment': i % 3 === 0 ? `číslo ${i} 号` : '',
      }),
    );
    const fields = [...new Set(expected.flatMap((row) => Object.keys(row)))];
    const rows = dissect(file, fields);
    expect(rows).toHaveLength(cases.length);
    rows.forEach((row, i) => {
      // Wireshark takes the text of a RST for a reason, and urgent text apart.
      if (cases[i]![1].flags & (RST | URG)) row['tcp.payload'] = expected[i]!['tcp.payload']!;
      const absent = Object.fromEntries(fields.map((field) => [field, '']));
      expect(row, `frame ${i + 1}`).toEqual({ ...absent, ...expected[i] });
    });
  });

  it('tells seconds from minutes, and a request for a cookie from a cookie', () => {
    const one = Object.assign(new Segment(), { flags: SYN, userTimeout: 1000 * 60_000, fastOpenLength: 0 });
    const header = new IpHeader();
    header.setAddresses(IpAddress.of('192.0.2.1'), IpAddress.of('192.0.2.2'));
    const writer = new PcapngWriter();
    const file = join([writer.header(), writer.packet(0, tcpPacket(header, one))]);
    const names = ['user_to_granularity', 'user_to_val', 'tfo.request'].map((name) => `tcp.options.${name}`);
    const [row] = dissect(file, names);
    expect(flag(true)).toContain(row!['tcp.options.user_to_granularity']);
    expect(row!['tcp.options.user_to_val']).toBe('1000');
    expect(row!['tcp.options.tfo.request']).not.toBe('');
  });

  it.each([4, 6] as const)('reads our ICMP for IPv%i, and the segment it quotes', (family) => {
    const name = family === 4 ? 'icmp' : 'icmpv6';
    const ends = family === 4 ? ['192.0.2.1', '198.51.100.7'] : ['2001:db8::1', '2001:db8::2'];
    const header = new IpHeader();
    header.setAddresses(IpAddress.of(ends[0]!), IpAddress.of(ends[1]!));
    const lost = Object.assign(new Segment(), { sourcePort: PORT, destinationPort: 443, seq: seq(-2), flags: SYN });
    const quoted = tcpPacket(header, lost);
    const errors: [IcmpErrorType, code: number, value: number, row: Row][] = [];
    const type = (four: number, six: number) => `${family === 4 ? four : six}`;
    for (let code = 0; code < (family === 4 ? 16 : 7); code++) {
      if (family === 4 && code === 4) continue;
      errors.push(['destination unreachable', code, 0, { type: type(3, 1), code: `${code}` }]);
    }
    const tooBigCode = family === 4 ? 4 : 0;
    errors.push(['packet too big', tooBigCode, 1400, { type: type(3, 2), code: `${tooBigCode}`, mtu: '1400' }]);
    errors.push(['time exceeded', 1, 0, { type: type(11, 3), code: '1' }]);
    errors.push(['parameter problem', 0, 6, { type: type(12, 4), code: '0', pointer: '6' }]);

    const length = icmpErrorLength(family, quoted.length);
    const packets = errors.map(([kind, code, value]) =>
      icmpPacket(header, length, (target, at) => {
        buildIcmpError(family, kind, code, value, quoted, 0, quoted.length, target, at);
      }),
    );
    const data = Uint8Array.of(1, 2, 3, 4, 5);
    for (const kind of ['echo request', 'echo reply'] as const) {
      packets.push(icmpPacket(header, 13, (to, at) => void buildEcho(family, kind, 0x1234, 7, data, 0, 5, to, at)));
    }
    const writer = new PcapWriter();
    const file = join([writer.header(), ...packets.map((bytes, i) => writer.packet(i, bytes))]);
    const [ident, sequence] =
      family === 4 ? ['icmp.ident', 'icmp.seq'] : ['icmpv6.echo.identifier', 'icmpv6.echo.sequence_number'];
    const own = ['type', 'code', 'mtu', 'pointer', 'checksum.status'].map((field) => `${name}.${field}`);
    const rows = dissect(file, [...own, ident!, sequence!, 'tcp.srcport', 'tcp.dstport', 'tcp.seq']);
    expect(rows).toHaveLength(packets.length);
    errors.forEach(([, , , row], i) => {
      for (const [field, value] of Object.entries(row)) expect(rows[i]![`${name}.${field}`], field).toBe(value);
      expect(rows[i]).toMatchObject({ 'tcp.srcport': `${PORT}`, 'tcp.dstport': '443', 'tcp.seq': '4294967294' });
    });
    expect(rows.slice(-2).map((row) => [row[`${name}.type`], row[ident!], row[sequence!]])).toEqual(
      [type(8, 128), type(0, 129)].map((value) => [value, family === 4 ? '4660' : '0x1234', '7']),
    );
    for (const row of rows) expect(row[`${name}.checksum.status`]).toBe('1');
  });

  it.each(['pcap', 'nsecpcap', 'pcapng'])('writes %s files that we read', (format) => {
    const cases = fc.sample(fc.tuple(headers, segment), { numRuns: 50, seed: SEED });
    const writer = new PcapngWriter();
    const packets = cases.map(([header, one]) => tcpPacket(header, one));
    const ours = path(folder, 'ours.pcapng');
    const theirs = path(folder, `theirs.${format}`);
    writeFileSync(ours, join([writer.header(), ...packets.map((bytes, i) => writer.packet(1.7e15 + 3 * i, bytes))]));
    tshark('-r', ours, '-F', format, '-w', theirs);
    const { frames, error } = readCapture(readFileSync(theirs));
    expect(error).toBeNull();
    expect(frames.map((frame) => [frame.time, frame.nanoseconds, Buffer.from(frame.bytes).toString('hex')])).toEqual(
      packets.map((bytes, i) => [1.7e15 + 3 * i, 0, Buffer.from(bytes).toString('hex')]),
    );
  });

  it.each(readdirSync(CAPTURES).filter((name) => name.endsWith('.pcap')))(
    'reads %s as we do, field by field',
    (name) => {
      const file = readFileSync(new URL(name, CAPTURES));
      const { frames } = readCapture(file);
      const expected = frames.map(({ time, bytes, ipOffset }): Row => {
        const header = new IpHeader();
        const one = new Segment();
        expect(parseIp(bytes, ipOffset, bytes.length - ipOffset, header)).toBeNull();
        expect(parseTcp(bytes, header.payloadOffset, header.payloadLength, one)).toBeNull();
        const text = Buffer.from(bytes.subarray(one.payloadOffset, one.payloadOffset + one.payloadLength));
        return {
          ...ipRow(header),
          ...tcpRow(one),
          // The length of the header on the wire, not of the one we would write.
          'tcp.hdr_len': `${one.payloadOffset - header.payloadOffset}`,
          'tcp.payload': text.toString('hex'),
          'frame.time_epoch': `${Math.floor(time / 1e6)}.${`${time % 1e6}`.padStart(6, '0')}000`,
        };
      });
      const fields = Object.keys(expected[0] ?? { 'frame.number': '' });
      const rows = dissect(file, fields);
      expect(rows).toEqual(expected.map((row) => Object.fromEntries(fields.map((field) => [field, row[field] ?? '']))));
    },
  );
});
