/** Every way to open a connection: RFC 9293 §3.5 with its figures, §3.10.1, §3.10.7.2, §3.10.7.3. */
import { describe, expect, it } from 'vitest';
import { rfc9293 } from '../../../src/tcp/profiles.ts';
import { established, inState, ladder } from '../../support/ladder.ts';

describe('RFC 9293 §3.5 opening actively', () => {
  it('RFC 9293 §3.5 figure 6: SYN, SYN+ACK, ACK', () => {
    const t = ladder({ role: 'active' });
    t.expect('S 0:0 win 65535 <mss 1460,sackOK,TS val 1000 ecr 0,wscale 5>');
    t.state('SYN-SENT');
    t.peer('S. 0:0 ack 1 <mss 1460,sackOK,TS val 7 ecr 1000,wscale 3>');
    t.expect('. 1:1 ack 1 <TS val 1000 ecr 7>');
    t.state('ESTABLISHED');
    expect(t.told()).toEqual(['CONNECTED']);
    expect(t.counters.ActiveOpens).toBe(1);
  });

  it('RFC 9293 §3.10.1: text queued in SYN-SENT leaves with the handshake done', () => {
    const t = inState('SYN-SENT');
    expect(t.user.send(10)).toBe(10);
    t.expectSilence();
    t.peer('S. 0:0 ack 1 <mss 1460>');
    t.expect('P. 1:11 ack 1');
    t.state('ESTABLISHED');
  });

  it('RFC 9293 §3.10.7.3: text and FIN on the SYN+ACK are taken', () => {
    const t = inState('SYN-SENT');
    t.peer('SF. 0:10 ack 1 <mss 1460>');
    t.expect('. 1:1 ack 12');
    t.state('CLOSE-WAIT');
    expect(t.told()).toEqual(['CONNECTED', 'ENDED', 'READABLE']);
    expect(t.user.receive()).toBe(10);
  });

  it('RFC 9293 MUST-22: an unanswered SYN is sent again at doubling intervals; R2 of it ends the attempt, and the application is told', () => {
    const t = inState('SYN-SENT');
    for (const at of [1, 3, 7, 15, 31, 63]) t.expect('S 0:0 <mss 1460,sackOK,TS val * ecr 0,wscale 5>', at);
    t.at(126.9);
    t.state('SYN-SENT');
    t.wait(0.2);
    t.state('CLOSED');
    expect(t.told()).toEqual(['OVER']);
    expect(t.tcb.failure).toBe('timed out');
    expect(t.counters.AttemptFails).toBe(1);
    expect(t.counters.TCPSynRetrans).toBe(6);
  });

  it('RFC 9293 MUST-23: by the letter of the RFC (profile rfc9293) a SYN is sent for 3 minutes', () => {
    const t = inState('SYN-SENT', { config: rfc9293 });
    t.run(180);
    t.state('SYN-SENT');
    t.run(200);
    t.state('CLOSED');
  });

  it('RFC 6298 §5.7: after a lost SYN, without a measured round trip, the time-out for text is 3 s', () => {
    const t = inState('SYN-SENT');
    t.expect('S 0:0', 1);
    t.peer('S. 0:0 ack 1 <mss 1460>');
    t.expect('. 1:1 ack 1');
    t.user.send(10);
    t.expect('P. 1:11 ack 1');
    t.expect('P. 1:11 ack 1', 4);
  });

  it('RFC 9293 §3.10.7.3, first: an ACK of what was not sent is answered by <SEQ=SEG.ACK><CTL=RST>, and the SYN goes on', () => {
    const t = inState('SYN-SENT');
    t.peer('S. 0:0 ack 100 <mss 1460>');
    t.expect('R 100:100');
    t.state('SYN-SENT');
    t.peer('. 0:0 ack 0');
    t.expect('R 0:0');
    t.peer('S. 0:0 ack 1 <mss 1460>');
    t.expect('. 1:1 ack 1');
    t.state('ESTABLISHED');
  });

  it('RFC 9293 §3.10.7.3, second: only a RST with the ACK of our SYN refuses the connection', () => {
    const t = inState('SYN-SENT');
    t.peer('R 0:0');
    t.peer('R. 0:0 ack 0');
    t.peer('R. 0:0 ack 2');
    t.state('SYN-SENT');
    t.peer('R. 0:0 ack 1');
    t.state('CLOSED');
    expect(t.tcb.failure).toBe('refused');
    expect(t.told()).toEqual(['OVER']);
  });
});

