import { describe, expect, it } from 'vitest';
import { ack, flight, hear, MSS } from './support/flight.ts';

const config = { tcp_early_retrans: 0, tcp_congestion_control: 'reno' } as const;

describe('RFC 5682 F-RTO', () => {
  for (const sack of [true, false]) {
    const what = sack ? '§3.1, with SACK' : '§2.1, without';
    it(`RFC 5682 ${what}: after a spurious time-out new text is sent, nothing again, and cwnd comes back`, () => {
      const t = flight({ segments: 30, sack, config });
      const { ssthresh } = t.tcb;
      t.expect('. 1:1001 ack 1', 1.4);
      expect(t.tcb.cwnd).toBe(MSS);
      t.at(1.5);
      // The original, late.
      expect(hear(t, ack(1))).toEqual(['10', '11']);
      hear(t, ack(2));
      expect(t.counters.TCPSpuriousRTOs).toBe(1);
      expect(t.tcb.cwnd).toBeGreaterThanOrEqual(10 * MSS);
      expect(t.tcb.ssthresh).toBe(ssthresh);
      expect(t.tcb.scoreboard.lostBytes).toBe(0);
      for (let una = 3; una <= 12; una++) hear(t, ack(una));
      t.drain();
      expect(t.counters.RetransSegs).toBe(1);
    });

    it(`RFC 5682 ${what}: a duplicate after the new text: the loss was real, and the rest follows`, () => {
      const t = flight({ segments: 30, sack, config });
      t.expect('. 1:1001 ack 1', 1.4);
      t.at(1.5);
      expect(hear(t, ack(1))).toEqual(['10', '11']);
      expect(hear(t, sack ? ack(1, [10, 11]) : ack(1))[0]).toBe('again 1');
      expect(t.counters.TCPSpuriousRTOs).toBe(0);
    });
  }

  it('RFC 5682 §2.1 step 2a: a duplicate at first: conventional recovery', () => {
    const t = flight({ segments: 30, sack: false, config });
    t.expect('. 1:1001 ack 1', 1.4);
    expect(hear(t, ack(0))).toEqual([]);
    expect(t.tcb.frto).toBe('off');
    t.at(1.5);
    expect(hear(t, ack(1))).toEqual(['again 1', 'again 2']);
  });

  it('RFC 5682 §2.1 step 2b: without new text to send: conventional recovery', () => {
    const t = flight({ segments: 5, config });
    t.expect('. 1:1001 ack 1', 1.4);
    t.at(1.5);
    expect(hear(t, ack(1))).toEqual(['again 1', 'again 2']);
  });

  it('RFC 5682 §2.1: an ACK of both what was sent once and again proves nothing without SACK', () => {
    const t = flight({ segments: 30, sack: false, config });
    t.expect('. 1:1001 ack 1', 1.4);
    t.at(1.5);
    hear(t, ack(4));
    expect(t.counters.TCPSpuriousRTOs).toBe(0);
  });

  it('tcp_frto 0: never', () => {
    const t = flight({ segments: 30, config: { ...config, tcp_frto: 0 } });
    t.expect('. 1:1001 ack 1', 1.4);
    t.at(1.5);
    expect(hear(t, ack(1))).toEqual(['again 1', 'again 2']);
  });
});
