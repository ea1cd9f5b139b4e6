import { describe, expect, it } from 'vitest';
import { junit } from '../../src/packetdrill/junit.ts';
import type { Result } from '../../src/packetdrill/suite.ts';

const result = (path: string, verdict: Result['normalised'], reason = ''): Result => {
  return {
    suite: 's',
    path,
    group: 'g',
    needed: 'yes',
    strict: 'fail',
    normalised: verdict,
    reason,
    line: 1,
    ladder: [],
  };
};

describe('JUnit', () => {
  it('tells verdicts and reasons', () => {
    const rows = [
      result('a', 'pass'),
      result('b', 'skip', 'epoll'),
      { ...result('c', 'fail', 'x'), ladder: ['< S', '> S.'] },
    ];
    expect(junit(rows, 'normalised')).toBe(`<?xml version="1.0" encoding="UTF-8"?>
<testsuites>
  <testsuite name="s" tests="3" failures="1" skipped="1">
    <testcase classname="g" name="a"/>
    <testcase classname="g" name="b"><skipped message="epoll"/></testcase>
    <testcase classname="g" name="c"><failure message="x">&#60; S\n&#62; S.</failure></testcase>
  </testsuite>
</testsuites>
`);
    expect(junit(rows, 'strict')).toContain('failures="3"');
  });
  it('is XML whatever the reason', () => {
    expect(junit([result('a&"<', 'fail', "it's \u0000\ud800<mss 1>")], 'normalised')).toContain(
      'name="a&#38;&#34;&#60;"><failure message="it&#39;s ??&#60;mss 1&#62;">',
    );
  });
});
