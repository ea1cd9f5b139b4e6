// Differences that are known, by name. docs/deviations.md says of each why it is.
import { ACK, FIN, RST, SYN, URG } from '../../dist/wire/index.js';

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
    explains: (s) => ['LISTEN', 'TIME-WAIT'].includes(s.state) && has(s, SYN | FIN) && silent(s.kernel),
  },
  {
    name: 'Linux repeats the offers of its SYN when SYNs cross',
    explains: (s) => s.state === 'SYN-SENT' && has(s, SYN) && withoutOptions(s.kernel) === withoutOptions(s.ours),
  },
  {
    name: 'Linux leaves the text of a SYN,ACK',
    explains: (s, before) =>
      // Also of one that answers ours, when SYNs cross.
      (s.state === 'SYN-SENT' || (s.state === 'SYN-RECEIVED' && has(s, ACK))) &&
      has(s, SYN) &&
      s.bytes > 0 &&
      (apartFromAck(s.kernel, s.ours) ||
        (apartFromAck(withoutText(s.kernel), withoutText(s.ours)) && isHeldBack([...before, s]))),
  },
  {
    name: 'Linux answers a repeated SYN by an ACK when SYNs cross',
    explains: (s) => s.state === 'SYN-RECEIVED' && has(s, SYN) && acks(s.kernel) && !acks(s.ours),
  },
  {
    name: 'Linux resets where a half-open connection gets a SYN in its window',
    explains: (s) => s.state === 'SYN-RECEIVED' && has(s, SYN) && resets(s.kernel) && silent(s.ours),
  },
  {
    name: 'Linux looks at the ACK of a half-open connection before all else',
    explains: (step, before) => {
      const wrong = (s) => s.state === 'SYN-RECEIVED' && isSegment(s) && has(s, ACK) && s.ackAt !== 0;
      return (wrong(step) && resets(step.kernel) && acks(step.ours)) || before.some((s) => wrong(s) && has(s, RST));
    },
  },
  {
    name: 'Linux holds the FIN of a connection whose SYNs crossed',
    explains: (s, before) => {
      const called = (b) => b.state === 'SYN-RECEIVED' && (b.call === 'end' || b.call === 'destroy');
      const half = s.state === 'SYN-RECEIVED' && !isSegment(s) && [s.kernel, s.ours].some(silent);
      return half || (before.some(called) && /FIN/.test(s.kernel) !== /FIN/.test(s.ours));
    },
  },
  {
    name: 'Linux repeats its SYN,ACK as it was, when a SYN comes again that asks for no ECN',
    explains: (s) => s.state === 'SYN-RECEIVED' && has(s, SYN) && silent(s.kernel) && /^S\. /.test(s.ours),
  },
  {
    name: 'Linux wants what comes before ESTABLISHED to echo its SYN,ACK',
    explains: (step, before) => {
      const all = [...before, step];
      // What was answered by an ACK since has the peer echo that.
      const stirred = all.findIndex((s) => s.state === 'SYN-RECEIVED' && s.agreed && acks(s.kernel));
      if (/text/.test(step.kernel + step.ours) && !apartFromAck(step.kernel, step.ours)) return false;
      return all.some(
        (s, i) =>
          s.state === 'SYN-RECEIVED' &&
          isSegment(s) &&
          (s.timestamps === 'old' || (s.timestamps === 'now' && stirred >= 0 && stirred < i)) &&
          (has(s, ACK) || has(s, RST)),
      );
    },
  },
  {
    name: 'Linux drops a RST with an older timestamp in TIME-WAIT',
    explains: (s, before) =>
      (resets(s.ours) || /^S\. /.test(s.ours) || silent(s.ours)) &&
      before.some((b) => b.state === 'TIME-WAIT' && has(b, RST) && b.timestamps === 'old'),
  },
  {
    name: 'Linux looks at no ACK on text that ends at RCV.NXT before ESTABLISHED, and at it later',
    explains: (step, before) =>
      // It is still half-open to Linux.
      (!/text|FIN/.test(step.kernel) || apartFromAck(step.kernel, step.ours)) &&
      before.some((s) => isSegment(s) && has(s, ACK) && s.seq < s.acked && end(s) === s.acked),
  },
  {
    name: 'Linux drops what has no ACK before it looks at its number',
    explains: (s) => isSegment(s) && (s.flags & (ACK | RST | SYN)) === 0 && silent(s.kernel) && acks(s.ours),
  },
  {
    name: 'Linux takes a RST behind the last text it has',
    explains: (s, before) => has(s, RST) && silent(s.kernel) && acks(s.ours) && before.some((b) => end(b) === s.seq),
  },
  {
    name: 'Linux reopens from TIME-WAIT by a timestamp only where there were some before',
    explains: (s) => s.state === 'TIME-WAIT' && has(s, SYN) && !s.agreed && s.timestamps !== 'none' && acks(s.kernel),
  },
  {
    name: 'Linux counts text and FIN of a RST to see whether it is in the window',
    explains: (s) => has(s, RST) && (s.bytes > 0 || (s.flags & (SYN | FIN)) !== 0) && acks(s.kernel) && silent(s.ours),
  },
  {
    name: 'Linux takes a RST one below RCV.NXT once a FIN has come',
    explains: (step, before) =>
      !acks(step.kernel) &&
      before.some((s) => isSegment(s) && has(s, RST) && s.seq === s.acked - 1 && AFTER_FIN.includes(s.state)),
  },
  {
    name: 'Linux keeps an orphan in FIN-WAIT-2 as it keeps TIME-WAIT, and resets it for a FIN that comes early',
    explains: (s, before) =>
      before.some((b) => b.call === 'destroy' || b.call === 'reset') &&
      (s.state === 'FIN-WAIT-2' ||
        (s.state === 'FIN-WAIT-1' && isSegment(s) && (resets(s.kernel) || silent(s.kernel)))),
  },
  {
    name: 'Linux answers in TIME-WAIT whatever is no bare ACK at RCV.NXT, and looks at no ACK',
    explains: (s) =>
      ['TIME-WAIT', 'CLOSING'].includes(s.state) &&
      ((acks(s.kernel) && silent(s.ours)) ||
        (silent(s.kernel) && acks(s.ours) && (has(s, RST) || (has(s, ACK) && s.ackAt !== 0)))),
  },
  {
    name: 'Linux is silent to text behind the FIN, where it comes with the ACK of its own',
    explains: (s) => s.state === 'CLOSING' && has(s, ACK) && s.bytes > 0 && silent(s.kernel) && acks(s.ours),
  },
  {
    name: 'Linux does not answer an ACK with an older timestamp',
    explains: (s) => isSegment(s) && s.timestamps === 'old' && s.bytes === 0 && silent(s.kernel) && acks(s.ours),
  },
  {
    name: 'Linux takes the urgent octet out of the stream',
    explains: (s, before) =>
      !isSegment(s) &&
      resets(s.kernel) &&
      // The octet may come later than the pointer.
      before.some((b, i) => isSegment(b) && has(b, URG) && before.slice(i).some((t) => t.bytes > 0)),
  },
  {
    name: 'Linux is silent to a second FIN behind the first, and takes it where it has text',
    explains: (s) =>
      AFTER_FIN.includes(s.state) &&
      has(s, FIN) &&
      ((silent(s.kernel) && acks(s.ours)) || (s.bytes > 0 && acks(s.kernel) && silent(s.ours))),
  },
  {
    name: 'Linux takes a FIN that text has passed',
    explains: (s, before) =>
      s.state === 'ESTABLISHED' &&
      has(s, FIN) &&
      before.some((b) => isSegment(b) && b.bytes > 0 && (has(b, FIN) || end(b) >= end(s))),
  },
  {
    name: 'Linux resets a connection on text behind its FIN',
    explains: (s) => AFTER_FIN.includes(s.state) && s.bytes > 0 && resets(s.kernel) && !resets(s.ours),
  },
  {
    name: 'Linux refuses an ACK of what it never sent',
    explains: (step, before) => {
      const old = (s) => isSegment(s) && has(s, ACK) && s.ackAt < 0;
      return (
        (old(step) && acks(step.kernel)) ||
        (apartFromAck(step.kernel, step.ours) && before.some((s) => old(s) && end(s) > s.seq))
      );
    },
  },
  {
    name: 'Linux may delay an ACK for longer than a step',
    explains: (s) =>
      s.state === 'ESTABLISHED' &&
      (s.bytes > 0 || has(s, FIN | ACK)) &&
      s.seqAt === 0 &&
      silent(s.kernel) &&
      acks(s.ours),
  },
  {
    name: 'What leaves when is up to congestion control, and to what seemed lost',
    explains: (step, before) => sameButText(step.kernel, step.ours) && isHeldBack([...before, step]),
  },
];

