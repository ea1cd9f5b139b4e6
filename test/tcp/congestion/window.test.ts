import { describe, expect, it } from 'vitest';
import type { TcpConfig } from '../../../src/tcp/config.ts';
import {
  collapseForTimeout,
  growWindow,
  noteUsage,
  reduceForLoss,
  reduceForMark,
  resumeWindow,
  settleWindow,
  startWindow,
  undoReduction,
} from '../../../src/tcp/congestion/window.ts';
import { INITIAL_SSTHRESH } from '../../../src/tcp/congestion/window-limits.ts';
import type { Tcb } from '../../../src/tcp/tcb.ts';
import { add } from '../../../src/wire/seq.ts';
import { established } from '../../support/ladder.ts';
import { bareTcb, MSS } from './support/bare.ts';
import { Path } from './support/bottleneck.ts';

/** cwnd 10 segments, all of them in flight and all of it used. */
function busy(config: Partial<TcpConfig> = {}): Tcb {
  const tcb = bareTcb({ tcp_congestion_control: 'reno', ...config });
  startWindow(tcb);
  tcb.sndNxt = add(tcb.sndUna, 10 * MSS);
  tcb.rto = 300_000;
  noteUsage(tcb, true, 10 * MSS, 0);
  return tcb;
}

describe('RFC 6928 §2: the initial window', () => {
  it.each([
    [1460, 14_600],
    [1448, 14_480],
    [536, 5360],
    [9000, 18_000],
    [2000, 14_600],
  ])('an MSS of %i: %i bytes', (mss, window) => {
    const tcb = bareTcb();
    tcb.sndMss = mss;
    startWindow(tcb);
    expect(tcb.cwnd).toBe(window);
    expect(tcb.ssthresh).toBe(INITIAL_SSTHRESH);
  });

  it('RFC 5681 §3.1: one segment when a SYN or SYN,ACK was lost', () => {
    const tcb = bareTcb();
    tcb.synRetransmitted = true;
    startWindow(tcb);
    expect(tcb.cwnd).toBe(MSS);
  });

  it('is what leaves at once', () => {
    const t = established();
    t.user.send(100_000);
    expect(t.drain()).toHaveLength(10);
  });
});

describe('RFC 7661 §4, RFC 2861 §3.2: a window that is not used', () => {
  it('does not grow by ACKs of a flight smaller than it', () => {
    const tcb = busy();
    tcb.ssthresh = 10 * MSS;
    tcb.sndUna = tcb.sndNxt;
    noteUsage(tcb, false, 3 * MSS, 1000);
    for (let i = 0; i < 100; i++) growWindow(tcb, MSS);
    expect(tcb.cwnd).toBe(10 * MSS);
  });

  it('grows by the ACKs of a flight that filled it, though the application has stopped since', () => {
    const tcb = busy();
    tcb.sndUna = add(tcb.sndUna, MSS);
    growWindow(tcb, MSS);
    noteUsage(tcb, false, 9 * MSS, 1000);
    growWindow(tcb, MSS);
    expect(tcb.cwnd).toBe(12 * MSS);
  });

  it('in slow start half of it in use is enough', () => {
    const tcb = busy();
    tcb.sndUna = tcb.sndNxt;
    noteUsage(tcb, false, 6 * MSS, 1000);
    growWindow(tcb, MSS);
    expect(tcb.cwnd).toBe(11 * MSS);
    noteUsage(tcb, false, 5 * MSS, 1000);
    growWindow(tcb, MSS);
    expect(tcb.cwnd).toBe(11 * MSS);
  });

  it('RFC 2861 §3.2: shrinks half-way to what is used, once an RTO', () => {
    const tcb = busy();
    tcb.cwnd = 100 * MSS;
    tcb.ssthresh = 50 * MSS;
    tcb.sndUna = tcb.sndNxt;
    noteUsage(tcb, false, 20 * MSS, 200_000);
    expect(tcb.cwnd).toBe(100 * MSS);
    noteUsage(tcb, false, 20 * MSS, 300_000);
    expect(tcb.cwnd).toBe(60 * MSS);
    expect(tcb.ssthresh).toBe(75 * MSS);
    noteUsage(tcb, false, 20 * MSS, 400_000);
    expect(tcb.cwnd).toBe(60 * MSS);
  });

  it('an application that writes little gets no window from it, and keeps none that it had', () => {
    const path = new Path({ rate: 50e6, rtt: 20_000 });
    const writes = Array.from({ length: 200 }, (_, i) => ({ at: 100_000 + i * 20_000, bytes: 2 * 1448 }));
    const flow = path.flow({ control: 'cubic', writes });
    path.run(5);
    expect(flow.received).toBe(200 * 2 * 1448);
    expect(flow.sender.cwnd).toBe(10 * 1448);
  });
});

