import { describe, expect, it } from 'vitest';
import type { OptionsRecord, SegmentEvent } from '../../src/trace/event.ts';
import { Follower } from '../../src/trace/follow.ts';
import { ACK, FIN, PSH, SYN } from '../../src/wire/segment.ts';

type Fields = { length?: number; window?: number; options?: OptionsRecord };

function event(direction: 'in' | 'out', flags: number, seq: number, ack: number, fields: Fields = {}): SegmentEvent {
  const { length = 0, window = 100, options = {} } = fields;
  const segment = { seq, ack, flags, length, window, urgent: 0, options, wireSegments: 1 };
  return { kind: 'segment', serial: 0, time: 0, connection: 1, direction, segment };
}

const X = 0xffff_fffe;
const Y = 0x7fff_ffff;

function opened(options: OptionsRecord = { windowScale: 7 }): Follower {
  const f = new Follower();
  f.see(event('in', SYN, X, 0, { options }));
  f.see(event('out', SYN | ACK, Y, X + 1, { options }));
  f.see(event('in', ACK, X + 1, Y + 1));
  return f;
}

describe('the follower', () => {
  it('counts from the SYN, across the wrap', () => {
    const f = opened();
    expect(f.see(event('in', ACK | PSH, X + 1, Y + 1, { length: 10 }))).toMatchObject({ seq: 1, end: 11, ack: 1 });
    expect(f.see(event('in', ACK | PSH, 9, Y + 1, { length: 5 }))).toMatchObject({ seq: 11, end: 16 });
    expect(f.see(event('out', ACK, Y + 1, 14))).toMatchObject({ seq: 1, ack: 16 });
  });

  it('does not wrap itself after 4 GiB', () => {
    const f = opened();
    let at = X + 1;
    let last = f.see(event('in', ACK, at >>> 0, Y + 1, { length: 0 }));
    for (let i = 0; i < 10; i++) {
      last = f.see(event('in', ACK, at >>> 0, Y + 1, { length: 2 ** 29 }));
      at += 2 ** 29;
    }
    expect(last.end).toBe(1 + 10 * 2 ** 29);
  });

  it('scales windows where both ends agreed, and never in a SYN', () => {
    const f = new Follower();
    expect(f.see(event('in', SYN, X, 0, { options: { windowScale: 7 } })).window).toBe(100);
    expect(f.see(event('out', SYN | ACK, Y, X + 1, { options: { windowScale: 2 } })).window).toBe(100);
    expect(f.see(event('in', ACK, X + 1, Y + 1)).window).toBe(12_800);
    expect(f.see(event('out', ACK, Y + 1, X + 1)).window).toBe(400);
    expect(opened({}).see(event('in', ACK, X + 1, Y + 1)).window).toBe(100);
  });

  it('knows what was sent before', () => {
    const f = opened();
    expect(f.see(event('in', ACK, X + 1, Y + 1, { length: 10 })).retransmission).toBe(false);
    expect(f.see(event('in', ACK, X + 1, Y + 1, { length: 10 })).retransmission).toBe(true);
    expect(f.see(event('in', ACK, 9, Y + 1)).retransmission).toBe(false);
    const again = new Follower();
    again.see(event('in', SYN, X, 0));
    expect(again.see(event('in', SYN, X, 0)).retransmission).toBe(true);
  });

  it('names the numbers as books do', () => {
    const f = new Follower();
    const landmark = (...args: Parameters<typeof event>) => f.see(event(...args)).landmark;
    expect(landmark('in', SYN, X, 0)).toBe('seq = x');
    expect(landmark('out', SYN | ACK, Y, X + 1)).toBe('seq = y, ack = x+1');
    expect(landmark('in', ACK, X + 1, Y + 1)).toBe('seq = x+1, ack = y+1');
    expect(landmark('out', ACK | PSH, Y + 1, X + 1, { length: 9 })).toBe('');
    expect(landmark('out', ACK | FIN, Y + 10, X + 1, { length: 0 })).toBe('seq = u, ack = x+1');
    expect(landmark('in', ACK, X + 1, Y + 11)).toBe('seq = x+1, ack = u+1');
    expect(landmark('in', ACK | FIN, X + 1, Y + 11, { length: 3 })).toBe('FIN = v, ack = u+1');
    expect(landmark('out', ACK, Y + 11, 3)).toBe('seq = u+1, ack = v+1');
  });

  it('takes a connection up in the middle', () => {
    const f = new Follower();
    expect(f.see(event('in', ACK, 5000, 9000, { length: 10 }))).toMatchObject({
      seq: 1,
      end: 11,
      ack: 1,
      landmark: '',
    });
    expect(f.see(event('out', ACK, 9000, 5010))).toMatchObject({ seq: 1, ack: 11 });
    expect(f.see(event('out', ACK | FIN, 9000, 5010))).toMatchObject({ landmark: 'seq = u' });
  });

  it('tells SACK blocks relative to what they are about', () => {
    const f = opened();
    const options: OptionsRecord = { sack: [[Y + 101, Y + 201]] };
    expect(f.see(event('in', ACK, X + 1, Y + 1, { options })).sack).toEqual([[101, 201]]);
  });
});
