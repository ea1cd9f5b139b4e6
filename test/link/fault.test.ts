import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { drop, dropNth, Fault, type FaultRule, pass, segmentWith } from '../../src/link/fault.ts';
import { Pair } from '../../src/link/pair.ts';
import { ACK, FIN, SYN } from '../../src/wire/segment.ts';
import { collector, send, tcpPacket } from './support/packets.ts';

function setup(...rules: FaultRule[]) {
  const pair = new Pair();
  const device = new Fault(pair.a, rules);
  const [own, peer] = [collector(), collector()];
  device.attach(own);
  pair.b.attach(peer);
  return { pair, device, own, peer };
}

const syn = tcpPacket({ flags: SYN });
const ack = tcpPacket({ flags: ACK });
const fin = tcpPacket({ flags: FIN | ACK });

describe('Fault', () => {
  it('drops the n-th segment that matches, in its direction only', () => {
    const { pair, device, own, peer } = setup(dropNth(2, segmentWith('in', ACK, SYN | ACK | FIN)));
    for (let i = 0; i < 3; i++) {
      send(pair.b, syn);
      send(pair.b, tcpPacket({ flags: ACK, seq: i }));
      send(device, tcpPacket({ flags: ACK, seq: i }));
    }
    pair.pump(0);
    expect(own.packets).toEqual([syn, tcpPacket({ seq: 0 }), syn, syn, tcpPacket({ seq: 2 })]);
    expect(peer.packets).toHaveLength(3);
    expect(device.dropped).toBe(1);
    expect(pair.outstanding).toBe(0);
  });

  it('drops on the way out without telling the stack, and gives the frame back', () => {
    const { pair, device, peer } = setup(drop(segmentWith('out', FIN)));
    expect(send(device, fin)).toBe(true);
    expect(send(device, ack)).toBe(true);
    expect(pair.outstanding).toBe(1);
    pair.pump(0);
    expect(peer.packets).toEqual([ack]);
  });

  it('drops a run of matching frames', () => {
    const { pair, device, peer } = setup(dropNth(2, segmentWith('out', ACK), 3));
    for (let i = 1; i <= 6; i++) send(device, tcpPacket({ seq: i }));
    pair.pump(0);
    expect(peer.packets).toEqual([1, 5, 6].map((i) => tcpPacket({ seq: i })));
  });

  it('asks the rules in order: the first that decides wins', () => {
    const { pair, device, peer } = setup(
      pass(segmentWith('out', SYN)),
      drop(() => true),
    );
    send(device, syn);
    send(device, ack);
    pair.pump(0);
    expect(peer.packets).toEqual([syn]);
    device.rules = [];
    send(device, ack);
    pair.pump(0);
    expect(peer.packets).toEqual([syn, ack]);
  });

  it('shows the segment and the IP header of both versions, and neither for what is no IP', () => {
    const seen: string[] = [];
    const { device } = setup(({ ip, segment, frame }) => {
      seen.push(`${ip?.version} ${segment?.payloadLength} ${segment?.gsoSize} ${frame.length}`);
      return undefined;
    });
    send(device, tcpPacket({ version: 4, text: new Uint8Array(5) }), { gsoSize: 0 });
    send(device, tcpPacket({ version: 6, text: new Uint8Array(6) }));
    const udp = tcpPacket({});
    udp[9] = 17;
    send(device, udp);
    send(device, [1, 2, 3]);
    expect(seen).toEqual(['4 5 0 45', '6 6 0 66', '4 undefined undefined 40', 'undefined undefined undefined 3']);
  });

  it('never throws at any bytes', () => {
    const { device } = setup(drop(segmentWith('out', FIN)));
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        expect(typeof send(device, bytes)).toBe('boolean');
      }),
    );
  });

  it('is the device inside in everything else', () => {
    const { pair, device } = setup();
    expect(device).toMatchObject({ name: 'pair-a', mtu: 1500, offload: pair.a.offload });
    device.release(device.allocate(3));
    device.close();
    expect(send(device, ack)).toBe(false);
    expect(pair.outstanding).toBe(0);
  });
});
