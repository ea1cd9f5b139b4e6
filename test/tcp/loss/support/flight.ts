import { diff } from '../../../../src/wire/seq.ts';
import { type EstablishedOptions, established, type Ladder } from '../../../support/ladder.ts';

/** Text of a segment in these tests. */
export const MSS = 1000;
/** The path's round trip, s: as long as measured for a while. */
export const RTT = 0.1;

export interface FlightOptions extends EstablishedOptions {
  /** Segments queued at 1 s, of which cwnd lets 10 out. */
  readonly segments?: number;
  /** RTO then, s. */
  readonly rto?: number;
}

/** A connection with round trips of 100 ms and SACK; one second after it was established its application sends. */
export function flight(options: FlightOptions = {}): Ladder {
  const t = established({ mss: options.ts ? MSS + 12 : MSS, sack: true, wscale: 7, ...options });
  t.at(1);
  const { tcb } = t;
  tcb.srtt = RTT * 1e6;
  tcb.rttvar = 10_000;
  tcb.rto = (options.rto ?? 0.4) * 1e6;
  tcb.rack.minRtt = RTT * 1e6;
  tcb.rack.rtt = RTT * 1e6;
  // A pause is not what these tests are about.
  tcb.lastSendTime = t.now;
  t.user.send((options.segments ?? 10) * MSS);
  highest.set(t, t.drain().reduce((n, r) => n + r.segment.payloadLength, 0) / MSS);
  return t;
}

/** What was sent since it was last asked for, as segments of the stream, counted from 0. */
export function taken(t: Ladder): string[] {
  return t.drain().flatMap(({ segment: s }) => {
    if (s.payloadLength === 0) return [];
    const first = (diff(s.seq, t.iss) - 1) / MSS;
    const high = highest.get(t)!;
    highest.set(t, Math.max(high, first + s.payloadLength / MSS));
    return [`${first < high ? 'again ' : ''}${first}`];
  });
}
const highest = new WeakMap<Ladder, number>();

/** An ACK of the peer: `una` segments by number, and blocks [from, to) by SACK. */
export function ack(una: number, ...blocks: readonly (readonly [number, number])[]): string {
  const at = (n: number) => 1 + n * MSS;
  const sack = blocks.map(([from, to]) => `${at(from)}:${at(to)}`).join(' ');
  return `. 1:1 ack ${at(una)}${sack === '' ? '' : ` <sack ${sack}>`}`;
}

/** The peer says so, one after the other. Returns what was sent on it. */
export function hear(t: Ladder, ...segments: readonly string[]): string[] {
  return segments.flatMap((text) => {
    // An ACK of the flight, by its timestamp, unless another is given.
    const echo = t.tcb.timestamps && !text.includes('TS') ? `TS val ${t.peerClock()} ecr 2000` : '';
    t.peer(echo === '' ? text : text.includes('>') ? text.replace('>', `,${echo}>`) : `${text} <${echo}>`);
    return taken(t);
  });
}