describe('RFC 9293 §3.5 opening passively', () => {
  it('RFC 9293 §3.10.7.2: LISTEN, SYN-RECEIVED, ESTABLISHED', () => {
    const t = ladder();
    t.state('LISTEN');
    t.peer('S 0:0 <mss 1460,sackOK,TS val 7 ecr 0,wscale 3>');
    t.expect('S. 0:0 ack 1 win 65535 <mss 1460,sackOK,TS val 1000 ecr 7,wscale 5>');
    t.state('SYN-RECEIVED');
    expect(t.told()).toEqual([]);
    t.peer('. 1:1 ack 1 <TS val 8 ecr 1000>');
    t.expectSilence();
    t.state('ESTABLISHED');
    expect(t.told()).toEqual(['CONNECTED']);
    expect(t.counters.PassiveOpens).toBe(1);
  });

  it('RFC 9293 §3.10.7.4: the ACK of the handshake may bring text and FIN', () => {
    const t = inState('SYN-RECEIVED');
    t.peer('FP. 1:11 ack 1');
    t.expect('. 1:1 ack 12');
    t.state('CLOSE-WAIT');
    expect(t.told()).toEqual(['CONNECTED', 'ENDED', 'READABLE']);
  });

  it('RFC 9293 §3.10.7.2: text on a SYN is left to the peer to send again', () => {
    const t = ladder();
    t.peer('S 0:10 <mss 1460>');
    t.expect('S. 0:0 ack 1');
    t.peer('P. 1:11 ack 1');
    t.expect('. 1:1 ack 11');
    expect(t.user.receive()).toBe(10);
  });

  it('RFC 9293 MUST-22: an unanswered SYN+ACK is sent again; R2 ends it in silence, as in Linux', () => {
    const t = inState('SYN-RECEIVED');
    for (const at of [1, 3, 7, 15, 31]) t.expect('S. 0:0 ack 1 <mss 1460>', at);
    t.at(62.9);
    t.state('SYN-RECEIVED');
    t.wait(0.2);
    t.state('CLOSED');
  });

  it('RFC 9293 §3.8.3: the giving up may be told to the peer by a RST', () => {
    const t = inState('SYN-RECEIVED', { config: { resetOnSynAckGiveUp: true, tcp_synack_retries: 1 } });
    t.expect('S. 0:0 ack 1', 1);
    t.expect('R. 1:1 ack 1', 3);
    t.state('CLOSED');
  });

  it('RFC 9293 §3.10.7.4, first: also a SYN with text', () => {
    const t = ladder();
    t.peer('S 0:100');
    t.expect('S. 0:0 ack 1');
    t.peer('S 0:100');
    t.expect('S. 0:0 ack 1');
    t.state('SYN-RECEIVED');
  });

  it('RFC 9293 §3.10.7.4, first: the SYN again means that our SYN+ACK is lost: it is sent again', () => {
    const t = inState('SYN-RECEIVED');
    t.wait(0.3);
    t.peer('S 0:0 <mss 1460>');
    t.expect('S. 0:0 ack 1 <mss 1460>');
    t.peer('. 1:1 ack 1');
    t.state('ESTABLISHED');
  });

  it('RFC 9293 §3.10.7.4: the SYN+ACK again in ESTABLISHED means that our ACK is lost: it is sent again', () => {
    const t = established({ role: 'active' });
    t.peer('S. 0:0 ack 1 <mss 1460>');
    t.expect('. 1:1 ack 1');
    t.state('ESTABLISHED');
  });

  it('RFC 9293 §3.10.7.4, fifth: an unacceptable ACK in SYN-RECEIVED is answered by <SEQ=SEG.ACK><CTL=RST>', () => {
    const t = inState('SYN-RECEIVED');
    for (const ack of [0, 2, -100]) {
      t.peer(`. 1:1 ack ${ack}`);
      t.expect(`R ${ack}:${ack}`);
    }
    t.state('SYN-RECEIVED');
  });
});

