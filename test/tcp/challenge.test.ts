/** Blind attacks in the window: RFC 5961, and the checks of RFC 9293 §3.10.7.4 that carry it. */
import { describe, expect, it } from 'vitest';
import { established, inState } from '../support/ladder.ts';

const SYNCHRONIZED = [
  'ESTABLISHED',
  'FIN-WAIT-1',
  'FIN-WAIT-2',
  'CLOSE-WAIT',
  'CLOSING',
  'LAST-ACK',
  'TIME-WAIT',
] as const;

describe('RFC 5961', () => {
  it('RFC 5961 §3.2: a RST at RCV.NXT resets, another in the window gets a challenge ACK, one outside silence', () => {
    for (const name of SYNCHRONIZED) {
      const t = inState(name);
      const next = name === 'ESTABLISHED' || name === 'FIN-WAIT-1' || name === 'FIN-WAIT-2' ? 1 : 2;
      const ours = name === 'ESTABLISHED' || name === 'CLOSE-WAIT' ? 1 : 2;
      t.peer(`R ${next + 1}:${next + 1}`);
      t.expect(`. ${ours}:${ours} ack ${next}`);
      t.peer(`R ${next + 60_000}:${next + 60_000}`);
      t.expect(`. ${ours}:${ours} ack ${next}`);
      t.peer(`R ${next - 1}:${next - 1}`);
      t.peer(`R ${next + 70_000}:${next + 70_000}`);
      t.peer(`R ${next - 1}:${next + 10}`);
      t.expectSilence();
      t.state(name);
      t.peer(`R ${next}:${next}`);
      t.state('CLOSED');
      t.expectSilence(1000);
    }
  });

  it('RFC 5961 §3.2: the peer that meant it answers the challenge by an exact RST', () => {
    const t = established();
    t.peer('R 5:5');
    t.expect('. 1:1 ack 1');
    t.peer('R 1:1');
    t.state('CLOSED');
  });

  it('RFC 5961 §4.2: a SYN in a synchronized state gets a challenge ACK, whatever its number and ACK', () => {
    for (const name of SYNCHRONIZED) {
      for (const [i, text] of ['S 500:500', 'S -500:-500', 'S =1000:=1000', 'S. 500:500 ack 1'].entries()) {
        const t = inState(name);
        t.peer(`${text} <mss 1460>`);
        const [sent, ...rest] = t.drain();
        expect([sent?.segment.flags, sent?.segment.seq, sent?.segment.ack, rest.length], `${name} ${i}`).toEqual([
          0x10,
          t.tcb.sndNxt,
          t.tcb.rcvNxt,
          0,
        ]);
        t.state(name);
      }
    }
  });

  it('RFC 5961 §5.2, RFC 9293 MAY-12: an ACK is acceptable from SND.UNA − MAX.SND.WND to SND.NXT; text with another is not taken', () => {
    const t = established({ win: 1000, synWin: 1000 });
    t.user.send(100);
    t.expect('P. 1:101 ack 1');
    for (const ack of [102, 5000, -1000, -100_000]) {
      t.peer(`P. 1:11 ack ${ack}`);
      t.expect('. 101:101 ack 1');
    }
    const [early, late] = ['ACK of something not yet sent', 'ACK too old'];
    expect(t.dropped()).toEqual([early, early, late, late]);
    t.peer('P. 1:11 ack -999');
    t.expect('. 101:101 ack 11');
    expect(t.user.receive()).toBe(10);
  });

  it('RFC 9293 §3.10.7.4, fifth: an old ACK with new text: the text is taken, the ACK ignored', () => {
    const t = established();
    t.user.send(100);
    t.expect('P. 1:101 ack 1');
    t.peer('. 1:1 ack 101');
    t.peer('P. 1:11 ack 51');
    t.expect('. 101:101 ack 11');
    expect(t.user.receive()).toBe(10);
  });

  it('RFC 5961 §7: challenge ACKs are limited, and the limit does not hold back what a peer needs that retransmits', () => {
    const t = established({ challengeAcks: 3 });
    let answers = 0;
    for (let i = 0; i < 10; i++) {
      t.peer('R 100:100');
      answers += t.drain().length;
    }
    expect(answers).toBe(3);
    expect(t.counters.TCPChallengeACK).toBe(3);
    // Text that we have already: the ACK of it was lost.
    t.peer('P. 1:11 ack 1');
    t.expect('. 1:1 ack 11');
    for (let i = 0; i < 5; i++) {
      t.peer('P. 1:11 ack 1');
      t.expect('. 1:1 ack 11');
    }
  });

  it('RFC 9293 §3.10.7.4, first: unacceptable empty segments are answered, at most once in tcp_invalid_ratelimit', () => {
    const t = established();
    t.peer('. -100:-100 ack 1');
    t.expect('. 1:1 ack 1');
    t.peer('. -100:-100 ack 1');
    t.expectSilence();
    t.wait(0.6);
    t.peer('. 70000:70000 ack 1');
    t.expect('. 1:1 ack 1');
  });

  it('RFC 9293 §3.5.2: no RST answers a RST, in any state', () => {
    for (const name of ['CLOSED', 'LISTEN', 'SYN-SENT', 'SYN-RECEIVED', ...SYNCHRONIZED] as const) {
      for (const text of ['R 0:0', 'R. 0:0 ack 0', 'R. 0:0 ack 77', 'R 1:1', 'SR 1:1', 'FR. 1:1 ack 9', 'R 1:11']) {
        const t = inState(name);
        t.peer(text);
        for (const { segment } of t.drain()) expect(segment.flags & 4, `${name} ${text}`).toBe(0);
      }
    }
  });
});

