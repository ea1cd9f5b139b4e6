import { describe, expect, it } from 'vitest';
import { CLOSED, ESTABLISHED, LISTEN, SYN_RECEIVED } from '../../src/tcp/state.ts';
import type { FourTuple } from '../../src/tcp/trace.ts';
import { copySegment, Recorder } from '../../src/trace/recorder.ts';
import { IpAddress } from '../../src/wire/address.ts';
import { ACK, Segment, SYN } from '../../src/wire/segment.ts';
import { seq } from '../../src/wire/seq.ts';
import { fourSegmentLife } from './support/lives.ts';

const tuple = (remotePort: number): FourTuple => ({
  localAddress: IpAddress.of('192.0.2.1'),
  localPort: 80,
  remoteAddress: IpAddress.of('192.0.2.2'),
  remotePort,
});

function segment(flags: number): Segment {
  const s = new Segment();
  s.flags = flags;
  return s;
}

describe('the recorder', () => {
  it('keeps plain data, the same after a round trip through JSON', () => {
    const { events } = fourSegmentLife().recorder.connections[0]!;
    expect(events.length).toBeGreaterThan(20);
    expect(JSON.parse(JSON.stringify(events))).toEqual(events);
    expect(events.map((e) => e.serial)).toEqual(events.map((_, i) => i));
  });

  it('keeps nothing of the segment it was shown', () => {
    const s = segment(SYN | ACK);
    s.seq = seq(-1);
    s.sackCount = 1;
    s.sack[0] = seq(-2);
    s.hasTimestamps = true;
    s.tsVal = -3;
    const copy = copySegment(s);
    s.clear();
    s.sack[0] = seq(5);
    expect(copy).toMatchObject({ seq: 0xffff_ffff, flags: SYN | ACK });
    expect(copy.options).toEqual({ sack: [[0xffff_fffe, 0]], timestamps: [0xffff_fffd, 0] });
  });

  it('keeps the first and the last events of a connection, and counts the others', () => {
    const recorder = new Recorder({ head: 3, tail: 4 });
    for (let i = 0; i < 20; i++) recorder.timer(tuple(1), 'keep-alive', i);
    const connection = recorder.connections[0]!;
    expect(connection.events.map((e) => e.time)).toEqual([0, 1, 2, 16, 17, 18, 19]);
    expect(connection.leftOut).toBe(13);
  });

  it('forgets the oldest connection that is over, else the oldest', () => {
    const recorder = new Recorder({ connections: 2 });
    for (const port of [1, 2]) recorder.segment('in', tuple(port), segment(SYN), 0);
    recorder.state(tuple(2), SYN_RECEIVED, CLOSED, 'rcv RST', 1);
    recorder.segment('in', tuple(3), segment(SYN), 2);
    expect(recorder.connections.map((c) => c.remotePort)).toEqual([1, 3]);
    recorder.segment('in', tuple(4), segment(SYN), 3);
    expect(recorder.connections.map((c) => c.remotePort)).toEqual([3, 4]);
    expect(recorder.forgotten).toBe(2);
  });

  it('takes a SYN for another connection once the one before is over, and not earlier', () => {
    const recorder = new Recorder();
    recorder.segment('in', tuple(1), segment(SYN), 0);
    recorder.state(tuple(1), LISTEN, SYN_RECEIVED, 'rcv SYN', 0);
    recorder.segment('in', tuple(1), segment(SYN), 1);
    recorder.state(tuple(1), SYN_RECEIVED, ESTABLISHED, 'rcv ACK of SYN', 2);
    expect(recorder.connections).toHaveLength(1);
    recorder.state(tuple(1), ESTABLISHED, CLOSED, 'rcv RST', 3);
    recorder.segment('in', tuple(1), segment(ACK), 4);
    expect(recorder.connections).toHaveLength(1);
    recorder.segment('in', tuple(1), segment(SYN), 5);
    expect(recorder.connections.map((c) => c.id)).toEqual([1, 2]);
  });

  it('files what the other end tells under the same connection', () => {
    const recorder = new Recorder();
    const { localAddress, localPort, remoteAddress, remotePort } = tuple(9);
    recorder.segment('in', tuple(9), segment(SYN), 0);
    const over = {
      localAddress: remoteAddress,
      localPort: remotePort,
      remoteAddress: localAddress,
      remotePort: localPort,
    };
    recorder.peer.state(over, CLOSED, LISTEN, 'passive OPEN', 1);
    recorder.peer.segment('out', over, segment(SYN), 1);
    expect(recorder.connections).toHaveLength(1);
    expect(recorder.connections[0]!.events.map((e) => e.kind)).toEqual(['segment', 'state']);
    expect(recorder.connections[0]!.events[1]).toMatchObject({ end: 'peer', to: 'LISTEN' });
  });
});
