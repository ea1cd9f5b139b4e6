import { describe, expect, it } from 'vitest';
import { preprocess } from '../../src/packetdrill/preprocess.ts';

const run = (text: string, ...names: string[]) => preprocess('x.pkt', text, new Set(names));

describe('#ifdef', () => {
  it('keeps lines where they are', () => {
    expect(run('a\n#ifdef X\nb\n#else\nc\n#endif\nd', 'X')).toBe('a\n\nb\n\n\n\nd');
    expect(run('a\n#ifdef X\nb\n#else\nc\n#endif\nd')).toBe('a\n\n\n\nc\n\nd');
  });
  it('nests', () => {
    const text = '#ifdef X\n#ifndef Y\na\n#endif\nb\n#endif';
    expect(run(text, 'X', 'Y').trim()).toBe('b');
    expect(run(text, 'X').replace(/\n+/g, ' ').trim()).toBe('a b');
    expect(run(text, 'Y').trim()).toBe('');
  });
  it('leaves comments alone', () => expect(run('# define it\n#!/usr/bin/x')).toBe('# define it\n#!/usr/bin/x'));
  it('has an end, and a beginning', () => {
    expect(() => run('a\n#ifdef X')).toThrow('x.pkt:2: #ifdef without #endif');
    expect(() => run('a\n#endif')).toThrow('x.pkt:2: #endif without #ifdef');
  });
});
