import { describe, expect, it } from 'vitest';
import type { Frame } from '../../src/link/device.ts';
import { Pair } from '../../src/link/pair.ts';
import { Stack } from '../../src/stack/stack.ts';
import { IpAddress } from '../../src/wire/address.ts';
import { buildEcho, buildIcmpError, fillIcmpChecksum, icmpProtocol, parseIcmp } from '../../src/wire/icmp.ts';
import { buildIp, ipHeaderLength, parseIp } from '../../src/wire/ip.ts';
import { IpHeader, TCP, UDP } from '../../src/wire/ip-header.ts';
import { ACK, RST, Segment, SYN } from '../../src/wire/segment.ts';
import { seq } from '../../src/wire/seq.ts';
import { buildTcp, fillChecksum, parseTcp } from '../../src/wire/tcp.ts';
import { VirtualTime } from '../support/virtual-host.ts';

const ip = (text: string): IpAddress => IpAddress.parse(text)!;
const OURS = { 4: ip('10.0.0.2'), 6: ip('fd00::2') };
const THEIRS = { 4: ip('10.0.0.1'), 6: ip('fd00::1') };

/** A stack, and the raw other end of its link. */
function world() {
  const time = new VirtualTime();
  const pair = new Pair();
  const stack = new Stack({ host: time.host() });
  const got: Uint8Array[] = [];
  pair.a.attach({
    receive: (frame: Frame) => got.push(frame.bytes.slice(frame.offset, frame.offset + frame.length)),
    flush: () => {},
  });
  stack.addDevice(pair.b, [
    { address: OURS[4], prefixLength: 24 },
    { address: OURS[6], prefixLength: 64 },
  ]);
  const send = (packet: Uint8Array) => {
    const frame = pair.a.allocate(packet.length);
    frame.bytes.set(packet, frame.offset);
    frame.length = packet.length;
    pair.a.transmit(frame);
    time.run((now) => pair.pump(now), time.now + 1000);
  };
  return { time, stack, send, got, run: (until: number) => time.run((now) => pair.pump(now), until) };
}

function packet(
  version: 4 | 6,
  protocol: number,
  payload: Uint8Array,
  change: (h: IpHeader) => void = () => {},
): Uint8Array {
  const header = new IpHeader();
  header.setAddresses(THEIRS[version], OURS[version]);
  header.protocol = protocol;
  header.payloadLength = payload.length;
  change(header);
  const bytes = new Uint8Array(ipHeaderLength(version) + payload.length);
  bytes.set(payload, buildIp(header, bytes, 0));
  return bytes;
}

function tcp(version: 4 | 6, fill: (s: Segment) => void, from = THEIRS[version], to = OURS[version]): Uint8Array {
  const segment = new Segment();
  segment.sourcePort = 4000;
  segment.destinationPort = 80;
  fill(segment);
  const bytes = new Uint8Array(60 + segment.payloadLength);
  const length = buildTcp(segment, bytes, 0);
  const header = new IpHeader();
  header.setAddresses(from, to);
  fillChecksum(bytes, 0, length, header.pseudoSum(TCP, length));
  return packet(version, TCP, bytes.subarray(0, length), (h) => h.setAddresses(from, to));
}

function read(bytes: Uint8Array): { header: IpHeader; segment: Segment } {
  const header = new IpHeader();
  expect(parseIp(bytes, 0, bytes.length, header)).toBeNull();
  const segment = new Segment();
  if (header.protocol === TCP) parseTcp(bytes, header.payloadOffset, header.payloadLength, segment);
  return { header, segment };
}

