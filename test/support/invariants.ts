/** What holds of a connection after every event, whatever happened (`ARCHITECTURE.md`, "Tests that read like the protocol"). */
import {
  type Cause,
  CLOSED,
  FIN_WAIT_2,
  isLegal,
  LISTEN,
  STATE_NAMES,
  type State,
  SYN_SENT,
  TIME_WAIT,
  TRANSITIONS,
} from '../../src/tcp/state.ts';
import { NEVER, type Tcb } from '../../src/tcp/tcb.ts';
import { nextDeadline } from '../../src/tcp/timers.ts';
import { ACK, FIN, RST, SYN, URG } from '../../src/wire/segment.ts';
import { add, diff, gt, le, lt, type Seq } from '../../src/wire/seq.ts';
import type { Recorded } from './notation.ts';

export class Invariants {
  private readonly tcb: Tcb;
  private readonly iss: Seq;
  private state: State = CLOSED;
  /** The right edge when last looked at, from when there is one. */
  private edge: Seq | undefined;
  private rcvNxt: Seq | undefined;
  private sndUna: Seq | undefined;
  private fin: Seq | undefined;

  constructor(tcb: Tcb, iss: Seq) {
    this.tcb = tcb;
    this.iss = iss;
  }

  transition(from: State, to: State, cause: Cause): string[] {
    const broken: string[] = [];
    if (from !== this.state) broken.push(`left ${STATE_NAMES[from]}, but was in ${STATE_NAMES[this.state]}`);
    if (!isLegal(from, to)) broken.push(`no transition ${STATE_NAMES[from]} → ${STATE_NAMES[to]}`);
    else if (!TRANSITIONS.some((t) => t.from === from && t.to === to && t.causes.includes(cause))) {
      broken.push(`${STATE_NAMES[from]} → ${STATE_NAMES[to]} has no cause "${cause}"`);
    }
    this.state = to;
    if (to === LISTEN) this.edge = this.rcvNxt = this.sndUna = this.fin = undefined;
    return broken;
  }

  /** Of a segment as it is sent. `ourByte(i)`: byte `i` of the stream that the application sends. */
  emitted(r: Recorded, ourByte: (i: number) => number): string[] {
    const { tcb } = this;
    const s = r.segment;
    const broken: string[] = [];
    const must = (holds: boolean, what: string) => {
      if (!holds) broken.push(what);
    };
    const isSyn = s.has(SYN);
    must(s.sourcePort === tcb.localPort && s.destinationPort === tcb.remotePort, 'ports are not the connection’s');
    must(s.reserved === 0, 'reserved bits are set (RFC 9293 §3.1)');
    must(s.wnd >= 0 && s.wnd <= 0xffff, `window field ${s.wnd} (MUST-1)`);
    must(s.up === 0 || s.has(URG), 'urgent pointer without URG');
    must(s.mss < 0 || isSyn, 'MSS option on a segment without SYN (MUST-65)');
    must(s.windowScale < 0 || isSyn, 'window scale option on a segment without SYN (RFC 7323 §2.2)');
    must(!s.sackPermitted || isSyn, 'SACK-permitted option on a segment without SYN (RFC 2018 §2)');
    must(s.windowScale <= 14, 'window scale over 14 (RFC 7323 §2.3)');
    must(!(isSyn && s.has(RST)), 'SYN and RST');
    must(!(isSyn && s.has(FIN)), 'SYN and FIN');
    must(!(s.has(RST) && s.payloadLength > 0), 'RST with text');
    must(
      s.has(ACK) || s.has(RST) || (isSyn && tcb.state === SYN_SENT),
      'no ACK on a segment that needs one (RFC 9293 §3.1)',
    );
    must(!s.has(FIN) || s.has(ACK), 'FIN without ACK');
    must(s.payloadLength === r.text.length, 'text length');
    if (!isSyn && !s.has(RST) && tcb.timestamps) {
      must(s.hasTimestamps, 'no timestamps although agreed on (RFC 7323 §3.2)');
    }
    must(!s.hasTimestamps || s.has(ACK) || s.tsEcr === 0, 'TSecr without ACK (RFC 7323 §3.2)');
    const options = (s.hasTimestamps ? 12 : 0) + (s.sackCount > 0 ? 4 + 8 * s.sackCount : 0);
    must(options <= 40, `${options} bytes of options`);
    const each = s.gsoSize > 0 ? Math.min(s.gsoSize, s.payloadLength) : s.payloadLength;
    if (!isSyn)
      must(
        each <= Math.max(0, tcb.sndMss - options),
        `${each} bytes of text, MSS ${tcb.sndMss}, options ${options} (MUST-16)`,
      );
    must(s.gsoSize === 0 || tcb.gsoMax > 0, 'GSO without a device that segments');
    if (s.has(ACK) && !s.has(RST)) must(s.ack === tcb.rcvNxt, `ACK is not RCV.NXT (${diff(s.ack, tcb.rcvNxt)} off)`);
    const first = diff(s.seq, this.iss) - 1 + (isSyn ? 1 : 0);
    if (s.payloadLength > 0) {
      must(first >= 0, `text before the stream's beginning (${first})`);
      for (let i = 0; i < r.text.length; i++) {
        if (r.text[i] !== ourByte(first + i)) {
          broken.push(`byte ${first + i} of the stream is not what the application sent`);
          break;
        }
      }
    }
    if (s.has(FIN)) {
      const fin = add(s.seq, s.payloadLength);
      must(this.fin === undefined || this.fin === fin, 'the FIN moved');
      this.fin = fin;
    } else if (this.fin !== undefined && !s.has(RST)) {
      must(le(add(s.seq, s.payloadLength), add(this.fin, 1)), 'text after the FIN');
    }
    for (let i = 0; i < s.sackCount; i++) {
      const left = s.sack[2 * i]!;
      const right = s.sack[2 * i + 1]!;
      must(lt(left, right), `SACK block ${i} is empty`);
      // The first may be a D-SACK (RFC 2883): about old text, or inside the second.
      if (i > 0 || gt(right, s.ack)) must(le(right, tcb.rcvAdv), `SACK block ${i} beyond the window`);
      if (i > 0) must(gt(left, s.ack), `SACK block ${i} at or below the ACK`);
    }
    return broken;
  }

