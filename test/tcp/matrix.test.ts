/**
 * Every state and every kind of segment: RFC 9293 §3.10.7 as one table, with the challenge ACKs of RFC 5961 §3.2 and §4.2. The profile is
 * Linux's: an exact RST closes a connection in TIME-WAIT (RFC 1337 is a setting).
 *
 * A cell says: the state afterwards (`=` the same), the reply, by how much RCV.NXT moved where it did, and the drop that is counted (`?`
 * where the RFC leaves it to us).
 *
 *   none        nothing is sent
 *   ack         <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>
 *   ack?        that, or nothing: the RFC allows both
 *   syn-ack     <SEQ=ISS><ACK=RCV.NXT><CTL=SYN,ACK>
 *   rst         <SEQ=SEG.ACK><CTL=RST>
 *   rst-ack     <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>
 *
 * The segment: at RCV.NXT without text; there with 10 bytes of it; beyond the right edge, without text. Its ACK, where it has one, is SND.NXT. In
 * SYN-SENT, which knows no window, "outside" is an ACK of something not yet sent.
 */
import { describe, expect, it } from 'vitest';
import type { DropReason } from '../../src/tcp/drop.ts';
import { STATE_NAMES, type StateName } from '../../src/tcp/state.ts';
import { rcvWnd } from '../../src/tcp/window.ts';
import { inState, type Ladder, positions } from '../support/ladder.ts';

type Kind = 'nothing' | 'ACK' | 'SYN' | 'RST' | 'FIN' | 'SYN,ACK' | 'RST,ACK' | 'FIN,ACK';
type Reply = 'none' | 'ack' | 'ack?' | 'syn-ack' | 'rst' | 'rst-ack';
interface Cell {
  readonly to: StateName | '=';
  readonly reply: Reply;
  /** Sequence numbers taken: by how much RCV.NXT moves. */
  readonly taken: number;
  readonly drops: readonly DropReason[] | '?';
}

const FLAGS: Readonly<Record<Kind, string>> = {
  nothing: '-',
  ACK: '.',
  SYN: 'S',
  RST: 'R',
  FIN: 'F',
  'SYN,ACK': 'S.',
  'RST,ACK': 'R.',
  'FIN,ACK': 'F.',
};
const KINDS = Object.keys(FLAGS) as Kind[];
const POSITIONS = ['without text', 'with text', 'outside'] as const;
type Position = (typeof POSITIONS)[number];

const cell = (to: StateName | '=', reply: Reply, taken: number, ...drops: DropReason[]): Cell => ({
  to,
  reply,
  taken,
  drops,
});
const open = (to: StateName | '=', reply: Reply, taken: number): Cell => ({ to, reply, taken, drops: '?' });
const same = (c: Cell): [Cell, Cell, Cell] => [c, c, c];

type Row = readonly [Cell, Cell, Cell];
type Rows = Readonly<Record<Kind, Row>>;

// What synchronized states have in common (§3.10.7.4).
/** First: the sequence number. A RST is dropped in silence (RFC 5961 §3.2), anything else answered. */
const outside = cell('=', 'ack', 0, 'sequence number');
const outsideRst = cell('=', 'none', 0, 'RST outside window');
/** A SYN outside the window is dropped by the first check or the fourth: the answer is the same (RFC 5961 §4.2). */
const outsideSyn = open('=', 'ack', 0);
/** Second: a RST at RCV.NXT. With text or without (SHLD-2), with an ACK or without. */
const reset = cell('CLOSED', 'none', 0, 'RST');
const rst: Row = [reset, reset, outsideRst];
/** Fourth: a SYN. */
const challenge = cell('=', 'ack', 0, 'SYN in a synchronized state');
const syn: Row = [challenge, challenge, outsideSyn];
/** Fifth: no ACK. Before it nobody looks at text and FIN. */
const noAck: Row = [cell('=', 'none', 0, 'no ACK'), cell('=', 'none', 0, 'no ACK'), outside];
const common = { nothing: noAck, FIN: noAck, SYN: syn, 'SYN,ACK': syn, RST: rst, 'RST,ACK': rst };

