import { ACK, AE, CWR, ECE, FIN, PSH, RST, type Segment, SYN, URG } from './segment.ts';
import { add, type Seq, seq, toUint32 } from './seq.ts';
import { describeOptions } from './tcp-options.ts';

/** tcpdump's letters, in its order. */
const LETTERS: readonly (readonly [flag: number, letter: string])[] = [
  [FIN, 'F'],
  [SYN, 'S'],
  [RST, 'R'],
  [PSH, 'P'],
  [ACK, '.'],
  [URG, 'U'],
  [ECE, 'E'],
  [CWR, 'W'],
  [AE, 'e'],
];

/** The control bits in tcpdump's letters: `S.`, `FP.`; `-` for none. */
export function describeFlags(flags: number): string {
  let out = '';
  for (const [flag, letter] of LETTERS) if (flags & flag) out += letter;
  return out === '' ? '-' : out;
}

/**
 * A segment in one line, as tcpdump and packetdrill write it: `S 0:0(0) win 64240 <mss 1460,sackOK,TS val 1 ecr 0,wscale 7>`,
 * `P. 1:101(100) ack 1 win 502`. Sequence numbers are shown less `seqBase` (the sender's ISN, say), acknowledgment numbers and SACK
 * blocks less `ackBase`.
 */
export function describeSegment(segment: Segment, seqBase: Seq = seq(0), ackBase: Seq = seq(0)): string {
  const from = relative(segment.seq, seqBase);
  const to = relative(add(segment.seq, segment.payloadLength), seqBase);
  let out = `${describeFlags(segment.flags)} ${from}:${to}(${segment.payloadLength})`;
  if (segment.has(ACK)) out += ` ack ${relative(segment.ack, ackBase)}`;
  out += ` win ${segment.wnd}`;
  if (segment.has(URG)) out += ` urg ${segment.up}`;
  const options = describeOptions(segment, ackBase);
  return options.length > 0 ? `${out} <${options.join(',')}>` : out;
}

/** How far `a` is past `base`: 0 … 2^32 − 1. */
function relative(a: Seq, base: Seq): number {
  return (toUint32(a) - toUint32(base)) >>> 0;
}
