/** Windows: RFC 9293 §3.8.6 and RFC 7323 §2; probing of closed ones; silly windows on both sides. */
import { describe, expect, it } from 'vitest';
import { established, inState, ladder } from '../support/ladder.ts';

describe('RFC 9293 §3.8.6 the sender', () => {
  it('RFC 9293 MUST-1: the window field is unsigned', () => {
    const t = established({ win: 0xc000, synWin: 0xc000 });
    expect(t.tcb.sndWnd).toBe(0xc000);
  });

  it('RFC 9293 §3.10.7.4: SND.WND follows the newest segment only (SND.WL1, SND.WL2)', () => {
    const t = established();
    t.user.send(100);
    t.expect('P. 1:101 ack 1');
    t.peer('. 1:1 ack 101 win 5000');
    expect(t.tcb.sndWnd).toBe(5000);
    t.peer('. 1:1 ack 51 win 9000');
    expect(t.tcb.sndWnd).toBe(5000);
    t.peer('. 1:11 ack 101 win 4000');
    t.expect('. 101:101 ack 11');
    t.peer('. 1:11 ack 101 win 8000');
    t.expect('. 101:101 ack 11');
    expect(t.tcb.sndWnd).toBe(4000);
  });

  it('RFC 9293 MUST-34, SHLD-15, SHLD-16: the window shrinks below what is out: nothing new, the old again', () => {
    const t = established({ win: 3000, synWin: 3000 });
    t.user.send(6000);
    t.expect('. 1:1461 ack 1');
    t.expect('. 1461:2921 ack 1');
    t.peer('. 1:1 ack 1 win 1500');
    t.expectSilence(0.1);
    t.expect('. 1:1461 ack 1', 0.2);
    t.peer('. 1:1 ack 1461 win 1500');
    t.run(1);
    expect(t.sent.every((r) => (r.segment.seq as unknown as number) <= (t.iss as unknown as number) + 1 + 2921)).toBe(
      true,
    );
    t.state('ESTABLISHED');
  });

  it('RFC 9293 MUST-35, SHLD-17: a window that shrank to nothing is probed, and closes no connection while the peer answers', () => {
    const t = established({ win: 3000, synWin: 3000 });
    t.user.send(2000);
    t.expect('. 1:1461 ack 1');
    t.expect('P. 1461:2001 ack 1');
    t.peer('. 1:1 ack 1 win 0');
    for (let i = 0; i < 60; i++) {
      t.run(t.time + 120);
      t.peer('. 1:1 ack 1 win 0');
      t.drain();
    }
    t.state('ESTABLISHED');
    t.run(t.time + 3600);
    t.state('CLOSED');
    expect(t.tcb.failure).toBe('timed out');
  });

  it('RFC 9293 MUST-36, SHLD-29, SHLD-30: a closed window is probed after an RTO, then at doubling intervals', () => {
    const t = established();
    t.user.send(100);
    t.expect('P. 1:101 ack 1');
    t.peer('. 1:1 ack 101 win 0');
    t.user.send(100);
    for (const at of [0.2, 0.6, 1.4, 3, 6.2, 12.6, 25.4]) t.expect('. 100:100 ack 1', at);
    t.peer('. 1:1 ack 101 win 1000');
    t.expect('P. 101:201 ack 1');
  });

  it('RFC 9293 MUST-37: a peer whose window stays closed is kept for as long as it answers', () => {
    const t = established({ synWin: 0, win: 0 });
    t.user.send(100);
    const day = 24 * 3600;
    while (t.time < day) {
      t.run(t.time + 60);
      t.peer('. 1:1 ack 1 win 0');
    }
    t.state('ESTABLISHED');
    t.peer('. 1:1 ack 1 win 1000');
    t.expect('P. 1:101 ack 1');
  });

  it('RFC 9293 §3.8.6.1: a peer that answers no probe is given up', () => {
    const t = established({ win: 0, synWin: 0, config: { tcp_retries2: 5 } });
    t.user.send(100);
    expect(t.run(100).length).toBe(5);
    t.state('CLOSED');
    expect(t.tcb.failure).toBe('timed out');
  });

  it('RFC 9293 §3.10.4: CLOSE behind a closed window: FIN-WAIT-1 at once, probes, the FIN when there is room', () => {
    const t = established({ win: 0, synWin: 0 });
    t.user.close();
    t.state('FIN-WAIT-1');
    t.expect('. 0:0 ack 1', 0.2);
    t.peer('. 1:1 ack 1 win 100');
    t.expect('F. 1:1 ack 1');
  });

  it('RFC 9293 MUST-38: text less than a segment is sent where it fills half of the largest window seen, else after a time', () => {
    const t = established({ win: 2000, synWin: 2000, mss: 1460 });
    t.user.send(5000);
    t.expect('. 1:1461 ack 1');
    // 540 are left: less than a segment, less than half of 2000.
    t.expectSilence();
    t.peer('. 1:1 ack 1461 win 1000');
    // 1000 are half of 2000.
    t.expect('. 1461:2461 ack 1');
    t.peer('. 1:1 ack 2461 win 600');
    t.expectSilence(t.time + 0.15);
    t.expect('. 2461:3061 ack 1', 0.2);
  });
});

