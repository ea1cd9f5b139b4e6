import { describe, expect, it } from 'vitest';
import type { SocketEvents, TcpSocket } from '../../src/stack/socket.ts';
import { parseIp } from '../../src/wire/ip.ts';
import { IpHeader } from '../../src/wire/ip-header.ts';
import { ACK, RST, SYN, URG } from '../../src/wire/segment.ts';
import { add } from '../../src/wire/seq.ts';
import { ip, OURS, RawPeer, THEIRS } from './support/raw-peer.ts';

const SECOND = 1_000_000;

function headerOf(packet: Uint8Array): IpHeader {
  const header = new IpHeader();
  expect(parseIp(packet, 0, packet.length, header)).toBeNull();
  return header;
}

/** A listener on port 80, and a connection that the peer opened to it; what its application is told goes to `log`. */
function accepted(events: SocketEvents = {}) {
  const peer = new RawPeer();
  let socket: TcpSocket | null = null;
  peer.stack.listen({ port: 80 }, (s) => {
    socket = s;
    s.events = events;
  });
  const numbers = peer.open();
  return { peer, socket: socket!, ...numbers };
}

describe('RFC 9293 §3.9.1.1 OPEN, passive', () => {
  it('RFC 9293 MUST-41: leaves the connections that exist alone', () => {
    const { peer, socket, mine, theirs } = accepted();
    const active = peer.stack.connect({ remoteAddress: THEIRS[4], remotePort: 9, localPort: 81 });
    peer.turn();
    const syn = peer.next();
    // The port of the one, and of the other.
    peer.stack.listen({ port: 81 });
    expect(() => peer.stack.listen({ port: 80 })).toThrow(/in use/);
    peer.send((s) => {
      Object.assign(s, { sourcePort: 9, destinationPort: 81, flags: SYN | ACK, seq: mine, ack: add(syn.seq, 1) });
    });
    expect(active.state).toBe(socket.state);
    peer.heard.length = 0;
    peer.send((s) =>
      Object.assign(s, { flags: ACK, seq: mine, ack: theirs, payloadLength: 3, bytes: new Uint8Array(3) }),
    );
    expect(socket.readable).toBe(3);
  });

  it('RFC 9293 MUST-42: may listen on a port while one of its connections is being opened', () => {
    const peer = new RawPeer();
    const active = peer.stack.connect({ remoteAddress: THEIRS[4], remotePort: 9, localPort: 80 });
    const accepted: TcpSocket[] = [];
    peer.stack.listen({ port: 80 }, (s) => accepted.push(s));
    peer.turn();
    const syn = peer.next();
    peer.open();
    expect(accepted).toHaveLength(1);
    peer.send((s) => {
      Object.assign(s, { sourcePort: 9, flags: SYN | ACK, seq: 7, ack: add(syn.seq, 1) });
    });
    expect(active.state).toBe(accepted[0]!.state);
  });

  it('RFC 9293 MUST-43: on one address only, where it is named', () => {
    const peer = new RawPeer();
    peer.stack.addAddress(peer.pair.b, ip('10.0.0.3'), 8);
    peer.stack.listen({ port: 80, address: ip('10.0.0.3') });
    peer.send((s) => Object.assign(s, { flags: SYN }), THEIRS[4], OURS[4]);
    expect(peer.next().flags).toBe(RST | ACK);
    peer.send((s) => Object.assign(s, { flags: SYN }), THEIRS[4], ip('10.0.0.3'));
    expect(peer.next().flags).toBe(SYN | ACK);
    expect(() => peer.stack.listen({ port: 80, address: ip('10.9.9.9') })).toThrow(/not an address of this stack/);
  });
});

describe('RFC 9293 §3.9.1.1 OPEN, active', () => {
  it('RFC 9293 MUST-43, MUST-45: from the address that is named, and so all that follows', () => {
    const peer = new RawPeer();
    const second = ip('10.0.0.3');
    peer.stack.addAddress(peer.pair.b, second, 8);
    const socket = peer.stack.connect({ remoteAddress: THEIRS[4], remotePort: 9, localPort: 7, localAddress: second });
    peer.turn();
    const syn = peer.next();
    const answer = { sourcePort: 9, destinationPort: 7, flags: SYN | ACK, seq: 100, ack: add(syn.seq, 1) };
    peer.send((s) => Object.assign(s, answer), THEIRS[4], second);
    socket.send(new Uint8Array(10));
    peer.wait(SECOND);
    socket.shutdown();
    peer.wait(SECOND);
    expect(peer.heard.length).toBeGreaterThan(2);
    for (const { packet } of peer.heard) expect(`${headerOf(packet).sourceAddress()}`).toBe('10.0.0.3');
  });

  it('RFC 9293 MUST-44: else from the address of the interface that the route goes through', () => {
    const peer = new RawPeer();
    peer.stack.connect({ remoteAddress: THEIRS[4], remotePort: 9 });
    peer.stack.connect({ remoteAddress: THEIRS[6], remotePort: 9 });
    peer.turn();
    expect(peer.heard.map(({ packet }) => `${headerOf(packet).sourceAddress()}`)).toEqual(['10.0.0.2', 'fd00::2']);
  });

  it.each(['224.0.0.1', '255.255.255.255', '10.255.255.255', 'ff02::1'])(
    'RFC 9293 MUST-46: to %s, an address of many, is an error',
    (address) => {
      const peer = new RawPeer();
      expect(() => peer.stack.connect({ remoteAddress: ip(address), remotePort: 9 })).toThrow(/no address of one host/);
      expect(peer.heard).toEqual([]);
    },
  );
});

