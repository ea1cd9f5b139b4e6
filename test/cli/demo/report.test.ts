import { describe, expect, it } from 'vitest';
import { checkLines, headingLines, wrap } from '../../../src/cli/demo/report.ts';
import { noPaint } from '../../../src/trace/paint.ts';

const look = { columns: 60, plain: false, paint: noPaint };

describe('the report', () => {
  it('wraps at spaces, and keeps long words', () => {
    expect(wrap('one two three', 7)).toEqual(['one two', 'three']);
    expect(wrap('a incomprehensible b', 5)).toEqual(['a', 'incomprehensible', 'b']);
    expect(wrap('', 5)).toEqual(['']);
  });

  it('marks what holds and what does not, in signs and in words', () => {
    const checks = [
      { name: 'page', ok: true, figure: 'as it should be' },
      { name: 'close', ok: false, figure: 'reset by the kernel · after a long while in which nothing happened' },
    ];
    expect(checkLines(checks, look)).toEqual([
      '  ✓ page          as it should be',
      '  ✗ close         reset by the kernel · after a long while',
      '                  in which nothing happened',
    ]);
    expect(checkLines(checks, { ...look, plain: true })).toEqual([
      'ok      page          as it should be',
      'NOT OK  close         reset by the kernel, after a long',
      '                      while in which nothing happened',
    ]);
  });

  it('heads with what is where', () => {
    expect(headingLines([['network', 'a TUN device']], look)).toEqual(['  network      a TUN device']);
  });
});
