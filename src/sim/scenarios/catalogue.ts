import { ATTACKING } from './attacking.ts';
import { CLOSING } from './closing.ts';
import { CLOSING_FAILURES } from './closing-failures.ts';
import { FAILING } from './failing.ts';
import { OPENING } from './opening.ts';
import { OPENING_FAILURES } from './opening-failures.ts';
import type { Scenario } from './scenario.ts';
import { TALKING } from './talking.ts';
import { TUNING } from './tuning.ts';
import { WAITING } from './waiting.ts';

/** Every scenario, chapter by chapter. */
export const SCENARIOS: readonly Scenario[] = [
  ...OPENING,
  ...OPENING_FAILURES,
  ...TALKING,
  ...CLOSING,
  ...CLOSING_FAILURES,
  ...WAITING,
  ...FAILING,
  ...ATTACKING,
  ...TUNING,
];

export function findScenario(name: string): Scenario | undefined {
  return SCENARIOS.find((scenario) => scenario.name === name);
}