const MATRIX: Readonly<Record<StateName, Rows>> = {
  // §3.10.7.1: a RST is discarded, anything else answered by one.
  CLOSED: {
    nothing: same(cell('=', 'rst-ack', 0, 'closed')),
    ACK: same(cell('=', 'rst', 0, 'closed')),
    SYN: same(cell('=', 'rst-ack', 0, 'closed')),
    RST: same(cell('=', 'none', 0, 'closed')),
    FIN: same(cell('=', 'rst-ack', 0, 'closed')),
    'SYN,ACK': same(cell('=', 'rst', 0, 'closed')),
    'RST,ACK': same(cell('=', 'none', 0, 'closed')),
    'FIN,ACK': same(cell('=', 'rst', 0, 'closed')),
  },
  // §3.10.7.2: first RST, second ACK, third SYN, fourth anything else. Text on a SYN may be left for the peer to send again.
  LISTEN: {
    nothing: same(cell('=', 'none', 0, 'no SYN to LISTEN')),
    ACK: same(cell('=', 'rst', 0, 'ACK to LISTEN')),
    SYN: same(cell('SYN-RECEIVED', 'syn-ack', 0)),
    RST: same(cell('=', 'none', 0, 'RST to LISTEN')),
    FIN: same(cell('=', 'none', 0, 'no SYN to LISTEN')),
    'SYN,ACK': same(cell('=', 'rst', 0, 'ACK to LISTEN')),
    'RST,ACK': same(cell('=', 'none', 0, 'RST to LISTEN')),
    'FIN,ACK': same(cell('=', 'rst', 0, 'ACK to LISTEN')),
  },
  // §3.10.7.3: first ACK, second RST, third security, fourth SYN, fifth neither.
  'SYN-SENT': {
    nothing: same(cell('=', 'none', 0, 'neither SYN nor RST in SYN-SENT')),
    ACK: [
      cell('=', 'none', 0, 'neither SYN nor RST in SYN-SENT'),
      cell('=', 'none', 0, 'neither SYN nor RST in SYN-SENT'),
      cell('=', 'rst', 0, 'unacceptable ACK in SYN-SENT'),
    ],
    SYN: same(cell('SYN-RECEIVED', 'syn-ack', 0)),
    RST: same(cell('=', 'none', 0, 'RST without acceptable ACK')),
    FIN: same(cell('=', 'none', 0, 'neither SYN nor RST in SYN-SENT')),
    'SYN,ACK': [
      cell('ESTABLISHED', 'ack', 0),
      cell('ESTABLISHED', 'ack', 10),
      cell('=', 'rst', 0, 'unacceptable ACK in SYN-SENT'),
    ],
    'RST,ACK': [reset, reset, open('=', 'none', 0)],
    'FIN,ACK': [
      cell('=', 'none', 0, 'neither SYN nor RST in SYN-SENT'),
      cell('=', 'none', 0, 'neither SYN nor RST in SYN-SENT'),
      cell('=', 'rst', 0, 'unacceptable ACK in SYN-SENT'),
    ],
  },
  // Opened by a peer: a RST, or a SYN in the window, goes back to LISTEN (MUST-11).
  'SYN-RECEIVED': {
    nothing: noAck,
    ACK: [cell('ESTABLISHED', 'none', 0), cell('ESTABLISHED', 'ack', 10), outside],
    SYN: [open('LISTEN', 'none', 0), open('LISTEN', 'none', 0), outside],
    RST: [open('LISTEN', 'none', 0), open('LISTEN', 'none', 0), outsideRst],
    FIN: noAck,
    'SYN,ACK': [open('LISTEN', 'none', 0), open('LISTEN', 'none', 0), outside],
    'RST,ACK': [open('LISTEN', 'none', 0), open('LISTEN', 'none', 0), outsideRst],
    'FIN,ACK': [cell('CLOSE-WAIT', 'ack', 1), cell('CLOSE-WAIT', 'ack', 11), outside],
  },
  ESTABLISHED: {
    ...common,
    ACK: [cell('=', 'none', 0), cell('=', 'ack', 10), outside],
    'FIN,ACK': [cell('CLOSE-WAIT', 'ack', 1), cell('CLOSE-WAIT', 'ack', 11), outside],
  },
  // The ACK is that of our FIN.
  'FIN-WAIT-1': {
    ...common,
    ACK: [cell('FIN-WAIT-2', 'none', 0), cell('FIN-WAIT-2', 'ack', 10), outside],
    'FIN,ACK': [cell('TIME-WAIT', 'ack', 1), cell('TIME-WAIT', 'ack', 11), outside],
  },
  'FIN-WAIT-2': {
    ...common,
    ACK: [cell('=', 'none', 0), cell('=', 'ack', 10), outside],
    'FIN,ACK': [cell('TIME-WAIT', 'ack', 1), cell('TIME-WAIT', 'ack', 11), outside],
  },
  // Seventh: after the peer's FIN there is no text. Eighth: nor another FIN.
  'CLOSE-WAIT': {
    ...common,
    ACK: [cell('=', 'none', 0), cell('=', 'ack?', 0, 'text after FIN'), outside],
    'FIN,ACK': [open('=', 'ack?', 0), open('=', 'ack?', 0), outside],
  },
  CLOSING: {
    ...common,
    ACK: [cell('TIME-WAIT', 'none', 0), open('TIME-WAIT', 'ack?', 0), outside],
    'FIN,ACK': [open('TIME-WAIT', 'ack?', 0), open('TIME-WAIT', 'ack?', 0), outside],
  },
  'LAST-ACK': {
    ...common,
    ACK: [cell('CLOSED', 'none', 0), cell('CLOSED', 'none', 0), outside],
    'FIN,ACK': [cell('CLOSED', 'none', 0), cell('CLOSED', 'none', 0), outside],
  },
  // Only a retransmitted FIN should come, and it lies outside the window: answered. An ACK must not be, or two ends in TIME-WAIT never stop.
  'TIME-WAIT': {
    ...common,
    ACK: [open('=', 'none', 0), open('=', 'ack?', 0), outside],
    'FIN,ACK': [open('=', 'ack?', 0), open('=', 'ack?', 0), outside],
  },
};

