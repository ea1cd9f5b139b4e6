import { describe, expect, it } from 'vitest';
import { Ladder, type LadderOptions } from '../../src/trace/ladder.ts';
import { fourSegmentLife, lostFin, simultaneousClose, threeSegmentLife } from './support/lives.ts';
import type { TwoEnds } from './support/two-ends.ts';

const NAMES = { ours: 'synfin', peer: 'kernel' };

function draw(life: TwoEnds, options: LadderOptions = {}): string[] {
  const ladder = new Ladder({ names: NAMES, ...options });
  const lines = life.events.flatMap(({ event, connection }) => ladder.push(event, connection));
  return [...lines, ...ladder.end()];
}

describe('the ladder', () => {
  it.each([60, 80, 120])('draws a life at %i columns', (columns) => {
    const lines = draw(fourSegmentLife(), { columns });
    expect(lines.join('\n')).toMatchSnapshot();
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(columns);
    const rungs = lines.filter((line) => /^ {0,12}[\d.+µ ms]* [│●┊]/.test(line));
    expect(new Set(rungs.map((line) => line.length))).toEqual(new Set([columns]));
  });

  it('tells a life in sentences', () => {
    const lines = draw(fourSegmentLife(), { plain: true });
    expect(lines.join('\n')).toMatchSnapshot();
    for (const line of lines) expect(line).toMatch(/^[\x20-\x7e]*$/);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(80);
  });

  it.each([
    ['a close in three segments', threeSegmentLife],
    ['a simultaneous close', simultaneousClose],
    ['a FIN that is lost', lostFin],
  ])('draws %s', (_, life) => {
    expect(draw(life(), { columns: 80, peerKnown: life !== lostFin }).join('\n')).toMatchSnapshot();
  });

  it('draws IPv6 within the width', () => {
    const lines = draw(fourSegmentLife({ family: 6 }), { columns: 80 });
    expect(lines.join('\n')).toContain('[2001:db8::1]:80');
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(80);
  });

  it('uses no more than 132 columns', () => {
    expect(Math.max(...draw(fourSegmentLife(), { columns: 400 }).map((line) => line.length))).toBe(132);
  });

  it('is sentences where a drawing has no room', () => {
    for (const columns of [48, 59]) {
      const lines = draw(fourSegmentLife(), { columns });
      expect(lines.join('\n')).toContain('synfin is in SYN-RECEIVED');
      for (const line of lines) expect(line).toMatch(/^[\x20-\x7e]{0,59}$/);
    }
  });

  it('marks what is inferred, and only that', () => {
    const inferred = draw(fourSegmentLife()).join('\n');
    expect(inferred).toContain('(ESTABLISHED?)');
    expect(inferred).not.toMatch(/● \(/);
    expect(draw(fourSegmentLife({ peerKnown: true }), { peerKnown: true }).join('\n')).not.toMatch(/\?\)|○/);
    expect(draw(fourSegmentLife(), { plain: true }).join('\n')).toContain('kernel is in ESTABLISHED (inferred)');
  });

  it('folds data, never handshake and close', () => {
    const life = fourSegmentLife();
    const folded = draw(life);
    const all = draw(life, { all: true });
    const arrows = (lines: string[]) => lines.filter((line) => /[─═]▶│|│◀[─═]/.test(line));
    const segments = life.events.filter(({ event }) => event.kind === 'segment').length;
    expect(arrows(all)).toHaveLength(segments);
    expect(arrows(folded).length).toBeLessThan(16);
    // What a fold says adds up to what it stands for.
    const figures = arrows(folded).flatMap((line) =>
      [...line.matchAll(/×(\d+) (?:segments|ACKs)/g)].map((m) => Number(m[1])),
    );
    const shown = arrows(folded).filter((line) => !line.includes('×')).length;
    expect(figures.reduce((a, b) => a + b, shown)).toBe(segments);
    for (const word of [
      'SYN · seq = x',
      'SYN, ACK · seq = y, ack = x+1',
      'FIN, ACK · seq = u',
      'ACK · ack = u+1',
      'FIN, ACK · seq = v',
    ]) {
      expect(folded.join('\n')).toContain(word);
    }
  });

  it('counts the bytes of a fold', () => {
    const folded = draw(fourSegmentLife()).join('\n');
    const inFold = [...folded.matchAll(/×\d+ segments · ([\d,]+) bytes/g)].map((m) =>
      Number(m[1]!.replaceAll(',', '')),
    );
    const alone = [...folded.matchAll(/─ ACK · ([\d,]+) bytes|─ PSH, ACK · ([\d,]+) bytes/g)]
      .filter((m) => /▶/.test(folded.slice(m.index).split('\n', 1)[0]!))
      .map((m) => Number((m[1] ?? m[2])!.replaceAll(',', '')));
    expect([...inFold, ...alone].reduce((a, b) => a + b, 0)).toBe(60_000);
  });

  it('has something to show while data folds, and nothing else', () => {
    const ladder = new Ladder({ names: NAMES });
    const progress = new Set<string>();
    for (const { event, connection } of fourSegmentLife().events) {
      ladder.push(event, connection);
      progress.add(ladder.progress.trim());
    }
    expect(progress).toContain('');
    expect([...progress].some((line) => /\d+ segments, [\d,]+ bytes …/.test(line))).toBe(true);
    ladder.end();
    expect(ladder.progress).toBe('');
  });

  it('asks its paint for colour, and adds nothing of its own', () => {
    const roles = new Set<string>();
    const painted = draw(fourSegmentLife(), {
      paint: (role, text) => {
        roles.add(role);
        return `<${text}>`;
      },
    });
    expect(painted.join('\n').replace(/[<>]/g, '')).toBe(draw(fourSegmentLife()).join('\n'));
    for (const role of ['out', 'in', 'ours', 'peer', 'line', 'faint', 'timer']) expect(roles).toContain(role);
    expect(draw(fourSegmentLife()).join('')).not.toContain('\u001b');
  });
});
