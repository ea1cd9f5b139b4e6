import { describe, expect, it } from 'vitest';
import { pipe } from '../../../src/tcp/loss/pipe.ts';
import { beginPrr, endPrr, notePrr, stepPrr } from '../../../src/tcp/loss/prr.ts';
import type { Tcb } from '../../../src/tcp/tcb.ts';
import { add } from '../../../src/wire/seq.ts';
import { bareTcb, MSS } from '../congestion/support/bare.ts';
import { ack, flight, hear } from './support/flight.ts';

/** In recovery: 20 segments out, of which the first ones are lost and one is SACKed; cwnd reduced to 10. */
function recovering(lost: number): Tcb {
  const tcb = bareTcb({ tcp_congestion_control: 'reno' });
  const { scoreboard } = tcb;
  for (let i = 0; i < 20; i++) scoreboard.push(add(tcb.sndUna, i * MSS), add(tcb.sndUna, (i + 1) * MSS), 0);
  tcb.sndNxt = add(tcb.sndUna, 20 * MSS);
  for (let i = 0; i < lost; i++) scoreboard.markLost(scoreboard.at(i));
  scoreboard.sack(add(tcb.sndUna, lost * MSS), add(tcb.sndUna, (lost + 1) * MSS));
  tcb.recovery = 'fast';
  tcb.cwnd = 10 * MSS;
  tcb.ssthresh = 10 * MSS;
  beginPrr(tcb, 0, MSS);
  return tcb;
}

/** What may leave. */
const room = (tcb: Tcb) => tcb.cwnd - pipe(tcb);

describe('RFC 9937 proportional rate reduction', () => {
  it('RFC 9937 §6.1: RecoverFS is the flight, without what was SACKed before this ACK', () => {
    const tcb = recovering(1);
    expect(tcb.recoverFlight).toBe(20 * MSS);
    tcb.scoreboard.sack(add(tcb.sndUna, 5 * MSS), add(tcb.sndUna, 8 * MSS));
    beginPrr(tcb, 0, MSS);
    expect(tcb.recoverFlight).toBe(17 * MSS);
  });

  it('RFC 9937 §6.2: above ssthresh one segment leaves for two that arrive, where cwnd was halved', () => {
    const tcb = recovering(1);
    stepPrr(tcb, MSS, false);
    expect(room(tcb)).toBe(MSS / 2);
    // The fast retransmit goes out whole, all the same.
    notePrr(tcb, MSS);
    for (let i = 2; i <= 6; i++) {
      tcb.scoreboard.sack(add(tcb.sndUna, i * MSS), add(tcb.sndUna, (i + 1) * MSS));
      stepPrr(tcb, MSS, false);
      expect(room(tcb)).toBe(Math.max(0, (i * MSS) / 2 - tcb.prrOut));
      if (room(tcb) >= MSS) notePrr(tcb, MSS);
    }
    expect(tcb.prrOut).toBe(3 * MSS);
  });

  it('RFC 9937 §6.2: below it as much leaves as arrives; with SND.UNA moving and nothing more lost one segment more', () => {
    const tcb = recovering(12);
    expect(pipe(tcb)).toBe(7 * MSS);
    stepPrr(tcb, MSS, false);
    expect(room(tcb)).toBe(MSS);
    notePrr(tcb, MSS);
    tcb.scoreboard.sack(add(tcb.sndUna, 13 * MSS), add(tcb.sndUna, 15 * MSS));
    stepPrr(tcb, 2 * MSS, false);
    expect(room(tcb)).toBe(2 * MSS);
    stepPrr(tcb, 0, true);
    expect(room(tcb)).toBe(3 * MSS);
    // Never above the target.
    stepPrr(tcb, 20 * MSS, true);
    expect(tcb.cwnd).toBe(10 * MSS);
  });

  it('RFC 9937 §6.2: a fast retransmit leaves in any case', () => {
    const tcb = recovering(1);
    stepPrr(tcb, 0, false);
    expect(room(tcb)).toBe(MSS);
  });

  it('RFC 9937 §6.2: recovery ends with cwnd at ssthresh', () => {
    const tcb = recovering(3);
    stepPrr(tcb, MSS, false);
    endPrr(tcb);
    expect(tcb.cwnd).toBe(10 * MSS);
  });

  it('RFC 9937 §6.2: half as much leaves as arrives, in a connection', () => {
    const t = flight({ segments: 30, config: { tcp_congestion_control: 'reno' } });
    t.at(1.1);
    expect(hear(t, ack(0, [1, 4]))).toEqual(['again 0']);
    const acks = [5, 6, 7, 8, 9, 10].map((end) => ack(0, [1, end]));
    // Nine of ten have arrived: 9 · 5 / 10 segments have left, in whole ones, with the one sent again.
    expect(hear(t, ...acks)).toEqual(['10', '11', '12', '13']);
    t.at(1.2);
    hear(t, ack(10));
    expect(t.tcb.cwnd).toBe(5000);
  });
});