describe('RFC 9293 §3.10.7.4, first: what is in the window', () => {
  it('RFC 9293 §3.10.7.4: text that straddles an edge is cut to the window', () => {
    const left = established();
    left.peer('P. 1:11 ack 1');
    left.expect('. 1:1 ack 11');
    left.peer('P. 1:21 ack 1');
    left.expect('. 1:1 ack 21');
    expect(left.user.receive()).toBe(20);
    const right = established({ config: { receiveBuffer: 1000 } });
    right.peer('P. 1:1201 ack 1');
    right.expect('. 1:1 ack 1001 win 0');
    expect(right.user.receive(1000)).toBe(1000);
  });

  it('RFC 9293 §3.10.7.4: a FIN beyond the window is not taken with the text before it', () => {
    const t = established({ config: { receiveBuffer: 1000 } });
    t.peer('FP. 1:1201 ack 1');
    t.expect('. 1:1 ack 1001 win 0');
    t.state('ESTABLISHED');
  });

  it('RFC 9293 MUST-66: behind a closed window ACKs, URG and RST are processed, text is not', () => {
    const t = established({ config: { receiveBuffer: 1000 } });
    t.user.send(100);
    t.expect('P. 1:101 ack 1');
    t.peer('. 1:1001 ack 1');
    t.expect('. 101:101 ack 1001 win 0');
    t.told();
    t.peer('UP. 1001:1011 ack 101 up 5');
    t.expect('. 101:101 ack 1001 win 0');
    expect(t.tcb.sndUna).toBe(t.tcb.sndNxt);
    expect(t.told()).toContain('URGENT');
    expect(t.user.receive(1000)).toBe(1000);
    t.expect('. 101:101 ack 1001 win 1000');
  });

  it('RFC 9293 MUST-66: a FIN at a closed window is taken: it needs no room', () => {
    const t = established({ config: { receiveBuffer: 1000 } });
    t.peer('. 1:1001 ack 1');
    t.expect('. 1:1 ack 1001 win 0');
    t.peer('F. 1001:1001 ack 1');
    t.expect('. 1:1 ack 1002 win 0');
    t.state('CLOSE-WAIT');
  });
});
