import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LOST, MOST_RANGES, RETRANSMITTED, SACKED, Scoreboard, SENT_TWICE } from '../../../src/tcp/loss/scoreboard.ts';
import { add, diff, type Seq, seq } from '../../../src/wire/seq.ts';

/** Just below the wrap. */
const BASE = seq(-700);

/** The same with one entry a sequence number. */
interface Cell {
  marks: number;
  time: number;
}
class Model {
  cells: Cell[] = [];
  una = 0;
  get nxt(): number {
    return this.una + this.cells.length;
  }
  count(mark: number): number {
    return this.cells.filter((c) => c.marks & mark).length;
  }
}

const at = (n: number): Seq => add(BASE, n);

function compare(board: Scoreboard, model: Model): void {
  expect(board.sackedBytes).toBe(model.count(SACKED));
  expect(board.lostBytes).toBe(model.count(LOST));
  expect(board.retransmittedBytes).toBe(model.count(RETRANSMITTED));
  let position = model.una;
  for (let i = 0; i < board.count; i++) {
    const range = board.at(i);
    expect(diff(range.start, BASE)).toBe(position);
    expect(range.length).toBeGreaterThan(0);
    for (; position < diff(range.end, BASE); position++) {
      const cell = model.cells[position - model.una]!;
      if (cell.marks & SACKED) expect(range.marks & ~SENT_TWICE).toBe(cell.marks & ~SENT_TWICE);
      else expect([range.marks, range.time]).toEqual([cell.marks, cell.time]);
    }
  }
  expect(position).toBe(model.nxt);
  expect(board.first).toBe(board.count === 0 ? undefined : board.at(0));
  const lost = model.cells.findIndex((c) => (c.marks & (LOST | RETRANSMITTED | SACKED)) === LOST);
  const next = board.nextLost();
  expect(next === undefined ? -1 : diff(next.start, BASE) - model.una).toBe(lost);
}

