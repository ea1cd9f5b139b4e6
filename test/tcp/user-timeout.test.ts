/** The user timeout and its option: RFC 5482; RFC 9293 §3.8.3. */
import { describe, expect, it } from 'vitest';
import { setUserTimeout } from '../../src/tcp/connection.ts';
import { ACK, Segment, SYN } from '../../src/wire/segment.ts';
import { add } from '../../src/wire/seq.ts';
import { established, type Ladder, ladder } from '../support/ladder.ts';

const SECOND = 1_000_000;
const on = { userTimeoutOption: true };

function set(t: Ladder, seconds: number): void {
  t.event(`USER TIMEOUT ${seconds} s`, () => setUserTimeout(t.tcb, seconds * SECOND, t.now));
}

/** An ACK of the peer with the option, milliseconds. */
function advise(t: Ladder, ms: number): void {
  const s = new Segment();
  s.flags = ACK;
  s.seq = add(t.irs, 1);
  s.ack = t.tcb.sndNxt;
  s.wnd = 65_535;
  s.userTimeout = ms;
  t.peerSegment(s);
}

describe('RFC 5482 user timeout option', () => {
  it('§3: a change is told at once, on a segment without text, and once', () => {
    const t = established({ config: on });
    set(t, 300);
    expect(t.expect('. 1:1 ack 1').segment.userTimeout).toBe(300_000);
    t.user.send(10);
    expect(t.expect('P. 1:11 ack 1').segment.userTimeout).toBe(-1);
  });

  it('§3: on our SYN, and on it again', () => {
    const t = ladder({
      role: 'active',
      config: on,
      prepare: (tcb) => {
        tcb.userTimeout = 200 * SECOND;
        tcb.userTimeoutSet = true;
        tcb.userTimeoutDue = true;
      },
    });
    expect(t.expect('S 0:0').segment.userTimeout).toBe(200_000);
    expect(t.expect('S 0:0', 1).segment.userTimeout).toBe(200_000);
  });

  it("§3.1: the peer's advice counts within the limits, where the application has not set its own", () => {
    for (const [ms, seconds] of [
      [5000, 100],
      [600_000, 600],
      [32_767 * 60_000, 86_400],
    ] as const) {
      const t = established({ config: on });
      advise(t, ms);
      expect(t.tcb.userTimeout).toBe(seconds * SECOND);
    }
    const own = established({ config: on });
    set(own, 30);
    own.drain();
    advise(own, 600_000);
    expect(own.tcb.userTimeout).toBe(30 * SECOND);
  });

  it('§3.1: on a SYN as well', () => {
    const t = ladder({ config: on });
    const s = new Segment();
    s.flags = SYN;
    s.seq = t.irs;
    s.userTimeout = 900_000;
    t.peerSegment(s);
    t.drain();
    expect(t.tcb.userTimeout).toBe(900 * SECOND);
  });

  it('is neither told nor heeded unless asked for (Linux)', () => {
    const t = established();
    set(t, 300);
    t.expectSilence();
    const other = established();
    advise(other, 600_000);
    expect(other.tcb.userTimeout).toBe(0);
  });

  it('RFC 9293 MUST-21, §3.8.3: what stays unacknowledged so long ends the connection', () => {
    const t = established();
    set(t, 30);
    t.user.send(10);
    t.drain();
    t.run(29);
    t.state('ESTABLISHED');
    t.run(31);
    t.state('CLOSED');
    expect(t.tcb.failure).toBe('timed out');
  });
});
