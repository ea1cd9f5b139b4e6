// What a sequence is: steps of a peer that is told what to send, and calls of the subject's application. Numbers in it are distances from the
// initial ones of each side, so that the same sequence can be played to both subjects.
import { ACK, CWR, ECE, FIN, PSH, RST, SYN, URG } from '../../dist/wire/index.js';

/** Where a subject has told no initial number yet, acknowledgments count from here. */
export const NO_ISS = 0x10000000;
export const STEPS = 9;

/** mulberry32: 0 … 1. */
export function random(seed) {
  let s = seed | 0;
  return () => {
    s = (s + 0x6d2b79f5) | 0;
    let t = Math.imul(s ^ (s >>> 15), 1 | s);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Where a subject stands, as the peer sees it. */
export class View {
  /** The subject's initial number, uint32, or null. */
  iss = null;
  /** The end of what it has sent, and what it has acknowledged, as distances from the two initial numbers. */
  end = 0;
  acked = 0;
  timestamps = false;
  tsVal = 0;

  get base() {
    return this.iss ?? NO_ISS;
  }
}

/** Decides what comes next. Only what the first subject answered counts: the other is played the same. */
export class Sequence {
  constructor(seed) {
    this.seed = seed;
    this.random = random(seed);
    this.role = this.chance(0.7) ? 'passive' : 'active';
    /** The peer's initial number: often so that the sequence crosses the wrap. */
    this.irs = this.chance(0.5) ? (-1 - Math.floor(this.random() * 2000)) >>> 0 : Math.floor(this.random() * 2 ** 32);
    this.next = 0;
    this.offered = false;
    this.connected = false;
    this.steps = [];
  }

  chance(p) {
    return this.random() < p;
  }

  pick(...list) {
    return list[Math.floor(this.random() * list.length)];
  }

  /** The next step, after what `view` saw. */
  step(view) {
    const k = this.steps.length;
    // The subject may be elsewhere, by a SYN of another number.
    this.next = Math.abs(view.acked - this.next) > 50_000 ? view.acked : Math.max(this.next, view.acked);
    const step = { ...this.#choose(k, view), agreed: view.timestamps, acked: view.acked };
    this.steps.push(step);
    return step;
  }

  #choose(k, view) {
    if (this.role === 'active') {
      if (k === 0) return { call: 'connect' };
      if (k === 1 && view.iss !== null && !this.chance(0.25)) return this.#synAck(view);
    } else {
      if (k === 0 && !this.chance(0.1)) return this.#syn();
      if (k === 1 && view.iss !== null && !this.chance(0.2)) return this.#text(view, this.pick(0, 0, 0, 5));
    }
    const r = this.random();
    if (r < 0.18) return this.#text(view, this.pick(1, 10, 500, 1400));
    if (r < 0.26) return this.#text(view, 0);
    if (r < 0.35) return this.#fin(view);
    if (r < 0.47) return { call: 'send', bytes: this.pick(1, 100, 1000, 3000) };
    if (r < 0.55) return { call: 'end' };
    if (r < 0.59) return { call: 'destroy' };
    if (r < 0.61) return { call: 'reset' };
    return this.#odd(view);
  }

  #options() {
    const some = !this.chance(0.2);
    return {
      mss: this.chance(0.8) ? this.pick(1460, 1460, 536, 100) : -1,
      sackPermitted: some && this.chance(0.8),
      timestamps: some && this.chance(0.6) ? 'now' : 'none',
      windowScale: some && this.chance(0.7) ? this.pick(0, 7, 14, 15) : -1,
    };
  }

  #syn() {
    this.next = 1;
    const flags = SYN | this.pick(0, 0, 0, 0, 0, 0, PSH, URG, FIN, ECE | CWR, ECE);
    return segment({ flags, seq: 0, ack: null, bytes: this.chance(0.08) ? 20 : 0, ...this.#options() });
  }

  #synAck(view) {
    this.next = 1;
    const options = this.#options();
    if (!view.timestamps) options.timestamps = 'none';
    const alone = this.chance(0.15);
    return segment({ flags: alone ? SYN : SYN | ACK, seq: 0, ack: alone ? null : view.end, ...options });
  }

  #timestamps(view) {
    return view.timestamps ? 'now' : 'none';
  }

  #text(view, bytes) {
    const seq = this.next;
    this.next += bytes;
    return segment({
      flags: ACK | (bytes > 0 ? PSH : 0),
      seq,
      ack: view.end,
      bytes,
      timestamps: this.#timestamps(view),
    });
  }

  #fin(view) {
    const seq = this.next;
    this.next += 1;
    return segment({ flags: FIN | ACK, seq, ack: view.end, timestamps: this.#timestamps(view) });
  }

  /** Odd flags, odd numbers, odd options: one, two or all of them. */
  #odd(view) {
    const flags = this.pick(
      ...[
        ACK,
        ACK,
        ACK | PSH,
        SYN,
        SYN,
        SYN | ACK,
        RST,
        RST,
        RST | ACK,
        FIN,
        FIN | ACK,
        FIN | SYN,
        SYN | RST,
        FIN | RST,
      ],
      ...[0, URG | ACK, URG, PSH, FIN | PSH | URG, SYN | FIN | RST | PSH | ACK | URG],
    );
    const far = [1 << 28, -(1 << 28), -100_000, 2 ** 31 - 100_000];
    const seqAt = this.chance(0.5) ? 0 : this.pick(-1, 1, -10, 10, 1000, -1000, ...far);
    const ackAt = this.chance(0.6) ? 0 : this.pick(-1, 1, -10, 1000, ...far);
    const syn = (flags & SYN) !== 0;
    const options = syn && this.chance(0.5) ? this.#options() : {};
    return segment({
      timestamps: this.chance(0.85) ? this.#timestamps(view) : this.pick('none', 'now', 'old'),
      ...options,
      flags,
      seq: this.next + seqAt,
      ack: (flags & ACK) !== 0 ? view.end + ackAt : null,
      bytes: this.pick(0, 0, 0, 1, 100),
      window: this.chance(0.9) ? 65_535 : this.pick(0, 1, 1000),
      urgent: (flags & URG) !== 0 ? this.pick(0, 1, 50, 65_535) : 0,
      // For the words of a difference.
      seqAt,
      ackAt,
    });
  }
}