  /** Of the TCB, after an event and its output. */
  check(now: number): string[] {
    const { tcb } = this;
    const broken: string[] = [];
    const must = (holds: boolean, what: string) => {
      if (!holds) broken.push(what);
    };
    const timers = {
      retransmission: tcb.retransmitAt,
      persist: tcb.persistAt,
      'delayed ACK': tcb.delayedAckAt,
      'keep-alive': tcb.keepAliveAt,
      close: tcb.closeAt,
    };
    const on = (at: number) => at !== NEVER;
    must(tcb.state === this.state, 'state changed without a transition');
    const least = Math.min(...Object.values(timers));
    must(nextDeadline(tcb) <= least, 'nextDeadline is after a deadline');
    for (const [name, at] of Object.entries(timers)) {
      must(!Number.isNaN(at) && at > now - 1, `${name} timer is ${now - at} µs late after the event`);
    }
    if (tcb.state === CLOSED || tcb.state === LISTEN) {
      for (const [name, at] of Object.entries(timers)) must(!on(at), `${name} timer runs in ${STATE_NAMES[tcb.state]}`);
      if (tcb.state === CLOSED) must(tcb.sendBuffer.length === 0, 'CLOSED with something queued');
      return broken;
    }

    const outstanding = diff(tcb.sndNxt, tcb.sndUna);
    const synOut = tcb.synAcked ? 0 : 1;
    const finOut = tcb.finQueued && !tcb.finAcked ? 1 : 0;
    must(outstanding >= 0, `SND.UNA is ${-outstanding} after SND.NXT`);
    must(
      outstanding <= tcb.sendBuffer.length + synOut + finOut,
      `${outstanding} outstanding, but only ${tcb.sendBuffer.length} bytes, ${synOut} SYN and ${finOut} FIN to send`,
    );
    if (this.sndUna !== undefined) must(diff(tcb.sndUna, this.sndUna) >= 0, 'SND.UNA moved back');
    this.sndUna = tcb.sndUna;
    must(tcb.cwnd >= 0 && tcb.ssthresh >= 0 && !Number.isNaN(tcb.cwnd), 'cwnd or ssthresh is negative');
    must(Number.isInteger(tcb.cwnd), `cwnd is ${tcb.cwnd}`);
    must(tcb.sndWnd >= 0 && tcb.sndWnd <= 0xffff * 2 ** 14, `SND.WND is ${tcb.sndWnd}`);
    must(
      tcb.rto >= Math.min(tcb.config.rtoMin, tcb.config.rtoInitial) && tcb.rto <= tcb.config.rtoMax,
      `RTO is ${tcb.rto}`,
    );

    if (tcb.state !== SYN_SENT) {
      const window = diff(tcb.rcvAdv, tcb.rcvNxt);
      must(window >= 0, `the right edge is ${-window} before RCV.NXT`);
      must(
        window <= tcb.receiveBuffer.capacity + 2 ** tcb.rcvWindScale,
        `a window of ${window} with a buffer of ${tcb.receiveBuffer.capacity}`,
      );
      if (this.edge !== undefined)
        must(diff(tcb.rcvAdv, this.edge) >= 0, `the right edge moved left by ${diff(this.edge, tcb.rcvAdv)} (SHLD-14)`);
      if (this.rcvNxt !== undefined) must(diff(tcb.rcvNxt, this.rcvNxt) >= 0, 'RCV.NXT moved back');
      this.edge = tcb.rcvAdv;
      this.rcvNxt = tcb.rcvNxt;
    }

    must(
      on(tcb.closeAt) === (tcb.state === TIME_WAIT || (tcb.state === FIN_WAIT_2 && tcb.orphan)),
      `the ${STATE_NAMES[tcb.state]} timer is ${on(tcb.closeAt) ? 'on' : 'off'}`,
    );
    if (tcb.state === TIME_WAIT) {
      must(!on(tcb.retransmitAt) && !on(tcb.persistAt) && !on(tcb.keepAliveAt), 'a sender’s timer runs in TIME-WAIT');
      must(outstanding === 0, 'something is outstanding in TIME-WAIT');
      return broken;
    }
    if (outstanding > 0) {
      must(
        on(tcb.retransmitAt) || on(tcb.persistAt),
        `${outstanding} outstanding and no timer that would send it again`,
      );
    } else {
      must(!on(tcb.retransmitAt), 'the retransmission timer runs with nothing outstanding (RFC 6298 §5.2)');
      // A corked segment waits for its application; anything else that is held needs a timer (MUST-60).
      const queued = tcb.sendBuffer.length > 0 || (tcb.finQueued && !tcb.finAcked);
      if (queued && synOut === 0 && !tcb.cork)
        must(on(tcb.persistAt), 'text or FIN waits, nothing is outstanding, and no timer runs');
    }
    must(!(on(tcb.retransmitAt) && on(tcb.persistAt)) || outstanding > 0, 'two timers for one thing');
    if (tcb.ackOwed === 1) must(on(tcb.delayedAckAt), 'an ACK is delayed without a timer');
    must(tcb.ackOwed < 2, 'an ACK is owed now and was not sent');
    return broken;
  }
}
