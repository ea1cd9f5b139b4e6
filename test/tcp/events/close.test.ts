/** Every way to end a connection: RFC 9293 §3.6 with its figures, §3.10.4, §3.10.5, §3.10.8. */
import { describe, expect, it } from 'vitest';
import { close, openPassive } from '../../../src/tcp/connection.ts';
import { established, inState, ladder } from '../../support/ladder.ts';

describe('RFC 9293 §3.6 closing', () => {
  it('RFC 9293 §3.6 figure 12: four segments, we first; TIME-WAIT for 2 MSL (MUST-13)', () => {
    const t = established();
    t.user.close();
    t.expect('F. 1:1 ack 1');
    t.state('FIN-WAIT-1');
    t.peer('. 1:1 ack 2');
    t.state('FIN-WAIT-2');
    t.peer('F. 1:1 ack 2');
    t.expect('. 2:2 ack 2');
    t.state('TIME-WAIT');
    expect(t.told()).toEqual(['ENDED', 'OVER']);
    expect(t.tcb.failure).toBeNull();
    t.at(59.9);
    t.state('TIME-WAIT');
    t.at(60.1);
    t.state('CLOSED');
    expect(t.told()).toEqual([]);
    expect(t.transitions.at(-1)).toEqual({ from: 'TIME-WAIT', to: 'CLOSED', cause: 'timeout' });
  });

  it('RFC 9293 §3.6 figure 12: four segments, the peer first (MUST-12: closed, not aborted)', () => {
    const t = established();
    t.peer('F. 1:1 ack 1');
    t.expect('. 1:1 ack 2');
    t.state('CLOSE-WAIT');
    expect(t.told()).toEqual(['ENDED']);
    t.user.close();
    t.expect('F. 1:1 ack 2');
    t.state('LAST-ACK');
    t.peer('. 2:2 ack 2');
    t.state('CLOSED');
    expect(t.told()).toEqual(['OVER']);
    expect(t.tcb.failure).toBeNull();
  });

  it('RFC 9293 §3.6: three segments, the peer answers FIN by FIN+ACK', () => {
    const t = established();
    t.user.close();
    t.expect('F. 1:1 ack 1');
    t.peer('F. 1:1 ack 2');
    t.expect('. 2:2 ack 2');
    t.state('TIME-WAIT');
  });

  it('RFC 9293 §3.6: three segments, we answer FIN by FIN+ACK', () => {
    const t = established();
    // The application closes before the output pass, as one does that reads the end of file: FIN and ACK are one segment.
    t.peerThen('F. 1:1 ack 1', () => close(t.tcb, t.now));
    t.expect('F. 1:1 ack 2');
    t.state('LAST-ACK');
    t.peer('. 2:2 ack 2');
    t.state('CLOSED');
  });

  it('RFC 9293 §3.6 figure 13: both at once: CLOSING, then TIME-WAIT, whose timer runs', () => {
    const t = established();
    t.user.close();
    t.expect('F. 1:1 ack 1');
    t.peer('F. 1:1 ack 1');
    t.expect('. 2:2 ack 2');
    t.state('CLOSING');
    t.peer('. 2:2 ack 2');
    t.state('TIME-WAIT');
    t.at(60.1);
    t.state('CLOSED');
  });

  it('RFC 9293 §3.6: half-closed by us, we still receive', () => {
    const t = established();
    t.user.close();
    t.expect('F. 1:1 ack 1');
    t.peer('. 1:1 ack 2');
    t.peer('P. 1:101 ack 2');
    t.expect('. 2:2 ack 101');
    expect(t.user.receive()).toBe(100);
    expect(t.user.send(1)).toBe(-1);
    t.peer('F. 101:101 ack 2');
    t.expect('. 2:2 ack 102');
    t.state('TIME-WAIT');
  });

  it('RFC 9293 §3.6: half-closed by the peer, we still send', () => {
    const t = inState('CLOSE-WAIT');
    t.user.send(100);
    t.expect('P. 1:101 ack 2');
    t.peer('. 2:2 ack 101');
    t.user.close();
    t.expect('F. 101:101 ack 2');
    t.state('LAST-ACK');
  });

  it('RFC 9293 §3.10.4: FIN follows what was queued, on its last segment; the state changes at the call', () => {
    const t = established({ win: 1000, synWin: 1000 });
    t.user.send(1500);
    t.expect('. 1:1001 ack 1');
    t.user.close();
    t.state('FIN-WAIT-1');
    t.peer('. 1:1 ack 1001');
    t.expect('FP. 1001:1501 ack 1');
  });

  it('RFC 9293 §3.10.4: CLOSE in SYN-RECEIVED: FIN at once, or behind queued text after ESTABLISHED', () => {
    const empty = inState('SYN-RECEIVED');
    empty.user.close();
    empty.expect('F. 1:1 ack 1');
    empty.state('FIN-WAIT-1');
    empty.peer('. 1:1 ack 2');
    empty.state('FIN-WAIT-2');
    const text = inState('SYN-RECEIVED');
    text.user.send(5);
    text.user.close();
    text.state('SYN-RECEIVED');
    text.peer('. 1:1 ack 1');
    text.expect('FP. 1:6 ack 1');
    text.state('FIN-WAIT-1');
  });

  it('RFC 9293 §3.10.4: after CLOSE in SYN-RECEIVED the lost SYN+ACK and FIN are both sent again', () => {
    const t = inState('SYN-RECEIVED');
    t.user.close();
    t.expect('F. 1:1 ack 1');
    t.expect('S. 0:0 ack 1', 1);
    t.expect('F. 1:1 ack 1');
    t.peer('. 1:1 ack 2');
    t.state('FIN-WAIT-2');
  });

  it('RFC 6298 §5.4: a FIN is sent again until it is acknowledged, in FIN-WAIT-1, CLOSING and LAST-ACK', () => {
    for (const name of ['FIN-WAIT-1', 'CLOSING', 'LAST-ACK'] as const) {
      const t = inState(name);
      const ack = name === 'FIN-WAIT-1' ? 1 : 2;
      for (const at of [0.2, 0.6, 1.4, 3]) t.expect(`F. 1:1 ack ${ack}`, at);
      t.peer(`. ${ack}:${ack} ack 2`);
      t.expectSilence(50);
    }
  });

  it('RFC 9293 §3.8.3: a FIN that is never acknowledged ends at R2', () => {
    const t = inState('LAST-ACK', { config: { tcp_retries2: 4 } });
    expect(t.run(100).map((r) => r.segment.has(1))).toEqual([true, true, true, true]);
    t.state('CLOSED');
    expect(t.tcb.failure).toBe('timed out');
  });

  it('RFC 9293 SHLD-31: a FIN that comes before text that is missing waits for it', () => {
    const t = established();
    t.peer('F. 11:21 ack 1');
    t.expect('. 1:1 ack 1');
    t.state('ESTABLISHED');
    t.peer('P. 1:11 ack 1');
    t.expect('. 1:1 ack 22');
    t.state('CLOSE-WAIT');
    expect(t.user.receive()).toBe(20);
  });

  it('RFC 9293 §3.10.7.4, eighth: a FIN that text passes was none', () => {
    const t = established();
    t.peer('F. 11:21 ack 1');
    t.expect('. 1:1 ack 1');
    t.peer('. 21:41 ack 1');
    t.expect('. 1:1 ack 1');
    t.peer('. 1:11 ack 1');
    t.expect('. 1:1 ack 41');
    t.state('ESTABLISHED');
    t.peer('F. 41:41 ack 1');
    t.expect('. 1:1 ack 42');
    t.state('CLOSE-WAIT');
  });
});

