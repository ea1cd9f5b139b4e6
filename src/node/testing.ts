/** `synfin/testing`: tests of network code on a network that misbehaves as it is told, in virtual time. For vitest, node:test and others. */
export * from '../sim/index.ts';
export {
  type NetHost,
  NodeNetwork,
  type SimulatedTest,
  type SimulationOptions,
  simulation,
  type World,
} from './testing/simulation.ts';