/** The segment of a row and column, in the notation. */
function segment(t: Ladder, kind: Kind, position: Position): string {
  const early = t.tcb.state <= 2;
  const { sndNxt, rcvNxt } = positions(t);
  let seq = early ? 0 : rcvNxt;
  let ack = early ? 1 : sndNxt;
  if (position === 'outside') {
    if (early) ack = 2;
    else seq += rcvWnd(t.tcb);
  }
  const length = position === 'with text' ? 10 : 0;
  const hasAck = FLAGS[kind].includes('.');
  // Text of a SYN lies behind it, of a stray segment at its number: where the peer's stream begins is known once it is answered.
  return `${FLAGS[kind]} ${seq}:${seq + length}${hasAck ? ` ack ${ack}` : ''}`;
}

function replies(t: Ladder, want: Cell, kind: Kind, position: Position): void {
  const { sndNxt, rcvNxt } = positions(t);
  const length = (position === 'with text' ? 10 : 0) + (/SYN|FIN/.test(kind) ? 1 : 0);
  if (want.reply === 'ack') t.expect(`. ${sndNxt}:${sndNxt} ack ${rcvNxt}`);
  else if (want.reply === 'ack?' && t.drain().length > 0) {
    const last = t.sent.at(-1)!.segment;
    expect([last.flags, last.seq, last.ack, last.payloadLength]).toEqual([0x10, t.tcb.sndNxt, t.tcb.rcvNxt, 0]);
  } else if (want.reply === 'syn-ack') t.expect('S. 0:0 ack 1');
  else if (want.reply === 'rst') t.expect(`R ${position === 'outside' ? 2 : 1}:${position === 'outside' ? 2 : 1}`);
  else if (want.reply === 'rst-ack') t.expect(`R. =0:=0 ack ${length}`);
  t.expectSilence();
}

describe('RFC 9293 §3.10.7 the matrix of states and segments', () => {
  it('has every state and every kind', () => {
    expect(Object.keys(MATRIX)).toEqual([...STATE_NAMES]);
    for (const rows of Object.values(MATRIX)) expect(Object.keys(rows).sort()).toEqual([...KINDS].sort());
  });

  for (const name of STATE_NAMES) {
    describe(name, () => {
      for (const kind of KINDS) {
        for (const [column, position] of POSITIONS.entries()) {
          const want = MATRIX[name][kind][column]!;
          const arrow = `${want.to === '=' ? name : want.to}, ${want.reply}`;
          it(`${kind} ${position} → ${arrow}`, () => {
            const t = inState(name, { config: { receiveBuffer: 32_768 } });
            const before = positions(t).rcvNxt;
            t.peer(segment(t, kind, position));
            const after = positions(t).rcvNxt;
            if (want.to === 'LISTEN' || name === 'CLOSED' || name === 'LISTEN' || name === 'SYN-SENT') {
              // RCV.NXT begins, or ends, here.
              if (want.to === 'ESTABLISHED') expect(after - 1).toBe(want.taken);
            } else expect(after - before).toBe(want.taken);
            replies(t, want, kind, position);
            t.state(want.to === '=' ? name : want.to);
            const dropped = t.dropped();
            if (want.drops !== '?') expect(dropped).toEqual(want.drops);
          });
        }
      }
    });
  }
});
