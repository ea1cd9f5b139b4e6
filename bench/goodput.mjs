// npm run goodput: text that one flow brings over a lossy path in the simulator, between the bounds that theory has for it.
// The same seed, the same table.
// `--short`: a tenth of the time.
import { capacity, goodputBounds, measureGoodput } from '../dist/sim/index.js';
import { readArguments } from '../scripts/command-line.mjs';

const { short } = readArguments(import.meta.url, { short: { type: 'boolean', default: false } }).values;
const seconds = short ? 12 : 120;
const warm = short ? 5 : 20;
const cases = [];
for (const control of ['reno', 'cubic', 'bbr']) {
  for (const rtt of [10, 100]) {
    for (const loss of [0, 0.001, 0.01, 0.03, 0.1]) cases.push({ control, rate: 100e6, rtt, loss, seconds, warm });
  }
}
for (const control of ['reno', 'cubic', 'bbr']) {
  for (const rtt of [20, 100]) {
    for (const loss of [0, 0.01]) {
      // What loss keeps slow costs little to simulate, and varies more.
      const slow = control !== 'bbr' && loss > 0;
      cases.push({
        control,
        rate: 1e9,
        rtt,
        loss,
        ...(slow ? { seconds, warm } : { seconds: seconds / 20, warm: warm / 2 }),
      });
    }
  }
}
const mbit = (rate) => (rate / 1e6).toFixed(rate < 10e6 ? 2 : 1);
console.log('| control | path | lost | goodput, Mbit/s | at least | at most | goodput ÷ at most | of the path |');
console.log('|---|---|---|---|---|---|---|---|');
let outside = 0;
for (const one of cases) {
  const got = measureGoodput(one);
  const { least, most } = goodputBounds(one);
  // The formulas are good to about a tenth.
  if (got < 0.9 * least || got > 1.05 * most) outside++;
  const path = `${one.rate / 1e6} Mbit/s, ${one.rtt} ms`;
  const share = (100 * got) / capacity({ rate: one.rate, loss: 0 });
  console.log(
    `| ${one.control} | ${path} | ${100 * one.loss} % | ${mbit(got)} | ${mbit(least)} | ${mbit(most)} | ${(got / most).toFixed(2)} | ${share.toFixed(1)} % |`,
  );
}
console.log(
  outside === 0
    ? 'every row is within its bounds, to a tenth below and a twentieth above'
    : `${outside} rows are outside their bounds`,
);
