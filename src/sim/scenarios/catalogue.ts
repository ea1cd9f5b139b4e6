import { CLOSING } from './closing.ts';
import { CLOSING_FAILURES } from './closing-failures.ts';
import { OPENING } from './opening.ts';
import { OPENING_FAILURES } from './opening-failures.ts';
import type { Scenario } from './scenario.ts';
import { WAITING } from './waiting.ts';

/** Every scenario, chapter by chapter. */
export const SCENARIOS: readonly Scenario[] = [
  ...OPENING,
  ...OPENING_FAILURES,
  ...CLOSING,
  ...CLOSING_FAILURES,
  ...WAITING,
];

export function findScenario(name: string): Scenario | undefined {
  return SCENARIOS.find((scenario) => scenario.name === name);
}
