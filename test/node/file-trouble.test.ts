import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { fileTrouble, firstLine } from '../../src/node/file-trouble.ts';

const folder = mkdtempSync(join(tmpdir(), 'file-trouble-'));
afterAll(() => rmSync(folder, { recursive: true }));

function trouble(doing: 'read' | 'write', path: string): string {
  try {
    if (doing === 'read') readFileSync(path);
    else writeFileSync(path, 'text');
  } catch (error) {
    return fileTrouble(doing, path, error);
  }
  throw new Error(`nothing wrong with ${path}`);
}

it('says what is wrong with a file, and what to do', () => {
  const nowhere = join(folder, 'none', 'file');
  expect(trouble('read', nowhere)).toBe('there is no such file');
  expect(trouble('write', nowhere)).toBe(`there is no folder ${join(folder, 'none')}; make it first`);
  expect(trouble('read', folder)).toBe('it is a folder; name a file in it');
  expect(trouble('write', folder)).toBe('it is a folder; name a file in it');
});

it.each([
  ['EACCES', 'you may not write there; choose another place'],
  ['EROFS', 'the file system is read-only; choose another place'],
  ['ENOSPC', 'the disk is full'],
])('knows %s', (code, text) => {
  expect(fileTrouble('write', 'file', Object.assign(new Error('x'), { code }))).toBe(text);
});

it('repeats the first line of what it does not know', () => {
  expect(fileTrouble('read', 'file', new Error('EIO: i/o error\nat there'))).toBe('EIO: i/o error');
  expect(firstLine(' text\nmore')).toBe('text');
});
