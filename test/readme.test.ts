import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { examples, ROOT } from './support/readme.ts';

describe.each(['README.md', 'README.zh-CN.md'] as const)('%s', (file) => {
  it('has a first example that runs as it stands', () => {
    const args = ['--input-type=module', '--eval', examples(file)[0]!];
    const { stdout, stderr, status } = spawnSync(process.execPath, args, {
      cwd: ROOT,
      encoding: 'utf8',
      timeout: 20_000,
    });
    expect(stderr).toBe('');
    expect(stdout).toMatch(/TypeScript.*\n$/);
    expect(status).toBe(0);
  });

  it('links to what is there', () => {
    const text = readFileSync(`${ROOT}${file}`, 'utf8');
    const links = [...text.matchAll(/\]\((?!https?:)([^)#]+)\)/g)].map((m) => m[1]!);
    expect(links.length).toBeGreaterThan(3);
    expect(links.filter((link) => !existsSync(ROOT + link))).toEqual([]);
  });

  it('names commands that package.json has', () => {
    const { scripts } = JSON.parse(readFileSync(`${ROOT}package.json`, 'utf8')) as { scripts: Record<string, string> };
    const text = readFileSync(`${ROOT}${file}`, 'utf8');
    const named = [...text.matchAll(/npm run ([\w:-]+)/g)].map((m) => m[1]!);
    expect(named.filter((name) => !(name in scripts))).toEqual([]);
  });

  it('has the same examples in both languages', () => {
    const strip = (code: string): string =>
      code
        .replaceAll(/'[^']*\\n'/g, '')
        .replaceAll(/\/\/.*/g, '')
        .replaceAll(/ +/g, ' ');
    expect(examples(file).map(strip)).toEqual(examples('README.md').map(strip));
  });
});
