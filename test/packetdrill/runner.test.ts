import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parseScript } from '../../src/packetdrill/parser.ts';
import { PROFILES } from '../../src/packetdrill/profiles.ts';
import { type Outcome, runScript } from '../../src/packetdrill/runner.ts';

const scenarios = fileURLToPath(new URL('../../scenarios/packetdrill/', import.meta.url));
const SYSTEMS: Readonly<Record<string, string>> = { linux: 'Linux', freebsd: 'FreeBSD' };

function play(text: string, profile = 'linux', exact = false, seed = 1): Outcome {
  const script = parseScript('x.pkt', text, { defined: new Set([SYSTEMS[profile]!]) });
  return runScript(script, { config: PROFILES[profile]!, exact, seed });
}

describe('our own scripts', () => {
  for (const profile of readdirSync(scenarios)) {
    for (const name of readdirSync(`${scenarios}${profile}`)) {
      it(`${profile}/${name}`, () => {
        const text = readFileSync(`${scenarios}${profile}/${name}`, 'utf8');
        const outcomes = [1, 2, 3].map((seed) => play(text, profile, true, seed));
        expect(outcomes.map((o) => [o.verdict, o.reason, o.ladder])).toEqual(
          outcomes.map(() => ['pass', '', expect.anything()]),
        );
      });
    }
  }
  it('are there', () => expect(readdirSync(`${scenarios}linux`).length).toBeGreaterThan(15));
});

/** A connection that a peer opened, as file descriptor 4. */
const OPEN = `
 0   socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0   bind(3, ..., ...) = 0
+0   listen(3, 1) = 0
+0   < S 0:0(0) win 32792 <mss 1000,sackOK,nop,nop,nop,wscale 7>
+0   > S. 0:0(0) ack 1 <mss 1460,nop,nop,sackOK,nop,wscale 8>
+.1  < . 1:1(0) ack 1 win 257
+0   accept(3, ..., ...) = 4
`;
const failing = (text: string, exact = false): string => {
  const outcome = play(OPEN + text, 'linux', exact);
  expect(outcome.verdict).toBe('fail');
  return outcome.reason;
};
const passing = (text: string, exact = false): void => {
  expect(play(OPEN + text, 'linux', exact)).toMatchObject({ verdict: 'pass', reason: '' });
};

describe('a script fails where it cannot be played as it says', () => {
  it.each([
    ['// nothing yet\n', 'there is nothing to run in it'],
    [`--tolerance_usecs=abc\n${OPEN}`, '--tolerance_usecs=abc is no whole number'],
    [`--tolerance_usecs=-1\n${OPEN}`, '--tolerance_usecs=-1 is no whole number'],
    [`--mtu=big\n${OPEN}`, '--mtu=big is no whole number'],
    [`--local_ip=here\n${OPEN}`, '--local_ip=here is no IP address'],
  ])('%j', (text, reason) => expect(play(text)).toMatchObject({ verdict: 'fail', reason }));
});

describe('a script fails where it does not describe what happens', () => {
  const write = '+0 write(4, ..., 1000) = 1000\n';
  it.each([
    ['flags', '+0 > F. 1:1001(1000) ack 1', 'flags: expected F., sent P.'],
    ['seq', '+0 > P. 2:1002(1000) ack 1', 'seq: expected 2, sent 1'],
    ['ack', '+0 > P. 1:1001(1000) ack 2', 'ack: expected 2, sent 1'],
    ['length', '+0 > P. 1:1000(999) ack 1', 'length: expected 999, sent 1000'],
    ['more than is sent', '+0 > P. 1:3001(3000) ack 1', 'expected 3000, sent 1000'],
    ['options', '+0 > P. 1:1001(1000) ack 1 <nop,nop,TS val 1 ecr 1>', 'options: expected <TS val 1 ecr 1>, sent <>'],
    ['ECN', '+0 > [ect0] P. 1:1001(1000) ack 1', 'ECN: expected ect0, sent noecn'],
    ['TTL', '+0 > (ttl 9) P. 1:1001(1000) ack 1', 'TTL: expected 9, sent 64'],
    ['time', '+.01 > P. 1:1001(1000) ack 1', 'time: expected at 0.110000 s, sent at 0.100000 s'],
  ])('%s', (_, line, difference) => {
    const reason = failing(write + line);
    expect(reason).toMatch(/^line 10: /);
    expect(reason).toContain(difference);
    expect(reason).toMatch(/sent( at [\d.]+ s:)? P\. 1:1001\(1000\) ack 1/);
  });

  it('with the segments so far', () => {
    expect(play(`${OPEN}${write}+0 > F. 1:1(0) ack 1`).ladder).toEqual([
      '0.000000 s < S 0:0(0) win 32792',
      '0.000000 s > S. 0:0(0) ack 1 win 65535 <mss 1460,sackOK,wscale 8>',
      '0.100000 s < . 1:1(0) ack 1 win 257',
      expect.stringMatching(/^0\.100000 s > P\. 1:1001\(1000\) ack 1 win \d+$/),
    ]);
  });
  it('silence', () => expect(failing('+.1 > . 1:1(0) ack 1')).toContain('nothing was sent by 0.2'));
  it('the window, where it is written and counts', () => {
    passing(`${write}+0 > P. 1:1001(1000) ack 1 win 1`);
    expect(failing(`${write}+0 > P. 1:1001(1000) ack 1 win 1`, true)).toContain('win: expected 1, sent');
    expect(failing(`${write}+0 > P. 1:1001(1000) ack 1 win 0`)).toContain('win: expected 0, sent');
  });
  it('results and errors of calls', () => {
    expect(failing('+0 read(4, ..., 10) = 10')).toContain('read (line 9) does not return');
    expect(failing('+0 < P. 1:11(10) ack 1 win 257\n* > . 1:1(0) ack 11\n+0 read(4, ..., 99) = 11')).toContain(
      'read: expected 11, returned 10',
    );
    expect(failing('+0 close(4) = -1 EBADF')).toContain('close: expected -1 EBADF, returned 0');
    expect(failing('+0 fcntl(4, F_SETFL, O_RDWR|O_NONBLOCK) = 0\n+0 read(4, ..., 9) = -1 EPIPE')).toContain(
      'read: expected EPIPE, failed with EAGAIN',
    );
    expect(failing('+0 getsockopt(4, SOL_SOCKET, SO_ERROR, [ECONNRESET], [4]) = 0')).toContain(
      'SO_ERROR: expected ECONNRESET, is 0',
    );
  });
  it('when a blocking call returns', () => {
    const text = '< P. 1:11(10) ack 1 win 257\n+0 > . 1:1(0) ack 11';
    passing(`+0...0.2 read(4, ..., 10) = 10\n+.2 ${text}`);
    expect(failing(`+0...0.3 read(4, ..., 10) = 10\n+.2 ${text}`)).toContain('returned at 0.300000 s, not 0.400000 s');
  });
  it('assertions', () => {
    expect(failing('+0 %{ assert tcpi_snd_cwnd == 11, tcpi_snd_cwnd }%')).toBe(
      'assert tcpi_snd_cwnd == 11 does not hold: tcpi_snd_cwnd = 10',
    );
  });
  it('sockstat', () => {
    expect(failing('+0 `sockstat -4 -P tcp -s | grep -c TIME_WAIT | grep 1`')).toContain(
      'expected 1 in TIME-WAIT, found 0',
    );
  });
});

