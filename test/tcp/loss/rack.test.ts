import { describe, expect, it } from 'vitest';
import { Rack } from '../../../src/tcp/loss/rack.ts';
import { Scoreboard } from '../../../src/tcp/loss/scoreboard.ts';
import { add, seq } from '../../../src/wire/seq.ts';
import { ack, flight, hear, MSS, taken } from './support/flight.ts';

describe('RFC 8985 §6 RACK', () => {
  it('RFC 8985 §6.2 step 4: DupThresh segments SACKed: what was sent before them is lost at once', () => {
    const t = flight();
    t.at(1.1);
    hear(t, ack(0, [1, 2]));
    expect(hear(t, ack(0, [1, 3]))).toEqual([]);
    expect(hear(t, ack(0, [1, 4]))).toEqual(['again 0']);
  });

  it('RFC 8985 §6.2 step 5: fewer: after a quarter of the round trip, by the reordering timer', () => {
    const t = flight();
    t.at(1.1);
    hear(t, ack(0, [1, 2]));
    t.expect('. 1:1001 ack 1', 1.125);
    expect(t.counters.TCPFastRetrans).toBe(1);
  });

  it('RFC 8985 §6.2 step 3: what comes in time was not lost, and from then on nothing is lost by number alone', () => {
    const t = flight();
    t.at(1.1);
    hear(t, ack(0, [1, 2]));
    t.at(1.12);
    hear(t, ack(2));
    t.at(1.2);
    expect(t.counters.RetransSegs).toBe(0);
    expect(t.tcb.rack.reorderingSeen).toBe(true);
    for (const end of [4, 5, 6, 7]) expect(hear(t, ack(2, [3, end]))).toEqual([]);
    t.run(1.3);
    expect(t.counters.RetransSegs).toBe(1);
  });

  it('RFC 8985 §6.2 step 4: a D-SACK makes the window wider, once a round trip, and 16 recoveries without one narrow again', () => {
    const rack = new Rack(3);
    const view = { srtt: 1e6, sndUna: seq(0), sndNxt: seq(9), recovery: 'open' as const, config: { tcp_recovery: 1 } };
    rack.minRtt = 100_000;
    expect(rack.window(view, 0)).toBe(25_000);
    rack.needless = true;
    rack.adaptWindow(view);
    rack.adaptWindow({ ...view, sndUna: seq(8), sndNxt: seq(20) });
    expect(rack.window(view, 0)).toBe(50_000);
    rack.adaptWindow({ ...view, sndUna: seq(9), sndNxt: seq(20) });
    expect(rack.window(view, 0)).toBe(75_000);
    for (let i = 0; i < 15; i++) rack.recovered();
    expect(rack.window(view, 0)).toBe(75_000);
    rack.recovered();
    expect(rack.window(view, 0)).toBe(25_000);
    // Never longer than SRTT; never adapted where tcp_recovery has bit 1.
    expect(rack.window({ ...view, srtt: 10_000 }, 0)).toBe(10_000);
    rack.adaptWindow({ ...view, sndUna: seq(30), config: { tcp_recovery: 3 } });
    expect(rack.multiplier).toBe(1);
    // DupThresh counts, but not with bit 2.
    expect(rack.window(view, 3)).toBe(0);
    expect(rack.window({ ...view, config: { tcp_recovery: 5 } }, 3)).toBe(25_000);
    expect(rack.window({ ...view, recovery: 'fast' }, 0)).toBe(0);
  });

  it('RFC 8985 §3: a retransmission that is lost is found by what was sent after it', () => {
    const t = flight({ segments: 14 });
    t.at(1.1);
    expect(hear(t, ack(0, [1, 4]))).toEqual(['again 0']);
    expect(hear(t, ack(0, [1, 9]))[0]).toBe('10');
    t.at(1.2);
    // Segment 10 left after the retransmission, and arrived.
    expect(hear(t, ack(0, [1, 11]))[0]).toBe('again 0');
    expect(t.counters.TCPTimeouts).toBe(0);
  });

  it('RFC 8985 §6.2 step 2: an ACK of the first copy of what was sent twice says nothing of the second', () => {
    const t = flight({ ts: true });
    t.at(1.1);
    expect(hear(t, ack(0, [1, 4]))).toEqual(['again 0']);
    const { xmitTime } = t.tcb.rack;
    t.at(1.101);
    // Of the original, by its timestamp.
    hear(t, '. 1:1 ack 4001 <TS val 1101 ecr 2000>');
    expect(t.tcb.rack.xmitTime).toBe(xmitTime);
  });

  it('RFC 8985 §6.3: at a time-out what was sent a moment ago is not lost', () => {
    const t = flight({ segments: 3, config: { tcp_early_retrans: 0 } });
    t.at(1.35);
    t.user.send(2 * MSS);
    expect(taken(t)).toEqual(['3', '4']);
    t.expect('. 1:1001 ack 1', 1.4);
    expect(t.tcb.scoreboard.lostBytes).toBe(3 * MSS);
  });

  it('RFC 8985 §6.2: a connection that loses nothing looks at one range an ACK', () => {
    const board = new Scoreboard();
    const rack = new Rack(3);
    board.rack = rack;
    let looked = 0;
    const at = board.at.bind(board);
    for (let i = 0; i < 1000; i++) board.push(seq(i * 10), seq(i * 10 + 10), i);
    rack.begin(2000, -1);
    board.acknowledge(add(seq(0), 5000));
    board.at = (i) => {
      looked++;
      return at(i);
    };
    expect(rack.detect(board, 0, 2000)).toBe(0);
    expect(looked).toBe(1);
  });
});