describe('RFC 9293 §3.6.1 TIME-WAIT', () => {
  it('RFC 9293 §3.10.7.4, eighth: the FIN again is acknowledged again, and 2 MSL start again', () => {
    const t = inState('TIME-WAIT');
    t.at(30);
    t.peer('F. 1:1 ack 2');
    t.expect('. 2:2 ack 2');
    t.at(89.9);
    t.state('TIME-WAIT');
    t.at(90.1);
    t.state('CLOSED');
  });

  it('RFC 9293 §3.10.7.4: text and ACKs in TIME-WAIT do not start them again', () => {
    const t = inState('TIME-WAIT');
    t.at(30);
    t.peer('. 2:2 ack 2');
    t.peer('. 2:12 ack 2');
    t.at(60.1);
    t.state('CLOSED');
  });

  it('RFC 1337 §3: a RST in TIME-WAIT ends it, or with tcp_rfc1337 is ignored', () => {
    const linux = inState('TIME-WAIT');
    linux.peer('R 2:2');
    linux.state('CLOSED');
    const careful = inState('TIME-WAIT', { config: { tcp_rfc1337: true } });
    careful.peer('R 2:2');
    careful.state('TIME-WAIT');
    expect(careful.dropped()).toEqual(['RST in TIME-WAIT']);
  });
});

