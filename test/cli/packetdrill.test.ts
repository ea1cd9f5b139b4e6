import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { synfin } from './support/synfin.ts';

const OPEN = `0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+0 < S 0:0(0) win 1000 <mss 1000>
`;
const directory = mkdtempSync(join(tmpdir(), 'synfin-'));
mkdirSync(join(directory, 'sub'));
writeFileSync(join(directory, 'good.pkt'), `${OPEN}+0 > S. 0:0(0) ack 1 <mss 1460>\n`);
writeFileSync(join(directory, 'bad.pkt'), `${OPEN}+0 > S. 0:0(0) ack 2 <mss 1460>\n`);
writeFileSync(join(directory, 'sub', 'other.pkt'), '0 epoll_create(1) = 3\n');
writeFileSync(
  join(directory, 'list.tsv'),
  'path\tclass\tgroup\tneeded\ngood.pkt\tA\topen\tyes\nsub/other.pkt\tD\tpoll\topt\n',
);
afterAll(() => rmSync(directory, { recursive: true }));
const file = (name: string): string => join(directory, name);

describe('synfin packetdrill', () => {
  it('passes', async () => {
    const { status, stdout } = await synfin(['packetdrill', file('good.pkt')]);
    expect([status, stdout]).toEqual([0, `pass ${file('good.pkt')}\n`]);
  });

  it('fails with the line, the field, both segments and the ladder so far', async () => {
    const { status, stdout } = await synfin(['packetdrill', file('bad.pkt')]);
    expect(status).toBe(1);
    expect(stdout.split('\n')).toEqual([
      `fail ${file('bad.pkt')}:5`,
      expect.stringMatching(
        /^ {4}line 5: ack: expected 2, sent 1; expected > S\. 0:0\(0\) ack 2, sent S\. 0:0\(0\) ack 1 win/,
      ),
      '    | +0 > S. 0:0(0) ack 2 <mss 1460>',
      '      0.000000 s < S 0:0(0) win 1000',
      expect.stringMatching(/^ {6}0\.000000 s > S\. 0:0\(0\) ack 1 win 65535 <mss 1460>$/),
      '',
    ]);
  });

  it('runs a directory, and prints a board', async () => {
    const { status, stdout } = await synfin(['packetdrill', directory]);
    expect(status).toBe(1);
    expect(stdout).toContain('skip ');
    expect(stdout).toContain('\n    epoll_create()\n');
    expect(stdout).toMatch(
      /needed: normalised 25\.0 % \(1\/3\), strict 25\.0 % \(1\/3\), skipped 1\n {2}\.: 1\/2\n {2}sub: 0\/1\n$/,
    );
  });

  it('runs what a list names, and tells of it to machines', async () => {
    const outputs = ['--json', file('out.json'), '--junit', file('out.xml')];
    const { status } = await synfin(['packetdrill', '--list', file('list.tsv'), ...outputs, directory]);
    expect(status).toBe(0);
    expect(JSON.parse(readFileSync(file('out.json'), 'utf8'))).toMatchObject([
      { suite: 'list', path: 'good.pkt', group: 'open', needed: 'yes', strict: 'pass', normalised: 'pass', reason: '' },
      { path: 'sub/other.pkt', group: 'poll', needed: 'opt', normalised: 'skip', reason: 'epoll_create()' },
    ]);
    expect(readFileSync(file('out.xml'), 'utf8')).toContain('tests="2" failures="0" skipped="1"');
  });

  it('fails a file with nothing to run in it, and one that is no text, without a character that a terminal obeys', async () => {
    writeFileSync(file('nothing.pkt'), '// later\n');
    const nothing = await synfin(['packetdrill', file('nothing.pkt')]);
    expect([nothing.status, nothing.stdout]).toEqual([1, expect.stringContaining('there is nothing to run in it')]);
    writeFileSync(file('binary.pkt'), '\x1b[31m\x07\x00'.repeat(100));
    const binary = await synfin(['packetdrill', file('binary.pkt')]);
    expect(binary.status).toBe(1);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: those it must not have
    expect(binary.stdout).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f]/);
    for (const line of binary.stdout.split('\n')) expect(line.length).toBeLessThan(300);
    rmSync(file('nothing.pkt'));
    rmSync(file('binary.pkt'));
  });

  it('says what is wrong in one line', async () => {
    expect(await synfin(['packetdrill', file('none.pkt')])).toMatchObject({
      status: 2,
      stderr: `synfin: ${file('none.pkt')}: there is no such file; name scripts, or a directory of them\n`,
    });
    mkdirSync(file('empty'));
    expect(await synfin(['packetdrill', file('empty')])).toMatchObject({
      status: 2,
      stderr: `synfin: no .pkt file in ${file('empty')}\n`,
    });
    const out = file('none/out.json');
    expect(await synfin(['packetdrill', file('good.pkt'), '--json', out])).toMatchObject({
      status: 1,
      stderr: `synfin: cannot write ${out}: there is no folder ${file('none')}; make it first\n`,
    });
  });
});
