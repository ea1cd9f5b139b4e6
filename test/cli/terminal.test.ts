import { describe, expect, it } from 'vitest';
import { terminal } from '../../src/cli/terminal.ts';

const tty = { isTTY: true, columns: 97 } as unknown as NodeJS.WriteStream;
const pipe = {} as unknown as NodeJS.WriteStream;
const coloured = (...args: Parameters<typeof terminal>) => terminal(...args).paint('out', 'x') !== 'x';

describe('a terminal', () => {
  it('has colour only where it is one, and nobody minds', () => {
    expect(coloured(tty, false, {})).toBe(true);
    expect(coloured(tty, false, { NO_COLOR: '' })).toBe(true);
    expect(coloured(tty, false, { NO_COLOR: '1' })).toBe(false);
    expect(coloured(tty, false, { TERM: 'dumb' })).toBe(false);
    expect(coloured(tty, true, {})).toBe(false);
    expect(coloured(pipe, false, {})).toBe(false);
  });

  it('takes lines back only where it can', () => {
    expect(terminal(tty, false, { NO_COLOR: '1' }).live).toBe(true);
    expect(terminal(tty, false, { TERM: 'dumb' }).live).toBe(false);
    expect(terminal(pipe, false, {}).live).toBe(false);
  });

  it('knows its width', () => {
    expect(terminal(tty, false, {}).columns).toBe(97);
    expect(terminal(pipe, false, { COLUMNS: '120' }).columns).toBe(120);
    expect(terminal(pipe, false, { COLUMNS: 'wide' }).columns).toBe(80);
    expect(terminal(pipe, false, {}).columns).toBe(80);
  });
});
