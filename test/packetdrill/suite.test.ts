import { describe, expect, it } from 'vitest';
import { board, judge, type Result, readList, score } from '../../src/packetdrill/suite.ts';
import { linux } from '../../src/tcp/config.ts';

const options = { config: { ...linux, windowScale: 8 } };
const result = (path: string, group: string, normalised: Result['normalised'], strict = normalised): Result => {
  return { suite: 's', path, group, needed: 'yes', strict, normalised, reason: '', line: 0, ladder: [] };
};

describe('lists', () => {
  it('are tables', () => {
    expect(readList('path\tclass\tgroup\tneeded\treference\na/b.pkt\tA\tone\tyes\tpass\nc.pkt\tC\t\topt\n')).toEqual([
      { path: 'a/b.pkt', group: 'one', needed: 'yes' },
      { path: 'c.pkt', group: '.', needed: 'opt' },
    ]);
  });
});

describe('a judgement', () => {
  const syn = '0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0...0 connect(3, ..., ...) = 0\n+0 > S 0:0(0)';
  it('is strict about the order of options, and normalised it is not', () => {
    const text = `${syn} <sackOK,mss 1460,TS val 1 ecr 0,nop,wscale 8>`;
    expect(judge('x', text, options)).toMatchObject({ strict: 'fail', normalised: 'fail' });
    const whole = `${text}\n+0 < S. 0:0(0) ack 1 win 9\n+0 > . 1:1(0) ack 1`;
    expect(judge('x', whole, options)).toMatchObject({
      strict: 'fail',
      normalised: 'pass',
      line: 3,
      reason: expect.stringContaining('options: expected <sackOK,mss 1460,'),
    });
  });
  it('fails what is no script, and says where', () => {
    expect(judge('x', '\n0 nonsense', options)).toMatchObject({ strict: 'fail', normalised: 'fail', line: 2 });
  });
  it('skips, with the reason, what there is no counterpart for', () => {
    expect(judge('x', '0 epoll_create(1) = 3', options)).toMatchObject({
      strict: 'skip',
      normalised: 'skip',
      reason: 'epoll_create()',
    });
  });
  it('passes nobody who throws', () => {
    const broken = { ...options, config: null as unknown as typeof linux };
    expect(judge('x', '0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3', broken)).toMatchObject({
      normalised: 'fail',
      reason: expect.stringContaining('the runner broke'),
    });
  });
});

describe('the board', () => {
  const results = [
    result('1', 'many', 'pass'),
    result('2', 'many', 'pass'),
    result('3', 'many', 'pass', 'fail'),
    result('4', 'few', 'skip'),
  ];
  it('counts groups, not scripts', () => {
    expect(score(results, 'normalised')).toBe(0.5);
    expect(score(results, 'strict')).toBeCloseTo(1 / 3);
    expect(score([], 'strict')).toBe(0);
  });
  it('names what is not whole', () => {
    expect(board(results)).toEqual([
      's, needed: normalised 50.0 % (3/4), strict 33.3 % (2/4), skipped 1',
      '  few: 0/1',
    ]);
  });
});
