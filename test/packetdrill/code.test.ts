import { describe, expect, it } from 'vitest';
import { type Names, runCode } from '../../src/packetdrill/code.ts';

const names = (values: Record<string, number> = {}): Names => new Map(Object.entries(values));
const value = (expression: string, values: Record<string, number> = {}) => {
  const all = names(values);
  runCode(`result = ${expression}`, all);
  return all.get('result');
};

describe('expressions', () => {
  it.each([
    ['1 + 2 * 3', 7],
    ['(1 + 2) * 3', 9],
    ['7 / 2', 3],
    ['-7 + 2', -5],
    ['17 % 5', 2],
    ['0x10', 16],
    ['6 & 3', 2],
    ['4 | 1', 5],
    ['~0 & 255', 255],
    ['1 < 2 < 3', 1],
    ['1 < 2 < 2', 0],
    ['3 > 2 > 2', 0],
    ['1 == 1 and 2 != 2', 0],
    ['0 or 5', 5],
    ['not 0', 1],
    ['True and not False', 1],
  ])('%s', (text, expected) => expect(value(text)).toBe(expected));

  it('has names', () => expect(value('tcpi_a + tcpi_b', { tcpi_a: 1, tcpi_b: 2 })).toBe(3));
  it('knows what it does not know', () => expect(() => value('tcpi_x')).toThrow('not known: tcpi_x'));
});

describe('statements', () => {
  it('assert', () => {
    const all = names({ tcpi_cwnd: 10 });
    runCode('assert tcpi_cwnd == 10, tcpi_cwnd; assert 9 < tcpi_cwnd <= 10', all);
    expect(() => runCode('assert tcpi_cwnd == 9, tcpi_cwnd', all)).toThrow(
      'assert tcpi_cwnd == 9 does not hold: tcpi_cwnd = 10',
    );
    expect(() => runCode("assert tcpi_cwnd == 9, 'cwnd is %d' % tcpi_cwnd", all)).toThrow('(cwnd is %d)');
  });
  it('assign', () => {
    const all = names();
    runCode('x = 5\nx += 2\nx -= 1\nprint(x) # six', all);
    expect(all.get('x')).toBe(6);
  });
  it('go on while a parenthesis is open, and after a backslash', () => {
    const all = names();
    runCode('x = (1 +\n 2)\ny = 1 \\\n + 4', all);
    expect([all.get('x'), all.get('y')]).toEqual([3, 5]);
  });
  it('are not guessed at', () => expect(() => runCode('import os', names())).toThrow('not understood: import os'));
});
