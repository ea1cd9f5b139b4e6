import { describe, expect, it } from 'vitest';
import { ladderSvg, type SvgOptions } from '../../src/trace/svg.ts';
import { fourSegmentLife, lostFin, threeSegmentLife } from './support/lives.ts';
import type { TwoEnds } from './support/two-ends.ts';

function draw(life: TwoEnds, options: SvgOptions = {}): string {
  const connection = life.recorder.connections[0]!;
  return ladderSvg(connection.events, connection, { names: { ours: 'synfin', peer: 'kernel' }, ...options });
}

/** The words of the picture, from the top down. */
function words(svg: string): string[] {
  return [...svg.matchAll(/<text [^>]*>([^<]*)<\/text>/g)].map((m) => m[1]!);
}

describe('the picture', () => {
  it('is well-formed, and within its frame', () => {
    for (const life of [fourSegmentLife(), threeSegmentLife(), lostFin(), fourSegmentLife({ family: 6 })]) {
      const svg = draw(life);
      const [, width, height] = svg.match(/viewBox="0 0 (\d+) (\d+)"/)!.map(Number);
      const open: string[] = [];
      for (const [, close, name, empty] of svg.matchAll(/<(\/?)([a-z]+)[^>]*?(\/?)>/g)) {
        if (close) expect(open.pop()).toBe(name);
        else if (!empty) open.push(name!);
      }
      expect(open).toEqual([]);
      for (const [, x, y, anchor, text] of svg.matchAll(/ x="([\d.]+)" y="([\d.]+)" text-anchor="(\w+)">([^<]*)</g)) {
        // 10.5 px letters of a monospaced face are 6.4 px wide.
        const long = text!.length * 6.4;
        const left = Number(x) - (anchor === 'start' ? 0 : anchor === 'middle' ? long / 2 : long);
        expect(left).toBeGreaterThanOrEqual(0);
        expect(left + long).toBeLessThanOrEqual(width!);
        expect(Number(y)).toBeLessThan(height!);
      }
    }
  });

  it('tells the life from the top down', () => {
    const told = words(draw(fourSegmentLife(), { footer: 'a run' }));
    const wanted = [
      'synfin',
      'LISTEN',
      'SYN-SENT?',
      'SYN · seq = x',
      'SYN-RECEIVED',
      'SYN, ACK · seq = y, ack = x+1',
      'ESTABLISHED?',
      'ACK · seq = x+1, ack = y+1',
      'ESTABLISHED',
      'FIN-WAIT-1',
      'FIN, ACK · seq = u',
      'CLOSE-WAIT?',
      'ACK · ack = u+1',
      'FIN-WAIT-2',
      'FIN, ACK · seq = v, ack = u+1',
      'TIME-WAIT',
      'ACK · seq = u+1, ack = v+1',
      'CLOSED?',
      '60.000 s go by',
      'TIME-WAIT timer fires',
      'CLOSED',
      'a run',
    ];
    expect(told.filter((text, i) => wanted.includes(text) && told.indexOf(text) === i)).toEqual(wanted);
  });

  it('marks no state as inferred where both ends tell theirs', () => {
    expect(
      words(draw(fourSegmentLife({ peerKnown: true }), { peerKnown: true })).filter((w) => w.endsWith('?')),
    ).toEqual([]);
  });

  it('takes names as text', () => {
    expect(draw(fourSegmentLife(), { title: '<b>"&' })).toContain('<title>&lt;b&gt;&quot;&amp;</title>');
  });
});