/** The number behind a segment's text and FIN. */
function end(step) {
  return step.seq + step.bytes + (has(step, FIN) ? 1 : 0);
}

/** An answer without its options. */
function withoutOptions(answer) {
  return answer.replace(/<.*?>/g, '');
}

/** Whether two answers differ in the number they acknowledge alone, or one has none. */
function apartFromAck(a, b) {
  const rest = (answer) => answer.replace(/silence|ack -?\d+/, '').replace(/(, )+$/, '');
  return rest(a) === rest(b);
}

/** An answer without its text and FIN. */
function withoutText(answer) {
  return answer
    .split(', ')
    .filter((mark) => !/^(text|FIN)/.test(mark))
    .join(', ');
}

/** With round trips as long as a step the time-out is three of them: it may be before the ACK at one end, and after it at the other. µs. */
const LATE = 900_000;

/** Whether anything but the application could make text, or the FIN behind it, wait. */
function isHeldBack(all) {
  // Of the connection that there is now.
  const fresh = all.findLastIndex((s) => s.state === 'LISTEN' || s.state === 'CLOSED');
  const steps = all.slice(Math.max(0, fresh));
  const sends = steps.filter((s) => s.call === 'send');
  if (sends.length === 0) return false;
  const segments = steps.filter(isSegment);
  if (segments.some((s) => s.window < 65_535)) return true;
  // The initial window is ten segments, timestamps included.
  const syn = segments.find((s) => has(s, SYN));
  const mss = syn === undefined || syn.mss < 0 ? 536 : syn.mss;
  if (sends.reduce((sum, s) => sum + s.bytes, 0) > 10 * (mss - 12)) return true;
  // Our SYN, or SYN,ACK, was sent again: the initial window is one segment (RFC 5681 §3.1).
  const began = steps.find((s) => s.call === 'connect' || /^SE?\. /.test(s.kernel));
  const open = steps.find((s) => !['CLOSED', 'LISTEN', 'SYN-SENT', 'SYN-RECEIVED'].includes(s.state)) ?? steps.at(-1);
  if (began !== undefined && open.at - began.at > 900_000) return true;
  // Text that nobody acknowledged seems lost; or it was, when the ACK came as late as a time-out.
  return sends.some((s) => {
    const later = steps.slice(steps.indexOf(s) + 1);
    // A SYN or RST is challenged, and its ACK not looked at.
    const takes = (b) => isSegment(b) && has(b, ACK) && !has(b, SYN) && !has(b, RST) && b.ackAt === 0 && b.seqAt === 0;
    const ack = later.find(takes);
    return later.length > 0 && (ack === undefined || ack.at - s.at > LATE);
  });
}

/** Whether two answers differ in text and FIN alone, and in the ACK that goes with them. */
function sameButText(a, b) {
  const parse = (answer) => {
    const marks = answer.split(', ').filter((mark) => mark !== 'silence');
    // A RST has the number behind the text.
    const others = marks.filter((mark) => !/^(text|FIN|ack)/.test(mark));
    const rest = others.map((mark) => mark.replace(/^(R\.?) -?\d+/, '$1')).join();
    return { rest, ack: marks.find((mark) => mark.startsWith('ack')), sends: marks.some((m) => /^(text|FIN)/.test(m)) };
  };
  const [x, y] = [parse(a), parse(b)];
  if (x.rest !== y.rest || (!x.sends && !y.sends)) return false;
  return x.ack === y.ack || (x.ack === undefined && y.sends) || (y.ack === undefined && x.sends);
}

/** The name of the rule that explains the difference, or null. */
export function explain(sequence, at) {
  const step = sequence.steps[at];
  return RULES.find((rule) => rule.explains(step, sequence.steps.slice(0, at)))?.name ?? null;
}
