import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CHECKSUM_COMPLETE, CHECKSUM_PARTIAL } from '../../src/link/device.ts';
import { SoftwareOffload } from '../../src/link/offload.ts';
import { Pair } from '../../src/link/pair.ts';
import { ACK, CWR, FIN, PSH } from '../../src/wire/segment.ts';
import { collector, send, tcpPacket } from './support/packets.ts';

function setup(mtu = 1500) {
  const pair = new Pair({ mtu, queueLimit: 100_000 });
  const device = new SoftwareOffload(pair.a);
  const peer = collector();
  pair.b.attach(peer);
  return { pair, device, peer };
}

function text(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 7 + (i >>> 8)) & 255);
}

/** The segments that a super-segment stands for, each built on its own. */
function oneByOne(fields: Parameters<typeof tcpPacket>[0], whole: Uint8Array, mss: number): Uint8Array[] {
  const { flags = ACK, seq = 0, id = 0 } = fields;
  const packets: Uint8Array[] = [];
  for (let from = 0, i = 0; from < whole.length || i === 0; from += mss, i++) {
    const last = from + mss >= whole.length;
    packets.push(
      tcpPacket({
        ...fields,
        seq: seq + from,
        id: (id + i) & 0xffff,
        flags: flags & ~(last ? 0 : FIN | PSH) & ~(i === 0 ? 0 : CWR),
        text: whole.subarray(from, from + mss),
      }),
    );
  }
  return packets;
}

describe('SoftwareOffload', () => {
  it('offers both offloads and the MTU of the device inside', () => {
    const { device } = setup(1400);
    expect(device).toMatchObject({ mtu: 1400, offload: { checksum: true, maxGso: 65535 } });
  });

  it('cuts a super-segment into the segments it stands for, byte for byte', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(4 as const, 6 as const),
        fc.integer({ min: 0, max: 20_000 }),
        fc.integer({ min: 1, max: 1400 }),
        fc.integer(),
        fc.nat(0xffff),
        fc.constantFrom(ACK, ACK | PSH, ACK | PSH | FIN, ACK | CWR | PSH),
        fc.boolean(),
        (version, length, rawMss, seq, id, flags, timestamps) => {
          const mss = Math.max(rawMss, Math.ceil(length / 300));
          const fields = { version, seq, id: version === 4 ? id : 0, flags, timestamps };
          const whole = text(length);
          const { pair, device, peer } = setup();
          const sent = send(device, tcpPacket({ ...fields, text: whole, partial: true }), {
            checksum: CHECKSUM_PARTIAL,
            gsoSize: mss,
          });
          expect(sent).toBe(true);
          pair.pump(0);
          expect(peer.packets).toEqual(oneByOne(fields, whole, mss));
          expect([pair.outstanding, device.outstanding]).toEqual([0, 0]);
        },
      ),
    );
  });

  it('cuts the longest packet there is', () => {
    const { pair, device, peer } = setup();
    const whole = text(65535 - 40);
    send(device, tcpPacket({ text: whole, partial: true }), { checksum: CHECKSUM_PARTIAL, gsoSize: 1460 });
    pair.pump(0);
    expect(peer.packets).toEqual(oneByOne({}, whole, 1460));
  });

  it('takes the sequence number over its end', () => {
    const { pair, device, peer } = setup();
    send(device, tcpPacket({ seq: -100, text: text(300), partial: true }), {
      checksum: CHECKSUM_PARTIAL,
      gsoSize: 100,
    });
    pair.pump(0);
    expect(peer.packets).toEqual(oneByOne({ seq: -100 }, text(300), 100));
  });

  it('completes the checksum of a single segment', () => {
    for (const version of [4, 6] as const) {
      const { pair, device, peer } = setup();
      const fields = { version, text: text(333), timestamps: true };
      expect(send(device, tcpPacket({ ...fields, partial: true }), { checksum: CHECKSUM_PARTIAL })).toBe(true);
      pair.pump(0);
      expect(peer.packets).toEqual([tcpPacket(fields)]);
    }
  });

  it('completes the checksum of a datagram', () => {
    const { pair, device, peer } = setup();
    // No checksum of its own, "fd" for its text, from port 53 to 53.
    const packet = Uint8Array.of(0x45, 0, 0, 30, 0, 0, 0, 0, 64, 17, 0x66, 0xcf, 10, 0, 0, 1, 10, 0, 0, 2);
    const datagram = Uint8Array.of(0, 53, 0, 53, 0, 10, 0x14, 0x1e, 0x66, 0x64);
    expect(send(device, [...packet, ...datagram], { checksum: CHECKSUM_PARTIAL })).toBe(true);
    pair.pump(0);
    datagram.set([0x85, 0x09], 6);
    expect(peer.packets).toEqual([Uint8Array.of(...packet, ...datagram)]);
    expect(device.malformed).toBe(0);
  });

  it('passes what is complete as it is, from a large frame too', () => {
    const { pair, device, peer } = setup();
    const packet = tcpPacket({ text: text(10) });
    expect(send(device, packet)).toBe(true);
    const large = device.allocate(60_000);
    large.bytes.set(packet, large.offset);
    large.length = packet.length;
    expect(device.transmit(large)).toBe(true);
    expect(send(device, text(1501))).toBe(false);
    pair.pump(0);
    expect(peer.packets).toEqual([packet, packet]);
    expect([pair.outstanding, device.outstanding]).toEqual([0, 0]);
  });

  it('says so when nothing left; what is lost of many segments is lost on the way', () => {
    const { pair, device } = setup(576);
    const sent = (length: number) => {
      const packet = tcpPacket({ text: text(length), partial: true });
      return send(device, packet, { checksum: CHECKSUM_PARTIAL, gsoSize: 1460 });
    };
    expect(sent(2920)).toBe(false);
    expect(sent(3000)).toBe(true);
    pair.pump(0);
    expect([pair.outstanding, device.outstanding]).toEqual([0, 0]);
  });

  it('never throws at bytes that are no TCP, and keeps no frame', () => {
    const { pair, device } = setup();
    const anyPacket = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc
        .tuple(fc.constantFrom(4 as const, 6 as const), fc.array(fc.tuple(fc.nat(80), fc.nat(255)), { maxLength: 4 }))
        .map(([version, edits]) => {
          const bytes = tcpPacket({ version, text: text(100), partial: true });
          for (const [at, value] of edits) bytes[at] = value;
          return bytes;
        }),
    );
    fc.assert(
      fc.property(
        anyPacket,
        fc.constantFrom(CHECKSUM_COMPLETE, CHECKSUM_PARTIAL),
        fc.integer({ min: 0, max: 70 }),
        (packet, checksum, gsoSize) => {
          expect(typeof send(device, packet, { checksum, gsoSize })).toBe('boolean');
        },
      ),
      { numRuns: 500 },
    );
    pair.b.close();
    pair.pump(0);
    expect([pair.outstanding, device.outstanding]).toEqual([0, 0]);
    expect(device.malformed).toBeGreaterThan(0);
  });

  it('gives frames back, and passes attach and close on', () => {
    const { pair, device, peer } = setup();
    device.release(device.allocate(100));
    device.release(device.allocate(10_000));
    expect([pair.outstanding, device.outstanding]).toEqual([0, 0]);
    const own = collector();
    device.attach(own);
    send(pair.b, [1, 2, 3]);
    pair.pump(0);
    expect(own.packets).toHaveLength(1);
    device.close();
    expect(send(device, [1])).toBe(false);
    expect(peer.packets).toHaveLength(0);
  });
});
