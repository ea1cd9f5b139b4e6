/** Urgent data: RFC 9293 §3.8.5 with the pointer as RFC 6093 has it. */
import { describe, expect, it } from 'vitest';
import { sendUrgent, urgentLeft } from '../../src/tcp/connection.ts';
import { established, type Ladder, ourByte } from '../support/ladder.ts';

function sendsUrgent(t: Ladder, n: number): void {
  const bytes = Uint8Array.from({ length: n }, (_, i) => ourByte(t.user.sent + i));
  t.user.sent += t.event(`SEND ${n} urgent`, () => sendUrgent(t.tcb, bytes, true, t.now));
}

describe('RFC 9293 §3.8.5 urgent data', () => {
  it('RFC 9293 MUST-30, MUST-62: URG and a pointer to the octet after it', () => {
    const t = established();
    sendsUrgent(t, 10);
    t.expect('UP. 1:11 ack 1 up 10');
    t.peer('. 1:1 ack 11');
    t.user.send(5);
    t.expect('P. 11:16 ack 1 up 0');
  });

  it('RFC 9293 MUST-31: of any length: the pointer field is as far as it can tell, segment by segment', () => {
    const t = established({ wscale: 8, win: 2000, synWin: 60_000, config: { initialWindow: 1000 } });
    sendsUrgent(t, 100_000);
    const sent = t.drain();
    for (const { segment } of sent) {
      const left = 100_001 - ((segment.seq as unknown as number) - (t.iss as unknown as number));
      expect(segment.up).toBe(Math.min(left, 65_535));
      expect(segment.has(0x20)).toBe(true);
    }
    expect(sent.length).toBeGreaterThan(30);
  });

  it('RFC 9293 §3.8.5: URG is told at once, even where the window lets no text through', () => {
    const t = established({ win: 0, synWin: 0 });
    sendsUrgent(t, 10);
    expect(t.run(1).every((r) => r.segment.has(0x20))).toBe(true);
  });

  it('RFC 9293 MUST-32, MUST-33: the application hears of it when it comes and when the pointer moves on, and how much is left', () => {
    const t = established();
    t.peer('UP. 1:11 ack 1 up 100');
    t.expect('. 1:1 ack 11');
    expect(t.told()).toEqual(['READABLE', 'URGENT']);
    expect(urgentLeft(t.tcb)).toBe(100);
    t.peer('U. 11:21 ack 1 up 90');
    t.expect('. 1:1 ack 21');
    expect(t.told()).toEqual(['READABLE']);
    t.peer('U. 21:31 ack 1 up 180');
    t.expect('. 1:1 ack 31');
    expect(t.told()).toEqual(['READABLE', 'URGENT']);
    t.user.receive();
    expect(urgentLeft(t.tcb)).toBe(170);
    t.peer('. 31:201 ack 1');
    t.expect('. 1:1 ack 201');
    t.user.receive();
    expect(urgentLeft(t.tcb)).toBe(0);
  });

  it('RFC 9293 §3.10.7.4, sixth: after the peer’s FIN, URG is ignored', () => {
    const t = established();
    t.peer('F. 1:1 ack 1');
    t.expect('. 1:1 ack 2');
    t.told();
    t.peer('U. 2:2 ack 1 up 50');
    expect(t.told()).toEqual([]);
  });

  it('RFC 6093 §3: urgent data stays in line', () => {
    const t = established();
    t.peer('UP. 1:11 ack 1 up 5');
    t.expect('. 1:1 ack 11');
    expect(t.user.receive()).toBe(10);
  });
});
