/** `synfin packetdrill`: scripts of the packetdrill language against the stack, in virtual time. */
export { junit } from './junit.ts';
export { type ParseOptions, parseScript } from './parser.ts';
export { PROFILES } from './profiles.ts';
export { type Outcome, type RunOptions, runScript } from './runner.ts';
export { type Script, ScriptError } from './script.ts';
export { board, type Entry, groupOf, type Judgement, judge, type Mode, type Result, readList, score } from './suite.ts';