describe('RFC 9293 §3.10.5 aborting, and letting go', () => {
  it('RFC 9293 §3.10.5: ABORT sends <SEQ=SND.NXT><CTL=RST> where the peer knows us, and flushes the queues', () => {
    for (const name of ['SYN-RECEIVED', 'ESTABLISHED', 'FIN-WAIT-1', 'FIN-WAIT-2', 'CLOSE-WAIT'] as const) {
      const t = inState(name);
      t.user.abort();
      const sent = t.drain();
      expect(sent.length, name).toBe(1);
      expect(sent[0]!.segment.flags & 4, name).toBe(4);
      expect(sent[0]!.segment.seq, name).toBe(t.tcb.sndNxt);
      t.state('CLOSED');
      expect(t.tcb.failure).toBe('aborted');
      t.expectSilence(1000);
    }
  });

  it('RFC 9293 §3.10.5: ABORT is silent in LISTEN, SYN-SENT, CLOSING, LAST-ACK and TIME-WAIT', () => {
    for (const name of ['LISTEN', 'SYN-SENT', 'CLOSING', 'LAST-ACK', 'TIME-WAIT'] as const) {
      const t = inState(name);
      t.user.abort();
      t.expectSilence(1000);
      t.state('CLOSED');
    }
  });

  it('RFC 9293 §3.10.5: a RST in the midst of text has the number that the peer takes for certain (linger 0)', () => {
    const t = established();
    t.user.send(3000);
    t.expect('. 1:1461 ack 1');
    t.expect('. 1461:2921 ack 1');
    t.expect('P. 2921:3001 ack 1');
    t.user.abort();
    t.expect('R. 3001:3001 ack 1 win 0');
    t.state('CLOSED');
  });

  it('RFC 9293 SHLD-3: letting go with text unread resets the connection', () => {
    const t = established();
    t.peer('P. 1:11 ack 1');
    t.expect('. 1:1 ack 11');
    t.user.release();
    t.expect('R. 1:1 ack 11');
    t.state('CLOSED');
    expect(t.counters.TCPAbortOnClose).toBe(1);
  });

  it('RFC 9293 MAY-1, SHLD-3: text that comes after letting go is answered by RST', () => {
    for (const name of ['FIN-WAIT-1', 'FIN-WAIT-2'] as const) {
      const t = established();
      t.user.release();
      t.expect('F. 1:1 ack 1');
      if (name === 'FIN-WAIT-2') t.peer('. 1:1 ack 2');
      t.state(name);
      t.peer('P. 1:11 ack 2');
      t.expect('R 2:2');
      t.state('CLOSED');
      expect(t.dropped()).toEqual(['text after CLOSE']);
    }
  });

  it('RFC 9293 §3.6.1: text unread does not end TIME-WAIT early', () => {
    const t = established();
    t.peer('P. 1:11 ack 1');
    t.expect('. 1:1 ack 11');
    t.user.close();
    t.expect('F. 1:1 ack 11');
    t.peer('F. 11:11 ack 2');
    t.expect('. 2:2 ack 12');
    t.state('TIME-WAIT');
    t.user.release();
    t.state('TIME-WAIT');
    t.expectSilence(10);
  });

  it('RFC 9293 §3.6 FIN-WAIT-2: an orphan waits for tcp_fin_timeout, a connection that is read for ever', () => {
    const orphan = established();
    orphan.user.release();
    orphan.expect('F. 1:1 ack 1');
    orphan.peer('. 1:1 ack 2');
    orphan.at(59.9);
    orphan.state('FIN-WAIT-2');
    orphan.at(60.1);
    orphan.state('CLOSED');
    const reader = inState('FIN-WAIT-2');
    reader.at(100_000);
    reader.state('FIN-WAIT-2');
  });

  it('RFC 9293 MUST-12: an abort by the peer is told as one, and what came before it can still be read', () => {
    const t = established();
    t.peer('P. 1:11 ack 1');
    t.expect('. 1:1 ack 11');
    t.peer('R 11:11');
    t.state('CLOSED');
    expect(t.tcb.failure).toBe('reset');
    expect(t.told()).toContain('OVER');
    expect(t.user.receive()).toBe(10);
  });

  it('RFC 9293 SHLD-2: a RST may carry text, even where the window is closed (MUST-66)', () => {
    const open = established();
    open.peer('R 1:11');
    open.state('CLOSED');
    const closed = established({ config: { receiveBuffer: 1000 } });
    closed.peer('P. 1:1001 ack 1');
    closed.expect('. 1:1 ack 1001 win 0');
    closed.peer('R 1001:1011');
    closed.state('CLOSED');
  });
});