describe.each([4, 6] as const)('IPv%i input', (version) => {
  const echo = (length: number): Uint8Array => {
    const message = new Uint8Array(8 + length);
    buildEcho(version, 'echo request', 7, 9, new Uint8Array(length).fill(3), 0, length, message, 0);
    const header = new IpHeader();
    header.setAddresses(THEIRS[version], OURS[version]);
    const protocol = icmpProtocol(version);
    fillIcmpChecksum(message, 0, message.length, version === 6 ? header.pseudoSum(protocol, message.length) : 0);
    return packet(version, protocol, message);
  };

  it('answers echo (RFC 1122 §3.2.2.6)', () => {
    const { send, got } = world();
    send(echo(56));
    const { header } = read(got[0]!);
    const pseudo = version === 6 ? header.pseudoSum(header.protocol, header.payloadLength) : 0;
    const message = parseIcmp(version, got[0]!, header.payloadOffset, header.payloadLength, pseudo);
    expect(message).toMatchObject({ type: 'echo reply', id: 7, sequence: 9, dataLength: 56 });
  });

  it('answers a segment for nobody with a RST, and a RST with silence (RFC 9293 §3.10.7.1)', () => {
    const { send, got, stack } = world();
    send(
      tcp(version, (s) => {
        s.flags = SYN;
        s.seq = seq(100);
      }),
    );
    expect(read(got[0]!).segment).toMatchObject({ flags: RST | ACK, seq: 0, ack: 101, sourcePort: 80 });
    send(
      tcp(version, (s) => {
        s.flags = ACK;
        s.ack = seq(500);
      }),
    );
    expect(read(got[1]!).segment).toMatchObject({ flags: RST, seq: 500 });
    send(
      tcp(version, (s) => {
        s.flags = RST;
      }),
    );
    expect(got.length).toBe(2);
    expect(stack.counters.OutRsts).toBe(2);
  });

  it('drops a segment with a wrong checksum, and counts it (MUST-3)', () => {
    const { send, got, stack } = world();
    const bad = tcp(version, (s) => {
      s.flags = SYN;
    });
    bad[bad.length - 1] = bad[bad.length - 1]! ^ 1;
    send(bad);
    expect(got.length).toBe(0);
    expect(stack.ipCounters.drops['TCP checksum']).toBe(1);
  });

  it('takes nothing from, or for, an address of many (MUST-57, MUST-63)', () => {
    const { send, got, stack } = world();
    stack.listen({ port: 80 });
    const group = ip(version === 4 ? '224.0.0.5' : 'ff02::5');
    const syn = (s: Segment) => {
      s.flags = SYN;
    };
    send(tcp(version, syn, group));
    send(tcp(version, syn, THEIRS[version], group));
    if (version === 4) {
      send(tcp(4, syn, ip('10.0.0.255')));
      send(tcp(4, syn, ip('255.255.255.255')));
      send(tcp(4, syn, THEIRS[4], ip('10.0.0.255')));
    }
    send(tcp(version, syn, ip(version === 4 ? '127.0.0.1' : '::1')));
    send(tcp(version, syn, OURS[version]));
    // What listens on the loopback is for this machine alone.
    send(tcp(version, syn, THEIRS[version], ip(version === 4 ? '127.0.0.1' : '::1')));
    expect(got.length).toBe(0);
    expect(stack.stats().connections).toBe(0);
    expect(stack.ipCounters.InAddrErrors).toBe(version === 4 ? 8 : 5);
  });

  it('says that a UDP port is closed, and not without end', () => {
    const { send, got } = world();
    for (let i = 0; i < 20; i++) send(packet(version, UDP, new Uint8Array(16)));
    expect(got.length).toBe(6);
    const { header } = read(got[0]!);
    const pseudo = version === 6 ? header.pseudoSum(header.protocol, header.payloadLength) : 0;
    const message = parseIcmp(version, got[0]!, header.payloadOffset, header.payloadLength, pseudo);
    expect(message).toMatchObject({ type: 'destination unreachable', code: version === 4 ? 3 : 4 });
  });

  it('lets an ICMP error end an attempt to connect only where it quotes what was sent (RFC 5927 §4.1)', () => {
    const { send, got, stack, run, time } = world();
    const log: unknown[] = [];
    const options = { remoteAddress: THEIRS[version], remotePort: 7, localPort: 5000 };
    stack.connect({ ...options, events: { onClose: (f) => log.push(f) } });
    run(time.now + 1000);
    const syn = got[0]!;
    const error = (quoted: Uint8Array): Uint8Array => {
      const message = new Uint8Array(8 + quoted.length);
      const code = version === 4 ? 3 : 4;
      const length = buildIcmpError(version, 'destination unreachable', code, 0, quoted, 0, quoted.length, message, 0);
      const header = new IpHeader();
      header.setAddresses(THEIRS[version], OURS[version]);
      const protocol = icmpProtocol(version);
      fillIcmpChecksum(message, 0, length, version === 6 ? header.pseudoSum(protocol, length) : 0);
      return packet(version, protocol, message.subarray(0, length));
    };
    const forged = syn.slice();
    forged[ipHeaderLength(version) + 4] = forged[ipHeaderLength(version) + 4]! ^ 0x40;
    send(error(forged));
    expect(log).toEqual([]);
    send(error(syn));
    expect(log).toEqual(['refused']);
  });

  it('puts fragments together (RFC 1122 §3.3.2)', () => {
    const { send, got } = world();
    const whole = echo(1200);
    const size = ipHeaderLength(version);
    const text = whole.subarray(size);
    const cut = 600;
    const piece = (from: number, to: number, more: boolean): Uint8Array => {
      if (version === 4) {
        return packet(4, icmpProtocol(4), text.subarray(from, to), (h) => {
          h.id = 77;
          h.fragmentOffset = from;
          h.moreFragments = more;
        });
      }
      const body = new Uint8Array(8 + to - from);
      body[0] = icmpProtocol(6);
      new DataView(body.buffer).setUint16(2, from | (more ? 1 : 0));
      body[7] = 77;
      body.set(text.subarray(from, to), 8);
      return packet(6, 44, body);
    };
    send(piece(cut, text.length, false));
    expect(got.length).toBe(0);
    send(piece(0, cut, true));
    expect(got.length).toBe(1);
    expect(read(got[0]!).header.payloadLength).toBe(1208);
  });
});
