/** When to acknowledge: RFC 9293 §3.8.6.3, RFC 5681 §4.2. Without quick ACKs, which Linux sends at a connection's start. */
import { describe, expect, it } from 'vitest';
import { rfc9293 } from '../../src/tcp/profiles.ts';
import { established } from '../support/ladder.ts';

const config = { quickAcks: 0 };

describe('RFC 9293 §3.8.6.3 delayed acknowledgments', () => {
  it('RFC 9293 SHLD-18, MUST-40: one small segment is acknowledged after the delay, under half a second', () => {
    const t = established({ config });
    t.peer('P. 1:11 ack 1');
    t.expect('. 1:1 ack 11', 0.04);
    expect(t.counters.DelayedACKs).toBe(1);
    const letter = established({ config: rfc9293 });
    letter.peer('P. 1:11 ack 1');
    letter.expect('. 1:1 ack 11', 0.2);
  });

  it('RFC 9293 SHLD-19, RFC 5681 §4.2: of full segments every second one is acknowledged at once', () => {
    const t = established({ config });
    for (let i = 0; i < 6; i += 2) {
      const at = 1 + 1460 * i;
      t.peer(`. ${at}:${at + 1460} ack 1`);
      t.expectSilence();
      t.peer(`. ${at + 1460}:${at + 2920} ack 1`);
      t.expect(`. 1:1 ack ${at + 2920}`);
    }
  });

  it('RFC 9293 SHLD-19: full is what the peer sends as full', () => {
    const t = established({ config, mss: 536 });
    t.peer('. 1:537 ack 1');
    t.peer('. 537:1073 ack 1');
    t.expect('. 1:1 ack 1073');
  });

  it('RFC 9293 §3.8.6.3: text that leaves carries the ACK, and no other follows', () => {
    const t = established({ config });
    t.peer('P. 1:11 ack 1');
    t.user.send(5);
    t.expect('P. 1:6 ack 11');
    t.peer('. 11:11 ack 6');
    t.expectSilence(10);
  });

  it('RFC 9293 MUST-58, MUST-59: segments that arrive together get one ACK', () => {
    const t = established({ config });
    t.batch('. 1:1461 ack 1', '. 1461:2921 ack 1', '. 2921:4381 ack 1', '. 4381:5841 ack 1');
    t.expect('. 1:1 ack 5841');
    t.expectSilence(1);
  });

  it('RFC 5681 §4.2, RFC 9293 MAY-13: out of order, or filling a hole: at once', () => {
    const t = established({ config });
    t.peer('. 101:201 ack 1');
    t.expect('. 1:1 ack 1');
    t.peer('. 201:301 ack 1');
    t.expect('. 1:1 ack 1');
    t.peer('. 1:101 ack 1');
    t.expect('. 1:1 ack 301');
    expect(t.user.receive()).toBe(300);
  });

  it('RFC 9293 §3.8.6.3: in a conversation none is hurried, quick ACKs or not, until one finds no answer to go with', () => {
    const t = established();
    t.peer('P. 1:11 ack 1');
    t.expect('. 1:1 ack 11');
    t.user.send(5);
    t.expect('P. 1:6 ack 11');
    t.peer('P. 11:21 ack 6');
    t.user.send(5);
    t.expect('P. 6:11 ack 21');
    t.peer('P. 21:31 ack 11');
    t.expect('. 11:11 ack 31', 0.04);
    t.peer('P. 31:41 ack 11');
    t.expect('. 11:11 ack 41');
  });

  it('RFC 9293 §3.10.7.4: a FIN is acknowledged at once', () => {
    const t = established({ config });
    t.peer('F. 1:1 ack 1');
    t.expect('. 1:1 ack 2');
  });

  it('RFC 9293 SHLD-18: a pure ACK is never acknowledged', () => {
    const t = established({ config });
    for (let i = 0; i < 5; i++) t.peer('. 1:1 ack 1');
    t.expectSilence(10);
  });

  it('RFC 9293 SHLD-31: text out of order is kept', () => {
    const t = established({ config });
    t.peer('. 301:401 ack 1');
    t.drain();
    t.peer('. 101:201 ack 1');
    t.drain();
    t.peer('. 1:101 ack 1');
    t.expect('. 1:1 ack 201');
    t.peer('. 201:301 ack 1');
    t.expect('. 1:1 ack 401');
    expect(t.user.receive()).toBe(400);
  });
});