describe('RFC 9293 §3.10 user calls by state', () => {
  it('RFC 9293 §3.10.2: SEND is taken in SYN-SENT, SYN-RECEIVED, ESTABLISHED and CLOSE-WAIT, and nowhere else', () => {
    for (const name of ['SYN-SENT', 'SYN-RECEIVED', 'ESTABLISHED', 'CLOSE-WAIT'] as const) {
      expect(inState(name).user.send(1), name).toBe(1);
    }
    const closing = ['FIN-WAIT-1', 'FIN-WAIT-2', 'CLOSING', 'LAST-ACK', 'TIME-WAIT'] as const;
    for (const name of ['CLOSED', 'LISTEN', ...closing] as const) {
      const t = inState(name);
      expect(t.user.send(1), name).toBe(-1);
      t.expectSilence();
      t.state(name);
    }
  });

  it('RFC 9293 §3.10.3: RECEIVE gives what is queued in every state that has text, and nothing elsewhere', () => {
    for (const name of ['CLOSED', 'LISTEN', 'SYN-SENT', 'SYN-RECEIVED', 'ESTABLISHED', 'LAST-ACK'] as const) {
      const t = inState(name);
      expect(t.user.receive(), name).toBe(0);
      t.expectSilence();
      t.state(name);
    }
    const t = established();
    t.peer('FP. 1:11 ack 1');
    t.expect('. 1:1 ack 12');
    expect(t.user.receive(4)).toBe(4);
    t.user.close();
    t.expect('F. 1:1 ack 12');
    expect(t.user.receive()).toBe(6);
  });

  it('RFC 9293 §3.10.4: CLOSE before the handshake ends the TCB; a second CLOSE changes nothing', () => {
    for (const name of ['LISTEN', 'SYN-SENT'] as const) {
      const t = inState(name);
      t.user.close();
      t.state('CLOSED');
      t.expectSilence(1000);
    }
    for (const name of ['CLOSED', 'FIN-WAIT-1', 'FIN-WAIT-2', 'CLOSING', 'LAST-ACK', 'TIME-WAIT'] as const) {
      const t = inState(name);
      t.user.close();
      t.expectSilence();
      t.state(name);
    }
  });

  it('RFC 9293 §3.10.1: OPEN of a connection that exists is an error of the program', () => {
    const t = ladder({ role: 'passive' });
    expect(() => t.event('OPEN', () => openPassive(t.tcb, t.now))).toThrow('LISTEN → LISTEN');
  });
});