describe('RFC 5681 §4.1: after a pause', () => {
  const paused = (idle: number, config: Partial<TcpConfig> = {}) => {
    const tcb = busy(config);
    tcb.cwnd = 80 * MSS;
    tcb.ssthresh = 60 * MSS;
    tcb.lastSendTime = 1_000_000;
    resumeWindow(tcb, 1_000_000 + idle);
    return [tcb.cwnd / MSS, tcb.ssthresh / MSS];
  };
  it('nothing within an RTO', () => expect(paused(300_000)).toEqual([80, 60]));
  it('RFC 2861 §3.1: halved for each RTO, down to the initial window; ssthresh remembers three quarters', () => {
    expect(paused(300_001)).toEqual([40, 60]);
    expect(paused(600_001)).toEqual([20, 60]);
    expect(paused(900_001)).toEqual([10, 60]);
    expect(paused(9e9)).toEqual([10, 60]);
  });
  it('at once to the initial window without cwndDecay', () =>
    expect(paused(300_001, { cwndDecay: false })).toEqual([10, 60]));
  it('not with tcp_slow_start_after_idle off', () =>
    expect(paused(9e9, { tcp_slow_start_after_idle: false })).toEqual([80, 60]));
  it('once for a pause, however often the output pass looks at it', () => {
    const tcb = busy();
    tcb.cwnd = 80 * MSS;
    tcb.lastSendTime = 1_000_000;
    for (let i = 0; i < 5; i++) resumeWindow(tcb, 1_300_001 + i);
    expect(tcb.cwnd).toBe(40 * MSS);
    tcb.lastSendTime = 1_400_000;
    resumeWindow(tcb, 1_700_001);
    expect(tcb.cwnd).toBe(20 * MSS);
  });
  it('never up to the initial window from below', () => {
    const tcb = busy();
    tcb.cwnd = 2 * MSS;
    resumeWindow(tcb, 9e9);
    expect(tcb.cwnd).toBe(2 * MSS);
  });
});

describe('RFC 5681 §3.1: ssthresh', () => {
  it.each(['reno', 'cubic', 'bbr'] as const)('RFC 5681 §3.1: begins beyond every window: %s', (control) => {
    const t = established({ config: { tcp_congestion_control: control } });
    expect(t.tcb.ssthresh).toBeGreaterThan(65_535 << 14);
  });
});

describe('RFC 5681 §3.1: a retransmission time-out', () => {
  it('one segment, and half the flight in ssthresh, once for a segment', () => {
    const tcb = busy();
    collapseForTimeout(tcb, 10 * MSS, true);
    expect([tcb.cwnd, tcb.ssthresh]).toEqual([MSS, 5 * MSS]);
    collapseForTimeout(tcb, 10 * MSS, false);
    expect([tcb.cwnd, tcb.ssthresh]).toEqual([MSS, 5 * MSS]);
  });
});

describe('RFC 3168 §6.1.2: once for a window of data', () => {
  it('marks after a mark, and a loss after it, are the same congestion; what was sent later is not', () => {
    const tcb = busy();
    reduceForMark(tcb);
    expect([tcb.cwnd, tcb.ssthresh, tcb.inCwr]).toEqual([5 * MSS, 5 * MSS, true]);
    reduceForMark(tcb);
    expect(tcb.cwnd).toBe(5 * MSS);
    growWindow(tcb, 5 * MSS);
    expect(tcb.cwnd).toBe(5 * MSS);
    tcb.sndUna = tcb.cwrEnd;
    settleWindow(tcb, 10 * MSS, 0, 1000);
    expect(tcb.inCwr).toBe(false);
    tcb.sndNxt = add(tcb.sndUna, 5 * MSS);
    reduceForMark(tcb);
    expect(tcb.cwnd).toBe(2.5 * MSS);
    reduceForLoss(tcb, 5 * MSS);
    expect(tcb.cwnd).toBe(2.5 * MSS);
  });

  it('marks during recovery add nothing', () => {
    const tcb = busy();
    tcb.recovery = 'fast';
    reduceForMark(tcb);
    expect(tcb.cwnd).toBe(10 * MSS);
  });
});

describe('RFC 4015 §3.2, RFC 9438 §4.9: a reduction undone', () => {
  it.each(['reno', 'cubic'] as const)('%s: cwnd and ssthresh are again what they were, once', (control) => {
    const tcb = busy({ tcp_congestion_control: control });
    reduceForLoss(tcb, 10 * MSS);
    expect(tcb.cwnd).toBeLessThan(10 * MSS);
    undoReduction(tcb);
    expect([tcb.cwnd, tcb.ssthresh]).toEqual([10 * MSS, INITIAL_SSTHRESH]);
    tcb.cwnd = 3 * MSS;
    undoReduction(tcb);
    expect(tcb.cwnd).toBe(3 * MSS);
  });
});
