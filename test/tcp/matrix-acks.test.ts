/**
 * The matrix of `matrix.test.ts` in its finer cells: RFC 9293 §3.10.7.4 for every state after the handshake and segments that differ in number, in
 * acknowledgment, in what they carry. One table each, a column a kind of segment.
 */
import { describe, expect, it } from 'vitest';
import type { StateName } from '../../src/tcp/state.ts';
import { inState, type Ladder, positions } from '../support/ladder.ts';

type Synchronized = Exclude<StateName, 'CLOSED' | 'LISTEN' | 'SYN-SENT' | 'SYN-RECEIVED'>;
const STATES: readonly Synchronized[] = [
  'ESTABLISHED',
  'FIN-WAIT-1',
  'FIN-WAIT-2',
  'CLOSE-WAIT',
  'CLOSING',
  'LAST-ACK',
  'TIME-WAIT',
];
/** Where the peer's stream is still open (§3.10.7.4, seventh). */
const RECEIVING: readonly Synchronized[] = ['ESTABLISHED', 'FIN-WAIT-1', 'FIN-WAIT-2'];
/** Where our FIN is out and not acknowledged. */
const FIN_OUT: readonly Synchronized[] = ['FIN-WAIT-1', 'CLOSING', 'LAST-ACK'];

function at(name: Synchronized): { t: Ladder; seq: number; ack: number } {
  const t = inState(name, { config: { receiveBuffer: 8192 } });
  const { sndNxt, rcvNxt } = positions(t);
  return { t, seq: rcvNxt, ack: sndNxt };
}

/** Only ACKs of where both ends stand are sent, at most `most`. */
function onlyAcks(t: Ladder, most: number): void {
  const sent = t.drain();
  expect(sent.length).toBeLessThanOrEqual(most);
  for (const { segment } of sent) {
    expect([segment.flags, segment.seq, segment.ack]).toEqual([0x10, t.tcb.sndNxt, t.tcb.rcvNxt]);
  }
}

describe('RFC 9293 §3.10.7.4 the ACK field', () => {
  for (const name of STATES) {
    it(`RFC 9293 §3.10.7.4, fifth: ${name}: an ACK that tells nothing new changes nothing`, () => {
      const { t, seq, ack } = at(name);
      const old = FIN_OUT.includes(name) ? ack - 1 : ack;
      t.peer(`. ${seq}:${seq} ack ${old}`);
      t.expectSilence();
      t.state(name);
    });

    it(`RFC 9293 §3.10.7.4, fifth: ${name}: an ACK of what was not sent is answered by an ACK, and what it carries not taken`, () => {
      const { t, seq, ack } = at(name);
      t.peer(`FP. ${seq}:${seq + 10} ack ${ack + 1}`);
      t.expect(`. ${ack}:${ack} ack ${seq}`);
      t.state(name);
      expect(t.dropped()).toEqual(['ACK of something not yet sent']);
    });

    it(`RFC 5961 §5.2: ${name}: an ACK from before the largest window is answered by an ACK`, () => {
      const { t, seq, ack } = at(name);
      t.peer(`. ${seq}:${seq + 10} ack ${ack - 70_000}`);
      t.expect(`. ${ack}:${ack} ack ${seq}`);
      t.state(name);
      expect(t.dropped()).toEqual(['ACK too old']);
    });

    it(`RFC 9293 §3.10.7.4, fifth: ${name}: without an ACK nothing is looked at`, () => {
      for (const flags of ['-', 'P', 'F', 'U', 'FPU']) {
        const { t, seq } = at(name);
        t.peer(`${flags} ${seq}:${seq + 10} up 5`);
        t.expectSilence();
        t.state(name);
        expect(t.told()).toEqual([]);
      }
    });
  }
});

