// Differences that are known, by name. docs/deviations.md says of each why it is.
import { ACK, FIN, RST, SYN } from '../../dist/wire/index.js';

const has = (step, bits) => (step.flags & bits) === bits;
const isSegment = (step) => step.call === undefined;
const acks = (answer) => /^ack/.test(answer);
const silent = (answer) => answer === 'silence';
const resets = (answer) => /^R/.test(answer);
const AFTER_FIN = ['CLOSE-WAIT', 'CLOSING', 'LAST-ACK', 'TIME-WAIT'];

/** Each: name, and whether it explains the first difference of a sequence, at `step`; `before`: the steps before it. */
export const RULES = [
  {
    name: 'Linux takes no SYN with FIN',
    explains: (s) => s.state === 'LISTEN' && has(s, SYN | FIN) && silent(s.kernel),
  },
  {
    name: 'Linux repeats the offers of its SYN when SYNs cross',
    explains: (s) => s.state === 'SYN-SENT' && has(s, SYN) && withoutOptions(s.kernel) === withoutOptions(s.ours),
  },
  {
    name: 'Linux leaves the text of a SYN,ACK',
    explains: (s) => s.state === 'SYN-SENT' && has(s, SYN | ACK) && (s.bytes > 0 || has(s, FIN)),
  },
  {
    name: 'Linux resets where a half-open connection gets a SYN in its window',
    explains: (s) => s.state === 'SYN-RECEIVED' && has(s, SYN) && resets(s.kernel) && silent(s.ours),
  },
  {
    name: 'Linux looks at the ACK of a half-open connection before its number',
    explains: (s) => s.state === 'SYN-RECEIVED' && has(s, ACK) && s.ackAt !== 0 && resets(s.kernel) && acks(s.ours),
  },
  {
    name: 'Linux wants the last ACK of the handshake to echo its SYN,ACK',
    explains: (s) => s.state === 'SYN-RECEIVED' && has(s, ACK) && s.timestamps === 'now' && acks(s.kernel),
  },
  {
    name: 'Linux takes segments without timestamps',
    explains: (s) => isSegment(s) && s.agreed && s.timestamps === 'none' && !has(s, RST) && silent(s.ours),
  },
  {
    name: 'Linux drops what has no ACK before it looks at its number',
    explains: (s) => isSegment(s) && (s.flags & (ACK | RST | SYN)) === 0 && silent(s.kernel) && acks(s.ours),
  },
  {
    name: 'Linux counts text and FIN of a RST to see whether it is in the window',
    explains: (s) => has(s, RST) && (s.bytes > 0 || (s.flags & (SYN | FIN)) !== 0) && acks(s.kernel) && silent(s.ours),
  },
  {
    name: 'Linux takes a RST one below RCV.NXT once a FIN has come',
    explains: (_s, before) =>
      before.some((s) => isSegment(s) && has(s, RST) && s.seqAt === -1 && AFTER_FIN.includes(s.state)),
  },
  {
    name: 'Linux answers in TIME-WAIT whatever is no bare ACK at RCV.NXT, and looks at no ACK',
    explains: (s) => s.state === 'TIME-WAIT' && [s.kernel, s.ours].some(silent) && [s.kernel, s.ours].some(acks),
  },
  {
    name: 'Linux is silent to a second FIN',
    explains: (s) => AFTER_FIN.includes(s.state) && has(s, FIN) && silent(s.kernel) && acks(s.ours),
  },
  {
    name: 'Linux resets a connection on text behind its FIN',
    explains: (s) => AFTER_FIN.includes(s.state) && s.bytes > 0 && resets(s.kernel) && !resets(s.ours),
  },
  {
    name: 'Linux refuses an ACK of what it never sent',
    explains: (s) => isSegment(s) && has(s, ACK) && s.ackAt < 0 && acks(s.kernel),
  },
  {
    name: 'How much leaves at once is up to congestion control',
    explains: (s) => withoutEnds(s.kernel) === withoutEnds(s.ours),
  },
];

/** An answer without its options. */
function withoutOptions(answer) {
  return answer.replace(/<.*?>/g, '');
}

/** An answer, with text whose end is not looked at. */
function withoutEnds(answer) {
  return answer.replace(/text (-?\d+):\d+/, 'text $1');
}

/** The name of the rule that explains the difference, or null. */
export function explain(sequence, at) {
  const step = sequence.steps[at];
  return RULES.find((rule) => rule.explains(step, sequence.steps.slice(0, at)))?.name ?? null;
}
