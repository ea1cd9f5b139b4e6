/** How much SEND takes: SO_SNDBUF and TCP_NOTSENT_LOWAT. */
import { describe, expect, it } from 'vitest';
import { isWritable } from '../../src/tcp/send-room.ts';
import { established, type Ladder } from '../support/ladder.ts';

/** Takes what was sent, and acknowledges so much of it. */
function acknowledge(t: Ladder, upTo: number): void {
  t.drain();
  t.peer(`. 1:1 ack ${upTo + 1}`);
}

describe('the send buffer', () => {
  it('tells that there is room when a third of it is free', () => {
    const t = established({ config: { sendBuffer: 9000, initialWindow: 2 } });
    expect(t.user.send(20_000)).toBe(9000);
    expect(isWritable(t.tcb)).toBe(false);
    acknowledge(t, 1460);
    expect(t.told()).not.toContain('WRITABLE');
    acknowledge(t, 2920);
    expect(t.told()).not.toContain('WRITABLE');
    acknowledge(t, 4380);
    expect(t.told()).toContain('WRITABLE');
    expect(isWritable(t.tcb)).toBe(true);
  });

  it('sendWholeBursts: a burst that begins in it ends beyond it, as with Linux', () => {
    const t = established({ win: 50_000, config: { sendBuffer: 42_000, sendWholeBursts: true }, prepare });
    function prepare(tcb: { gsoMax: number }): void {
      tcb.gsoMax = 65_535;
    }
    // Half the window in whole segments, 17 of 1460; the one that is begun is filled up again as it leaves.
    expect(t.user.send(100_000)).toBe(14_600 + 2 * 17 * 1460);
  });
});

describe('TCP_NOTSENT_LOWAT', () => {
  const limited = (lowat: number): Ladder => established({ prepare: (tcb) => (tcb.notsentLowat = lowat) });

  it('takes no more than what leaves, and so much', () => {
    const t = limited(4000);
    // cwnd is ten segments.
    expect(t.user.send(100_000)).toBe(14_600 + 4000);
    expect(t.drain().map((r) => r.segment.payloadLength)).toEqual(new Array(10).fill(1460));
    expect(isWritable(t.tcb)).toBe(false);
  });

  it('tells that there is room when less than half of it is unsent', () => {
    const t = limited(4000);
    t.user.send(100_000);
    // One segment acknowledged lets two out in slow start: 1080 are left.
    acknowledge(t, 1460);
    t.drain();
    expect(t.told()).toContain('WRITABLE');
    expect(isWritable(t.tcb)).toBe(true);
    expect(t.user.send(100_000)).toBe(4000 - 1080);
    t.expectSilence();
  });

  it('tells it where an output pass lets text out for another reason than an acknowledgment', () => {
    const t = established({ win: 1000, prepare: (tcb) => (tcb.notsentLowat = 4000) });
    expect(t.user.send(10_000)).toBe(1000 + 4000);
    t.drain();
    t.told();
    t.peer('. 1:1 ack 1 win 5000');
    t.drain();
    expect(t.told()).toContain('WRITABLE');
  });

  it('is no less than a segment', () => {
    const t = limited(1);
    expect(t.user.send(100_000)).toBe(14_600 + 1460);
  });

  it('is without effect where it is not set', () => {
    const t = established();
    expect(t.user.send(100_000)).toBe(100_000);
  });
});
