/** `synfin/sim`: stacks in virtual time. */
export { FrameFuzz, type FuzzResult } from './frame-fuzz.ts';
export { Random } from './random.ts';