describe('time', () => {
  it('may be off by 4 ms, or an eighth of the wait', () => {
    const probe = (when: string) =>
      `+0 write(4, ..., 1000) = 1000\n+0 > P. 1:1001(1000) ack 1\n${when} > P. 1:1001(1000) ack 1`;
    // The time-out is 0.3 s.
    passing(probe('+.3'));
    passing(probe('+.27'));
    expect(failing(probe('+.25'))).toContain('nothing was sent by 0.381250 s');
    expect(failing(probe('+.35'))).toContain('time: expected at 0.450000 s, sent at 0.400000 s');
  });
  it('may be off by more where the run, or the script, says so', () => {
    const late = `${OPEN}+0 write(4, ..., 1000) = 1000\n+.008 > P. 1:1001(1000) ack 1`;
    const run = (text: string, tolerance?: number) =>
      runScript(parseScript('x.pkt', text, { defined: new Set(['Linux']) }), {
        config: PROFILES['linux']!,
        exact: false,
        ...(tolerance !== undefined && { tolerance }),
      }).verdict;
    expect([run(late), run(late, 10_000)]).toEqual(['fail', 'pass']);
    expect(run(`--tolerance_usecs=4000\n${late}`, 10_000)).toBe('fail');
  });
  it('between two, and any', () => {
    const again = (when: string) =>
      `+0 write(4, ..., 1000) = 1000\n+0 > P. 1:1001(1000) ack 1\n${when} > P. 1:1001(1000) ack 1`;
    passing(again('+.2~+.4'));
    passing(again('*'));
    expect(failing(again('+.4~+.5'))).toContain('time: expected at 0.500000 s to 0.600000 s');
  });
});

describe('expected segments', () => {
  const write = '+0 write(4, ..., 5000) = 5000\n';
  it('may be several of ours of one size', () => {
    passing(`${write}+0 > P. 1:5001(5000) ack 1`);
    passing(`${write}+0 > . 1:1001(1000) ack 1\n* > ...(4000) ack 1`.replace('> ...(4000)', '> P. 1001:5001(4000)'));
  });
  it('but not where they are to be as they are', () => {
    expect(play(`--strict_segments\n${OPEN}${write}+0 > P. 1:5001(5000) ack 1`).reason).toContain(
      'line 11: length: expected 5000, sent 2000; expected > P. 1:5001(5000) ack 1, sent P. 1:2001(2000) ack 1',
    );
  });
});

describe('a script is skipped, never passed,', () => {
  it.each([
    ['epoll_create', '+0 epoll_create(1) = 5'],
    ['SO_TIMESTAMPING', '+0 setsockopt(4, SOL_SOCKET, SO_TIMESTAMPING, [1], 4) = 0'],
    ['TCP in UDP', '+0 < . 1:1(0) ack 1 win 9 /udp(1 > 2)'],
    ['md5', '+0 < . 1:1(0) ack 1 win 9 <md5 valid>'],
  ])('where it needs %s', (what, line) => {
    expect(play(OPEN + line)).toMatchObject({ verdict: 'skip', reason: expect.stringContaining(what), line: 9 });
  });
  it('nor where the whole of it is about something else', () => {
    expect(play(`--udp_encapsulation=1\n${OPEN}`).verdict).toBe('skip');
  });
});

describe('numbers', () => {
  it('of a SYN are as it is written, all others count from it', () => {
    const text = OPEN.replace('< S 0:0(0)', '< S 1000:1000(0)').replace('> S. 0:0(0) ack 1', '> S. 77:77(0) ack 1001');
    expect(play(`${text}+0 write(4, ..., 10) = 10\n+0 > P. 1:11(10) ack 1`)).toMatchObject({ reason: '' });
  });
  it('differ on the wire from seed to seed, and the outcome does not', () => {
    const run = (seed: number) =>
      play(`${OPEN}+0 write(4, ..., 10) = 10\n+0 > P. 1:11(10) ack 1`, 'linux', false, seed);
    expect(run(1)).toEqual(run(2));
    expect(run(1).verdict).toBe('pass');
  });
});
