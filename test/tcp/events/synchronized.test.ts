import { describe, expect, it } from 'vitest';
import type { StateName } from '../../../src/tcp/state.ts';
import { established, inState, positions } from '../../support/ladder.ts';

const SYNCHRONIZED: readonly StateName[] = [
  'ESTABLISHED',
  'FIN-WAIT-1',
  'FIN-WAIT-2',
  'CLOSE-WAIT',
  'CLOSING',
  'LAST-ACK',
  'TIME-WAIT',
];

describe('RFC 9293 §3.10.7.4, second: the RST bit', () => {
  it.each(SYNCHRONIZED)(
    'RFC 9293 §3.10.7.4, second: %s: at RCV.NXT it ends the connection, elsewhere in the window it is challenged',
    (name) => {
      for (const ahead of [0, 1, 1000]) {
        const t = inState(name);
        const { sndNxt, rcvNxt } = positions(t);
        t.peer(`R ${rcvNxt + ahead}:${rcvNxt + ahead}`);
        if (ahead > 0) t.expect(`. ${sndNxt}:${sndNxt} ack ${rcvNxt}`);
        t.state(ahead > 0 ? name : 'CLOSED');
      }
    },
  );

  it.each(SYNCHRONIZED)('RFC 9293 §3.10.7.4, second: %s: outside of the window nothing happens', (name) => {
    const t = inState(name);
    const { rcvNxt } = positions(t);
    for (const away of [-1, 1 << 21]) t.peer(`R ${rcvNxt + away}:${rcvNxt + away}`);
    t.expectSilence();
    t.state(name);
  });

  it('RFC 9293 §3.10.7.4, second: SYN-RECEIVED: a RST elsewhere in the window is challenged, one at RCV.NXT returns to LISTEN', () => {
    const t = inState('SYN-RECEIVED');
    t.peer('R 100:100');
    t.expect('. 1:1 ack 1');
    t.state('SYN-RECEIVED');
    t.peer('R 1:1');
    t.state('LISTEN');
  });
});

describe('RFC 9293 §3.10.7.4, fourth: the SYN bit', () => {
  it.each(SYNCHRONIZED)('RFC 9293 §3.10.7.4, fourth: %s: a SYN in the window is challenged', (name) => {
    const t = inState(name);
    const { sndNxt, rcvNxt } = positions(t);
    t.peer(`S ${rcvNxt}:${rcvNxt}`);
    t.expect(`. ${sndNxt}:${sndNxt} ack ${rcvNxt}`);
    t.state(name);
  });

  it('RFC 9293 §3.10.7.4, fourth: SYN-RECEIVED: a SYN in the window returns to LISTEN, or where we opened is challenged', () => {
    const passive = inState('SYN-RECEIVED');
    passive.peer('S 1:1');
    passive.state('LISTEN');
    const active = inState('SYN-RECEIVED', { role: 'active' });
    active.peer('S 1:1');
    active.expect('. 1:1 ack 1');
    active.state('SYN-RECEIVED');
  });
});

describe('RFC 9293 §3.1 options', () => {
  it('RFC 9293 MUST-5, RFC 5925 §2: on any segment they are read, and what means nothing there does nothing', () => {
    const t = established();
    t.peer('P. 1:11 ack 1 <mss 100,wscale 3,sackOK>');
    t.expect('. 1:1 ack 11', t.time + 0.001);
    expect(t.tcb.sndMss).toBe(1460);
    expect(t.tcb.sndWindScale).toBe(0);
    expect(t.user.receive()).toBe(10);
  });
});

describe('RFC 5961 §4.2 with timestamps', () => {
  it('RFC 5961 §4.2: a SYN without timestamps, from a peer that has begun anew, is challenged too', () => {
    const t = established({ ts: true });
    t.peer('S 1:1 <mss 1460>');
    t.expect('. 1:1 ack 1');
    t.peer('S 900000000:900000000 <>');
    t.expect('. 1:1 ack 1');
    t.state('ESTABLISHED');
  });
});

describe('RFC 9293 §3.10.7.4, first: what repeats up to RCV.NXT', () => {
  it('RFC 9293 §3.10.7.4, first: gets one answer, where its ACK is of what was never sent', () => {
    const t = inState('SYN-RECEIVED');
    t.peer('P. 0:1 ack 2');
    t.expect('. 1:1 ack 1');
    t.expectSilence();
    t.state('SYN-RECEIVED');
  });
});
