import { describe, expect, it } from 'vitest';
import { abort } from '../../src/tcp/connection.ts';
import {
  checkClose,
  checkDelivery,
  checkHandshake,
  checkNumbers,
  checkOptions,
  checkTimeWait,
} from '../../src/trace/checks.ts';
import { Story } from '../../src/trace/story.ts';
import { RST } from '../../src/wire/segment.ts';
import { fourSegmentLife, lostFin, simultaneousClose, threeSegmentLife } from './support/lives.ts';
import { TwoEnds } from './support/two-ends.ts';

const NAMES = { ours: 'synfin', peer: 'kernel' };
const TIME_WAIT = 60_000_000;

function story(life: TwoEnds, peerKnown = true, upTo = Number.POSITIVE_INFINITY): Story {
  const s = new Story({ peerKnown });
  for (const { event } of life.events.slice(0, upTo)) s.push(event);
  return s;
}

const all = (s: Story) => [
  checkHandshake(s, NAMES),
  checkNumbers(s),
  checkOptions(s, NAMES),
  checkDelivery(s, NAMES),
  checkClose(s, NAMES),
  checkTimeWait(s, NAMES, TIME_WAIT),
];

describe('the checks', () => {
  it('hold for a life in good order, with their figures', () => {
    const checks = all(story(fourSegmentLife(), false));
    expect(checks).toMatchInlineSnapshot(`
      [
        {
          "figure": "three-way: SYN, SYN+ACK, ACK in 80 µs; kernel opened",
          "name": "handshake",
          "ok": true,
        },
        {
          "figure": "x 2147483632, acknowledged 2147483633; y 4294967286, acknowledged 4294967287",
          "name": "x+1, y+1",
          "ok": true,
        },
        {
          "figure": "MSS 1,460, window scale ×32, SACK, timestamps",
          "name": "options",
          "ok": true,
        },
        {
          "figure": "synfin 60,000 bytes in 46 segments; kernel 77 bytes in 33 segments",
          "name": "acknowledged",
          "ok": true,
        },
        {
          "figure": "orderly, four segments: FIN, ACK, FIN, ACK; synfin closed first",
          "name": "close",
          "ok": true,
        },
        {
          "figure": "entered by synfin, expired after 60.000 s (2 MSL: 60.000 s)",
          "name": "TIME-WAIT",
          "ok": true,
        },
      ]
    `);
    expect(checks.every((check) => check.ok)).toBe(true);
  });

  it('hold across the wrap of both initial numbers', () => {
    const s = story(fourSegmentLife());
    expect(s.syn!.segment.seq).toBeGreaterThan(0x7fff_0000);
    expect(s.synAck!.segment.seq).toBeGreaterThan(0xffff_0000);
    expect(checkNumbers(s).ok).toBe(true);
  });

  it('count the segments of a close, and tell who began', () => {
    expect(checkClose(story(fourSegmentLife()), NAMES).figure).toBe(
      'orderly, four segments: FIN, ACK, FIN, ACK; synfin closed first',
    );
    expect(checkClose(story(threeSegmentLife()), NAMES).figure).toBe(
      'orderly, three segments: FIN, FIN+ACK, ACK; kernel closed first',
    );
    expect(checkClose(story(simultaneousClose()), NAMES).figure).toMatch(
      /^orderly, four segments, both ends at once: FIN, FIN, ACK, ACK/,
    );
    // What is lost and sent again counts once.
    expect(checkClose(story(lostFin()), NAMES).figure).toMatch(/^orderly, four segments: FIN, ACK, FIN, ACK/);
  });

  it('do not hold for less than the whole life', () => {
    const life = fourSegmentLife();
    for (let n = 0; n < life.events.length; n++)
      expect(all(story(life, false, n)).every((check) => check.ok)).toBe(false);
  });

  it('do not hold where the numbers are wrong', () => {
    const s = story(fourSegmentLife());
    const wrong = (change: Partial<Story>) => checkNumbers(Object.assign(Object.create(s), change)).ok;
    const moved = (m: Story['syn'], by: object) => ({ ...m!, segment: { ...m!.segment, ...by } });
    expect(wrong({ synAck: moved(s.synAck, { ack: s.syn!.segment.seq }) })).toBe(false);
    expect(wrong({ thirdAck: moved(s.thirdAck, { ack: s.synAck!.segment.seq }) })).toBe(false);
    expect(wrong({ thirdAck: moved(s.thirdAck, { seq: s.syn!.segment.seq }) })).toBe(false);
    expect(wrong({})).toBe(true);
  });

  it('name the option that one end did not offer', () => {
    const s = story(fourSegmentLife({ config: { tcp_timestamps: false, tcp_sack: false } }));
    expect(checkOptions(s, NAMES)).toMatchObject({ ok: false, figure: 'not by both ends: SACK, timestamps' });
  });

  it('do not call a reset a close', () => {
    const life = new TwoEnds();
    life.open();
    abort(life.ours, life.now);
    life.settle(life.now + 1000);
    const s = story(life, false);
    expect(s.resets[0]?.segment.flags).toSatisfy((flags: number) => (flags & RST) !== 0);
    expect(checkClose(s, NAMES)).toMatchObject({ ok: false, figure: 'reset by synfin' });
    expect(checkTimeWait(s, NAMES, TIME_WAIT).ok).toBe(false);
  });

  it('want TIME-WAIT of the end that closed first, as long as it must be, and known', () => {
    const s = story(fourSegmentLife());
    expect(checkTimeWait(s, NAMES, TIME_WAIT).ok).toBe(true);
    expect(checkTimeWait(s, NAMES, TIME_WAIT + 1).ok).toBe(false);
    const theirs = threeSegmentLife();
    expect(checkTimeWait(story(theirs, true), NAMES, TIME_WAIT)).toMatchObject({ ok: true });
    expect(checkTimeWait(story(theirs, false), NAMES, TIME_WAIT).ok).toBe(false);
  });
});
