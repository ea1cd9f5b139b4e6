import { describe, expect, it } from 'vitest';
import { ack, flight, hear, MSS } from './support/flight.ts';

const config = { tcp_early_retrans: 0, tcp_congestion_control: 'reno' } as const;

describe('needless recoveries are taken back', () => {
  it('RFC 3522 §3.2, RFC 4015 §3.2: a time-out: the ACK echoes a timestamp from before the retransmission', () => {
    const t = flight({ segments: 10, ts: true, config: { ...config, tcp_frto: 0 } });
    t.expect('. 1:1001 ack 1', 1.4);
    expect(t.tcb.cwnd).toBe(MSS);
    t.at(1.45);
    expect(hear(t, '. 1:1 ack 1001 <TS val 1450 ecr 2000>')).toEqual([]);
    expect(t.counters.TCPLossUndo).toBe(1);
    expect(t.tcb.cwnd).toBe(10 * MSS);
    // §3.4: it may take as long again.
    expect(t.tcb.srtt).toBeGreaterThanOrEqual(450_000);
    expect(t.tcb.rto).toBeGreaterThanOrEqual(450_000 + 4 * 225_000);
  });

  it('RFC 3522 §3.2: not when it echoes that of the retransmission', () => {
    const t = flight({ segments: 10, ts: true, config: { ...config, tcp_frto: 0 } });
    t.expect('. 1:1001 ack 1', 1.4);
    t.at(1.5);
    expect(hear(t, '. 1:1 ack 1001 <TS val 1500 ecr 2400>')).toEqual(['again 1', 'again 2']);
    expect(t.counters.TCPLossUndo).toBe(0);
  });

  it('RFC 4015 §3.2: a fast retransmit because of reordering; then reordering is waited for', () => {
    const t = flight({ segments: 10, ts: true, config });
    t.at(1.1);
    expect(hear(t, ack(0, [1, 4]))).toEqual(['again 0']);
    expect(t.tcb.ssthresh).toBe(5 * MSS);
    t.at(1.102);
    hear(t, '. 1:1 ack 4001 <TS val 1102 ecr 2000>');
    expect([t.counters.TCPFullUndo, t.tcb.recovery]).toEqual([1, 'open']);
    expect(t.tcb.cwnd).toBeGreaterThanOrEqual(10 * MSS);
    expect(t.tcb.ssthresh).toBeGreaterThan(1e6);
    expect(t.tcb.rack.reorderingSeen).toBe(true);
  });

  it('RFC 2883 §5, RFC 3708 §2: D-SACKs for all that was sent again, also when recovery is over', () => {
    const t = flight({ segments: 10, config });
    t.at(1.1);
    expect(hear(t, ack(0, [1, 4]))).toEqual(['again 0']);
    hear(t, ack(10));
    expect(t.tcb.cwnd).toBe(5 * MSS);
    t.at(1.2);
    hear(t, ack(10, [0, 1]));
    expect(t.counters.TCPDSACKUndo).toBe(1);
    expect(t.tcb.cwnd).toBe(10 * MSS);
    // Once.
    hear(t, ack(10, [0, 1]));
    expect(t.counters.TCPDSACKUndo).toBe(1);
  });

  it('RFC 3708 §2: not for some of it', () => {
    const t = flight({ segments: 10, config });
    t.at(1.1);
    hear(t, ack(0, [3, 7]));
    expect(hear(t, ack(0, [3, 10]))).toContain('again 2');
    hear(t, ack(10));
    hear(t, ack(10, [0, 1]));
    expect(t.counters.TCPDSACKUndo).toBe(0);
    expect(t.tcb.cwnd).toBe(5 * MSS);
  });

  it('RFC 4015 §3: an answer to an earlier recovery’s retransmission is not one to an original', () => {
    const t = flight({ segments: 30, ts: true, config });
    t.at(1.1);
    expect(hear(t, ack(0, [1, 4]))[0]).toBe('again 0');
    // Segments 10 on are sent; the first of them is lost as well, found while recovery still goes on, and sent again at 1.21.
    expect(hear(t, ack(0, [1, 10]))).toContain('10');
    t.at(1.21);
    expect(hear(t, `${ack(0, [1, 10], [11, 14])}`.replace('>', ',TS val 1210 ecr 2000>'))).toContain('again 10');
    t.at(1.22);
    hear(t, '. 1:1 ack 10001 <sack 11001:14001,TS val 1220 ecr 2210>');
    expect(t.tcb.recovery).toBe('open');
    const undone = t.counters.TCPFullUndo;
    t.at(1.25);
    // A new recovery begins, and retransmits at 1.25; then the answer to 1.21's comes.
    hear(t, '. 1:1 ack 10001 <sack 11001:14001 15001:16001,TS val 1250 ecr 2210>');
    t.at(1.32);
    hear(t, '. 1:1 ack 14001 <TS val 1320 ecr 2210>');
    expect(t.counters.TCPFullUndo).toBe(undone);
  });

  it('RFC 4015 §3.1: not where a mark has told of congestion since', () => {
    const t = flight({ segments: 10, config });
    t.at(1.1);
    hear(t, ack(0, [1, 4]));
    t.drain();
    t.tcb.priorCwnd = 0;
    hear(t, ack(10));
    hear(t, ack(10, [0, 1]));
    expect(t.counters.TCPDSACKUndo).toBe(0);
  });
});