describe('RFC 9293 §3.10.7.4 text', () => {
  for (const name of STATES) {
    it(`RFC 9293 §3.10.7.4, first: ${name}: text outside the window is answered by an ACK and not taken`, () => {
      for (const off of [-50, -11, 8192, 20_000]) {
        const { t, seq, ack } = at(name);
        t.peer(`P. ${seq + off}:${seq + off + 10} ack ${ack}`);
        t.expect(`. ${ack}:${ack} ack ${seq}`);
        t.state(name);
      }
    });

    it(`RFC 9293 §3.10.7.4, fifth: ${name}: text repeated up to RCV.NXT is answered by an ACK, and its own ACK counts`, () => {
      const { t, seq, ack } = at(name);
      t.peer(`P. ${seq - 10}:${seq} ack ${ack}`);
      const after = { 'FIN-WAIT-1': 'FIN-WAIT-2', CLOSING: 'TIME-WAIT', 'LAST-ACK': 'CLOSED' }[name as string];
      if (name !== 'LAST-ACK') t.expect(`. ${ack}:${ack} ack ${seq}`);
      t.state((after ?? name) as typeof name);
    });

    it(`RFC 9293 SHLD-31: ${name}: text ahead is kept where the stream is open, and ignored elsewhere`, () => {
      const { t, seq, ack } = at(name);
      t.peer(`P. ${seq + 10}:${seq + 20} ack ${FIN_OUT.includes(name) ? ack - 1 : ack}`);
      onlyAcks(t, 1);
      t.state(name);
      expect(t.tcb.receiveBuffer.outOfOrder).toBe(RECEIVING.includes(name) ? 10 : 0);
    });

    it(`RFC 9293 §3.10.7.4, seventh: ${name}: text in order is taken where the stream is open`, () => {
      const { t, seq, ack } = at(name);
      t.peer(`P. ${seq}:${seq + 10} ack ${FIN_OUT.includes(name) ? ack - 1 : ack}`);
      onlyAcks(t, 1);
      t.state(name);
      expect(t.user.receive()).toBe(RECEIVING.includes(name) ? 10 : 0);
    });

    it(`RFC 9293 MUST-32: ${name}: URG is told where the stream is open`, () => {
      const { t, seq, ack } = at(name);
      t.peer(`U. ${seq}:${seq} ack ${FIN_OUT.includes(name) ? ack - 1 : ack} up 10`);
      t.expectSilence();
      expect(t.told()).toEqual(RECEIVING.includes(name) ? ['URGENT'] : []);
      t.state(name);
    });
  }
});

describe('RFC 9293 §3.10.7.4 FIN', () => {
  const after: Readonly<Record<Synchronized, StateName>> = {
    ESTABLISHED: 'CLOSE-WAIT',
    'FIN-WAIT-1': 'CLOSING',
    'FIN-WAIT-2': 'TIME-WAIT',
    'CLOSE-WAIT': 'CLOSE-WAIT',
    CLOSING: 'CLOSING',
    'LAST-ACK': 'LAST-ACK',
    'TIME-WAIT': 'TIME-WAIT',
  };
  for (const name of STATES) {
    it(`RFC 9293 §3.10.7.4, eighth: ${name}: a FIN that acknowledges nothing new: ${after[name]}`, () => {
      const { t, seq, ack } = at(name);
      // Where it was taken already, it is the same again.
      const fin = RECEIVING.includes(name) ? seq : seq - 1;
      t.peer(`F. ${fin}:${fin} ack ${FIN_OUT.includes(name) ? ack - 1 : ack}`);
      t.expect(`. ${ack}:${ack} ack ${fin + 1}`);
      t.state(after[name]);
    });

    it(`RFC 9293 §3.10.7.4, eighth: ${name}: a FIN ahead of missing text changes no state yet`, () => {
      const { t, seq, ack } = at(name);
      t.peer(`F. ${seq + 100}:${seq + 100} ack ${FIN_OUT.includes(name) ? ack - 1 : ack}`);
      onlyAcks(t, 1);
      t.state(name);
    });
  }
});
