/** What sending waits for, as `tcp_info` tells it: Linux's chronographs. */
import { describe, expect, it } from 'vitest';
import { BUSY, limitTime, RWND_LIMITED, SNDBUF_LIMITED } from '../../src/tcp/chrono.ts';
import { established, type Ladder } from '../support/ladder.ts';

/** Milliseconds, of each. */
function times(t: Ladder): { busy: number; rwnd: number; sndbuf: number } {
  const of = (limit: 1 | 2 | 3): number => Math.round(limitTime(t.tcb, limit, t.now) / 1000);
  return { busy: of(BUSY), rwnd: of(RWND_LIMITED), sndbuf: of(SNDBUF_LIMITED) };
}

describe('chronographs', () => {
  it('count nothing while there is nothing to send', () => {
    const t = established();
    t.wait(5);
    expect(times(t)).toEqual({ busy: 0, rwnd: 0, sndbuf: 0 });
  });

  it('are busy from SEND to the last acknowledgment', () => {
    const t = established();
    t.user.send(100);
    t.expect('P. 1:101 ack 1');
    t.wait(0.03);
    t.peer('. 1:1 ack 101');
    t.wait(1);
    expect(times(t)).toEqual({ busy: 30, rwnd: 0, sndbuf: 0 });
  });

  it('tell how long the peer’s window held the next segment back', () => {
    const t = established({ win: 500 });
    t.user.send(1000);
    t.expect('. 1:501 ack 1');
    t.wait(0.1);
    expect(times(t)).toEqual({ busy: 0, rwnd: 100, sndbuf: 0 });
    t.peer('. 1:1 ack 501 win 65535');
    t.expect('P. 501:1001 ack 1');
    t.wait(0.02);
    t.peer('. 1:1 ack 1001 win 65535');
    t.wait(1);
    expect(times(t)).toEqual({ busy: 20, rwnd: 100, sndbuf: 0 });
  });

  it('count cwnd for neither', () => {
    const t = established();
    t.user.send(30_000);
    t.drain();
    t.wait(0.1);
    expect(times(t)).toEqual({ busy: 100, rwnd: 0, sndbuf: 0 });
  });

  it('tell how long a full send buffer kept the application from sending more', () => {
    const t = established({ config: { sendBuffer: 3000 } });
    expect(t.user.send(5000)).toBe(3000);
    t.drain();
    t.wait(0.05);
    expect(times(t)).toEqual({ busy: 0, rwnd: 0, sndbuf: 50 });
    t.peer('. 1:1 ack 3001');
    t.wait(1);
    expect(times(t)).toEqual({ busy: 0, rwnd: 0, sndbuf: 50 });
  });

  it('are idle when the connection has failed', () => {
    const t = established({ win: 0 });
    t.user.send(1000);
    t.wait(0.1);
    t.peer('R 1:1');
    t.wait(1);
    expect(times(t)).toEqual({ busy: 0, rwnd: 100, sndbuf: 0 });
  });
});
