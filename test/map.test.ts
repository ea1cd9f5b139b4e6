import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import {
  cited,
  danglingTags,
  deviationComments,
  draw,
  gaps,
  match,
  readRequirements,
  sourcePlaces,
  testPlaces,
} from './support/requirement-map.ts';
import type { SourceFile } from './support/source-rules.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

function files(folder: string, end: string): SourceFile[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(end))
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length).replaceAll('\\', '/'))
    .sort()
    .map((path) => ({ path, text: read(path) }));
}

const sources = files('src', '.ts');
const requirements = readRequirements(read('docs/requirements.txt'));
const functions = sources.flatMap(sourcePlaces);
// The examples below are no tests of a TCP.
const tests = files('test', '.test.ts')
  .filter((f) => f.path !== 'test/map.test.ts')
  .flatMap(testPlaces);
const rows = match(requirements, functions, tests);
const deviations = read('docs/deviations.md');
const headings = deviations.split('\n').flatMap((line) => /^##+ (.+)$/.exec(line)?.[1] ?? []);

describe('the requirement map', () => {
  it('has all that RFC 9293 numbers: 69 MUST, 31 SHLD, 18 MAY, 1 REC', () => {
    const of = (prefix: string) => requirements.list.filter((r) => r.id.startsWith(prefix)).map((r) => r.id);
    for (const [prefix, count] of [
      ['MUST-', 69],
      ['SHLD-', 31],
      ['MAY-', 18],
      ['REC-', 1],
    ] as const) {
      expect(of(prefix).sort()).toEqual(Array.from({ length: count }, (_, i) => `${prefix}${i + 1}`).sort());
    }
    expect(new Set(requirements.list.map((r) => r.id)).size).toBe(requirements.list.length);
  });

  it('finds a function that keeps each requirement, and a test that shows it', () =>
    expect(gaps(rows, headings)).toEqual([]));

  it('finds no tag that points nowhere', () =>
    expect(danglingTags(requirements, [...functions, ...tests])).toEqual([]));

  it('is drawn as it is (else: npm run map)', async () =>
    await expect(draw(requirements, rows)).toMatchFileSnapshot('../docs/rfc9293-map.md'));

  it('has at most five deviations from RFC 9293', () => {
    const own = requirements.list.filter((r) => r.rfc === 9293 && r.deviation !== null);
    expect(new Set(own.map((r) => r.deviation)).size).toBeLessThanOrEqual(5);
  });

  it('docs/deviations.md has every `Deviation:` comment of the source', () => {
    for (const line of deviationComments(sources).split('\n')) expect(deviations).toContain(line);
  });
});

describe('how the map is read', () => {
  const text = `# RFC 9293 TCP

MUST-1 | MUST | 3.1 | one
SHLD-2 | SHOULD | 3.2 | two | no=for, as it is, a reason

# RFC 5961 Blind attacks

5961-3.2a | MUST | 3.2 | outside | words=outside
`;
  const small = readRequirements(text);

  it('reads requirements', () => {
    expect(small.list.map((r) => [r.id, r.level, r.rfc, r.sections])).toEqual([
      ['MUST-1', 'MUST', 9293, ['3.1']],
      ['SHLD-2', 'SHOULD', 9293, ['3.2']],
      ['5961-3.2a', 'MUST', 5961, ['3.2']],
    ]);
    expect(small.list[1]!.no).toBe('for, as it is, a reason');
    expect(() => readRequirements('# RFC 1 a\n\nMUST-1 | MUST')).toThrow('not a requirement');
  });

  it('a bare § is of the RFC named before it', () => {
    expect(cited('§3.1, RFC 5961 §3.2 and §4.2; MUST-1').sections).toEqual(['9293 3.1', '5961 3.2', '5961 4.2']);
    expect(cited('§3.2', 5961).sections).toEqual(['5961 3.2']);
  });

  it('a comment is of the function at or in which it stands', () => {
    const source = `/** RFC 5961 in general, §3. */

/** §3.2: here. */
export function one() {
  // MUST-1: inside
  const text = 'no // RFC 99 comment';
}
export class Two {
  /** MUST-2 */
  readonly three = 3; // MUST-3
  /** MUST-4 */
  four(): void {
    // MUST-5
  }
}
`;
    expect(sourcePlaces({ path: 'a.ts', text: source }).map((p) => [p.name, ...p.ids, ...p.sections])).toEqual([
      ['', '5961 3'],
      ['one', '5961 3.2'],
      ['one', 'MUST-1'],
      ['Two.three', 'MUST-2'],
      ['Two.three', 'MUST-3'],
      ['Two.four', 'MUST-4'],
      ['Two.four', 'MUST-5'],
    ]);
  });

  it('a test has the titles around it', () => {
    const source = `describe('RFC 5961 §3', () => {
  it('§3.2: outside', () => {});
  it.each([
    [1],
  ])('§4.2: table', () => {});
  it(
    \`MUST-1 below\`, () => {});
});
`;
    expect(testPlaces({ path: 'a.test.ts', text: source }).map((p) => [p.name, ...p.ids, ...p.sections])).toEqual([
      ['RFC 5961 §3', '5961 3'],
      ['RFC 5961 §3 › §3.2: outside', '5961 3.2'],
      ['RFC 5961 §3 › §4.2: table', '5961 4.2'],
      ['RFC 5961 §3 › MUST-1 below', 'MUST-1'],
    ]);
  });

  it('complains of what is missing, of tags that name nothing, and of excuses that are none', () => {
    const one = sourcePlaces({ path: 'a.ts', text: '/** MUST-1, RFC 5961 §3.2 */\nfunction one() {}\n' });
    const shown = testPlaces({
      path: 'a.test.ts',
      text: "it('MUST-1', () => {});\nit('RFC 5961 §3.2: inside', () => {});",
    });
    expect(gaps(match(small, one, shown), [])).toEqual(['5961-3.2a (RFC 5961 §3.2, outside): has no test']);
    expect(gaps(match(small, [], shown), [])).toHaveLength(2);
    const open = readRequirements('# RFC 9293 TCP\n\nMUST-1 | MUST | 3.1 | one | open=later');
    expect(gaps(match(open, one, shown), [])).toEqual(['MUST-1: has a function and a test: it is not open any more']);
    const other = readRequirements('# RFC 9293 TCP\n\nMUST-1 | MUST | 3.1 | one | deviation=A heading');
    expect(gaps(match(other, [], []), ['A heading'])).toEqual([]);
    expect(gaps(match(other, [], []), [])).toHaveLength(1);
    const bad = sourcePlaces({ path: 'a.ts', text: '/** MUST-70, RFC 99999, RFC 9293 §3.11 */\nfunction one() {}\n' });
    expect(danglingTags(small, bad)).toHaveLength(3);
  });

  it('collects deviations from comments of several lines', () => {
    const source =
      '/**\n * A rule.\n * Deviation: we do\n * otherwise.\n */\nfunction one() {}\n// Deviation: here, too\nlet a = 1;\n';
    expect(deviationComments([{ path: 'a.ts', text: source }])).toBe('- `a.ts`: we do otherwise.\n- `a.ts`: here, too');
  });
});
