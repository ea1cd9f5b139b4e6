import { describe, expect, it } from 'vitest';
import { describeFlags, describeSegment } from '../../src/wire/describe.ts';
import { ACK, FIN, PSH, Segment, SYN, URG } from '../../src/wire/segment.ts';
import { seq } from '../../src/wire/seq.ts';

function segment(change: Partial<Segment>): Segment {
  return Object.assign(new Segment(), change);
}

describe('describeSegment', () => {
  it('writes a segment as tcpdump does', () => {
    const options = { mss: 1460, sackPermitted: true, hasTimestamps: true, tsVal: 1, windowScale: 7 };
    expect(describeSegment(segment({ flags: SYN, wnd: 64_240, ...options }))).toBe(
      'S 0:0(0) win 64240 <mss 1460,sackOK,TS val 1 ecr 0,wscale 7>',
    );
    expect(describeSegment(segment({ flags: FIN | ACK, seq: seq(-1), ack: seq(5) }))).toBe(
      'F. 4294967295:4294967295(0) ack 5 win 0',
    );
  });

  it('counts from a base, across the wrap', () => {
    const one = segment({ flags: PSH | ACK | URG, seq: seq(-1), ack: seq(7), payloadLength: 100, wnd: 502, up: 3 });
    expect(describeSegment(one, seq(-2), seq(5))).toBe('P.U 1:101(100) ack 2 win 502 urg 3');
  });
});

describe('describeFlags', () => {
  it('has a letter for each', () => {
    expect([0, 1, 2, 4, 8, 16, 32, 64, 128, 256].map(describeFlags).join('')).toBe('-FSRP.UEWe');
    expect(describeFlags(0x1ff)).toBe('FSRP.UEWe');
    expect(describeFlags(0xe00)).toBe('-');
  });
});
