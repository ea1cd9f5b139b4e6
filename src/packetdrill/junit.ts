import type { Mode, Result } from './suite.ts';

/** The results as JUnit's XML, as build servers read it: a `testsuite` for each suite, a `testcase` for each script. */
export function junit(results: readonly Result[], mode: Mode): string {
  const lines = ['<?xml version="1.0" encoding="UTF-8"?>', '<testsuites>'];
  for (const suite of new Set(results.map((r) => r.suite))) {
    const rows = results.filter((r) => r.suite === suite);
    const count = (verdict: string): number => rows.filter((r) => r[mode] === verdict).length;
    lines.push(
      `  <testsuite name="${xml(suite)}" tests="${rows.length}" failures="${count('fail')}" skipped="${count('skip')}">`,
    );
    for (const row of rows) lines.push(...testCase(row, mode));
    lines.push('  </testsuite>');
  }
  return `${[...lines, '</testsuites>'].join('\n')}\n`;
}

function testCase(result: Result, mode: Mode): string[] {
  const name = `    <testcase classname="${xml(result.group)}" name="${xml(result.path)}"`;
  const reason = xml(result.reason);
  if (result[mode] === 'pass') return [`${name}/>`];
  if (result[mode] === 'skip') return [`${name}><skipped message="${reason}"/></testcase>`];
  return [`${name}><failure message="${reason}">${xml(result.ladder.join('\n'))}</failure></testcase>`];
}

/** XML's five, and nothing that XML has no character for. */
function xml(text: string): string {
  return text
    .replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`)
    .replace(/[^\t\n\r -\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, '?');
}