describe('RFC 9293 §3.5 opening from both sides', () => {
  it('RFC 9293 MUST-10, §3.5 figure 8: SYNs cross, then SYN+ACKs', () => {
    const t = inState('SYN-SENT');
    t.peer('S 0:0 <mss 1460>');
    t.expect('S. 0:0 ack 1');
    t.state('SYN-RECEIVED');
    expect(t.told()).toEqual([]);
    t.peer('S. 0:0 ack 1 <mss 1460>');
    // §3.10.7.4, first: it repeats the SYN.
    t.expect('. 1:1 ack 1');
    t.state('ESTABLISHED');
    expect(t.told()).toEqual(['CONNECTED']);
  });

  it('RFC 9293 MUST-10: with text queued on both sides', () => {
    const t = inState('SYN-SENT');
    t.user.send(20);
    t.peer('S 0:0 <mss 1460>');
    t.expect('S. 0:0 ack 1');
    t.peer('S. 0:0 ack 1 <mss 1460>');
    t.expect('P. 1:21 ack 1');
    t.peer('P. 1:11 ack 21');
    t.expect('. 21:21 ack 11');
    expect(t.user.receive()).toBe(10);
  });

  it('RFC 9293 MUST-10: their SYN+ACK got lost; ours is sent again and answered by an ACK', () => {
    const t = inState('SYN-SENT');
    t.peer('S 0:0 <mss 1460>');
    t.expect('S. 0:0 ack 1');
    t.expect('S. 0:0 ack 1', 1);
    t.peer('. 1:1 ack 1');
    t.state('ESTABLISHED');
  });

  it('RFC 9293 MUST-11: a RST in SYN-RECEIVED after an active OPEN refuses it; after a passive one it returns to LISTEN unheard', () => {
    const active = inState('SYN-RECEIVED', { role: 'active' });
    active.peer('R 1:1');
    active.state('CLOSED');
    expect(active.tcb.failure).toBe('refused');
    expect(active.told()).toEqual(['OVER']);
    const passive = inState('SYN-RECEIVED');
    passive.peer('R 1:1');
    passive.state('LISTEN');
    expect(passive.tcb.failure).toBeNull();
    expect(passive.told()).toEqual([]);
  });
});

describe('RFC 9293 §3.5.1 what is old, or half open', () => {
  it('RFC 9293 §3.5 figure 9: an old duplicate SYN is found out by the RST that its SYN+ACK gets; the new one then opens', () => {
    const t = ladder();
    t.peer('S -100:-100 <mss 1460>');
    t.expect('S. 0:0 ack -99');
    t.peer('R -99:-99');
    t.state('LISTEN');
    t.peer('S 0:0 <mss 1460>');
    t.expect('S. 0:0 ack 1');
    t.peer('. 1:1 ack 1');
    t.state('ESTABLISHED');
    t.user.send(5);
    t.expect('P. 1:6 ack 1');
  });

  it('RFC 9293 §3.5 figure 9: and back in LISTEN nothing runs, nor is a later time-out longer for it', () => {
    const t = inState('SYN-RECEIVED');
    t.expect('S. 0:0 ack 1', 1);
    t.peer('R 1:1');
    t.expectSilence(1000);
    t.peer('S 0:0 <mss 1460>');
    t.expect('S. 0:0 ack 1');
    t.expect('S. 0:0 ack 1', 1001);
  });

  it('RFC 9293 §3.5.1 figure 10: a peer that crashed opens again; our ACK makes it send the RST that frees us', () => {
    const t = established();
    t.peer('S 400:400 <mss 1460>');
    t.expect('. 1:1 ack 1');
    t.state('ESTABLISHED');
    t.peer('R 1:1');
    t.state('CLOSED');
    expect(t.tcb.failure).toBe('reset');
  });

  it('RFC 9293 §3.5.1 figure 11: text for a peer that crashed is answered by its RST', () => {
    const t = established();
    t.user.send(10);
    t.expect('P. 1:11 ack 1');
    t.peer('R 1:1');
    t.state('CLOSED');
    expect(t.tcb.failure).toBe('reset');
    expect(t.told()).toEqual(['OVER']);
  });

  it('RFC 9293 §3.5.1 figure 11, its other end: text for a connection that we know nothing of gets <SEQ=SEG.ACK><CTL=RST>', () => {
    const t = ladder({ role: 'closed' });
    t.peer('P. 300:310 ack 100');
    t.expect('R 100:100');
    t.peer('S 0:10 <mss 1460>');
    t.expect('R. =0:=0 ack 11');
  });
});
