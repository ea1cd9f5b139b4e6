// npm run explore -- [--states N] [--depth N]: every order of calls, deliveries, losses, duplicates and timers, for small configurations, on the real
// code; then with a rule taken out, where it has to find the damage.
import { CONFIGURATIONS, explore, UNREACHABLE } from '../dist/sim/explore.js';
import { STATE_NAMES, TRANSITIONS } from '../dist/tcp/state.js';
import { readArguments, whole } from './command-line.mjs';

const { values } = readArguments(import.meta.url, {
  states: { type: 'string', default: '200000' },
  depth: { type: 'string', default: '60' },
});
const [states, depth] = [whole(values, 'states'), whole(values, 'depth')];

const taken = new Set();
let violations = 0;
for (const configuration of CONFIGURATIONS) {
  const result = explore(configuration, { states, depth });
  for (const arrow of result.transitions) taken.add(arrow);
  violations += result.violations.length;
  const { losses, duplicates, timers } = configuration;
  const limits = `${losses} lost, ${duplicates} doubled, ${timers} timers`;
  const extent = `${result.states} states, ${result.steps} steps, depth ${result.depth}${result.complete ? '' : ' (cut short)'}`;
  console.log(
    `${configuration.name.padEnd(29)} ${limits.padEnd(30)} ${extent}: ${result.violations.length} violations`,
  );
  for (const { what, path } of result.violations.slice(0, 3)) console.log(`  ${what}\n    ${path.join(', ')}`);
}

const arrows = TRANSITIONS.map(({ from, to }) => `${STATE_NAMES[from]} → ${STATE_NAMES[to]}`);
console.log(`\n${arrows.filter((arrow) => taken.has(arrow)).length} of ${arrows.length} arrows of the diagram taken`);
for (const arrow of arrows.filter((one) => !taken.has(one))) {
  const reason = UNREACHABLE.get(arrow);
  if (reason === undefined) violations++;
  console.log(`  ${arrow}: ${reason === undefined ? 'not taken, and it is not said why' : `cannot be: ${reason}`}`);
}
for (const arrow of UNREACHABLE.keys()) {
  if (!taken.has(arrow)) continue;
  violations++;
  console.log(`  ${arrow}: taken, though it was said that it cannot be`);
}

console.log('\nwith a rule taken out:');
for (const removed of ['FIN repeated', 'TIME-WAIT', 'third segment']) {
  const found = CONFIGURATIONS.map((c) => explore(c, { states: 5000, depth, removed })).find(
    (r) => r.violations.length > 0,
  );
  if (found === undefined) {
    console.log(`  ${removed}: no damage found`);
    violations++;
  } else {
    const { what, path } = found.violations[0];
    console.log(`  ${removed}: ${what} (${found.configuration})\n    ${path.join(', ')}`);
  }
}
process.exitCode = violations > 0 ? 1 : 0;