describe('RFC 9293 §3.9.1.9 and §3.9.2 what IP is told', () => {
  it.each([4, 6] as const)(
    'RFC 9293 MUST-48, SHLD-21, SHLD-22: the DS field, also while the connection lasts (IPv%i)',
    (family) => {
      const peer = new RawPeer();
      const socket = peer.stack.connect({ remoteAddress: THEIRS[family], remotePort: 9, localPort: 7 });
      socket.setDscp(46);
      peer.turn();
      const syn = peer.next();
      const answer = { sourcePort: 9, destinationPort: 7, flags: SYN | ACK, seq: 100, ack: add(syn.seq, 1) };
      peer.send((s) => Object.assign(s, answer), THEIRS[family]);
      socket.setDscp(10);
      socket.send(new Uint8Array(10));
      peer.turn();
      expect(peer.heard.map(({ packet }) => headerOf(packet).dscp)).toEqual([46, 10]);
      expect(() => socket.setDscp(64)).toThrow(/no DS field/);
    },
  );

  it.each([4, 6] as const)('RFC 9293 MUST-49: the TTL, of all connections or of one (IPv%i)', (family) => {
    const peer = new RawPeer({ config: { ip_default_ttl: 33 } });
    const socket = peer.stack.connect({ remoteAddress: THEIRS[family], remotePort: 9 });
    socket.setTtl(7);
    peer.wait(1.1 * SECOND);
    expect(peer.heard.map(({ packet }) => headerOf(packet).hopLimit)).toEqual([33, 7]);
    expect(() => socket.setTtl(0)).toThrow(/no TTL/);
  });
});

describe('RFC 9293 §3.9.1.8 what the application is told', () => {
  const story = (told: boolean): { log: string[]; socket: TcpSocket } => {
    const log: string[] = [];
    const { peer, socket, mine, theirs } = accepted(told ? { onAdvice: (a) => log.push(a) } : {});
    peer.send((s) => {
      Object.assign(s, { flags: ACK | URG, seq: mine, ack: theirs, up: 2, payloadLength: 5, bytes: new Uint8Array(5) });
    });
    if (told) expect(socket.urgent).toBe(2);
    socket.send(new Uint8Array(10));
    peer.turn();
    peer.complain(peer.heard.at(-1)!.packet, 'destination unreachable', 1);
    peer.wait(4 * SECOND);
    return { log, socket };
  };

  it('RFC 9293 MUST-47: urgent data, ICMP errors, R1 retransmissions', () =>
    expect(story(true).log).toEqual(['urgent', 'host unreachable', 'retransmitting']));

  it('RFC 9293 SHLD-20: or not, where it does not listen', () => expect(story(false).socket.unacknowledged).toBe(10));

  it('RFC 9293 MUST-55, RFC 6633 §3: source quench is dropped in silence', () => {
    const log: string[] = [];
    const { peer, socket } = accepted({ onAdvice: (a) => log.push(a), onClose: (f) => log.push(`${f}`) });
    socket.send(new Uint8Array(10));
    peer.turn();
    const { packet } = peer.heard.at(-1)!;
    const heard = peer.heard.length;
    peer.icmp(4, 0, packet);
    expect(log).toEqual([]);
    expect(peer.heard.length).toBe(heard);
    peer.icmp(3, 1, packet);
    expect(log).toEqual(['host unreachable']);
  });
});

describe('RFC 9293 §3.8.3 R1', () => {
  it('RFC 9293 MUST-20: is advice to IP: what it had learnt of the path is forgotten', () => {
    const { peer, socket } = accepted();
    const lengthOfNext = (): number => {
      const other = peer.stack.connect({ remoteAddress: THEIRS[4], remotePort: 9, localPort: port++ });
      peer.turn();
      const syn = peer.heard.at(-1)!.segment;
      const answer = { sourcePort: 9, destinationPort: syn.sourcePort, flags: SYN | ACK, mss: 1460 };
      peer.send((s) => Object.assign(s, answer, { ack: add(syn.seq, 1) }));
      peer.heard.length = 0;
      other.send(new Uint8Array(2000));
      peer.turn();
      const { payloadLength } = peer.heard[0]!.segment;
      other.abort();
      return payloadLength;
    };
    let port = 7000;
    expect(lengthOfNext()).toBe(1460);
    socket.send(new Uint8Array(500));
    peer.turn();
    peer.complain(peer.heard.at(-1)!.packet, 'packet too big', 4, 560);
    expect(lengthOfNext()).toBe(520);
    peer.wait(4 * SECOND);
    expect(socket.unacknowledged).toBe(500);
    expect(lengthOfNext()).toBe(1460);
  });

  it('RFC 9293 MUST-50: options of IP that say nothing to TCP are passed over', () => {
    const peer = new RawPeer();
    peer.stack.listen({ port: 80 });
    // Record route, timestamp, router alert, and the end of the list.
    for (const options of [
      [7, 7, 4, 0, 0, 0, 0, 0],
      [68, 8, 5, 0, 0, 0, 0, 0],
      [148, 4, 0, 0],
      [1, 1, 1, 0],
    ]) {
      const fill = (s: { flags: number; sourcePort: number }) =>
        Object.assign(s, { flags: SYN, sourcePort: 4000 + options[0]! });
      peer.send(fill, THEIRS[4], OURS[4], Uint8Array.from(options));
      expect(peer.next().flags).toBe(SYN | ACK);
    }
  });
});
