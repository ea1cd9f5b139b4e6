/** When a SYN may open a connection in TIME-WAIT again, and what a connection there remembers: RFC 9293 §3.6.1, RFC 6191 §2. */
import { describe, expect, it } from 'vitest';
import { mayReopen } from '../../../src/tcp/events/time-wait.ts';
import { thaw } from '../../../src/tcp/time-wait.ts';
import { inState } from '../../support/ladder.ts';
import { build, parse } from '../../support/notation.ts';

function reopens(ts: boolean, text: string): boolean {
  const t = inState('TIME-WAIT', { ts });
  if (ts) t.tcb.tsRecent = 1000;
  const s = build(parse(text, t.irs, t.iss), { win: 65_535, ts: undefined });
  return mayReopen(t.tcb, s);
}

describe('RFC 9293 MAY-2 reopening from TIME-WAIT', () => {
  it('RFC 6191 §2, RFC 9293 SHLD-4: by a newer timestamp, whatever the number', () => {
    expect(reopens(true, 'S -900:-900 <TS val 1001 ecr 0>')).toBe(true);
    expect(reopens(true, 'S 900:900 <TS val 999 ecr 0>')).toBe(false);
  });

  it('RFC 6191 §2: by the same timestamp and a number beyond the old ones', () => {
    expect(reopens(true, 'S 900:900 <TS val 1000 ecr 0>')).toBe(true);
    expect(reopens(true, 'S 1:1 <TS val 1000 ecr 0>')).toBe(false);
  });

  it('RFC 6191 §2: timestamps now that were none before', () => {
    expect(reopens(false, 'S -900:-900 <TS val 5 ecr 0>')).toBe(true);
  });

  it('RFC 9293 MAY-2, §3.10.7.4: without timestamps by a number beyond the old ones', () => {
    expect(reopens(false, 'S 3:3 <mss 1460>')).toBe(true);
    expect(reopens(false, 'S 2:2 <mss 1460>')).toBe(false);
    expect(reopens(false, 'S -5:-5 <mss 1460>')).toBe(false);
    expect(reopens(true, 'S 3:3 <mss 1460>')).toBe(true);
  });

  it('RFC 9293 MAY-2: a SYN+ACK or a RST opens nothing', () => {
    expect(reopens(false, 'S. 900:900 ack 1')).toBe(false);
    expect(reopens(false, 'SR 900:900')).toBe(false);
    expect(reopens(false, '. 900:900 ack 1')).toBe(false);
  });

  it('RFC 9293 §3.10.7.4: a TCB from its record stands where the connection stood', () => {
    const t = inState('TIME-WAIT', { ts: true });
    const { tcb } = t;
    const record = {
      sndNxt: tcb.sndNxt,
      rcvNxt: tcb.rcvNxt,
      rcvWnd: 1000,
      rcvWindScale: 0,
      timestamps: true,
      tsRecent: tcb.tsRecent,
      tsOffset: 0,
      closeAt: tcb.closeAt,
      lastInvalidAck: t.now,
    };
    const again = thaw(tcb.env, tcb, record, t.now);
    expect(again.lastInvalidAck).toBe(t.now);
    expect([again.state, again.sndNxt, again.sndUna, again.rcvNxt]).toEqual([
      tcb.state,
      tcb.sndNxt,
      tcb.sndNxt,
      tcb.rcvNxt,
    ]);
  });
});
