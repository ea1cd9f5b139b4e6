import { OPENING } from './opening.ts';
import { OPENING_FAILURES } from './opening-failures.ts';
import type { Scenario } from './scenario.ts';

/** Every scenario, chapter by chapter. */
export const SCENARIOS: readonly Scenario[] = [...OPENING, ...OPENING_FAILURES];

export function findScenario(name: string): Scenario | undefined {
  return SCENARIOS.find((scenario) => scenario.name === name);
}