function segment(fields) {
  return {
    mss: -1,
    sackPermitted: false,
    timestamps: 'none',
    windowScale: -1,
    bytes: 0,
    window: 65_535,
    urgent: 0,
    seqAt: 0,
    ackAt: 0,
    ...fields,
  };
}

const LETTERS = [
  ['S', SYN],
  ['F', FIN],
  ['R', RST],
  ['U', URG],
  ['E', ECE],
  ['W', CWR],
  ['.', ACK],
];

/** PSH is not looked at. */
export function letters(flags) {
  return (
    LETTERS.filter(([, bit]) => flags & bit)
      .map(([l]) => l)
      .join('') || '-'
  );
}

/** A step in words. */
export function describe(step) {
  if (step.call !== undefined) return step.bytes === undefined ? step.call : `${step.call} ${step.bytes}`;
  const at = (n) => (n === 0 ? '' : Math.abs(n) > 50_000 ? (n > 0 ? '+far' : '-far') : n > 0 ? `+${n}` : `${n}`);
  let text = `${letters(step.flags)} seq${at(step.seqAt)}`;
  if (step.ack !== null) text += ` ack${at(step.ackAt)}`;
  if (step.bytes > 0) text += ' text';
  if (step.window === 0) text += ' win0';
  if (step.timestamps === 'old') text += ' oldTS';
  return text;
}

/**
 * What a subject answered in a step, in the fields that tell of its state. Retransmissions, probes and repetitions are left out: their times
 * are not what is compared. `view` is brought up to date.
 */
export function summarize(replies, sequence, view) {
  const marks = [];
  let ack = null;
  let text = null;
  let fin = false;
  let zero = false;
  for (const r of replies) {
    const acked = (r.flags & ACK) !== 0 ? relative(r.ack, sequence.irs) : null;
    if (r.hasTimestamps) view.tsVal = r.tsVal;
    if (r.flags & RST) {
      const from = relative(r.seq, view.base);
      marks.push(
        `R${r.flags & ACK ? '.' : ''} ${show(from, r.seq)}${acked === null ? '' : ` ack ${show(acked, r.ack)}`}`,
      );
      continue;
    }
    if (r.flags & SYN) {
      if (view.iss === r.seq && view.end > 0) {
        const again = `${letters(r.flags)} ack ${acked}`;
        if (view.syn === again) continue;
      }
      view.iss = r.seq;
      view.syn = `${letters(r.flags)} ack ${acked}`;
      view.end = 1 + r.bytes;
      view.timestamps = r.hasTimestamps;
      const options = [
        r.mss >= 0 && `mss ${r.mss}`,
        r.sackPermitted && 'sackOK',
        r.hasTimestamps && 'TS',
        r.windowScale >= 0 && 'ws',
      ];
      marks.push(`${view.syn} <${options.filter(Boolean).join(',')}>`);
      if (acked !== null) view.acked = acked;
      continue;
    }
    const start = relative(r.seq, view.base);
    const end = start + r.bytes + (r.flags & FIN ? 1 : 0);
    if (end > start ? end <= view.end : start < view.end) continue;
    if (r.bytes > 0) text = [text === null ? Math.max(start, view.end) : text[0], start + r.bytes];
    if (r.flags & FIN) fin = true;
    view.end = Math.max(view.end, end);
    if (acked !== null) {
      ack = acked;
      const more = (acked - view.acked) | 0;
      // Far away: it took a SYN of another number.
      if (more > 0 || more < -50_000) view.acked = acked;
    }
    zero = r.window === 0;
  }
  if (text !== null) marks.push(`text ${text[0]}:${text[1]}`);
  if (fin) marks.push('FIN');
  if (ack !== null) marks.push(`ack ${ack}`);
  if (zero) marks.push('win0');
  return marks.join(', ') || 'silence';
}

function relative(number, base) {
  return (number - base) | 0;
}

function show(distance, number) {
  return number === 0 ? '=0' : `${distance}`;
}