describe('Scoreboard', () => {
  it('RFC 6675 §3 keeps what a table of single sequence numbers would', () => {
    const share = fc.double({ min: 0, max: 1, noNaN: true });
    const action = fc.oneof(
      fc.record({ kind: fc.constant('push' as const), n: fc.integer({ min: 1, max: 60 }) }),
      fc.record({ kind: fc.constant('acknowledge' as const), share }),
      fc.record({ kind: fc.constant('sack' as const), share, n: fc.integer({ min: 1, max: 80 }) }),
      fc.record({ kind: fc.constant('lost' as const), share }),
      fc.record({ kind: fc.constant('retransmit' as const), trim: fc.integer({ min: 1, max: 60 }) }),
      fc.record({ kind: fc.constant('all lost' as const), forget: fc.boolean() }),
    );
    fc.assert(
      fc.property(fc.array(action, { maxLength: 100 }), (actions) => {
        const board = new Scoreboard();
        const model = new Model();
        let now = 100;
        for (const a of actions) {
          now += 10;
          const length = model.cells.length;
          if (a.kind === 'push') {
            board.push(at(model.nxt), at(model.nxt + a.n), now, 1);
            for (let i = 0; i < a.n; i++) model.cells.push({ marks: 0, time: now });
          } else if (a.kind === 'acknowledge') {
            const n = Math.floor(a.share * length);
            const gone = model.cells.splice(0, n);
            model.una += n;
            const result = board.acknowledge(at(model.una));
            expect(result.acked).toBe(n);
            expect(result.delivered).toBe(gone.filter((c) => (c.marks & SACKED) === 0).length);
            // Of SACKed neighbours that became one it is known only of all.
            if (gone.every((c) => (c.marks & SACKED) === 0))
              expect(result.retransmitted).toBe(gone.some((c) => c.marks & SENT_TWICE));
            const sample = gone.filter((c) => (c.marks & (SENT_TWICE | SACKED)) === 0).at(-1)?.time ?? -1;
            expect(result.sampleTime).toBe(sample);
          } else if (a.kind === 'sack' && length > 0) {
            const from = Math.floor(a.share * (length - 1));
            const to = Math.min(length, from + a.n);
            let fresh = 0;
            for (const cell of model.cells.slice(from, to)) {
              if (cell.marks & SACKED) continue;
              cell.marks = (cell.marks & SENT_TWICE) | SACKED;
              fresh++;
            }
            expect(board.sack(at(model.una + from), at(model.una + to))).toBe(fresh);
          } else if (a.kind === 'lost' && board.count > 0) {
            const range = board.at(Math.floor(a.share * (board.count - 1)));
            const from = diff(range.start, BASE) - model.una;
            for (const cell of model.cells.slice(from, from + range.length)) {
              cell.marks &= ~RETRANSMITTED;
              if ((cell.marks & SACKED) === 0) cell.marks |= LOST;
            }
            board.markLost(range);
          } else if (a.kind === 'retransmit') {
            const range = board.nextLost();
            if (range !== undefined) {
              board.trim(range, a.trim);
              expect(range.length).toBeLessThanOrEqual(a.trim);
              const from = diff(range.start, BASE) - model.una;
              for (const cell of model.cells.slice(from, from + range.length)) {
                cell.marks |= RETRANSMITTED | SENT_TWICE;
                cell.time = now;
              }
              board.retransmitted(range, now, 1);
            }
          } else if (a.kind === 'all lost') {
            for (const cell of model.cells) {
              if (a.forget) cell.marks &= ~SACKED;
              cell.marks &= ~RETRANSMITTED;
              if ((cell.marks & SACKED) === 0) cell.marks |= LOST;
            }
            board.markAllLost(a.forget);
            if (a.forget) {
              for (let i = 0; i < board.count; i++) {
                const range = board.at(i);
                const from = diff(range.start, BASE) - model.una;
                for (const cell of model.cells.slice(from, from + range.length)) {
                  cell.time = range.time;
                  cell.marks |= range.marks & SENT_TWICE;
                }
              }
            }
          }
          compare(board, model);
        }
        board.clear();
        expect([board.count, board.sackedBytes, board.lostBytes, board.retransmittedBytes]).toEqual([0, 0, 0, 0]);
      }),
      { numRuns: 300 },
    );
  });

  it('RFC 6675 §2 HighestSACKed is the end of the farthest block', () => {
    const board = new Scoreboard();
    board.push(at(0), at(1000), 1, 1);
    board.sack(at(500), at(600));
    expect(diff(board.highestSacked, BASE)).toBe(600);
    board.sack(at(100), at(200));
    expect(diff(board.highestSacked, BASE)).toBe(600);
    board.sack(at(550), at(800));
    expect(diff(board.highestSacked, BASE)).toBe(800);
    board.acknowledge(at(850));
    board.sack(at(900), at(910));
    expect(diff(board.highestSacked, BASE)).toBe(910);
  });

  it('RFC 2018 §4, CVE-2019-11478: blocks of single bytes split nothing', () => {
    const board = new Scoreboard();
    board.push(at(0), at(1_000_000), 1, 1000);
    for (let i = 0; i < 100_000; i++) board.sack(at(i * 10 + 5), at(i * 10 + 6));
    expect([board.count, board.sackedBytes]).toEqual([1, 0]);
  });

  it('RFC 6675 §3, CVE-2019-11478: every other segment SACKed makes no more ranges than segments; all of them, one', () => {
    const board = new Scoreboard();
    board.push(at(0), at(1_000_000), 1, 1000);
    for (let i = 1; i < 1000; i += 2) board.sack(at(i * 1000), at(i * 1000 + 1000));
    expect([board.count, board.sackedBytes, board.sackedSegments]).toEqual([1000, 500_000, 500]);
    for (let i = 0; i < 1000; i += 2) board.sack(at(i * 1000), at(i * 1000 + 1000));
    expect([board.count, board.sackedBytes, board.sackedSegments]).toEqual([1, 1_000_000, 1000]);
    expect(board.acknowledge(at(999_500))).toMatchObject({ acked: 999_500, delivered: 0 });
    expect(board.sackedBytes).toBe(500);
    board.acknowledge(at(1_000_000));
    expect([board.count, board.sackedBytes, board.sackedSegments]).toEqual([0, 0, 0]);
  });

  it('CVE-2019-11478, CVE-2019-11479: with the smallest segments and a hostile peer there is a most of ranges', () => {
    const board = new Scoreboard();
    board.push(at(0), at(36 * 100_000), 1, 36);
    for (let i = 1; i < 100_000; i += 2) board.sack(at(i * 36), at(i * 36 + 36));
    expect(board.count).toBeLessThanOrEqual(MOST_RANGES);
    board.acknowledge(at(36 * 100_000));
    expect([board.count, board.sackedBytes, board.lostBytes]).toEqual([0, 0, 0]);
  });

  it('RFC 6675 §4: segments keep their boundaries when the first of them is acknowledged in part', () => {
    const board = new Scoreboard();
    board.push(at(0), at(10_000), 1, 1000);
    board.acknowledge(at(1500));
    expect(board.sack(at(2000), at(4000))).toBe(2000);
    expect([...Array(board.count).keys()].map((i) => board.at(i).length)).toEqual([500, 2000, 6000]);
    expect(board.tail(1000).length).toBe(1000);
  });

  it('RFC 6675 §4, CVE-2019-11478: a block that says nothing new costs a search, and so does the next lost range', () => {
    const board = new Scoreboard();
    for (let i = 0; i < 4000; i++) board.push(at(i * 1000), at(i * 1000 + 1000), 1);
    for (let i = 1; i < 4000; i += 2) board.sack(at(i * 1000), at(i * 1000 + 1000));
    for (let i = 0; i < board.count; i++) board.markLost(board.at(i));
    let looked = 0;
    const look = board.at.bind(board);
    board.at = (i) => {
      looked++;
      return look(i);
    };
    for (let i = 1; i < 4000; i += 2) board.sack(at(i * 1000), at(i * 1000 + 1000));
    expect(looked / 2000).toBeLessThan(20);
    looked = 0;
    for (let i = 0; i < 2000; i++) board.retransmitted(board.nextLost()!, 2);
    expect(looked / 2000).toBeLessThan(20);
    expect(board.nextLost()).toBe(undefined);
  });

  it('uses its records again', () => {
    const board = new Scoreboard();
    const records = new Set<unknown>();
    for (let i = 0; i < 1000; i++) {
      board.push(at(i * 100), at(i * 100 + 100), i, 10);
      records.add(board.last);
      if (i >= 5) board.acknowledge(at((i - 5) * 100 + 30));
    }
    expect(records.size).toBeLessThanOrEqual(8);
  });

  it('keeps the records of a window that is filled again and again, and gives them back when it is not', () => {
    const board = new Scoreboard();
    let next = 0;
    const window = (ranges: number): Set<unknown> => {
      const records = new Set<unknown>();
      for (let i = 0; i < ranges; i++, next += 100) {
        board.push(at(next), at(next + 100), next, 100);
        records.add(board.last);
      }
      board.acknowledge(at(next));
      return records;
    };
    const first = window(1000);
    for (let i = 0; i < 5; i++) for (const record of window(900)) first.add(record);
    // The next power of two.
    expect(first.size).toBeLessThanOrEqual(1024);
    window(10);
    expect([...window(900)].some((record) => first.has(record))).toBe(false);
  });
});
