import { describe, expect, it } from 'vitest';
import { ack, flight, hear, MSS } from './support/flight.ts';

const rfc6675 = { config: { tcp_recovery: 0, tcp_early_retrans: 0, tcp_congestion_control: 'reno' } } as const;

describe('RFC 6675: SACK without RACK (tcp_recovery 0)', () => {
  it('RFC 6675 §4 IsLost: more than two segments’ worth SACKed above', () => {
    const t = flight(rfc6675);
    t.at(1.1);
    expect(hear(t, ack(0, [2, 4]))).toEqual([]);
    expect(hear(t, ack(0, [2, 5]))[0]).toBe('again 0');
    expect(t.tcb.scoreboard.lostBytes).toBe(2 * MSS);
  });

  it('RFC 6675 §4 IsLost: or three runs', () => {
    const t = flight(rfc6675);
    t.at(1.1);
    expect(hear(t, ack(0, [5, 6], [3, 4], [1, 2]))).toEqual(['again 0']);
    // Two runs and as many segments lie above the next hole.
    expect(t.tcb.scoreboard.lostBytes).toBe(MSS);
  });

  it('RFC 6675 §5 step 2: or three duplicate ACKs', () => {
    const t = flight(rfc6675);
    t.at(1.1);
    expect(hear(t, ...new Array(3).fill(ack(0, [1, 2])))).toEqual(['again 0']);
  });

  it('RFC 6675 §5: one reduction for one recovery, whatever else is lost in it', () => {
    const t = flight(rfc6675);
    t.at(1.1);
    hear(t, ack(0, [1, 4]));
    const { ssthresh } = t.tcb;
    hear(t, ack(0, [1, 4], [5, 10]));
    t.drain();
    t.at(1.2);
    hear(t, ack(4, [5, 10]));
    t.drain();
    expect(t.tcb.ssthresh).toBe(ssthresh);
    t.at(1.3);
    hear(t, ack(10));
    expect([t.tcb.recovery, t.tcb.cwnd, t.counters.RetransSegs]).toEqual(['open', ssthresh, 2]);
  });

  it('RFC 6675 §5.1: a time-out ends the recovery, and sends again from SND.UNA', () => {
    const t = flight(rfc6675);
    t.at(1.1);
    expect(hear(t, ack(0, [1, 4]))[0]).toBe('again 0');
    t.drain();
    t.run(1.9);
    expect([t.tcb.recovery, t.tcb.recover]).toEqual(['timeout', t.tcb.sndNxt]);
    expect(t.sent.at(-1)!.segment.seq).toBe(t.tcb.sndUna);
    expect(t.sent.at(-1)!.time).toBeGreaterThan(t.now - 1_000_000);
    expect(t.counters.TCPTimeouts).toBe(1);
  });
});

describe('RFC 6675 §4 NextSeg, rules 3 and 4', () => {
  it('RFC 6675 §4 rule 4: the last segment is sent again, once in a recovery, where there is nothing else', () => {
    const t = flight({ ...rfc6675, config: { ...rfc6675.config, initialWindow: 12 } });
    t.at(1.1);
    // 0 and 9 are lost, of 10.
    expect(hear(t, ack(0, [1, 4]))).toEqual(['again 0']);
    expect(hear(t, ack(0, [1, 9]))).toEqual(['again 9']);
    expect(hear(t, ack(0, [1, 9]))).toEqual([]);
    t.at(1.2);
    // The rescue arrived, and recovery ends without a time-out.
    hear(t, ack(10));
    expect([t.tcb.recovery, t.counters.TCPTimeouts, t.counters.RetransSegs]).toEqual(['open', 0, 2]);
  });

  it('RFC 6675 §4 rule 4: the next recovery has its own', () => {
    const t = flight({ ...rfc6675, segments: 10 });
    t.at(1.1);
    hear(t, ack(0, [1, 9]));
    expect(t.tcb.rescued).toBe(true);
    t.at(1.2);
    hear(t, ack(10));
    t.user.send(10_000);
    t.drain();
    t.at(1.3);
    hear(t, ack(10, [11, 14]));
    expect([t.tcb.recovery, t.tcb.rescued]).toEqual(['fast', false]);
  });

  it('RFC 6675 §4 rule 3: before that, what is below something SACKed and not yet sent again', () => {
    const t = flight(rfc6675);
    t.at(1.1);
    // 8 has one segment SACKED above it: no loss by IsLost.
    expect(hear(t, ack(0, [1, 5]))).toEqual(['again 0']);
    expect(hear(t, ack(0, [9, 10], [1, 8]))).toEqual(['again 8']);
    expect(t.tcb.scoreboard.lostBytes).toBe(MSS);
  });

  it('RFC 6675 §4 rule 2: new text goes before', () => {
    const t = flight({ ...rfc6675, segments: 40 });
    t.at(1.1);
    const sent = hear(t, ack(0, [1, 9]));
    expect(sent[0]).toBe('again 0');
    expect(sent.slice(1)).not.toContain('again 9');
    expect(hear(t, ack(0, [1, 9]))).not.toContain('again 9');
  });

  it('with RACK the tail is for its timers (RFC 8985)', () => {
    const t = flight();
    t.at(1.1);
    expect(hear(t, ack(0, [1, 9]))).toEqual(['again 0']);
    expect(hear(t, ack(0, [1, 9]))).toEqual([]);
  });
});

describe('SACK blocks', () => {
  it('RFC 2018 §8: a receiver may throw away what it SACKed: after a time-out nothing counts as SACKed that it should have acknowledged', () => {
    const t = flight({ ...rfc6675, segments: 4 });
    t.at(1.1);
    hear(t, ack(0, [1, 2]));
    hear(t, ack(1));
    t.run(3);
    hear(t, ack(1, [2, 4]));
    t.drain();
    expect(t.counters.RetransSegs).toBeGreaterThan(0);
    expect(t.tcb.scoreboard.first!.marks & 1).toBe(0);
  });

  it('RFC 2883 §4, §5: the first block is a D-SACK when it is acknowledged, or inside the second', () => {
    const t = flight();
    t.at(1.1);
    hear(t, ack(4, [1, 2]));
    expect(t.counters.TCPDSACKRecv).toBe(1);
    hear(t, ack(4, [6, 7], [6, 8]));
    expect(t.counters.TCPDSACKRecv).toBe(2);
    expect(t.tcb.scoreboard.sackedBytes).toBe(2 * MSS);
    hear(t, ack(4, [9, 10], [6, 8]));
    expect(t.counters.TCPDSACKRecv).toBe(2);
  });

  it('RFC 5961 §1: blocks about what was never sent, empty or inverted ones change nothing', () => {
    const t = flight();
    t.at(1.1);
    hear(t, ack(0, [5, 11]));
    hear(t, ack(0, [5, 5]));
    hear(t, ack(0, [6, 5]));
    hear(t, ack(0, [-40_000, -39_999]));
    expect(t.tcb.scoreboard.sackedBytes).toBe(0);
    expect(t.counters.TCPDSACKRecv).toBe(0);
  });

  it('RFC 2018 §3: parts of segments do not count', () => {
    const t = flight();
    t.at(1.1);
    hear(t, '. 1:1 ack 1 <sack 1501:3001>');
    expect(t.tcb.scoreboard.sackedBytes).toBe(MSS);
    expect(t.tcb.scoreboard.count).toBeLessThanOrEqual(11);
  });
});