describe('RFC 9293 §3.8.6 the receiver', () => {
  it('RFC 9293 MUST-39: the edge advances by a segment or half the buffer, not by less', () => {
    const t = established({ config: { receiveBuffer: 8000 } });
    for (let i = 0; i < 8; i++) {
      t.peer(`. ${1 + i * 1000}:${1001 + i * 1000} ack 1`);
      t.expect(`. 1:1 ack ${1001 + i * 1000} win ${7000 - i * 1000}`);
    }
    expect(t.user.receive(1000)).toBe(1000);
    t.expectSilence();
    expect(t.user.receive(500)).toBe(500);
    t.expect('. 1:1 ack 8001 win 1500');
    expect(t.user.receive(1000)).toBe(1000);
    t.expectSilence();
  });

  it('RFC 9293 MUST-39: of a buffer smaller than two segments half is enough', () => {
    const t = established({ config: { receiveBuffer: 1000 } });
    t.peer('. 1:1001 ack 1');
    t.expect('. 1:1 ack 1001 win 0');
    t.user.receive(499);
    t.expectSilence();
    t.user.receive(1);
    t.expect('. 1:1 ack 1001 win 500');
  });

  it('RFC 9293 SHLD-14, RFC 7323 §2.4: the right edge never moves left, not by rounding of a scaled window either', () => {
    const t = established({ wscale: 0, config: { receiveBuffer: 16 << 20 } });
    expect(t.tcb.rcvWindScale).toBe(9);
    for (let i = 0; i < 40; i++) {
      const n = 1 + ((i * 37) % 700);
      const at = t.user.received + t.tcb.receiveBuffer.readable + 1;
      t.peer(`. ${at}:${at + n} ack 1`);
      t.drain();
    }
  });

  it('RFC 9293 §3.8.6: reading small amounts of a large window sends nothing', () => {
    const t = established({ config: { receiveBuffer: 60_000 } });
    t.peer('. 1:1001 ack 1');
    t.expect('. 1:1 ack 1001');
    for (let i = 0; i < 10; i++) t.user.receive(100);
    t.expectSilence();
  });
});

describe('RFC 7323 §2 window scaling', () => {
  it('RFC 7323 §2.2: both SYNs or none; the window of a SYN is never scaled', () => {
    const both = established({ wscale: 7, win: 1000, synWin: 1000, role: 'active' });
    expect([both.tcb.sndWindScale, both.tcb.rcvWindScale, both.tcb.sndWnd]).toEqual([7, 5, 1000]);
    both.peer('. 1:1 ack 1 win 1001');
    expect(both.tcb.sndWnd).toBe(1001 << 7);
    const none = established({ role: 'active' });
    expect([none.tcb.sndWindScale, none.tcb.rcvWindScale]).toEqual([0, 0]);
    const t = ladder();
    t.peer('S 0:0 <mss 1460>');
    t.expect('S. 0:0 ack 1 <mss 1460>');
  });

  it('RFC 7323 §2.2: switched off here, it is neither offered nor taken', () => {
    const config = { tcp_window_scaling: false };
    const active = ladder({ role: 'active', config });
    active.expect('S 0:0 <mss 1460,sackOK,TS val * ecr 0>');
    active.peer('S. 0:0 ack 1 <mss 1460,wscale 3>');
    active.expect('. 1:1 ack 1');
    expect(active.tcb.sndWindScale).toBe(0);
  });

  it('RFC 7323 §2.3: a shift of more than 14 counts as 14', () => {
    const t = established({ wscale: 200, win: 1, synWin: 1 });
    expect(t.tcb.sndWnd).toBe(1 << 14);
  });

  it('RFC 9293 REC-1: windows of more than 65535 are used', () => {
    const t = established({ wscale: 8, win: 1000, role: 'active', config: { initialWindow: 200 } });
    t.peer('. 1:1 ack 1');
    t.user.send(200_000);
    expect(t.drain().reduce((sum, r) => sum + r.segment.payloadLength, 0)).toBe(200_000);
  });

  it('RFC 7323 §2.2: a SYN+ACK that comes twice (figure 8) leaves its window unscaled', () => {
    const t = inState('SYN-SENT');
    t.peer('S 0:0 win 5000 <mss 1460,wscale 4>');
    t.expect('S. 0:0 ack 1');
    t.peer('S. 0:0 ack 1 win 5000 <mss 1460,wscale 4>');
    expect(t.tcb.sndWnd).toBe(5000);
  });
});
