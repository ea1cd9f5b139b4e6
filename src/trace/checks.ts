import { FIN } from '../wire/segment.ts';
import { seq as toSeq, toUint32 } from '../wire/seq.ts';
import type { Names } from './box.ts';
import type { End, OptionsRecord } from './event.ts';
import { bytes, count, duration, grouped } from './format.ts';
import type { Moment, Story } from './story.ts';

/** Something that must hold of a connection, whether it does, and the figure that shows it. */
export interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly figure: string;
}

/** RFC 9293 §3.5, figure 6: SYN, SYN and ACK, ACK. */
export function checkHandshake({ syn, synAck, thirdAck, simultaneousOpen }: Story, names: Names): Check {
  const name = 'handshake';
  if (syn === null) return { name, ok: false, figure: 'no SYN seen' };
  if (synAck === null) return { name, ok: false, figure: `a SYN from ${names[syn.by]}, and no answer` };
  if (simultaneousOpen) return { name, ok: false, figure: 'both ends sent a SYN: a simultaneous open' };
  if (thirdAck === null) return { name, ok: false, figure: 'SYN and SYN, ACK, but no ACK' };
  const took = duration(thirdAck.time - syn.time);
  return { name, ok: true, figure: `three-way: SYN, SYN+ACK, ACK in ${took}; ${names[syn.by]} opened` };
}

/** RFC 9293 §3.4: a SYN occupies a number, so each end acknowledges the other's initial number plus one. */
export function checkNumbers({ syn, synAck, thirdAck }: Story): Check {
  const name = 'x+1, y+1';
  if (syn === null || synAck === null || thirdAck === null) return { name, ok: false, figure: 'no handshake' };
  const x = syn.segment.seq;
  const y = synAck.segment.seq;
  const [xAcked, yAcked, third] = [synAck.segment.ack, thirdAck.segment.ack, thirdAck.segment.seq];
  const ok = xAcked === next(x) && yAcked === next(y) && third === next(x);
  return { name, ok, figure: `x ${x}, acknowledged ${xAcked}; y ${y}, acknowledged ${yAcked}` };
}

/** What both SYNs carried, and so is in force (RFC 9293 §3.7.1, RFC 7323, RFC 2018); all four are wanted. */
export function checkOptions({ syn, synAck }: Story, names: Names): Check {
  const name = 'options';
  if (syn === null || synAck === null) return { name, ok: false, figure: 'no handshake' };
  const both = [syn, synAck] as const;
  const has = (of: (options: OptionsRecord) => unknown) =>
    both.every(({ segment }) => of(segment.options) !== undefined);
  const wanted: readonly (readonly [string, boolean, (options: OptionsRecord) => string])[] = [
    ['MSS', has((o) => o.mss), (o) => grouped(o.mss ?? 0)],
    ['window scale', has((o) => o.windowScale), (o) => `×${2 ** Math.min(o.windowScale ?? 0, 14)}`],
    ['SACK', has((o) => o.sackPermitted), () => ''],
    ['timestamps', has((o) => o.timestamps), () => ''],
  ];
  const missing = wanted.filter(([, there]) => !there).map(([option]) => option);
  if (missing.length > 0) return { name, ok: false, figure: `not by both ends: ${missing.join(', ')}` };
  const words = wanted.map(([option, , value]) => {
    const [one, other] = [value(syn.segment.options), value(synAck.segment.options)];
    if (one === other) return `${option} ${one}`.trim();
    return `${option} ${one} (${names[syn.by]}) and ${other} (${names[synAck.by]})`;
  });
  return { name, ok: true, figure: words.join(', ') };
}

/** Every number that was used is acknowledged: nothing of what was sent is in doubt. */
export function checkDelivery({ sent }: Story, names: Names): Check {
  const name = 'acknowledged';
  const ends: readonly End[] = ['ours', 'peer'];
  const ok = ends.every((end) => sent[end].high > 0 && sent[end].acked === sent[end].high);
  const figure = ends.map((end) => {
    const s = sent[end];
    const again = s.retransmissions > 0 ? `, ${s.retransmissions} sent again` : '';
    const missing = s.high > s.acked ? `, ${bytes(s.high - s.acked)} not acknowledged` : '';
    return `${names[end]} ${bytes(s.bytes)} in ${count(s.wireSegments, 'segment')}${again}${missing}`;
  });
  return { name, ok, figure: figure.join('; ') };
}

/** RFC 9293 §3.6: both directions closed by a FIN, each acknowledged, and no reset. */
export function checkClose({ fins, finAcked, closing, resets, simultaneousClose }: Story, names: Names): Check {
  const name = 'close';
  const reset = resets[0];
  if (reset !== undefined) return { name, ok: false, figure: `reset by ${names[reset.by]}` };
  const [first, second] = fins;
  if (first === undefined) return { name, ok: false, figure: 'no FIN seen' };
  const began = `${names[first.by]} closed first`;
  if (second === undefined) return { name, ok: false, figure: `${began}; no FIN from the other end` };
  if (finAcked.size < 2) return { name, ok: false, figure: `${began}; a FIN was not acknowledged` };
  const words = closing.map(closeWord).join(', ');
  const how = `orderly, ${number(closing.length)} segments${simultaneousClose ? ', both ends at once' : ''}`;
  const who = simultaneousClose ? `the FIN of ${names[first.by]} was the first` : began;
  return { name, ok: true, figure: `${how}: ${words}; ${who}` };
}

/**
 * RFC 9293 §3.6.1: the end that closed first waits 2 MSL. It holds where that end's states are known, not inferred, and it went into
 * TIME-WAIT and, `expected` µs later or a little more, to CLOSED.
 */
export function checkTimeWait({ states, closedFirst }: Story, names: Names, expected: number): Check {
  const name = 'TIME-WAIT';
  if (closedFirst === null) return { name, ok: false, figure: 'nobody closed' };
  const who = names[closedFirst];
  const path = states[closedFirst];
  const at = path.findIndex(({ state }) => state === 'TIME-WAIT');
  const entered = path[at];
  if (entered === undefined) return { name, ok: false, figure: `${who} closed first, and did not enter it` };
  if (entered.inferred)
    return { name, ok: false, figure: `entered by ${who}, as the wire tells; its end leaves no trace there` };
  const left = path[at + 1];
  if (left === undefined) return { name, ok: false, figure: `entered by ${who}, and not left` };
  const lasted = left.time - entered.time;
  // A timer is never early, and on a busy machine late.
  const ok = left.state === 'CLOSED' && lasted >= expected;
  return {
    name,
    ok,
    figure: `entered by ${who}, expired after ${duration(lasted)} (2 MSL: ${duration(expected)})`,
  };
}

/** `n + 1` modulo 2^32. */
function next(n: number): number {
  return toUint32(toSeq(n + 1));
}

/** As books count them: FIN, ACK, FIN, ACK; or FIN, FIN+ACK, ACK. */
function closeWord({ segment, seen }: Moment): string {
  if ((segment.flags & FIN) === 0) return 'ACK';
  return seen.acksFin ? 'FIN+ACK' : 'FIN';
}

function number(n: number): string {
  return ['no', 'one', 'two', 'three', 'four', 'five', 'six'][n] ?? String(n);
}
