import { describe, expect, it } from 'vitest';
import { linux, type TcpConfig } from '../../src/tcp/config.ts';
import { rfc9293 } from '../../src/tcp/profiles.ts';
import { backOff, measureRtt } from '../../src/tcp/rtt.ts';
import { NEVER, type Tcb } from '../../src/tcp/tcb.ts';
import { established, inState } from '../support/ladder.ts';
import { bareTcb } from './congestion/support/bare.ts';

/** A TCB after these round trips, ms. */
function measured(config: Partial<TcpConfig>, ...samples: number[]): Tcb {
  const tcb = bareTcb({ rtoMin: 1, ...config });
  tcb.srtt = 0;
  for (const sample of samples) measureRtt(tcb, sample * 1000);
  return tcb;
}

describe('RFC 6298 §2: the estimate', () => {
  it('RFC 6298 §2.1: before a measurement RTO is a second', () => {
    for (const config of [linux, rfc9293]) {
      const t = inState('SYN-SENT', { config });
      expect(t.tcb.retransmitAt - t.now).toBe(1_000_000);
    }
  });

  it('RFC 6298 §2.2: the first one sets SRTT and half of it RTTVAR; RTO is SRTT + 4 RTTVAR', () => {
    expect(measured({}, 300)).toMatchObject({ srtt: 300_000, rttvar: 150_000, rto: 900_000 });
  });

  it('RFC 6298 §2.3: later ones move RTTVAR by a quarter, then SRTT by an eighth', () => {
    // |300 − 380| = 80: RTTVAR = 3/4 · 150 + 1/4 · 80, by the SRTT from before.
    expect(measured({}, 300, 380)).toMatchObject({ srtt: 310_000, rttvar: 132_500, rto: 840_000 });
  });

  it('RFC 6298 §2.3: the margin is no less than the clock can tell', () => {
    const tcb = measured({ rtoMargin: 1000 }, ...new Array(200).fill(50));
    expect(tcb.rto - tcb.srtt).toBeGreaterThanOrEqual(1000);
    expect(tcb.rto).toBeLessThan(52_000);
  });

  it('RFC 6298 §2.5: RTO has a greatest value, 60 s or more, where doubling ends', () => {
    for (const config of [linux, rfc9293]) {
      const tcb = measured(config, 300);
      for (let i = 0; i < 20; i++) backOff(tcb);
      expect(tcb.rto).toBe(config.rtoMax);
      expect(tcb.rto).toBeGreaterThanOrEqual(60_000_000);
    }
  });
});

describe('RFC 6298 §5: the timer', () => {
  it('RFC 6298 §5.1, §5.2: it runs while something is unacknowledged', () => {
    const t = established();
    expect(t.tcb.retransmitAt).toBe(NEVER);
    t.user.send(100);
    t.expect('P. 1:101 ack 1');
    expect(t.tcb.retransmitAt).toBe(t.now + t.tcb.rto);
    t.wait(0.1);
    t.peer('. 1:1 ack 101');
    expect(t.tcb.retransmitAt).toBe(NEVER);
  });
});
