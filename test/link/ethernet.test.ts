import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Ethernet, type EthernetHost } from '../../src/link/ethernet.ts';
import { Pair } from '../../src/link/pair.ts';
import { IpAddress } from '../../src/wire/address.ts';
import { type Arp, buildArp, parseArp } from '../../src/wire/arp.ts';
import { get16 } from '../../src/wire/bytes.ts';
import { buildEthernet, ETHERTYPE_ARP, ETHERTYPE_IPV4, MacAddress } from '../../src/wire/ethernet.ts';
import { parseIcmp } from '../../src/wire/icmp.ts';
import { parseIp } from '../../src/wire/ip.ts';
import { IpHeader } from '../../src/wire/ip-header.ts';
import { collector, packetOf, send, tcpPacket } from './support/packets.ts';

const SECOND = 1_000_000;

class Clock implements EthernetHost {
  time = 0;
  #deadline = Number.POSITIVE_INFINITY;
  #callback = () => {};
  now(): number {
    return this.time;
  }
  wakeAt(deadline: number, callback: () => void): void {
    this.#deadline = deadline;
    this.#callback = callback;
  }
  /** Moves on to `time`; what is due meanwhile happens when it is. */
  run(time: number, settle: () => void): void {
    while (this.#deadline <= time) {
      this.time = Math.max(this.time, this.#deadline);
      this.#deadline = Number.POSITIVE_INFINITY;
      this.#callback();
      settle();
    }
    this.time = time;
  }
}

const addresses = (n: number) => [
  { address: IpAddress.of(`10.0.0.${n}`), prefixLength: 24 },
  { address: IpAddress.of(`fd00::${n}`), prefixLength: 64 },
];

/** Two hosts on a wire. `tcpPacket` goes from the first to the second. */
function hosts(options: { gateways?: IpAddress[] } = {}) {
  const pair = new Pair({ mtu: 1514 });
  const clock = new Clock();
  const [a, b] = [
    new Ethernet(pair.a, { host: clock, addresses: addresses(1), ...options }),
    new Ethernet(pair.b, { host: new Clock(), addresses: addresses(2) }),
  ];
  const [atA, atB] = [collector(), collector()];
  a.attach(atA);
  b.attach(atB);
  const settle = () => {
    while (pair.pump(clock.now()));
  };
  return { pair, clock, a, b, atA, atB, settle };
}

/** One host, and the wire it is on, as bytes. */
function alone(options: { gateways?: IpAddress[] } = {}) {
  const pair = new Pair({ mtu: 1514 });
  const clock = new Clock();
  const a = new Ethernet(pair.a, { host: clock, addresses: addresses(1), ...options });
  const [atA, wire] = [collector(), collector()];
  a.attach(atA);
  pair.b.attach(wire);
  const settle = () => {
    while (pair.pump(clock.now()));
  };
  /** An Ethernet frame from elsewhere. */
  const arrives = (to: MacAddress, type: number, packet: Uint8Array) => {
    const bytes = new Uint8Array(14 + packet.length);
    buildEthernet(to, PEER, type, bytes, 0);
    bytes.set(packet, 14);
    send(pair.b, bytes);
    settle();
  };
  return { pair, clock, a, atA, wire, settle, arrives };
}

const PEER = MacAddress.parse('02:11:22:33:44:55')!;

function arp(fields: Partial<Arp>): Uint8Array {
  const bytes = new Uint8Array(28);
  const whole: Arp = {
    operation: 'reply',
    senderMac: PEER,
    sender: IpAddress.of('10.0.0.2'),
    targetMac: MacAddress.for(IpAddress.of('10.0.0.1')),
    target: IpAddress.of('10.0.0.1'),
    ...fields,
  };
  buildArp(whole, bytes, 0);
  return bytes;
}

const to4 = tcpPacket({ text: Uint8Array.of(1, 2, 3) });
const to6 = tcpPacket({ version: 6, text: Uint8Array.of(1, 2, 3) });
/** The same packet to another destination. */
function to(address: string, packet = to4): Uint8Array {
  const copy = packet.slice();
  const destination = IpAddress.of(address);
  destination.write(copy, destination.family === 4 ? 16 : 24);
  return copy;
}

describe('Ethernet', () => {
  it.each([
    ['RFC 826: ARP', to4],
    ['RFC 4861 §7.2: neighbor discovery', to6],
  ])('%s: the first packet waits for the answer, the next ones go at once', (_name, packet) => {
    const { pair, a, b, atA, atB, settle, clock } = hosts();
    expect(send(a, packet)).toBe(true);
    expect(atB.packets).toEqual([]);
    settle();
    expect(atB.packets).toEqual([packet]);
    // The other side learnt from the question: it needs to ask nothing.
    clock.time += SECOND;
    send(b, packet === to4 ? to('10.0.0.1') : to('fd00::1', to6));
    expect(pair.pending).toBe(1);
    settle();
    expect(atA.packets).toHaveLength(1);
    send(a, packet);
    expect(pair.pending).toBe(1);
    settle();
    expect(atB.packets).toHaveLength(2);
    expect(pair.outstanding).toBe(0);
  });

  it('RFC 1122 §2.3.2: asks no more than once a second, three times, then says that the host is unreachable', () => {
    for (const packet of [to('10.0.0.77'), to('fd00::77', to6)]) {
      const { clock, a, atA, wire, settle, pair } = alone();
      for (let i = 0; i < 5; i++) send(a, packet);
      settle();
      expect(wire.packets).toHaveLength(1);
      clock.run(2.5 * SECOND, settle);
      expect(wire.packets).toHaveLength(3);
      expect(atA.packets).toHaveLength(0);
      clock.run(3.5 * SECOND, settle);
      expect(wire.packets).toHaveLength(3);
      expect(atA.packets).toHaveLength(5);
      const header = new IpHeader();
      const error = atA.packets[0]!;
      expect(parseIp(error, 0, error.length, header)).toBeNull();
      const { version, payloadOffset, payloadLength, protocol } = header;
      const pseudo = version === 4 ? 0 : header.pseudoSum(protocol, payloadLength);
      const message = parseIcmp(version, error, payloadOffset, payloadLength, pseudo);
      expect(message).toMatchObject({
        type: 'destination unreachable',
        code: version === 4 ? 1 : 3,
        quote: { sourcePort: 1000, destinationPort: 80 },
      });
      expect(a.counters.unanswered).toBe(5);
      expect(a.neighbors.size).toBe(0);
      expect(pair.outstanding).toBe(0);
    }
  });

  it('holds no more than sixteen packets for a neighbor, the latest', () => {
    const { a, pair, arrives, wire } = alone();
    const packets = Array.from({ length: 20 }, (_, i) => tcpPacket({ seq: i }));
    for (const packet of packets) send(a, packet);
    expect(pair.outstanding).toBe(17);
    arrives(a.mac, ETHERTYPE_ARP, arp({}));
    expect(wire.packets.slice(1).map((bytes) => bytes.slice(14))).toEqual(packets.slice(4));
  });

  it('RFC 4861 §7.3: after thirty seconds asks again, by one host’s address, and goes on meanwhile', () => {
    const { clock, a, wire, settle, arrives } = alone();
    send(a, to4);
    settle();
    arrives(a.mac, ETHERTYPE_ARP, arp({}));
    clock.run(29 * SECOND, settle);
    send(a, to4);
    settle();
    expect(wire.packets).toHaveLength(3);
    clock.run(31 * SECOND, settle);
    send(a, to4);
    settle();
    expect(wire.packets).toHaveLength(5);
    expect(MacAddress.read(wire.packets[3]!, 0).equals(PEER)).toBe(true);
    expect(get16(wire.packets[3]!, 12)).toBe(ETHERTYPE_ARP);
    // It has gone: after three questions it is a stranger.
    for (let t = 32; t < 36; t++) {
      clock.run(t * SECOND, settle);
      send(a, to4);
      settle();
    }
    expect(MacAddress.read(wire.packets.at(-1)!, 0).equals(MacAddress.BROADCAST)).toBe(true);
  });

  it('elsewhere is behind the gateway; without one everybody is asked for', () => {
    const gateway = alone({ gateways: [IpAddress.of('10.0.0.254')] });
    send(gateway.a, to('192.0.2.1'));
    gateway.settle();
    expect(parseArp(gateway.wire.packets[0]!, 14, 28)!.target).toEqual(IpAddress.of('10.0.0.254'));
    const none = alone();
    send(none.a, to('192.0.2.1'));
    none.settle();
    expect(parseArp(none.wire.packets[0]!, 14, 28)!.target).toEqual(IpAddress.of('192.0.2.1'));
  });

  it('groups and broadcasts have addresses of their own: RFC 1112 §6.4, RFC 2464 §7', () => {
    const { a, wire, settle } = alone();
    for (const address of ['224.0.0.251', '255.255.255.255', '10.0.0.255']) send(a, to(address));
    send(a, to('ff02::fb', to6));
    settle();
    expect(wire.packets.map((bytes) => String(MacAddress.read(bytes, 0)))).toEqual([
      '01:00:5e:00:00:fb',
      'ff:ff:ff:ff:ff:ff',
      'ff:ff:ff:ff:ff:ff',
      '33:33:00:00:00:fb',
    ]);
  });

  it('takes what is for it, and not what is for another card, or one host’s packet by broadcast (RFC 1122 §3.3.6)', () => {
    const { a, atA, arrives } = alone();
    arrives(a.mac, ETHERTYPE_IPV4, to('10.0.0.1'));
    expect(atA.packets).toEqual([to('10.0.0.1')]);
    arrives(PEER, ETHERTYPE_IPV4, to('10.0.0.1'));
    arrives(MacAddress.BROADCAST, ETHERTYPE_IPV4, to('10.0.0.1'));
    arrives(a.mac, 0x8100, to('10.0.0.1'));
    expect(a.counters.notForUs).toBe(3);
    arrives(MacAddress.BROADCAST, ETHERTYPE_IPV4, to('10.0.0.255'));
    expect(atA.packets).toHaveLength(2);
  });

  it('RFC 826: answers for its own addresses only; RFC 5227: also who has none yet, of whom it learns nothing', () => {
    const { a, arrives, wire } = alone();
    const question = { operation: 'request' as const, targetMac: new MacAddress(0, 0) };
    arrives(MacAddress.BROADCAST, ETHERTYPE_ARP, arp({ ...question, target: IpAddress.of('10.0.0.9') }));
    expect(wire.packets).toHaveLength(0);
    expect(a.neighbors.size).toBe(0);
    arrives(MacAddress.BROADCAST, ETHERTYPE_ARP, arp({ ...question, sender: IpAddress.of('0.0.0.0') }));
    expect(a.neighbors.size).toBe(0);
    const answer = parseArp(wire.packets[0]!, 14, 28)!;
    expect(answer).toMatchObject({ operation: 'reply', sender: IpAddress.of('10.0.0.1'), senderMac: a.mac });
    arrives(MacAddress.BROADCAST, ETHERTYPE_ARP, arp(question));
    expect(a.neighbors.find(IpAddress.of('10.0.0.2'))!.mac).toEqual(PEER);
  });

  it('an answer that nobody asked for makes no neighbor', () => {
    const { a, arrives } = alone();
    arrives(a.mac, ETHERTYPE_ARP, arp({}));
    arrives(MacAddress.BROADCAST, ETHERTYPE_ARP, arp({ target: IpAddress.of('10.0.0.2') }));
    expect(a.neighbors.size).toBe(1);
    const { a: other, arrives: atOther } = alone();
    atOther(MacAddress.BROADCAST, ETHERTYPE_ARP, arp({ target: IpAddress.of('10.0.0.2') }));
    expect(other.neighbors.size).toBe(0);
  });

  it('knows at most 1024 neighbors, and leaks no frame of those who give way', () => {
    const { a, pair, settle } = alone();
    for (let i = 0; i < 1100; i++) send(a, to(`10.1.${i >> 8}.${i & 255}`));
    settle();
    expect(a.neighbors.size).toBe(1024);
    expect(pair.outstanding).toBe(1024);
    a.close();
    expect(pair.outstanding).toBe(0);
  });

  it('mistakes of the caller are said', () => {
    const pair = new Pair({ mtu: 1514 });
    const host = new Clock();
    expect(() => new Ethernet(pair.a, { host, addresses: [] })).toThrow('needs an address');
    expect(() => new Ethernet(pair.a, { host, addresses: addresses(1), mac: MacAddress.BROADCAST })).toThrow('group');
    const gateways = [IpAddress.of('192.0.2.1')];
    expect(() => new Ethernet(pair.a, { host, addresses: addresses(1), gateways })).toThrow('no subnet of this link');
  });

  it('whatever frames come, nothing throws, and none is kept', () => {
    const { a, pair, settle } = alone();
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 120 }),
        fc.constantFrom(0x0800, 0x0806, 0x86dd, 0),
        fc.boolean(),
        (bytes, type, ours) => {
          if (bytes.length >= 14) buildEthernet(ours ? a.mac : MacAddress.BROADCAST, PEER, type, bytes, 0);
          send(pair.b, bytes);
          settle();
          expect(pair.outstanding).toBe(0);
        },
      ),
      { numRuns: 500 },
    );
    expect(packetOf(a.allocate(10)).length).toBe(0);
  });
});
