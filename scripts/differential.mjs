// npm run differential -- [--sequences N] [--seed S] [--show N]: the same seeded sequences of segments and calls against Linux's TCP, over TUN, and
// ours, in virtual time; what each answers is compared by the fields that tell of its state. Needs root, and nothing but Node and the kernel.

import { readArguments, whole } from './command-line.mjs';
import { Kernel } from './differential/kernel.mjs';
import { play } from './differential/ours.mjs';
import { peerAddress } from './differential/packet.mjs';
import { explain } from './differential/rules.mjs';
import { describe, Sequence } from './differential/sequence.mjs';

/** Played side by side. */
const AT_ONCE = 1000;

const { values } = readArguments(import.meta.url, {
  sequences: { type: 'string', default: '10000' },
  seed: { type: 'string', default: '1' },
  show: { type: 'string', default: '1' },
  only: { type: 'string' },
});
const total = whole(values, 'sequences');
const seed = whole(values, 'seed', 0);
const show = whole(values, 'show', 0);

const started = performance.now();
const kernel = new Kernel();
const explained = new Map();
const unexplained = new Map();
let same = 0;
let steps = 0;
try {
  for (let first = 0; first < total; first += AT_ONCE) {
    const count = Math.min(AT_ONCE, total - first);
    const sequences = Array.from({ length: count }, (_, i) => new Sequence(seed * 1_000_003 + first + i));
    await kernel.play(sequences, first);
    sequences.forEach((sequence, i) => {
      play(sequence, peerAddress(first + i));
      compare(sequence);
    });
    console.error(
      `${first + count} sequences, ${same} the same, ${Math.round((performance.now() - started) / 1000)} s`,
    );
  }
} finally {
  kernel.close();
}

/** The first difference counts: what follows it has another history. */
function compare(sequence) {
  const at = sequence.steps.findIndex((step) => step.kernel !== step.ours);
  steps += at < 0 ? sequence.steps.length : at + 1;
  if (at < 0) {
    same++;
    return;
  }
  const rule = explain(sequence, at);
  const { state, kernel: theirs, ours } = sequence.steps[at];
  const key = rule ?? `${state}: ${describe(sequence.steps[at])}: Linux ${shape(theirs)}; ours ${shape(ours)}`;
  const classes = rule === null ? unexplained : explained;
  const found = classes.get(key) ?? [];
  classes.set(key, found);
  found.push(story(sequence, at));
}

/** Without the numbers. */
function shape(answer) {
  return answer.replace(/ -?\d+(:\d+)?/g, '').replace(/<.*?>/g, '');
}

function story(sequence, at) {
  const lines = sequence.steps.slice(0, at + 1).map((step) => {
    const exact =
      step.call === undefined
        ? ` (${step.seq}${step.ack === null ? '' : `, ${step.ack}`}, ${step.bytes} bytes, win ${step.window}, TS ${step.timestamps})`
        : '';
    const answers = step.kernel === step.ours ? step.kernel : `Linux ${step.kernel}; ours ${step.ours}`;
    return `      ${(step.at / 1000).toFixed(1).padStart(7)}  ${step.state}: ${describe(step)}${exact} → ${answers}`;
  });
  return [`    seed ${sequence.seed}, ${sequence.role}`, ...lines].join('\n');
}

const byCount = (a, b) => b[1].length - a[1].length;
console.log(
  `${total} sequences (seed ${seed}), ${steps} steps compared, ${Math.round((performance.now() - started) / 1000)} s`,
);
console.log(`  ${same} the same to the end`);
for (const [name, found] of [...explained].sort(byCount)) console.log(`  ${found.length} explained: ${name}`);
let odd = 0;
for (const [name, found] of [...unexplained].sort(byCount)) {
  odd += found.length;
  console.log(`  ${found.length} NOT EXPLAINED: ${name}`);
  for (const one of found.slice(0, show)) console.log(one);
}
console.log(
  odd === 0 ? 'every difference has a name' : `${unexplained.size} classes (${odd} sequences) are not explained`,
);
process.exit(odd === 0 ? 0 : 1);
